import type { StatefulSet } from '@coracle/api';
import { formatTime, getOwn, hasOwn, parseTime } from '@coracle/apimachinery';
import type { TidbClusterStatus, TiKVStoreStatus } from '../api/types.ts';
import { deferClaimDeletions, scaleAction } from './member-objects.ts';
import { annotations, labelKeys, memberName, podName } from './names.ts';
import { scaleOut } from './scale-out.ts';
import type { Action, ClusterState, PDStore, StepResult, Wait } from './state.ts';
import { podsOf } from './status.ts';

/** A pod without a store may be about to register: it is given this long. Five resync periods of upstream. */
const storelessGraceMs = 150_000;
/** Upstream gives leaders this long to leave before the store is deleted all the same. */
const evictionLimitMs = 300_000;

/** One pod at a time; a pod goes when PD has made its store a tombstone (upstream: pkg/manager/member/tikv_scaler.go). */
export function scaleTiKV(state: ClusterState, set: StatefulSet, status: TidbClusterStatus): StepResult {
  const current = set.spec?.replicas ?? 0;
  const desired = state.tc.spec.tikv?.replicas ?? 0;
  if (!state.pd.answered) return current < desired ? scaleOut(state, set, 'tikv', desired) : { actions: [] };
  const kept = keepStores(state, status, Math.max(desired, current - 1));
  if (current <= desired) {
    const scaled = current < desired ? scaleOut(state, set, 'tikv', desired) : { actions: [] };
    return { ...scaled, actions: [...kept, ...scaled.actions] };
  }
  const scaled = scaleIn(state, set, status, state.pd.maxReplicas);
  return { ...scaled, actions: [...kept, ...scaled.actions] };
}

/**
 * Takes back what a scale-in began on pods that stay after all: leaders may come again, and PD is told to keep an Offline
 * store. Upstream forgets both, which leaves a store without leaders, or a pod without a store.
 */
function keepStores(state: ClusterState, status: TidbClusterStatus, count: number): readonly Action[] {
  return podsOf(state, 'tikv').flatMap((pod): readonly Action[] => {
    const marked = hasOwn(state.objects.pods.get(pod)?.metadata?.annotations, annotations.scaleInTime);
    if (!marked || ordinalOf(pod) >= count) return [];
    const store = Object.values(status.tikv?.stores ?? {}).find((one) => one.podName === pod);
    const unmark: Action = {
      verb: 'patch',
      target: 'pods',
      name: pod,
      patch: { metadata: { annotations: { [annotations.scaleInTime]: null } } },
    };
    if (store === undefined) return [unmark];
    return [
      ...(store.state === 'Offline' ? [{ verb: 'pd', request: { call: 'keep-store', id: store.id } } as const] : []),
      { verb: 'pd', request: { call: 'end-evict-leaders', id: store.id } },
      unmark, // last: it says that the others are done
    ];
  });
}

function scaleIn(state: ClusterState, set: StatefulSet, status: TidbClusterStatus, maxReplicas: number): StepResult {
  const current = set.spec?.replicas ?? 0;
  const ordinal = current - 1;
  const pod = podName(state.tc, 'tikv', ordinal);
  const store = Object.values(status.tikv?.stores ?? {}).find((one) => one.podName === pod);
  if (store !== undefined) return leaveCluster(state, store, status, maxReplicas);
  const tombstone = tombstoneOf(state, status, pod);
  const since = scaleInSince(state, pod);
  if (tombstone === undefined && isReady(state, pod)) {
    if (since === undefined) return { actions: [markScaleIn(state, pod)], wait: storeless(pod) };
    if (state.nowMs - since < storelessGraceMs) return { actions: [], wait: storeless(pod) };
  }
  const ended: Action[] = tombstone === undefined ? [] : [{ verb: 'pd', request: { call: 'end-evict-leaders', id: tombstone.id } }];
  return {
    actions: [...deferClaimDeletions(state, 'tikv', ordinal), ...ended, scaleAction(state.tc, set, ordinal)],
    wait: { component: 'tikv', reason: 'ScalingIn', message: `${memberName(state.tc, 'tikv')} goes from ${current} to ${ordinal} pods` },
  };
}

