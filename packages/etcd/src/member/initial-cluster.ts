import { createHash } from 'node:crypto';
import type { NodeId } from '@coracle/raft';
import { memberIdOf } from '../directory/identity.ts';
import type { ClusterDescription } from './peer-transport.ts';
import type { MemberInfo } from './members.ts';

/** What a member is told of its cluster for its first start: etcd's --initial-cluster, --initial-cluster-token and -state. */
export interface InitialCluster {
  /** Peer URLs by name, this member's own among them. */
  readonly members: ReadonlyMap<string, readonly string[]>;
  /** Clusters with the same members are different ones when this differs. */
  readonly token: string;
  /** Whether these members begin a cluster, or this one was added to it. */
  readonly state: 'new' | 'existing';
}

/** A member cannot begin or join the cluster that it was told of. Where etcd has words for it, they are etcd's. */
export class BootstrapError extends Error {
  override readonly name = 'BootstrapError';
}

/** Reads `NAME=URL,NAME=URL`; a name with several URLs comes as often. Throws BootstrapError. */
export function parseInitialCluster(text: string): ReadonlyMap<string, readonly string[]> {
  const members = new Map<string, string[]>();
  for (const part of text.split(',')) {
    const [, name = '', url = ''] = /^\s*([^=]*)=(.*?)\s*$/.exec(part) ?? [];
    if (name === '' || url === '') throw new BootstrapError(`"${part}" of --initial-cluster is no NAME=URL`);
    checkPeerUrl(url);
    members.set(name, [...(members.get(name) ?? []), url]);
  }
  return members;
}

/** As client/pkg/types.NewURLs. Throws BootstrapError. */
export function checkPeerUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw new BootstrapError(`URL scheme must be http or https: ${text}`);
  if (!/:\d{1,5}\/?$/.test(text)) throw new BootstrapError(`URL address does not have the form "host:port": ${text}`);
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || text.endsWith('/')) {
    throw new BootstrapError(`URL must not contain a path: ${text}`);
  }
}

/** Whether `name` with its advertised peer URLs is one of those that are named (config.ServerConfig.VerifyBootstrap). Throws BootstrapError. */
export function checkInitialCluster(name: string, advertised: readonly string[], { members }: InitialCluster): void {
  const own = members.get(name);
  if (own === undefined) throw new BootstrapError(`couldn't find local name "${name}" in the initial cluster configuration`);
  const urls = [...members.values()].flat();
  if (new Set(urls).size < urls.length) throw new BootstrapError(`initial cluster ${textOf(members)} has duplicate url`);
  const missing = own.filter((url) => !advertised.includes(url)).map((url) => `${name}=${url}`);
  if (missing.length > 0) {
    throw new BootstrapError(
      `--initial-cluster has ${missing.join(',')} but missing from --initial-advertise-peer-urls=${advertised.join(',')}`,
    );
  }
  const extra = advertised.filter((url) => !own.includes(url)).map((url) => `${name}=${url}`);
  if (extra.length > 0) {
    throw new BootstrapError(`--initial-advertise-peer-urls has ${extra.join(',')} but missing from --initial-cluster=${textOf(members)}`);
  }
}

/** The cluster that the named members begin: everyone who is told the same computes the same, without asking the others. */
export function newCluster({ members, token }: InitialCluster): ClusterDescription {
  const infos = [...members].map(([name, peerUrls]): MemberInfo => ({ id: idOf(peerUrls, token), name, peerUrls, clientUrls: [] }));
  infos.sort((a, b) => a.id - b.id);
  const clusterId = sha1(infos.map(({ id }) => memberIdOf(id)).join(''))
    .toString('hex')
    .slice(0, 16);
  return { clusterId, members: infos };
}

/** Which of the members of an existing cluster this one is: that with its peer URLs. Throws BootstrapError when what it was told is not so. */
export function placeIn(found: ClusterDescription, name: string, { members }: InitialCluster): MemberInfo {
  const refuse = (why: string): BootstrapError => new BootstrapError(`error validating peerURLs ${textOf(members)}: ${why}`);
  if (found.members.length !== members.size) throw refuse('member count is unequal');
  let own: MemberInfo | undefined;
  for (const [named, urls] of members) {
    const match = found.members.find(({ peerUrls }) => sorted(peerUrls) === sorted(urls));
    if (match === undefined) throw refuse(`no member of the cluster has the peer URLs of "${named}"`);
    if (named === name) own = match;
  }
  if (own === undefined) throw new BootstrapError(`couldn't find local name "${name}" in the initial cluster configuration`);
  return own;
}

/** The first 53 bits of what etcd computes: Raft counts in safe integers here. */
function idOf(peerUrls: readonly string[], token: string): NodeId {
  const hash = sha1([...peerUrls].sort().join('') + token);
  return Number(hash.readBigUInt64BE(0) >> 11n) || 1;
}

function sha1(text: string): Buffer {
  return createHash('sha1').update(text).digest();
}

function sorted(urls: readonly string[]): string {
  return [...urls].sort().join(',');
}

function textOf(members: InitialCluster['members']): string {
  return [...members].flatMap(([name, urls]) => urls.map((url) => `${name}=${url}`)).join(',');
}
