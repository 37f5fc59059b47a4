import type { StartedCluster } from '@coracle/cluster';
import { untilAborted } from '@coracle/kernel';
import { etcdOptionHelp } from './etcd.ts';
import { externalEtcd, externalEtcdFlags, externalEtcdHelp } from './external-etcd.ts';
import { clusterFlags, clusterOptions, defaultNodes, defaultPort, readFlags, UsageError } from './flags.ts';
import { clusterMember, memberFlags, memberHelp } from './cluster-member.ts';
import { raftOptionHelp } from './raft/option-help.ts';
import type { Terminal } from './terminal.ts';

interface Command {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly (readonly [flag: string, meaning: string])[];
  run(args: readonly string[], terminal: Terminal): Promise<number>;
}

const clusterOptionHelp: Command['options'] = [
  ['--port NUMBER', `the HTTPS port on loopback; 0 picks a free one (default ${defaultPort})`],
  ['--directory PATH', 'where its objects, keys and kubeconfig are kept (default: $XDG_STATE_HOME/coracle/NAME)'],
  ['--nodes NUMBER', `simulated nodes (default ${defaultNodes})`],
  ['--name NAME', 'name of the cluster (default: default)'],
  ...externalEtcdHelp,
];

const commands: readonly Command[] = [
  {
    name: 'up',
    summary: 'Starts a control plane and stays up until it is interrupted.',
    options: [...clusterOptionHelp, ...memberHelp],
    run: up,
  },
  {
    name: 'start',
    summary: 'Starts a control plane, applies a manifest with a TidbCluster, and shows how it comes up.',
    options: [['--file PATH', 'the manifest (YAML, several documents)'], ...clusterOptionHelp],
    run: firstVoyage,
  },
  {
    name: 'etcd',
    summary: 'Serves the store alone or as one of several members, to any client of etcd.',
    options: etcdOptionHelp,
    run: async (args, terminal) => (await import('./serve-etcd.ts')).serveEtcd(args, terminal),
  },
  {
    name: 'raft',
    summary: 'Runs several members of one store on this machine, shows how they agree, and tries what they bear.',
    options: raftOptionHelp,
    run: async (args, terminal) => (await import('./raft/command.ts')).raft(args, terminal),
  },
  { name: 'version', summary: 'Prints the version of the program, and that of Kubernetes whose API is served.', options: [], run: version },
];

/** Runs the `coracle` command; resolves with the exit code: 0, 1 for what went wrong in the world, 2 for bad usage. */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    (name === undefined ? terminal.stderr : terminal.stdout).write(helpText());
    return name === undefined ? 2 : 0;
  }
  const command = commands.find((one) => one.name === name);
  if (command === undefined) {
    terminal.stderr.write(`coracle: unknown command "${name}"\n\n${helpText()}`);
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    terminal.stdout.write(commandHelp(command));
    return 0;
  }
  try {
    return await command.run(rest, terminal);
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.stderr.write(`coracle ${name}: ${error.message}\n"coracle ${name} --help" lists the options.\n`);
      return 2;
    }
    const { explain } = await import('./explain.ts');
    const text = explain(error);
    if (text === undefined) throw error;
    terminal.stderr.write(`coracle ${name}: ${text}\n`);
    return 1;
  }
}

function helpText(): string {
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}\n`).join('');
  return `Usage: coracle COMMAND [OPTION…]\n\nCommands:\n${rows}\n"coracle COMMAND --help" tells more.\n`;
}

function commandHelp({ name, summary, options }: Command): string {
  const rows = options
    .map(([flag, meaning]) => `  ${flag.padEnd(20)}${flag.length < 20 ? '' : `\n${' '.repeat(22)}`}${meaning}\n`)
    .join('');
  return `Usage: coracle ${name}${rows === '' ? '' : ' [OPTION…]'}\n\n${summary}\n${rows === '' ? '' : `\nOptions:\n${rows}`}`;
}

// A control plane takes longer to load than a store takes to open: each command loads what it needs.

async function up(args: readonly string[], terminal: Terminal): Promise<number> {
  const values = readFlags(args, [...clusterFlags, ...externalEtcdFlags, ...memberFlags]);
  const options = { ...clusterOptions(values, terminal.env), ...externalEtcd(values), ...clusterMember(values) };
  const { startCluster } = await import('@coracle/cluster/live');
  let started: StartedCluster;
  try {
    started = await startCluster({ ...options, signal: terminal.interrupted, log: terminal.log });
  } catch (error) {
    if (terminal.interrupted.aborted && error === terminal.interrupted.reason) return 0; // while it waited for the other members
    throw error;
  }
  terminal.stdout.write(
    `The control plane is ready at ${started.url}\n\n  export KUBECONFIG=${started.kubeconfig}\n\nCtrl-C stops it; started again it goes on where it was.\n`,
  );
  await untilAborted(terminal.interrupted);
  await started.stop();
  return 0;
}

async function firstVoyage(args: readonly string[], terminal: Terminal): Promise<number> {
  const { file, ...values } = readFlags(args, [...clusterFlags, ...externalEtcdFlags, 'file']);
  if (file === undefined || file === '') throw new UsageError('which manifest? Name one with --file');
  const { start } = await import('./start.ts');
  return start({ ...clusterOptions(values, terminal.env), ...externalEtcd(values), file }, terminal);
}

async function version(args: readonly string[], { stdout }: Terminal): Promise<number> {
  readFlags(args, []);
  const { kubernetesVersion, programVersion } = await import('@coracle/cluster/live');
  stdout.write(`Coracle ${programVersion}, serving the API of Kubernetes ${kubernetesVersion.gitVersion}\n`);
  return 0;
}
