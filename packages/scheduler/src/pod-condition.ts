import type { Pod, PodCondition } from '@coracle/api';

/** Why a pod has no node: no node takes it, or the attempt broke off. */
export type FailureReason = 'Unschedulable' | 'SchedulerError';

/** The condition PodScheduled that says why a pod has no node; undefined when the pod says so already. `now` is a Time. */
export function failureCondition(
  { metadata, status }: Pod,
  failure: { readonly reason: FailureReason; readonly message: string; readonly now: string },
): PodCondition | undefined {
  const { reason, message, now } = failure;
  const current = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  const { generation } = metadata;
  const isFalse = current?.status === 'False';
  if (isFalse && current.reason === reason && current.message === message && current.observedGeneration === generation) return undefined;
  return {
    type: 'PodScheduled',
    status: 'False',
    reason,
    message,
    lastTransitionTime: isFalse ? (current.lastTransitionTime ?? now) : now,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
}
