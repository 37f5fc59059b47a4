import path from 'node:path';
import type { AuthInfo, Cluster, Kubeconfig } from './kubeconfig.ts';
import { KubeconfigError } from './kubeconfig.ts';

/** Changes one path of a kubeconfig; '' never comes here. */
type Change = (file: string) => string;

/** Makes the paths of a config absolute, each from the folder of the file that it stood in (client-go ResolveLocalPaths). */
export function resolveLocalPaths(config: Kubeconfig, currentDirectory: string): Kubeconfig {
  const from = (origin: string): Change => {
    if (origin === '') return (file) => file;
    const folder = path.resolve(currentDirectory, path.dirname(origin));
    return (file) => path.resolve(folder, file);
  };
  return {
    ...config,
    clusters: mapValues(config.clusters, (cluster) => clusterWithPaths(cluster, from(cluster.locationOfOrigin))),
    authInfos: mapValues(config.authInfos, (user) => authInfoWithPaths(user, from(user.locationOfOrigin))),
  };
}

/** Makes paths relative to the folder of its own file where they lie below it; others stay absolute (client-go RelativizeClusterLocalPaths). */
export function relativeCluster(cluster: Cluster, currentDirectory: string): Cluster {
  if (cluster.locationOfOrigin === '') throw new KubeconfigError(`no location of origin for ${cluster.server}`);
  const folder = path.resolve(currentDirectory, path.dirname(cluster.locationOfOrigin));
  return clusterWithPaths(cluster, (file) => withoutBacksteps(path.resolve(folder, file), folder));
}

export function relativeAuthInfo(user: AuthInfo, currentDirectory: string): AuthInfo {
  if (user.locationOfOrigin === '') throw new KubeconfigError('no location of origin for the user');
  const folder = path.resolve(currentDirectory, path.dirname(user.locationOfOrigin));
  return authInfoWithPaths(user, (file) => withoutBacksteps(path.resolve(folder, file), folder));
}

/**
 * `file` from `folder`, if it lies below; an absolute one elsewhere stays as it is, a relative one elsewhere is refused with
 * KubeconfigError (client-go RelativizePathWithNoBacksteps).
 */
export function withoutBacksteps(file: string, folder: string): string {
  if (file === '') return file;
  if (!path.isAbsolute(file)) {
    const joined = path.normalize(file);
    if (path.isAbsolute(folder)) throw new KubeconfigError(`Rel: can't make ${file} relative to ${folder}`);
    const relative = path.relative(folder, joined);
    if (stepsBack(relative)) throw new KubeconfigError(`${file} requires backsteps and is not absolute`);
    return relative === '' ? '.' : relative;
  }
  const relative = path.relative(folder, file);
  return stepsBack(relative) ? file : relative === '' ? '.' : relative;
}

function stepsBack(relative: string): boolean {
  return relative.startsWith('../') || relative.startsWith(`..${path.sep}`);
}

function clusterWithPaths(cluster: Cluster, change: Change): Cluster {
  return cluster.certificateAuthority === '' ? cluster : { ...cluster, certificateAuthority: change(cluster.certificateAuthority) };
}

function authInfoWithPaths(user: AuthInfo, change: Change): AuthInfo {
  const changed = (file: string): string => (file === '' ? '' : change(file));
  const { exec } = user;
  return {
    ...user,
    clientCertificate: changed(user.clientCertificate),
    clientKey: changed(user.clientKey),
    tokenFile: changed(user.tokenFile),
    // A command without a slash is looked up in PATH.
    ...(exec?.command.includes(path.sep) ? { exec: { ...exec, command: change(exec.command) } } : {}),
  };
}

function mapValues<T>(entries: ReadonlyMap<string, T>, change: (value: T) => T): ReadonlyMap<string, T> {
  return new Map([...entries].map(([name, value]) => [name, change(value)]));
}
