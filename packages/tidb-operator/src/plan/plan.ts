import { parseTime, formatTime, getOwn } from '@coracle/apimachinery';
import type { StatefulSet } from '@coracle/api';
import type { TidbClusterStatus, TiKVStoreStatus } from '../api/types.ts';
import { syncDiscovery } from './discovery.ts';
import { configMapActions, deferClaimDeletion, deferredClaimDeletions, scaleAction, serviceActions, upgradeNotice } from './member-objects.ts';
import { annotations, claimName, labelKeys, memberName, podName } from './names.ts';
import { statefulSet } from './objects.ts';
import type { Action, ClusterState, ComponentName, Notice, Plan, PDStore, StepResult, Wait } from './state.ts';
import { conditionsOf, podsOf, statusOf } from './status.ts';

export interface PlanOptions {
  /** Image of the discovery service when the cluster names none. */
  readonly discoveryImage: string;
}

type Step = (state: ClusterState, status: TidbClusterStatus, options: PlanOptions) => StepResult;

/** The order of upstream's control loop (pkg/controller/tidbcluster/tidb_cluster_control.go), without the components that we do not run. */
const chain: readonly Step[] = [
  syncReclaimPolicy,
  (state, _status, options) => (state.tc.spec.pd ? syncDiscovery(state, options.discoveryImage) : { actions: [] }),
  syncPD,
  syncTiKV,
  syncTiDB,
  syncLabels,
];

/**
 * What one sync does: the steps in order until one waits. Pure; the first wait hides the later steps, as upstream's first
 * error does, and the status is written all the same. A paused cluster gets its status and nothing else.
 */
export function plan(state: ClusterState, options: PlanOptions): Plan {
  const status = statusOf(state);
  const actions: Action[] = [];
  const notices: Notice[] = [];
  let wait: Wait | undefined;
  if (state.tc.spec.paused !== true) {
    for (const step of chain) {
      const result = step(state, status, options);
      actions.push(...result.actions);
      notices.push(...(result.notices ?? []));
      wait = result.wait;
      if (wait !== undefined) break;
    }
  }
  return { actions, notices, wait, status: { ...status, conditions: conditionsOf(state, status, wait) } };
}

function syncReclaimPolicy(state: ClusterState): StepResult {
  const policy = state.tc.spec.pvReclaimPolicy ?? 'Retain';
  const actions: Action[] = [];
  for (const claim of state.objects.claims.values()) {
    const volume = state.objects.volumes.get(claim.spec?.volumeName ?? '');
    if (volume === undefined || volume.spec?.persistentVolumeReclaimPolicy === policy) continue;
    actions.push({ verb: 'patch', target: 'persistentvolumes', name: volume.metadata?.name ?? '', patch: { spec: { persistentVolumeReclaimPolicy: policy } } });
  }
  return { actions };
}

/** The parts that all three components share: Services, ConfigMap, StatefulSet. `created` is set when the set is new. */
function syncObjects(state: ClusterState, component: ComponentName): { actions: Action[]; notices: Notice[]; set: StatefulSet | undefined } {
  const actions: Action[] = [...serviceActions(state, component), ...configMapActions(state, component)];
  const set = state.objects.statefulSets.get(memberName(state.tc, component));
  if (set === undefined) actions.push({ verb: 'create', object: statefulSet(state.tc, component, state.tc.spec[component]?.replicas ?? 0) });
  const notice = upgradeNotice(state, component);
  return { actions, notices: notice === undefined ? [] : [notice], set };
}

function syncPD(state: ClusterState, status: TidbClusterStatus): StepResult {
  const spec = state.tc.spec.pd;
  if (spec === undefined) return { actions: [] };
  const { actions, notices, set } = syncObjects(state, 'pd');
  const name = memberName(state.tc, 'pd');
  if (set === undefined) return { actions, notices, wait: { component: 'pd', reason: 'WaitingForPD', message: `waiting for PD cluster ${name} running` } };
  if (!state.pd.answered) {
    return { actions, notices, wait: { component: 'pd', reason: 'WaitingForPDAnswer', message: `PD of ${name} does not answer: ${state.pd.why}` } };
  }
  const scaled = scalePD(state, set, status);
  actions.push(...scaled.actions);
  if (scaled.wait !== undefined) return { actions, notices, wait: scaled.wait };
  if (!pdIsAvailable(status, set)) {
    const healthy = Object.values(status.pd?.members ?? {}).filter((member) => member.health).length;
    return {
      actions,
      notices,
      wait: { component: 'pd', reason: 'WaitingForPDQuorum', message: `${healthy} of ${spec.replicas} PD members are healthy, ${set.status?.readyReplicas ?? 0} pods are ready` },
    };
  }
  return { actions, notices };
}

