import type { StatefulSet } from '@coracle/api';
import { deferredClaimDeletions, scaleAction } from './member-objects.ts';
import { claimNames, memberName } from './names.ts';
import type { ClusterState, ComponentName, StepResult } from './state.ts';

/** One pod more. Claims that an earlier scale-in left for this ordinal go first, and cost a round. */
export function scaleOut(state: ClusterState, set: StatefulSet, component: ComponentName, desired: number): StepResult {
  const current = set.spec?.replicas ?? 0;
  const claims = claimNames(state.tc, component, current);
  const name = memberName(state.tc, component);
  const leaving = claims.filter((claim) => state.objects.claims.get(claim)?.metadata?.deletionTimestamp !== undefined);
  const deletions = claims.filter((claim) => !leaving.includes(claim)).flatMap((claim) => deferredClaimDeletions(state, claim));
  const old = [...leaving, ...deletions.map((action) => action.name)];
  if (old.length > 0)
    return { actions: deletions, wait: { component, reason: 'ScalingOut', message: `the old claim ${old.join(', ')} is deleted first` } };
  return {
    actions: [scaleAction(state.tc, set, current + 1)],
    ...(current + 1 !== desired && {
      wait: { component, reason: 'ScalingOut' as const, message: `${name} goes from ${current} to ${current + 1} of ${desired} pods` },
    }),
  };
}
