import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '@coracle/api';
import { formatTime, parseTime } from '@coracle/apimachinery';
import { omitZero } from '../controller/omit-zero.ts';
import { totalOf, totalWanted, wanted } from './replica-sets.ts';
import { fenceposts, unlimited } from './scaling.ts';

/** What a condition says; the times are filled in when it is set. */
export interface Finding {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

type Conditions = readonly DeploymentCondition[];

export const foundNew = (name: string): Finding => progressing('True', 'FoundNewReplicaSet', `Found new replica set "${name}"`);
export const createdNew = (name: string): Finding => progressing('True', 'NewReplicaSetCreated', `Created new replica set "${name}"`);
export const failedToCreate = (message: string): Finding => progressing('False', 'ReplicaSetCreateError', message);

export function progressing(status: Finding['status'], reason: string, message: string): Finding {
  return { type: 'Progressing', status, reason, message };
}

/** Without a deadline nobody follows the progress. */
export function hasProgressDeadline(deployment: Deployment): boolean {
  const { progressDeadlineSeconds } = deployment.spec;
  return progressDeadlineSeconds !== undefined && progressDeadlineSeconds !== unlimited;
}

export function conditionOf(conditions: Conditions | undefined, type: string): DeploymentCondition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** A condition that says something new goes to the end of the list; status and reason make the news, the message does not. */
export function withCondition(conditions: Conditions, finding: Finding, now: string): Conditions {
  const present = conditionOf(conditions, finding.type);
  if (present?.status === finding.status && present.reason === finding.reason) return conditions;
  const lastTransitionTime = present?.status === finding.status ? (present.lastTransitionTime ?? now) : now;
  return [...without(conditions, finding.type), { ...finding, lastUpdateTime: now, lastTransitionTime }];
}

function without(conditions: Conditions, type: string): Conditions {
  return conditions.filter((condition) => condition.type !== type);
}

/** The Progressing condition that a Deployment needs for having been paused or resumed; undefined when it has it. */
export function pauseFinding(deployment: Deployment): Finding | undefined {
  const reason = conditionOf(deployment.status?.conditions, 'Progressing')?.reason;
  if (!hasProgressDeadline(deployment) || reason === 'ProgressDeadlineExceeded') return undefined;
  const isPaused = deployment.spec.paused === true;
  if (isPaused === (reason === 'DeploymentPaused')) return undefined;
  return isPaused
    ? progressing('Unknown', 'DeploymentPaused', 'Deployment is paused')
    : progressing('Unknown', 'DeploymentResumed', 'Deployment is resumed');
}

/** Counts, and whether enough pods are available (sync.go calculateStatus). */
export function countedStatus(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
  nowMs: number,
): DeploymentStatus {
  const availableReplicas = totalOf(all, 'availableReplicas');
  const terminating = all.map(({ status }) => status?.terminatingReplicas);
  const { collisionCount } = deployment.status ?? {};
  const isAvailable = availableReplicas >= wanted(deployment) - fenceposts(deployment).maxUnavailable;
  const available: Finding = isAvailable
    ? { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
  return {
    ...omitZero({
      observedGeneration: deployment.metadata.generation ?? 0,
      replicas: totalOf(all, 'replicas'),
      updatedReplicas: newSet?.status?.replicas ?? 0,
      readyReplicas: totalOf(all, 'readyReplicas'),
      availableReplicas,
      unavailableReplicas: Math.max(0, totalWanted(all) - availableReplicas),
    }),
    // Unknown while one ReplicaSet has not said it.
    ...(terminating.includes(undefined) ? {} : { terminatingReplicas: terminating.reduce<number>((sum, count) => sum + (count ?? 0), 0) }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: withCondition(deployment.status?.conditions ?? [], available, formatTime(nowMs)),
  };
}

/** `countedStatus` and how the roll-out goes (progress.go syncRolloutStatus). */
export function rolloutStatus(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
  nowMs: number,
): DeploymentStatus {
  const counted = countedStatus(deployment, newSet, all, nowMs);
  const now = formatTime(nowMs);
  let conditions = counted.conditions ?? [];
  const present = conditionOf(deployment.status?.conditions, 'Progressing');
  if (!hasProgressDeadline(deployment)) {
    conditions = without(conditions, 'Progressing');
  } else if (!(replicas(counted) === updated(counted) && present?.reason === 'NewReplicaSetAvailable')) {
    const subject = newSet === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newSet.metadata.name}"`;
    if (isComplete(deployment, counted)) {
      conditions = withCondition(conditions, progressing('True', 'NewReplicaSetAvailable', `${subject} has successfully progressed.`), now);
    } else if (hasProgressed(deployment.status ?? {}, counted)) {
      // Set anew even if it says the same: its update time is what the deadline counts from.
      const lastTransitionTime = present?.status === 'True' ? (present.lastTransitionTime ?? now) : now;
      const finding = progressing('True', 'ReplicaSetUpdated', `${subject} is progressing.`);
      conditions = [...without(conditions, 'Progressing'), { ...finding, lastUpdateTime: now, lastTransitionTime }];
    } else if (hasTimedOut(deployment, present, nowMs)) {
      conditions = withCondition(
        conditions,
        progressing('False', 'ProgressDeadlineExceeded', `${subject} has timed out progressing.`),
        now,
      );
    }
  }
  return { ...counted, conditions: withReplicaFailure(conditions, newSet, all, now) };
}

/** Every wanted pod is of the current revision, and available. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const want = wanted(deployment);
  return (
    updated(status) === want &&
    replicas(status) === want &&
    (status.availableReplicas ?? 0) === want &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  return (
    updated(after) > updated(before) ||
    replicas(after) - updated(after) < replicas(before) - updated(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function hasTimedOut(deployment: Deployment, present: DeploymentCondition | undefined, nowMs: number): boolean {
  if (present === undefined || present.reason === 'NewReplicaSetAvailable') return false;
  if (present.reason === 'ProgressDeadlineExceeded') return true;
  return deadlineMs(deployment, present) < nowMs;
}

function deadlineMs(deployment: Deployment, present: DeploymentCondition): number {
  return (parseTime(present.lastUpdateTime) ?? 0) + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000;
}

/**
 * Milliseconds until the deadline has to be looked at, a second late to be sure that it has passed; undefined when there is
 * nothing to wait for (progress.go requeueStuckDeployment).
 */
export function deadlineCheckInMs(deployment: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  const present = conditionOf(deployment.status?.conditions, 'Progressing');
  if (!hasProgressDeadline(deployment) || present === undefined) return undefined;
  if (isComplete(deployment, status) || present.reason === 'ProgressDeadlineExceeded') return undefined;
  return Math.max(0, deadlineMs(deployment, present) - nowMs) + 1000;
}

/** The failure of the current ReplicaSet, else of any. */
function withReplicaFailure(conditions: Conditions, newSet: ReplicaSet | undefined, all: readonly ReplicaSet[], now: string): Conditions {
  const failures = [...(newSet === undefined ? [] : [newSet]), ...all].flatMap(({ status }) =>
    (status?.conditions ?? []).filter(({ type }) => type === 'ReplicaFailure'),
  );
  const [failure] = failures;
  if (failure === undefined) return without(conditions, 'ReplicaFailure');
  const { status, reason = '', message = '', lastTransitionTime = now } = failure;
  const present = conditionOf(conditions, 'ReplicaFailure');
  if (present?.status === status && present.reason === reason) return conditions;
  return [
    ...without(conditions, 'ReplicaFailure'),
    { type: 'ReplicaFailure', status, reason, message, lastUpdateTime: lastTransitionTime, lastTransitionTime },
  ];
}

function replicas(status: DeploymentStatus): number {
  return status.replicas ?? 0;
}

function updated(status: DeploymentStatus): number {
  return status.updatedReplicas ?? 0;
}