function pdIsAvailable(status: TidbClusterStatus, set: StatefulSet): boolean {
  const quorum = Math.floor((set.spec?.replicas ?? 0) / 2) + 1;
  const members = [...Object.values(status.pd?.members ?? {}), ...Object.values(status.pd?.peerMembers ?? {})];
  return members.filter((member) => member.health).length >= quorum && (set.status?.readyReplicas ?? 0) >= quorum;
}

function scalePD(state: ClusterState, set: StatefulSet, status: TidbClusterStatus): StepResult {
  const current = set.spec?.replicas ?? 0;
  const desired = state.tc.spec.pd?.replicas ?? 0;
  if (current === desired) return { actions: [] };
  const name = memberName(state.tc, 'pd');
  if (desired > current) {
    const members = Object.values(status.pd?.members ?? {});
    if (members.length < current || members.some((member) => !member.health)) {
      return { actions: [], wait: { component: 'pd', reason: 'ScalingOut', message: `waiting for the members of ${name} to be healthy before one more joins` } };
    }
    return scaleOut(state, set, 'pd', desired);
  }
  const ordinal = current - 1;
  const pod = podName(state.tc, 'pd', ordinal);
  if (desired === 0 && (state.tc.spec.tikv !== undefined || state.tc.spec.tidb !== undefined)) {
    return { actions: [], wait: { component: 'pd', reason: 'FailedScaleIn', message: `PD cannot be scaled to 0 while other components run` } };
  }
  if (state.pd.answered && state.pd.leader === pod && ordinal > 0) {
    const target = podName(state.tc, 'pd', 0);
    return {
      actions: [{ verb: 'pd', request: { call: 'transfer-leader', name: target } }],
      wait: { component: 'pd', reason: 'ScalingIn', message: `the leader moves from ${pod} to ${target}` },
    };
  }
  if (getOwn(status.pd?.members, pod) !== undefined && ordinal > 0) {
    return {
      actions: [{ verb: 'pd', request: { call: 'delete-member', name: pod } }],
      wait: { component: 'pd', reason: 'ScalingIn', message: `member ${pod} leaves PD` },
    };
  }
  return {
    actions: [...deferClaimDeletion(state, claimName(state.tc, 'pd', ordinal), formatTime(state.nowMs)), scaleAction(set, ordinal)],
    wait: { component: 'pd', reason: 'ScalingIn', message: `${name} goes from ${current} to ${ordinal} pods` },
  };
}

/** One pod more. A claim that an earlier scale-in left for this ordinal goes first, and costs a round. */
function scaleOut(state: ClusterState, set: StatefulSet, component: ComponentName, desired: number): StepResult {
  const current = set.spec?.replicas ?? 0;
  const claim = claimName(state.tc, component, current);
  const deletions = deferredClaimDeletions(state, claim);
  const waiting = state.objects.claims.get(claim)?.metadata?.deletionTimestamp !== undefined;
  const name = memberName(state.tc, component);
  if (deletions.length > 0 || waiting) {
    return { actions: waiting ? [] : deletions, wait: { component, reason: 'ScalingOut', message: `the old claim ${claim} is deleted first` } };
  }
  return {
    actions: [scaleAction(set, current + 1)],
    ...(current + 1 !== desired && {
      wait: { component, reason: 'ScalingOut' as const, message: `${name} goes from ${current} to ${current + 1} of ${desired} pods` },
    }),
  };
}

