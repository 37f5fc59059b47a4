import type { ContainerStatus, Pod } from '@coracle/api';
import { compareBytes, getOwn, parseTime } from '@coracle/apimachinery';
import { isPodReady, podCondition } from '../controller/pods.ts';

/** Pods with a lower value go first; absent is 0 (KEP-2255). */
const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

/**
 * The `count` pods that a ReplicaSet gives up, most disposable first. `related` are the pods of all ReplicaSets of the same
 * owner, by which it is known how crowded a node is.
 *
 * Order follows upstream's ActivePodsWithRanks (pkg/controller): not assigned, Pending before Unknown before Running, not ready,
 * lower deletion cost, crowded node, ready for less long, more restarts, younger. Ages are compared by their logarithm, so that
 * pods of about the same age go at random, by uid, not all the newest first (KEP-2185).
 */
export function podsToDelete(pods: readonly Pod[], related: readonly Pod[], count: number, nowMs: number): readonly Pod[] {
  if (count >= pods.length) return pods;
  const onNode = new Map<string, number>();
  for (const { spec } of related) if (spec.nodeName !== undefined) onNode.set(spec.nodeName, (onNode.get(spec.nodeName) ?? 0) + 1);
  const crowd = (pod: Pod): number => (pod.spec.nodeName === undefined ? 0 : (onNode.get(pod.spec.nodeName) ?? 0));
  return [...pods].sort((a, b) => compare(a, b, crowd, nowMs)).slice(0, count);
}

function compare(a: Pod, b: Pod, crowd: (pod: Pod) => number, nowMs: number): number {
  return (
    Number(isAssigned(a)) - Number(isAssigned(b)) ||
    phaseRank(a) - phaseRank(b) ||
    Number(isPodReady(a)) - Number(isPodReady(b)) ||
    deletionCost(a) - deletionCost(b) ||
    crowd(b) - crowd(a) ||
    compareReadyTime(a, b, nowMs) ||
    restarts(b.status?.containerStatuses) - restarts(a.status?.containerStatuses) ||
    restarts(b.status?.initContainerStatuses) - restarts(a.status?.initContainerStatuses) ||
    compareAge(parseTime(a.metadata.creationTimestamp), parseTime(b.metadata.creationTimestamp), nowMs) ||
    compareBytes(a.metadata.uid ?? '', b.metadata.uid ?? '')
  );
}

function isAssigned(pod: Pod): boolean {
  return pod.spec.nodeName !== undefined && pod.spec.nodeName !== '';
}

function phaseRank(pod: Pod): number {
  switch (pod.status?.phase) {
    case 'Running':
      return 2;
    case 'Unknown':
      return 1;
    default:
      return 0;
  }
}

/** An int32 in decimal; what is no such number counts as absent. */
function deletionCost(pod: Pod): number {
  const text = getOwn(pod.metadata.annotations, deletionCostAnnotation);
  if (text === undefined || !/^(0|-?[1-9]\d*)$/.test(text)) return 0;
  const cost = Number(text);
  return cost >= -(2 ** 31) && cost < 2 ** 31 ? cost : 0;
}

/** Only between pods that are both ready; between others readiness has decided. */
function compareReadyTime(a: Pod, b: Pod, nowMs: number): number {
  if (!isPodReady(a) || !isPodReady(b)) return 0;
  return compareAge(
    parseTime(podCondition(a, 'Ready')?.lastTransitionTime),
    parseTime(podCondition(b, 'Ready')?.lastTransitionTime),
    nowMs,
  );
}

/** Negative when `a` is the younger by an order of magnitude; what has no time is the youngest. */
function compareAge(a: number | undefined, b: number | undefined, nowMs: number): number {
  if (a === b) return 0;
  return magnitude(a, nowMs) - magnitude(b, nowMs);
}

function magnitude(sinceMs: number | undefined, nowMs: number): number {
  if (sinceMs === undefined || sinceMs >= nowMs) return -1;
  return Math.floor(Math.log2((nowMs - sinceMs) * 1e6)); // upstream takes it of nanoseconds
}

function restarts(statuses: readonly ContainerStatus[] | undefined): number {
  return Math.max(0, ...(statuses ?? []).map(({ restartCount }) => restartCount));
}
