import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { controlPath } from '@coracle/etcd';
import { UsageError } from '../flags.ts';

/** A member of a cluster on this machine: where it is kept, and where it listens. */
export interface LocalMember {
  readonly name: string;
  readonly directory: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
}

const host = '127.0.0.1';

/** Members `m1` to `mN` in one directory, with two ports each from `port` on. Throws UsageError when those are too many. */
export function localMembers(directory: string, count: number, port: number): readonly LocalMember[] {
  if (port + 2 * count - 1 > 65_535)
    throw new UsageError(`${count} members need ports ${port} to ${port + 2 * count - 1}, and the last is 65535`);
  return Array.from({ length: count }, (_, i) => ({
    name: `m${i + 1}`,
    directory: path.join(directory, `m${i + 1}`),
    clientUrl: `http://${host}:${port + 2 * i}`,
    peerUrl: `http://${host}:${port + 2 * i + 1}`,
  }));
}

/** What `coracle etcd` is given for the member. */
export function etcdFlags(member: LocalMember, all: readonly LocalMember[]): readonly string[] {
  return ['--name', member.name, '--data-dir', member.directory, '--listen-client-urls', member.clientUrl, ...peerArgs(member, all)];
}

/** `coracle up` with the member's store, on its port for clients. */
export function controlPlaneArgs(member: LocalMember, all: readonly LocalMember[]): readonly string[] {
  const { port } = new URL(member.clientUrl);
  return ['up', '--member', member.name, '--directory', member.directory, '--port', port, ...peerArgs(member, all)];
}

function peerArgs({ peerUrl: own }: LocalMember, all: readonly LocalMember[]): readonly string[] {
  const cluster = all.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  return ['--listen-peer-urls', own, '--initial-advertise-peer-urls', own, '--initial-cluster', cluster];
}

/** Where the data directories of members are, by name, below `directory`: those of stores, running or not, also of control planes. */
export function memberDirectories(directory: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (!existsSync(directory)) return found;
  for (const name of readdirSync(directory).sort()) {
    const store = [path.join(directory, name), path.join(directory, name, 'store')].find(
      (each) => existsSync(path.join(each, 'META')) || existsSync(controlPath(each)),
    );
    if (store !== undefined) found.set(name, store);
  }
  return found;
}
