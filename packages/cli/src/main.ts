import { parseArgs } from 'node:util';
import { ClusterDirectoryError, kubernetesVersion, startCluster } from '@coracle/cluster';
import { ManifestError } from './manifest.ts';
import { aborted, start } from './start.ts';
import type { Terminal } from './terminal.ts';

interface Command {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly (readonly [flag: string, meaning: string])[];
  run(args: readonly string[], terminal: Terminal): Promise<number>;
}

const defaultPort = 6443;
const defaultNodes = 3;

const clusterOptionHelp: Command['options'] = [
  ['--port NUMBER', `the HTTPS port on loopback; 0 picks a free one (default ${defaultPort})`],
  ['--directory PATH', 'where its objects, keys and kubeconfig are kept (default: $XDG_STATE_HOME/coracle/NAME)'],
  ['--nodes NUMBER', `simulated nodes (default ${defaultNodes})`],
  ['--name NAME', 'name of the cluster (default: default)'],
];

const commands: readonly Command[] = [
  { name: 'up', summary: 'Starts a control plane and stays up until it is interrupted.', options: clusterOptionHelp, run: up },
  {
    name: 'start',
    summary: 'Starts a control plane, applies a manifest with a TidbCluster, and shows how it comes up.',
    options: [['--file PATH', 'the manifest (YAML, several documents)'], ...clusterOptionHelp],
    run: firstVoyage,
  },
  { name: 'version', summary: 'Prints the version of Kubernetes whose API is served.', options: [], run: version },
];

/** Runs the `coracle` command; resolves with the exit code. Bad usage is 2. */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    terminal.stdout.write(helpText());
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
  const rows = options.map(([flag, meaning]) => `  ${flag.padEnd(20)}${meaning}\n`).join('');
  return `Usage: coracle ${name} [OPTION…]\n\n${summary}\n${rows === '' ? '' : `\nOptions:\n${rows}`}`;
}

/** Faults that a person can act on, in words; `undefined` for ours. */
function explain(error: unknown): string | undefined {
  if (error instanceof ClusterDirectoryError || error instanceof ManifestError || error instanceof UsageError) return error.message;
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  if (error.code === 'EADDRINUSE') return `port ${'port' in error ? String(error.port) : ''} is in use; choose another with --port, or 0 for a free one`;
  if (error.code === 'EACCES' && 'port' in error) return `port ${String(error.port)} needs privileges; choose one above 1023 with --port`;
  return typeof error.code === 'string' && error.code.startsWith('ERR_PARSE_ARGS') ? error.message : undefined;
}

class UsageError extends Error {
  override readonly name = 'UsageError';
}

const clusterFlags = { port: { type: 'string' }, directory: { type: 'string' }, name: { type: 'string' }, nodes: { type: 'string' } } as const;

interface ClusterFlags {
  readonly port?: string | undefined;
  readonly directory?: string | undefined;
  readonly name?: string | undefined;
  readonly nodes?: string | undefined;
}

function clusterOptions(values: ClusterFlags, env: Terminal['env']): { readonly name: string; readonly port: number; readonly nodes: number; readonly directory: string } {
  const name = values.name ?? 'default';
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)) throw new UsageError(`"${name}" is no name: lower case letters, digits and "-"`);
  return { name, port: portOf(values.port), nodes: nodesOf(values.nodes), directory: values.directory ?? `${stateHome(env)}/coracle/${name}` };
}

async function up(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: clusterFlags });
  const started = await startCluster({ ...clusterOptions(values, terminal.env), log: terminal.log });
  terminal.stdout.write(`The control plane is ready at ${started.url}\n\n  export KUBECONFIG=${started.kubeconfig}\n\nCtrl-C stops it; started again it goes on where it was.\n`);
  await aborted(terminal.interrupted);
  await started.stop();
  return 0;
}

async function firstVoyage(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { ...clusterFlags, file: { type: 'string' } } });
  if (values.file === undefined) throw new UsageError('which manifest? Name one with --file');
  return start({ ...clusterOptions(values, terminal.env), file: values.file }, terminal);
}

function portOf(text: string | undefined): number {
  if (text === undefined) return defaultPort;
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= 0 && port <= 65_535)) throw new UsageError(`"${text}" is no port: a number from 0 to 65535`);
  return port;
}

function nodesOf(text: string | undefined): number {
  if (text === undefined) return defaultNodes;
  const nodes = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(nodes >= 0 && nodes <= 1_000)) throw new UsageError(`"${text}" is no number of nodes: 0 to 1000`);
  return nodes;
}

function stateHome(env: Terminal['env']): string {
  const { XDG_STATE_HOME, HOME } = env;
  if (XDG_STATE_HOME !== undefined && XDG_STATE_HOME !== '') return XDG_STATE_HOME;
  if (HOME === undefined || HOME === '') throw new UsageError('neither XDG_STATE_HOME nor HOME is set; choose a folder with --directory');
  return `${HOME}/.local/state`;
}

async function version(_args: readonly string[], { stdout }: Terminal): Promise<number> {
  stdout.write(`${kubernetesVersion.gitVersion}\n`);
  return 0;
}