function syncTiKV(state: ClusterState, status: TidbClusterStatus): StepResult {
  const spec = state.tc.spec.tikv;
  if (spec === undefined) return { actions: [] };
  const { actions, notices, set } = syncObjects(state, 'tikv');
  const name = memberName(state.tc, 'tikv');
  if (set === undefined) return { actions, notices, wait: { component: 'tikv', reason: 'WaitingForTiKV', message: `waiting for TiKV cluster ${name} running` } };
  const scaled = scaleTiKV(state, set, status);
  actions.push(...scaled.actions);
  if (scaled.wait !== undefined) return { actions, notices, wait: scaled.wait };
  const up = Object.values(status.tikv?.stores ?? {}).filter((store) => store.state === 'Up').length;
  if (up < 1 || (set.status?.readyReplicas ?? 0) < 1) {
    return { actions, notices, wait: { component: 'tikv', reason: 'WaitingForTiKV', message: `${up} of ${spec.replicas} stores are Up, ${set.status?.readyReplicas ?? 0} pods are ready` } };
  }
  return { actions, notices };
}

/** A pod without a store may be about to register: it is given this long. Five resync periods of upstream. */
const storelessGraceMs = 150_000;
/** Upstream gives leaders this long to leave before the store is deleted all the same. */
const evictionLimitMs = 300_000;

function scaleTiKV(state: ClusterState, set: StatefulSet, status: TidbClusterStatus): StepResult {
  const current = set.spec?.replicas ?? 0;
  const desired = state.tc.spec.tikv?.replicas ?? 0;
  if (current < desired) return scaleOut(state, set, 'tikv', desired);
  if (current === desired || !state.pd.answered) return { actions: [] };
  const ordinal = current - 1;
  const pod = podName(state.tc, 'tikv', ordinal);
  const store = Object.values(status.tikv?.stores ?? {}).find((one) => one.podName === pod);
  if (store !== undefined) return leaveCluster(state, store, status, state.pd.maxReplicas);
  const tombstone = Object.values(status.tikv?.tombstoneStores ?? {}).find((one) => one.podName === pod);
  const since = scaleInSince(state, pod);
  if (tombstone === undefined && isReady(state, pod)) {
    if (since === undefined) return { actions: [markScaleIn(state, pod)], wait: storeless(pod) };
    if (state.nowMs - since < storelessGraceMs) return { actions: [], wait: storeless(pod) };
  }
  const claim = deferClaimDeletion(state, claimName(state.tc, 'tikv', ordinal), formatTime(state.nowMs));
  const ended: Action[] = tombstone === undefined ? [] : [{ verb: 'pd', request: { call: 'end-evict-leaders', id: tombstone.id } }];
  return {
    actions: [...claim, ...ended, scaleAction(set, ordinal)],
    wait: { component: 'tikv', reason: 'ScalingIn', message: `${memberName(state.tc, 'tikv')} goes from ${current} to ${ordinal} pods` },
  };
}

function storeless(pod: string): Wait {
  return { component: 'tikv', reason: 'ScalingIn', message: `pod ${pod} has no store yet: it may still register one` };
}

