import type { PersistentVolumeClaim, Pod, PodTemplateSpec, StatefulSet, StatefulSetStatus } from '@coracle/api';
import { scaledValue } from '../controller/int-or-percent.ts';
import { isPodTerminal } from '../controller/pods.ts';
import { claimOwners, isStale } from './claim-owners.ts';
import {
  claimsOf,
  firstOrdinal,
  hasIdentity,
  hasStorage,
  isCreated,
  isInRange,
  isRunningAndReady,
  isTerminating,
  isUnavailable,
  newPod,
  ordinalOf,
  revisionOf,
} from './pods.ts';
import { statefulSetStatus } from './status.ts';

export interface Revision {
  readonly name: string;
  readonly template: PodTemplateSpec;
}

/** All that a decision depends on. */
export interface StatefulSetView {
  readonly set: StatefulSet;
  readonly current: Revision;
  readonly update: Revision;
  readonly collisionCount: number;
  /** Those that the set manages, with an ordinal each. */
  readonly pods: readonly Pod[];
  claim(name: string): PersistentVolumeClaim | undefined;
  readonly nowMs: number;
}

export type StatefulSetAction =
  /** With the claims that it lacks. */
  | { readonly do: 'create-pod'; readonly pod: Pod; readonly ordinal: number }
  | { readonly do: 'create-claims'; readonly pod: Pod; readonly ordinal: number }
  | { readonly do: 'restore-identity'; readonly pod: Pod; readonly ordinal: number }
  | { readonly do: 'set-claim-owners'; readonly pod: Pod; readonly ordinal: number }
  | { readonly do: 'delete-pod'; readonly pod: Pod; readonly why: 'ended' | 'scaled-away' | 'outdated' };

export interface StatefulSetPlan {
  /** One after the other; what fails in one keeps the next from starting. */
  readonly phases: readonly (readonly StatefulSetAction[])[];
  readonly status: StatefulSetStatus;
}

/**
 * What a sync does to a StatefulSet (pkg/controller/statefulset/stateful_set_control.go updateStatefulSet): bring up the pods that
 * are wanted, then take down those that are not, highest first, then replace outdated ones, highest first.
 *
 * OrderedReady does one thing at a time and waits for each pod to be available before it goes on to the next; Parallel waits for
 * nothing, except in updates, where `maxUnavailable` pods may be missing at a time.
 */
export function nextStatefulSetActions(view: StatefulSetView): StatefulSetPlan {
  const { set } = view;
  const replicas = wantedPods(view);
  const condemned = condemnedPods(view);
  const status = statefulSetStatus(view, [...replicas.map(({ pod }) => pod), ...condemned.map(({ pod }) => pod)]);
  if (set.metadata.deletionTimestamp !== undefined) return { phases: [], status };
  const monotonic = set.spec.podManagementPolicy !== 'Parallel';
  const rising: StatefulSetAction[] = [];
  for (const replica of replicas) {
    const { actions, blocked } = replicaActions(view, replica);
    rising.push(...actions);
    if (blocked && monotonic) return { phases: [rising], status };
  }
  const owning = condemned.flatMap((entry) => claimOwnerActions(view, entry));
  const falling = monotonic ? nextCondemned(view, replicas, condemned) : allCondemned(condemned);
  if (monotonic && condemned.length > 0) return { phases: [rising, owning, falling], status };
  if (set.spec.updateStrategy?.type === 'OnDelete') return { phases: [rising, owning, falling], status };
  const outdated = outdatedPods(view, replicas);
  const deletions = outdated.map(({ pod }): StatefulSetAction => ({ do: 'delete-pod', pod, why: 'outdated' }));
  return { phases: [rising, owning, falling, deletions], status: withoutCurrent(status, outdated.length) };
}

/** A pod and its number; a pod that is missing is the one to be created. */
interface Numbered {
  readonly ordinal: number;
  readonly pod: Pod;
}

function wantedPods({ set, current, update, pods }: StatefulSetView): readonly Numbered[] {
  const present = new Map(pods.map((pod) => [ordinalOf(set, pod), pod] as const));
  return Array.from({ length: set.spec.replicas ?? 1 }, (_, i) => {
    const ordinal = firstOrdinal(set) + i;
    const { name, template } = isOfCurrentRevision(set, ordinal) ? current : update;
    return { ordinal, pod: present.get(ordinal) ?? newPod(set, template, name, ordinal) };
  });
}

/** Below the partition a pod is made anew as it was. */
function isOfCurrentRevision(set: StatefulSet, ordinal: number): boolean {
  const { type = 'RollingUpdate', rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type !== 'RollingUpdate') return false;
  const kept = rollingUpdate === undefined ? (set.status?.currentReplicas ?? 0) : (rollingUpdate.partition ?? 0);
  return ordinal < firstOrdinal(set) + kept;
}

