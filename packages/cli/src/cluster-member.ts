import type { StartClusterOptions } from '@coracle/cluster';
import { UsageError } from './flags.ts';
import { peerFlags, peerHelp, peerOptions } from './peer-flags.ts';

/** For a control plane whose store is one member of several. */
export const memberFlags: readonly ['member', ...typeof peerFlags] = ['member', ...peerFlags];

export const memberHelp: readonly (readonly [flag: string, meaning: string])[] = [
  ['--member NAME', 'the store is this member of those of --initial-cluster, each with a control plane of its own'],
  ...peerHelp,
];

type Values = Readonly<Partial<Record<(typeof memberFlags)[number] | 'etcd-servers', string>>>;

/** Throws UsageError for values that cannot be meant. */
export function clusterMember(values: Values): Pick<StartClusterOptions, 'member'> {
  const { member: name } = values;
  if (name === undefined) {
    const without = peerFlags.find((flag) => values[flag] !== undefined);
    if (without !== undefined) throw new UsageError(`option "--${without}" needs --member`);
    return {};
  }
  if (name === '') throw new UsageError('option "--member" needs a value');
  if (values['etcd-servers'] !== undefined) throw new UsageError('--member and --etcd-servers exclude each other');
  const peers = peerOptions(name, values);
  if (peers === undefined) throw new UsageError('--member needs --initial-cluster and --listen-peer-urls');
  return { member: { name, peers } };
}
