import type { Deployment, ReplicaSet } from '@coracle/api';
import { scaledValue } from '../controller/int-or-percent.ts';
import { annotatedCount, desiredReplicasAnnotation, maxReplicasAnnotation } from './annotations.ts';
import { byRevision, isActive, largestFirst, oldestFirst, totalOf, totalWanted, wanted } from './replica-sets.ts';

/** Set `replicaSet` to `replicas`. Of two for one ReplicaSet the second goes on from the first. */
export interface Scaling {
  readonly replicaSet: ReplicaSet;
  readonly replicas: number;
}

/** What the strategy leaves to a Deployment: pods above, and unavailable pods below, the wanted number. */
export interface Fenceposts {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** Surge is rounded up, unavailability down; if that gives 0 and 0, one pod may be missing, or nothing could ever move. */
export function fenceposts(deployment: Deployment): Fenceposts {
  const { strategy } = deployment.spec;
  if (strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 };
  const replicas = wanted(deployment);
  const maxSurge = scaledValue(strategy?.rollingUpdate?.maxSurge ?? '25%', replicas, 'up');
  const maxUnavailable = scaledValue(strategy?.rollingUpdate?.maxUnavailable ?? '25%', replicas, 'down');
  return { maxSurge, maxUnavailable: Math.min(replicas, maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable) };
}

/** How many pods the current ReplicaSet may have now, given those of the others. */
export function replicasOfNew(deployment: Deployment, replicaSets: readonly ReplicaSet[], present: number): number {
  if (deployment.spec.strategy?.type === 'Recreate') return wanted(deployment);
  const room = wanted(deployment) + fenceposts(deployment).maxSurge - totalWanted(replicaSets);
  if (room <= 0) return present;
  return present + Math.min(room, wanted(deployment) - present);
}

/**
 * The next step of a rolling update (rolling.go): first the new ReplicaSet grows as far as the surge allows; when it cannot, the
 * old ones shrink as far as availability allows, those of their pods first that are not available anyway. Empty: wait, or done.
 */
export function rollingUpdateStep(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): readonly Scaling[] {
  if (wanted(newSet) > wanted(deployment)) return [{ replicaSet: newSet, replicas: wanted(deployment) }];
  const replicas = replicasOfNew(deployment, [newSet, ...oldSets], wanted(newSet));
  if (replicas !== wanted(newSet)) return [{ replicaSet: newSet, replicas }];
  return shrinkOld(deployment, newSet, oldestFirst(oldSets.filter(isActive)));
}

function shrinkOld(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): readonly Scaling[] {
  const minAvailable = wanted(deployment) - fenceposts(deployment).maxUnavailable;
  const newUnavailable = wanted(newSet) - (newSet.status?.availableReplicas ?? 0);
  let unhealthy = totalWanted([newSet, ...oldSets]) - minAvailable - newUnavailable;
  if (unhealthy <= 0) return [];
  const scalings: Scaling[] = [];
  const sizes = new Map(oldSets.map((replicaSet) => [replicaSet, wanted(replicaSet)] as const));
  const shrink = (replicaSet: ReplicaSet, by: number): void => {
    const replicas = (sizes.get(replicaSet) ?? 0) - by;
    sizes.set(replicaSet, replicas);
    scalings.push({ replicaSet, replicas });
  };
  for (const replicaSet of oldSets) {
    const by = Math.min(unhealthy, wanted(replicaSet) - (replicaSet.status?.availableReplicas ?? 0));
    if (by <= 0) continue;
    shrink(replicaSet, by);
    unhealthy -= by;
  }
  let spare = totalOf([newSet, ...oldSets], 'availableReplicas') - minAvailable;
  for (const replicaSet of oldSets) {
    const by = Math.min(spare, sizes.get(replicaSet) ?? 0);
    if (by <= 0) continue;
    shrink(replicaSet, by);
    spare -= by;
  }
  return scalings;
}

/** The Deployment was scaled since its ReplicaSets were. */
export function isScalingEvent(deployment: Deployment, replicaSets: readonly ReplicaSet[]): boolean {
  return replicaSets.filter(isActive).some((replicaSet) => {
    const desired = annotatedCount(replicaSet, desiredReplicasAnnotation);
    return desired !== undefined && desired !== wanted(deployment);
  });
}

/**
 * Follows a Deployment that was scaled, without going on with its roll-out (sync.go scale). With several ReplicaSets in use, in the
 * middle of a rolling update, each gets its share, so that a bad revision does not take all new pods.
 */
export function scaleStep(deployment: Deployment, newSet: ReplicaSet | undefined, oldSets: readonly ReplicaSet[]): readonly Scaling[] {
  const all = newSet === undefined ? oldSets : [...oldSets, newSet];
  const active = all.filter(isActive);
  if (active.length <= 1) {
    const replicaSet = active[0] ?? newSet ?? oldestFirst(oldSets).at(-1);
    return replicaSet === undefined || wanted(replicaSet) === wanted(deployment) ? [] : [{ replicaSet, replicas: wanted(deployment) }];
  }
  if (newSet !== undefined && isSaturated(deployment, newSet))
    return oldSets.filter(isActive).map((replicaSet) => ({ replicaSet, replicas: 0 }));
  if (deployment.spec.strategy?.type === 'Recreate') return [];
  return proportionally(deployment, active);
}

/** Has all pods of the Deployment, and all of them available. */
function isSaturated(deployment: Deployment, replicaSet: ReplicaSet): boolean {
  const replicas = wanted(deployment);
  return (
    annotatedCount(replicaSet, desiredReplicasAnnotation) === replicas &&
    wanted(replicaSet) === replicas &&
    (replicaSet.status?.availableReplicas ?? 0) === replicas
  );
}

/** What rounding leaves over goes to, or is taken from, the largest. */
function proportionally(deployment: Deployment, active: readonly ReplicaSet[]): readonly Scaling[] {
  const allowed = wanted(deployment) > 0 ? wanted(deployment) + fenceposts(deployment).maxSurge : 0;
  const toAdd = allowed - totalWanted(active);
  let added = 0;
  const scalings = largestFirst(active, toAdd > 0 ? 'newer' : 'older').map((replicaSet) => {
    const share = toAdd === 0 || toAdd === added ? 0 : shareOf(deployment, replicaSet);
    const part = toAdd > 0 ? Math.min(share, toAdd - added) : Math.max(share, toAdd - added);
    added += part;
    return { replicaSet, replicas: wanted(replicaSet) + part };
  });
  const [largest, ...others] = scalings;
  if (largest === undefined) return [];
  return [{ ...largest, replicas: Math.max(0, largest.replicas + toAdd - added) }, ...others];
}

function shareOf(deployment: Deployment, replicaSet: ReplicaSet): number {
  if (wanted(deployment) === 0) return -wanted(replicaSet);
  const before = annotatedCount(replicaSet, maxReplicasAnnotation) ?? 0;
  const base = before === 0 ? (deployment.status?.replicas ?? 0) : before;
  if (base === 0) return 0;
  const max = wanted(deployment) + fenceposts(deployment).maxSurge;
  return Math.round((wanted(replicaSet) * max) / base) - wanted(replicaSet);
}

/** Old ReplicaSets beyond the history that the Deployment keeps, oldest revision first; those that still do something stay. */
export function replicaSetsToCleanUp(deployment: Deployment, oldSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit;
  if (limit === undefined || limit === unlimited) return [];
  const alive = oldSets.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const surplus = byRevision(alive).slice(0, Math.max(0, alive.length - limit));
  return surplus.filter(
    (set) =>
      wanted(set) === 0 && (set.status?.replicas ?? 0) === 0 && (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0),
  );
}

/** MaxInt32 in `revisionHistoryLimit` and `progressDeadlineSeconds` stands for none. */
export const unlimited = 2_147_483_647;
