import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDurableStore } from '@coracle/etcd';
import { LiveRuntime, type Process } from '@coracle/kernel';

const writers = 16;
const writer = `
import { flushCompileCache } from 'node:module';
import { LiveRuntime } from '@coracle/kernel';
import { openDurableStore } from '@coracle/etcd';
flushCompileCache(); // for the next round: a process that is killed does not
const sizes = { segmentBytes: 50_000, snapshotBytes: 50_000, firstSegmentBytes: 65_536, reserveBytes: 16_384 };
const store = await openDurableStore({ process: new LiveRuntime().process('store'), directory: process.argv[1], ...sizes });
await Promise.all(Array.from({ length: ${writers} }, async (_, writer) => {
  for (let i = 0; ; i++) {
    const value = \`\${store.revision} \${writer} \${i} \${'x'.repeat((i * 37) % 900)}\`;
    const key = \`k\${writer}/\${i % 7}\`;
    process.stdout.write('asked\\n');
    const { revision } = await store.txn({ compares: [], success: [{ op: 'put', key, value: Buffer.from(value) }], failure: [] });
    process.stdout.write(JSON.stringify([revision, key, value]) + '\\n');
  }
}));
`;

const rounds = 20;

test('after kill -9 of a store alone under load every acknowledged write is read back, and no acknowledged revision is used again', async () => {
  // Two at once, for most of a round is a process that starts.
  const unanswered = await Promise.all([killedRounds(rounds / 2), killedRounds(rounds / 2)]);
  // Some were durable before they were answered: the kills met batches at every stage.
  assert.ok(unanswered.some((count) => count > 0));
});

/** A directory of its own, that is removed afterwards. */
async function withDirectory(run: (directory: string, process: Process) => Promise<void>): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), 'store-'));
  const process = new LiveRuntime().process('store');
  try {
    await run(join(parent, 'store'), process);
  } finally {
    await process.stop();
    await rm(parent, { recursive: true });
  }
}

/** Resolves with how many writes were found that had not been acknowledged. */
async function killedRounds(count: number): Promise<number> {
  let unanswered = 0;
  await withDirectory(async (directory, process) => {
    const acknowledged = new Map<number, readonly [key: string, value: string]>();
    for (let round = 0; round < count; round++) {
      const { answers, inFlight } = await killedWhileWriting(directory, 20 + ((round * 97) % 160));
      assert.ok(inFlight > 0 && inFlight <= writers, `${inFlight} writes in flight`);
      for (const [revision, key, value] of answers) {
        assert.ok(!acknowledged.has(revision), `revision ${revision} was acknowledged twice`);
        acknowledged.set(revision, [key, value]);
      }
      await using store = await openDurableStore({ process, directory });
      for (const [revision, [key, value]] of acknowledged) {
        const found = store.range({ key, revision }).kvs[0];
        assert.deepEqual([found?.modRevision, Buffer.from(found?.value ?? []).toString()], [revision, value]);
      }
      unanswered += Math.max(0, store.revision - Math.max(...acknowledged.keys()));
    }
    assert.ok(acknowledged.size > 800);
    assert.ok((await readdir(join(directory, 'snap'))).length > 0);
    assert.equal((await readFile(join(directory, 'META'))).length, 8192);
  });
  return unanswered;
}

interface Killed {
  readonly answers: readonly (readonly [revision: number, key: string, value: string])[];
  /** Writes that were asked for and had no answer. */
  readonly inFlight: number;
}

/** What a process had acknowledged when it was killed, after at least `lines` of it. A pipe is written to at once. */
async function killedWhileWriting(directory: string, lines: number): Promise<Killed> {
  const child = spawn(globalThis.process.execPath, ['--conditions=coracle-source', '--input-type=module', '-e', writer, directory], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { NODE_COMPILE_CACHE: join(tmpdir(), 'coracle-store-compile'), ...globalThis.process.env },
  });
  let text = '';
  let count = 0;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    count += chunk.split(']\n').length - 1;
    if (count >= lines) child.kill('SIGKILL');
  });
  await once(child, 'close');
  assert.ok(count >= lines, 'the writer ended by itself');
  // The last line may be torn: an acknowledgement that nobody received whole.
  const whole = text.slice(0, text.lastIndexOf('\n')).split('\n');
  const answers = whole.filter((line) => line !== 'asked').map((line): [number, string, string] => JSON.parse(line));
  return { answers, inFlight: whole.length - 2 * answers.length };
}
