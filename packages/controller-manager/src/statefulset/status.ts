import type { Pod, StatefulSetStatus } from '@coracle/api';
import { isPodAvailable } from '../controller/pods.ts';
import { omitZero } from '../controller/omit-zero.ts';
import { isCreated, isRunningAndReady, isTerminating, revisionOf } from './pods.ts';
import type { StatefulSetView } from './plan.ts';

/** Counts over `pods` (stateful_set_control.go computeReplicaStatus). */
export function statefulSetStatus(
  { set, current, update, collisionCount, nowMs }: Omit<StatefulSetView, 'pods' | 'claim'>,
  pods: readonly Pod[],
): StatefulSetStatus {
  const { minReadySeconds = 0 } = set.spec;
  const created = pods.filter(isCreated);
  const ready = pods.filter(isRunningAndReady);
  const staying = created.filter((pod) => !isTerminating(pod));
  const ofRevision = (name: string): number => staying.filter((pod) => revisionOf(pod) === name).length;
  const { conditions } = set.status ?? {};
  return {
    replicas: created.length,
    availableReplicas: ready.filter((pod) => isPodAvailable(pod, minReadySeconds, nowMs)).length,
    collisionCount,
    currentRevision: current.name,
    updateRevision: update.name,
    ...omitZero({
      observedGeneration: set.metadata.generation ?? 0,
      readyReplicas: ready.length,
      currentReplicas: ofRevision(current.name),
      updatedReplicas: ofRevision(update.name),
    }),
    ...(conditions === undefined ? {} : { conditions }),
  };
}

/** When every pod is of the update revision and ready, that is the current one from here on, whatever the strategy (completeRollingUpdate). */
export function completedUpdate(status: StatefulSetStatus): StatefulSetStatus {
  const { replicas, updatedReplicas = 0, readyReplicas = 0, updateRevision = '' } = status;
  if (updatedReplicas !== replicas || readyReplicas !== replicas) return status;
  const { currentReplicas: _, ...rest } = status;
  return { ...rest, currentRevision: updateRevision, ...omitZero({ currentReplicas: updatedReplicas }) };
}
