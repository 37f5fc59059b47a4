import path from 'node:path';
import { fileFault, type Host } from '../../rest/host.ts';
import { type AuthInfo, type Cluster, type Context, type Kubeconfig, KubeconfigError, writeKubeconfig } from './kubeconfig.ts';
import type { LoadingRules } from './loading-rules.ts';
import { relativeAuthInfo, relativeCluster } from './paths.ts';

/** Writes a kubeconfig that only its owner can read, and the folder where it is missing (client-go tools/clientcmd WriteToFile). */
export function writeKubeconfigFile(host: Host, file: string, config: Kubeconfig): void {
  host.makeDirectory(path.dirname(file));
  host.writeFile(file, writeKubeconfig(config), { mode: 0o600 });
}

/**
 * Writes what differs between `changed` and the present files: an entry into the file that it came from, a new one into the default
 * file (client-go tools/clientcmd ModifyConfig). Locks every file of the rules meanwhile, by a file with `.lock` behind its name;
 * throws KubeconfigError when somebody else holds one. `rules` must keep paths as they stand.
 */
export function modifyKubeconfig(rules: LoadingRules, changed: Kubeconfig, options: { readonly relativizePaths?: boolean } = {}): void {
  const { host } = rules;
  const locked: string[] = [];
  try {
    for (const file of [...rules.loadingPrecedence].sort()) {
      lock(host, file);
      locked.push(file);
    }
    write(rules, changed, options.relativizePaths ?? false);
  } finally {
    for (const file of locked) host.removeFile(`${file}.lock`);
  }
}

function lock(host: Host, file: string): void {
  host.makeDirectory(path.dirname(file));
  try {
    host.writeFile(`${file}.lock`, '', { mode: 0, exclusive: true });
  } catch (error) {
    throw new KubeconfigError(fileFault('open', `${file}.lock`, error), { cause: error });
  }
}

function write(rules: LoadingRules, changed: Kubeconfig, relativizes: boolean): void {
  const { host } = rules;
  const start = rules.load();
  const files = new Map<string, Kubeconfig>();
  const change = (origin: string, with_: (config: Kubeconfig) => Partial<Kubeconfig>): void => {
    const file = origin === '' ? rules.defaultFilename : origin;
    const config = files.get(file) ?? rules.loadFile(file);
    files.set(file, { ...config, ...with_(config) });
  };
  if (start.currentContext !== changed.currentContext) writeCurrentContext(rules, changed.currentContext, change);
  if (changed.preferences.colors !== start.preferences.colors) change('', () => ({ preferences: changed.preferences }));
  const written = (origin: string): string => (origin === '' ? rules.defaultFilename : origin);
  for (const [name, cluster] of differing(changed.clusters, start.clusters)) {
    const placed = { ...cluster, locationOfOrigin: written(cluster.locationOfOrigin) };
    const stored = relativizes ? relativeCluster(placed, host.currentDirectory) : placed;
    change(cluster.locationOfOrigin, ({ clusters }) => ({ clusters: new Map([...clusters, [name, stored]]) }));
  }
  for (const [name, context] of differing(changed.contexts, start.contexts)) {
    change(context.locationOfOrigin, ({ contexts }) => ({ contexts: new Map([...contexts, [name, context]]) }));
  }
  for (const [name, user] of differing(changed.authInfos, start.authInfos)) {
    const placed = { ...user, locationOfOrigin: written(user.locationOfOrigin) };
    const stored = relativizes ? relativeAuthInfo(placed, host.currentDirectory) : placed;
    change(user.locationOfOrigin, ({ authInfos }) => ({ authInfos: new Map([...authInfos, [name, stored]]) }));
  }
  for (const [name, { locationOfOrigin }] of removed(start.clusters, changed.clusters))
    change(locationOfOrigin, ({ clusters }) => ({ clusters: without(clusters, name) }));
  for (const [name, { locationOfOrigin }] of removed(start.contexts, changed.contexts))
    change(locationOfOrigin, ({ contexts }) => ({ contexts: without(contexts, name) }));
  for (const [name, { locationOfOrigin }] of removed(start.authInfos, changed.authInfos))
    change(locationOfOrigin, ({ authInfos }) => ({ authInfos: without(authInfos, name) }));
  for (const [file, config] of files) writeKubeconfigFile(host, file, config);
}

type Change = (origin: string, with_: (config: Kubeconfig) => Partial<Kubeconfig>) => void;

/** A name goes into the default file; none is taken out of the first file that has one. */
function writeCurrentContext(rules: LoadingRules, currentContext: string, change: Change): void {
  if (rules.explicitPath !== '' || currentContext !== '') {
    change('', () => ({ currentContext }));
    return;
  }
  const file = rules.loadingPrecedence.find((each) => rules.loadFile(each).currentContext !== '');
  if (file === undefined) throw new KubeconfigError('no config found to write context');
  change(file, () => ({ currentContext }));
}

type Entry = Cluster | Context | AuthInfo;

function differing<T extends Entry>(changed: ReadonlyMap<string, T>, start: ReadonlyMap<string, T>): readonly (readonly [string, T])[] {
  return [...changed].filter(([name, entry]) => {
    const before = start.get(name);
    return before === undefined || comparable(entry) !== comparable(before);
  });
}

function comparable(entry: Entry): string {
  return JSON.stringify(entry, (_, value: unknown) => (value instanceof Map ? [...value] : value));
}

function removed<T extends Entry>(start: ReadonlyMap<string, T>, changed: ReadonlyMap<string, T>): readonly (readonly [string, T])[] {
  return [...start].filter(([name]) => !changed.has(name));
}

function without<T>(entries: ReadonlyMap<string, T>, name: string): ReadonlyMap<string, T> {
  return new Map([...entries].filter(([each]) => each !== name));
}
