import { parseArgs } from 'node:util';
import type { Terminal } from './terminal.ts';

/** The command was called wrongly; the message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The values of `--name VALUE` and `--name=VALUE`; the last one counts. Throws UsageError for anything but `names`. */
export function readFlags<Name extends string>(args: readonly string[], names: readonly Name[]): Readonly<Partial<Record<Name, string>>> {
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' } as const]));
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const values: Partial<Record<Name, string>> = {};
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') throw new UsageError(`unexpected argument "${token.value}"`);
    const name = names.find((known) => `--${known}` === token.rawName);
    if (name === undefined) throw new UsageError(`unknown option "${token.rawName}"`);
    if (token.value === undefined) throw new UsageError(`option "${token.rawName}" needs a value`);
    values[name] = token.value;
  }
  return values;
}

export const clusterFlags = ['port', 'directory', 'name', 'nodes'] as const;
export const defaultPort = 6443;
export const defaultNodes = 3;

export interface ClusterOptions {
  readonly name: string;
  readonly port: number;
  readonly nodes: number;
  readonly directory: string;
}

/** Throws UsageError for values that cannot be meant. */
export function clusterOptions(
  values: Readonly<Partial<Record<(typeof clusterFlags)[number], string>>>,
  env: Terminal['env'],
): ClusterOptions {
  const name = values.name ?? 'default';
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)) throw new UsageError(`"${name}" is no name: lower case letters, digits and "-"`);
  if (values.directory === '') throw new UsageError('option "--directory" needs a value');
  return {
    name,
    port: numberOf(values.port, defaultPort, 65_535, 'port: a number from 0 to 65535'),
    nodes: numberOf(values.nodes, defaultNodes, 1_000, 'number of nodes: 0 to 1000'),
    directory: values.directory ?? `${stateHome(env)}/coracle/${name}`,
  };
}

/** Throws UsageError, which says what is wanted. */
export function numberOf(text: string | undefined, absent: number, largest: number, wanted: string): number {
  if (text === undefined) return absent;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= largest)) throw new UsageError(`"${text}" is no ${wanted}`);
  return value;
}

/** Throws UsageError when there is none. */
export function stateHome(env: Terminal['env']): string {
  const { XDG_STATE_HOME, HOME } = env;
  if (XDG_STATE_HOME !== undefined && XDG_STATE_HOME !== '') return XDG_STATE_HOME;
  if (HOME === undefined || HOME === '') throw new UsageError('neither XDG_STATE_HOME nor HOME is set; choose a folder with --directory');
  return `${HOME}/.local/state`;
}