/** The tombstone of this very pod: an earlier pod of the name may have left one too, so the address alone does not tell. */
function tombstoneOf(state: ClusterState, status: TidbClusterStatus, pod: string): TiKVStoreStatus | undefined {
  const id = getOwn(state.objects.pods.get(pod)?.metadata?.labels, labelKeys.storeId);
  return id === undefined ? undefined : getOwn(status.tikv?.tombstoneStores, id);
}

function storeless(pod: string): Wait {
  return { component: 'tikv', reason: 'ScalingIn', message: `pod ${pod} has no store yet: it may still register one` };
}

/** The way of a store out of the cluster: leaders leave, Offline, its regions move, Tombstone. */
function leaveCluster(state: ClusterState, store: TiKVStoreStatus, status: TidbClusterStatus, maxReplicas: number): StepResult {
  const { podName: pod, id } = store;
  if (store.state === 'Offline') {
    return {
      actions: [],
      wait: {
        component: 'tikv',
        reason: 'StoreOffline',
        message: `TiKV ${pod} store ${id} still in cluster, state: Offline, ${regionsLeft(state, id)} regions left`,
      },
    };
  }
  const up = Object.values(status.tikv?.stores ?? {}).filter((one) => one.state === 'Up').length;
  if (up < maxReplicas || (up === maxReplicas && store.state === 'Up')) {
    return {
      actions: [],
      wait: {
        component: 'tikv',
        reason: 'FailedScaleIn',
        message: `can't scale in TiKV ${pod}: ${up} stores are Up and max-replicas is ${maxReplicas}`,
      },
    };
  }
  const since = scaleInSince(state, pod);
  if (since === undefined) {
    return {
      // The store's id first, so that its tombstone is known for this pod's; then PD; the mark says that PD has been asked.
      actions: [labelStore(store), { verb: 'pd', request: { call: 'evict-leaders', id } }, markScaleIn(state, pod)],
      wait: { component: 'tikv', reason: 'EvictingLeaders', message: `${store.leaderCount} leaders leave TiKV ${pod} store ${id}` },
    };
  }
  if (store.leaderCount > 0 && state.nowMs - since < evictionLimitMs) {
    return {
      actions: [],
      wait: { component: 'tikv', reason: 'EvictingLeaders', message: `${store.leaderCount} leaders leave TiKV ${pod} store ${id}` },
    };
  }
  return {
    actions: [{ verb: 'pd', request: { call: 'delete-store', id } }],
    wait: { component: 'tikv', reason: 'StoreOffline', message: `TiKV ${pod} store ${id} goes offline` },
  };
}

function regionsLeft(state: ClusterState, id: string): number {
  const stores: readonly PDStore[] = (state.pd.answered && state.pd.stores) || [];
  return stores.find((store) => store.id === id)?.regionCount ?? 0;
}

function labelStore(store: TiKVStoreStatus): Action {
  return { verb: 'patch', target: 'pods', name: store.podName, patch: { metadata: { labels: { [labelKeys.storeId]: store.id } } } };
}

function markScaleIn(state: ClusterState, pod: string): Action {
  return {
    verb: 'patch',
    target: 'pods',
    name: pod,
    patch: { metadata: { annotations: { [annotations.scaleInTime]: formatTime(state.nowMs) } } },
  };
}

function scaleInSince(state: ClusterState, pod: string): number | undefined {
  return parseTime(getOwn(state.objects.pods.get(pod)?.metadata?.annotations, annotations.scaleInTime));
}

function isReady(state: ClusterState, pod: string): boolean {
  return state.objects.pods.get(pod)?.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;
}

function ordinalOf(pod: string): number {
  return Number(pod.slice(pod.lastIndexOf('-') + 1));
}
