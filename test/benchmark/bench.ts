/** `npm run bench`: prints a JSON line for each measurement. `-- NAME…` runs some of the cases, `-- --list` names them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { benchmarks } from './benchmarks.ts';
import { profilingArgs, root } from './bundle.ts';

/** Longer than any case takes on a busy machine: a case that hangs ends, and the others run. */
const caseWithinMs = 300_000;

const args = process.argv.slice(2);
const names = benchmarks.map(({ name }) => name);
const unknown = args.find((arg) => arg !== '--list' && !names.includes(arg));
if (unknown !== undefined) {
  console.error(`bench: there is no case "${unknown}"; --list names them`);
  process.exitCode = 2;
} else if (args.includes('--list')) {
  for (const { name, summary } of benchmarks) console.log(`${name.padEnd(22)}${summary}`);
} else if (process.platform !== 'linux') {
  console.error('bench: CPU and memory of the server are read from /proc, which only Linux has');
  process.exitCode = 2;
} else {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort());
  await run(['tools/build.ts'], { output: 2, signal: interruption.signal });
  for (const name of args.length > 0 ? args : names) {
    if (interruption.signal.aborted) break;
    await run(['test/benchmark/run-case.ts', name], { output: 1, signal: interruption.signal, nodeArgs: profilingArgs() });
  }
}

interface RunOptions {
  /** Of ours, where its output goes. */
  readonly output: 1 | 2;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly nodeArgs?: readonly string[];
}

/** Runs a file of this repository with arguments in a process of its own. When it fails that is said, and we go on. */
async function run(command: readonly string[], { output, signal, nodeArgs = [] }: RunOptions): Promise<void> {
  const child = spawn(process.execPath, [...process.execArgv, ...nodeArgs, ...command], {
    cwd: root,
    stdio: ['ignore', output, 'inherit'],
    timeout: caseWithinMs,
  });
  const end = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', end, { once: true });
  const [code, killedBy] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  signal.removeEventListener('abort', end);
  if (code === 0) return;
  console.error(`bench: ${command.join(' ')} ended with ${killedBy ?? code}`);
  process.exitCode = 1;
}
