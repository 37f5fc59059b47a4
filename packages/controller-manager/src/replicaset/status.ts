import type { Pod, ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '@coracle/api';
import { matcherOfSet, semanticEqual } from '@coracle/apimachinery';
import { isPodAvailable, isPodReady } from '../controller/pods.ts';
import { omitZero } from '../controller/omit-zero.ts';

/** What one sync saw and did. */
export interface ReplicaSetObservation {
  readonly activePods: readonly Pod[];
  readonly terminatingPods: readonly Pod[];
  /** Why pods could not be created or deleted; undefined: they could. */
  readonly failure: string | undefined;
  readonly nowMs: number;
  /** `nowMs` as the API writes it. */
  readonly now: string;
}

/** The status that a ReplicaSet should have (pkg/controller/replicaset/replica_set_utils.go calculateStatus). */
export function replicaSetStatus(
  replicaSet: ReplicaSet,
  { activePods, terminatingPods, failure, nowMs, now }: ReplicaSetObservation,
): ReplicaSetStatus {
  const { minReadySeconds = 0, template } = replicaSet.spec;
  const ofTemplate = matcherOfSet(template?.metadata?.labels);
  const conditions = conditionsAfter(
    replicaSet.status?.conditions ?? [],
    activePods.length - (replicaSet.spec.replicas ?? 1),
    failure,
    now,
  );
  return {
    replicas: activePods.length,
    ...omitZero({
      fullyLabeledReplicas: activePods.filter(({ metadata }) => ofTemplate.matches(metadata.labels)).length,
      readyReplicas: activePods.filter(isPodReady).length,
      availableReplicas: activePods.filter((pod) => isPodAvailable(pod, minReadySeconds, nowMs)).length,
      observedGeneration: replicaSet.metadata.generation ?? 0,
      conditions,
    }),
    terminatingReplicas: terminatingPods.length,
  };
}

/** ReplicaFailure is there while pods cannot be made or removed; the one that is there stays as it is. */
function conditionsAfter(
  conditions: readonly ReplicaSetCondition[],
  surplus: number,
  failure: string | undefined,
  now: string,
): readonly ReplicaSetCondition[] {
  const present = conditions.find(({ type }) => type === 'ReplicaFailure');
  if (failure === undefined) return present === undefined ? conditions : conditions.filter((condition) => condition !== present);
  if (present !== undefined || surplus === 0) return conditions;
  const reason = surplus < 0 ? 'FailedCreate' : 'FailedDelete';
  return [...conditions, { type: 'ReplicaFailure', status: 'True', lastTransitionTime: now, reason, message: failure }];
}

export function isStatusCurrent(replicaSet: ReplicaSet, status: ReplicaSetStatus): boolean {
  return semanticEqual(replicaSet.status, status) && replicaSet.metadata.generation === replicaSet.status?.observedGeneration;
}