/** The way of a store out of the cluster: leaders leave, Offline, its regions move, Tombstone. */
function leaveCluster(state: ClusterState, store: TiKVStoreStatus, status: TidbClusterStatus, maxReplicas: number): StepResult {
  const { podName: pod, id } = store;
  if (store.state === 'Offline') {
    return { actions: [], wait: { component: 'tikv', reason: 'StoreOffline', message: `TiKV ${pod} store ${id} still in cluster, state: Offline, ${regionsLeft(state, id)} regions left` } };
  }
  const up = Object.values(status.tikv?.stores ?? {}).filter((one) => one.state === 'Up').length;
  if (up < maxReplicas || (up === maxReplicas && store.state === 'Up')) {
    return {
      actions: [],
      wait: { component: 'tikv', reason: 'FailedScaleIn', message: `can't scale in TiKV ${pod}: ${up} stores are Up and max-replicas is ${maxReplicas}` },
    };
  }
  const since = scaleInSince(state, pod);
  if (since === undefined) {
    return {
      // PD first: the mark says that it has been asked.
      actions: [{ verb: 'pd', request: { call: 'evict-leaders', id } }, markScaleIn(state, pod)],
      wait: { component: 'tikv', reason: 'EvictingLeaders', message: `${store.leaderCount} leaders leave TiKV ${pod} store ${id}` },
    };
  }
  if (store.leaderCount > 0 && state.nowMs - since < evictionLimitMs) {
    return { actions: [], wait: { component: 'tikv', reason: 'EvictingLeaders', message: `${store.leaderCount} leaders leave TiKV ${pod} store ${id}` } };
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

function markScaleIn(state: ClusterState, pod: string): Action {
  return { verb: 'patch', target: 'pods', name: pod, patch: { metadata: { annotations: { [annotations.scaleInTime]: formatTime(state.nowMs) } } } };
}

function scaleInSince(state: ClusterState, pod: string): number | undefined {
  return parseTime(getOwn(state.objects.pods.get(pod)?.metadata?.annotations, annotations.scaleInTime));
}

function isReady(state: ClusterState, pod: string): boolean {
  return state.objects.pods.get(pod)?.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;
}

function syncTiDB(state: ClusterState, status: TidbClusterStatus): StepResult {
  const spec = state.tc.spec.tidb;
  if (spec === undefined) return { actions: [] };
  const { actions, notices, set } = syncObjects(state, 'tidb');
  const name = memberName(state.tc, 'tidb');
  if (set === undefined) return { actions, notices, wait: { component: 'tidb', reason: 'WaitingForTiDB', message: `waiting for TiDB cluster ${name} running` } };
  const current = set.spec?.replicas ?? 0;
  if (current < spec.replicas) {
    const scaled = scaleOut(state, set, 'tidb', spec.replicas);
    actions.push(...scaled.actions);
    if (scaled.wait !== undefined) return { actions, notices, wait: scaled.wait };
  }
  if (current > spec.replicas) {
    actions.push(scaleAction(set, current - 1));
    return { actions, notices, wait: { component: 'tidb', reason: 'ScalingIn', message: `${name} goes from ${current} to ${current - 1} pods` } };
  }
  const healthy = Object.values(status.tidb?.members ?? {}).filter((member) => member.health).length;
  if (healthy < spec.replicas) {
    return { actions, notices, wait: { component: 'tidb', reason: 'WaitingForTiDB', message: `${healthy} of ${spec.replicas} TiDB servers are healthy` } };
  }
  return waitForAllStores(state, status, { actions, notices });
}

/** The chain goes on with one store Up; the cluster is settled only when all are. */
function waitForAllStores(state: ClusterState, status: TidbClusterStatus, done: { actions: Action[]; notices: Notice[] }): StepResult {
  const want = state.tc.spec.tikv?.replicas ?? 0;
  const up = Object.values(status.tikv?.stores ?? {}).filter((store) => store.state === 'Up').length;
  const pdWant = state.tc.spec.pd?.replicas ?? 0;
  const healthy = Object.values(status.pd?.members ?? {}).filter((member) => member.health).length;
  if (state.tc.spec.pd !== undefined && healthy < pdWant) {
    return { ...done, wait: { component: 'pd', reason: 'WaitingForPDQuorum', message: `${healthy} of ${pdWant} PD members are healthy` } };
  }
  if (state.tc.spec.tikv !== undefined && up < want) {
    return { ...done, wait: { component: 'tikv', reason: 'WaitingForTiKV', message: `${up} of ${want} stores are Up` } };
  }
  return done;
}

/** Labels that say which member or store a pod is (upstream: pkg/manager/meta). */
function syncLabels(state: ClusterState, status: TidbClusterStatus): StepResult {
  const actions: Action[] = [];
  const clusterId = status.clusterID;
  if (clusterId === undefined) return { actions };
  const label = (pod: string, own: Readonly<Record<string, string>>): void => {
    const found = state.objects.pods.get(pod);
    const wanted = { [labelKeys.clusterId]: clusterId, ...own };
    const missing = Object.entries(wanted).some(([key, value]) => getOwn(found?.metadata?.labels, key) !== value);
    if (found !== undefined && missing) actions.push({ verb: 'patch', target: 'pods', name: pod, patch: { metadata: { labels: wanted } } });
  };
  for (const pod of podsOf(state, 'pd')) {
    const id = getOwn(status.pd?.members, pod)?.id;
    if (id !== undefined) label(pod, { [labelKeys.memberId]: id });
  }
  for (const store of Object.values(status.tikv?.stores ?? {})) label(store.podName, { [labelKeys.storeId]: store.id });
  for (const pod of podsOf(state, 'tidb')) label(pod, {});
  return { actions };
}