/** Highest first. */
function condemnedPods({ set, pods }: StatefulSetView): readonly Numbered[] {
  const numbered = pods.flatMap((pod) => {
    const ordinal = ordinalOf(set, pod);
    return ordinal === undefined || isInRange(set, ordinal) ? [] : [{ ordinal, pod }];
  });
  return numbered.sort((a, b) => b.ordinal - a.ordinal);
}

/** `blocked`: in order, nothing comes after this one now. */
function replicaActions(
  view: StatefulSetView,
  { ordinal, pod }: Numbered,
): { readonly actions: readonly StatefulSetAction[]; readonly blocked: boolean } {
  const { set, nowMs } = view;
  if (isPodTerminal(pod)) {
    // Even one that succeeded: a set's containers run for ever. Its successor comes when it is gone.
    return { actions: isTerminating(pod) ? [] : [{ do: 'delete-pod', pod, why: 'ended' }], blocked: true };
  }
  if (!isCreated(pod)) {
    const waits = claimsOf(set, ordinal).some((claim) => {
      const present = view.claim(claim.metadata.name ?? '');
      return present !== undefined && isStale(set, pod, present);
    });
    return { actions: waits ? [] : [{ do: 'create-pod', pod, ordinal }], blocked: true };
  }
  const claims: readonly StatefulSetAction[] =
    pod.status?.phase === 'Pending' && lacksClaims(view, ordinal) ? [{ do: 'create-claims', pod, ordinal }] : [];
  const isWaiting = isTerminating(pod) || !isRunningAndReady(pod) || isUnavailable(pod, set, nowMs);
  if (isWaiting && set.spec.podManagementPolicy !== 'Parallel') return { actions: claims, blocked: true };
  const identity: readonly StatefulSetAction[] =
    hasIdentity(set, ordinal, pod) && hasStorage(set, ordinal, pod) ? [] : [{ do: 'restore-identity', pod, ordinal }];
  return { actions: [...claims, ...identity, ...claimOwnerActions(view, { ordinal, pod })], blocked: false };
}

function lacksClaims(view: StatefulSetView, ordinal: number): boolean {
  return claimsOf(view.set, ordinal).some(({ metadata }) => view.claim(metadata.name ?? '') === undefined);
}

function claimOwnerActions(view: StatefulSetView, { ordinal, pod }: Numbered): readonly StatefulSetAction[] {
  const differ = claimsOf(view.set, ordinal).some(({ metadata }) => {
    const claim = view.claim(metadata.name ?? '');
    return claim !== undefined && claimOwners(view.set, pod, claim) !== undefined;
  });
  return differ ? [{ do: 'set-claim-owners', pod, ordinal }] : [];
}

/** In order: the highest pod goes, if all below it are well; of unwell pods only the lowest may go. */
function nextCondemned(
  { set, nowMs }: StatefulSetView,
  replicas: readonly Numbered[],
  condemned: readonly Numbered[],
): readonly StatefulSetAction[] {
  const [next] = condemned;
  if (next === undefined || isTerminating(next.pod)) return [];
  const ascending = [...replicas, ...condemned.toReversed()];
  const firstUnavailable = ascending.find(({ pod }) => isUnavailable(pod, set, nowMs));
  const isWell = isRunningAndReady(next.pod) && !isUnavailable(next.pod, set, nowMs);
  return isWell || firstUnavailable === next ? [{ do: 'delete-pod', pod: next.pod, why: 'scaled-away' }] : [];
}

function allCondemned(condemned: readonly Numbered[]): readonly StatefulSetAction[] {
  return condemned.filter(({ pod }) => !isTerminating(pod)).map(({ pod }) => ({ do: 'delete-pod', pod, why: 'scaled-away' }));
}

/** Those to replace now: from the highest down to the partition, as many as may still become unavailable. */
function outdatedPods({ set, update, nowMs }: StatefulSetView, replicas: readonly Numbered[]): readonly Numbered[] {
  const { partition = 0, maxUnavailable = 1 } = set.spec.updateStrategy?.rollingUpdate ?? {};
  const allowed = Math.max(1, scaledValue(maxUnavailable, set.spec.replicas ?? 1, 'down'));
  const missing = replicas.filter(({ pod }) => isUnavailable(pod, set, nowMs)).length;
  const outdated = replicas.filter(
    ({ pod, ordinal }) =>
      ordinal - firstOrdinal(set) >= partition && isCreated(pod) && revisionOf(pod) !== update.name && !isTerminating(pod),
  );
  return outdated.toReversed().slice(0, Math.max(0, allowed - missing));
}

/** Pods that go for an update count no longer. */
function withoutCurrent(status: StatefulSetStatus, count: number): StatefulSetStatus {
  if (count === 0) return status;
  const { currentReplicas = 0, ...rest } = status;
  return currentReplicas - count > 0 ? { ...rest, currentReplicas: currentReplicas - count } : rest;
}
