import { UsageError } from './flags.ts';

/** etcd's gates with what they are by default (server/features/etcd_features.go). */
const defaults = new Map([
  ['StopGRPCServiceOnDefrag', false],
  ['InitialCorruptCheck', false],
  ['CompactHashCheck', false],
  ['TxnModeWriteWithSharedBuffer', true],
  ['LeaseCheckpoint', false],
  ['LeaseCheckpointPersist', false],
  ['SetMemberLocalAddr', false],
  ['FastLeaseKeepAlive', true],
  ['PriorityRequest', false],
]);

/** How often etcd tells what is left of leases (server/lease/lessor.go). */
const checkpointMs = 5 * 60_000;

/**
 * Reads etcd's `--feature-gates NAME=BOOL,…`. Checkpoints of leases are ours, too, and always outlive a restart, for which etcd has a gate of
 * its own; of the others only the default is taken. Throws UsageError.
 */
export function featureGates(text: string): { readonly checkpointLeasesMs?: number } {
  const gates = new Map(defaults);
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const [name = '', value] = part.split('=').map((each) => each.trim());
    if (!defaults.has(name)) throw new UsageError(`"${name}" is no feature gate of --feature-gates: ${[...defaults.keys()].join(', ')}`);
    if (value !== 'true' && value !== 'false')
      throw new UsageError(`"${value ?? ''}" is no value of the feature gate ${name}: true or false`);
    gates.set(name, value === 'true');
  }
  if (gates.get('LeaseCheckpointPersist') === true && gates.get('LeaseCheckpoint') === false) {
    throw new UsageError('the feature gate LeaseCheckpointPersist needs LeaseCheckpoint');
  }
  for (const [name, isOn] of gates) {
    if (name.startsWith('LeaseCheckpoint') || isOn === defaults.get(name)) continue;
    throw new UsageError(`the feature gate ${name} cannot be ${isOn}: it is always ${!isOn} here`);
  }
  return gates.get('LeaseCheckpoint') === true ? { checkpointLeasesMs: checkpointMs } : {};
}
