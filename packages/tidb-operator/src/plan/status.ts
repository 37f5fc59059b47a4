import type { StatefulSet } from '@coracle/api';
import { formatTime, getOwn } from '@coracle/apimachinery';
import type {
  MemberPhase,
  PDMemberStatus,
  PDStatus,
  StatefulSetStatusCopy,
  TidbCluster,
  TidbClusterCondition,
  TidbClusterStatus,
  TiDBStatus,
  TiKVStatus,
  TiKVStoreStatus,
} from '../api/types.ts';
import { memberName, namespaceOf, peerServiceName, podName } from './names.ts';
import { missingComponents } from './refusals.ts';
import type { ClusterState, ComponentName, PDStore, Wait } from './state.ts';

/** The status that follows from what this sync saw, before its actions (upstream: the syncStatus of each member manager). */
export function statusOf(state: ClusterState): TidbClusterStatus {
  const { spec, status: old } = state.tc;
  const clusterID = state.pd.answered ? state.pd.clusterId : old?.clusterID;
  return {
    ...(clusterID !== undefined && { clusterID }),
    ...(spec.pd && { pd: pdStatus(state) }),
    ...(spec.tikv && { tikv: tikvStatus(state) }),
    ...(spec.tidb && { tidb: tidbStatus(state) }),
  };
}

function setStatus(
  state: ClusterState,
  component: ComponentName,
): { phase: MemberPhase; image?: string; statefulSet?: StatefulSetStatusCopy } {
  const set = state.objects.statefulSets.get(memberName(state.tc, component));
  const desired = state.tc.spec[component]?.replicas ?? 0;
  if (set === undefined) return { phase: 'Normal' };
  const image = set.spec?.template?.spec?.containers?.find((container) => container.name === component)?.image;
  const phase = set.spec?.replicas !== desired ? 'Scale' : isUpgrading(set) ? 'Upgrade' : 'Normal';
  return { phase, ...(image !== undefined && { image }), statefulSet: copyOf(set) };
}

function isUpgrading(set: StatefulSet): boolean {
  const { currentRevision, updateRevision } = set.status ?? {};
  return currentRevision !== undefined && updateRevision !== undefined && currentRevision !== updateRevision;
}

function copyOf(set: StatefulSet): StatefulSetStatusCopy {
  const status = set.status;
  const copy: Record<string, unknown> = { replicas: status?.replicas ?? 0 };
  for (const key of [
    'availableReplicas',
    'collisionCount',
    'currentReplicas',
    'currentRevision',
    'observedGeneration',
    'readyReplicas',
    'updateRevision',
    'updatedReplicas',
  ] as const) {
    if (status?.[key] !== undefined) copy[key] = status[key];
  }
  return { replicas: status?.replicas ?? 0, ...copy };
}

function pdStatus(state: ClusterState): PDStatus {
  const old = state.tc.status?.pd;
  const base = setStatus(state, 'pd');
  const { pd } = state;
  if (!pd.answered) return { ...old, ...base, synced: false };
  const own = pd.members.filter((member) => ownsUrl(state, member.clientUrls[0] ?? ''));
  const members = record(own.map((member): [string, PDMemberStatus] => [member.name, memberStatus(state, member, old)]));
  const peers = pd.members.filter((member) => !own.includes(member));
  const joined = new Set(pd.members.map((member) => member.name));
  const pods = podsOf(state, 'pd').filter((name) => !joined.has(name));
  const leader = pd.leader === undefined ? undefined : members[pd.leader];
  return {
    ...base,
    synced: true,
    ...(leader && { leader }),
    members,
    ...(peers.length > 0 && {
      peerMembers: record(peers.map((member): [string, PDMemberStatus] => [member.name, memberStatus(state, member, old)])),
    }),
    ...(pods.length > 0 && {
      unjoinedMembers: record(
        pods.map((name) => [name, { podName: name, createdAt: getOwn(old?.unjoinedMembers, name)?.createdAt ?? formatTime(state.nowMs) }]),
      ),
    }),
  };
}

function memberStatus(
  state: ClusterState,
  member: { name: string; memberId: string; clientUrls: readonly string[]; health: boolean },
  old: PDStatus | undefined,
): PDMemberStatus {
  const before = getOwn(old?.members, member.name) ?? getOwn(old?.peerMembers, member.name);
  const since = before?.health === member.health ? before.lastTransitionTime : undefined;
  return {
    clientURL: member.clientUrls[0] ?? '',
    health: member.health,
    id: member.memberId,
    lastTransitionTime: since ?? formatTime(state.nowMs),
    name: member.name,
  };
}

/** Whether a client URL names a pod of this cluster: another cluster may share its PD. */
function ownsUrl(state: ClusterState, url: string): boolean {
  const { tc } = state;
  const host = /^https?:\/\/([^:/]+):2379$/.exec(url)?.[1] ?? '';
  const [pod = '', ...domain] = host.split('.');
  const prefix = `${memberName(tc, 'pd')}-`;
  return (
    pod.startsWith(prefix) &&
    /^\d+$/.test(pod.slice(prefix.length)) &&
    domain.join('.').startsWith(`${peerServiceName(tc, 'pd')}.${namespaceOf(tc)}.svc`)
  );
}

function tikvStatus(state: ClusterState): TiKVStatus {
  const old = state.tc.status?.tikv;
  const base = setStatus(state, 'tikv');
  const { pd } = state;
  if (!pd.answered) return { ...old, ...base, synced: false };
  if (pd.stores === undefined) return { ...base, bootStrapped: false, synced: true };
  const isOwn = (store: PDStore): boolean => store.address.split('.')[1] === peerServiceName(state.tc, 'tikv');
  const own = pd.stores.filter(isOwn);
  const peers = pd.stores.filter((store) => !isOwn(store));
  const tombstones = pd.tombstones.filter(isOwn);
  const of = (stores: readonly PDStore[]): Record<string, TiKVStoreStatus> =>
    record(stores.map((store) => [store.id, storeStatus(state, store, old)]));
  return {
    ...base,
    bootStrapped: true,
    stores: of(own),
    synced: true,
    ...(peers.length > 0 && { peerStores: of(peers) }),
    ...(tombstones.length > 0 && { tombstoneStores: of(tombstones) }),
  };
}

function storeStatus(state: ClusterState, store: PDStore, old: TiKVStatus | undefined): TiKVStoreStatus {
  const before = getOwn(old?.stores, store.id) ?? getOwn(old?.tombstoneStores, store.id) ?? getOwn(old?.peerStores, store.id);
  const since = before?.state === store.stateName ? before.lastTransitionTime : undefined;
  const host = store.address.split(':')[0] ?? '';
  return {
    id: store.id,
    ip: host,
    lastTransitionTime: since ?? formatTime(state.nowMs),
    leaderCount: store.leaderCount,
    podName: host.split('.')[0] ?? '',
    state: store.stateName,
  };
}

function tidbStatus(state: ClusterState): TiDBStatus {
  const old = state.tc.status?.tidb;
  const members = podsOf(state, 'tidb').map((name): [string, NonNullable<TiDBStatus['members']>[string]] => {
    const health = state.tidbHealth.get(name) ?? false;
    const before = getOwn(old?.members, name);
    const since = before?.health === health ? before.lastTransitionTime : undefined;
    const node = state.objects.pods.get(name)?.spec?.nodeName;
    return [name, { health, lastTransitionTime: since ?? formatTime(state.nowMs), name, ...(node !== undefined && { node }) }];
  });
  return { ...setStatus(state, 'tidb'), ...(members.length > 0 && { members: record(members) }) };
}

/** Names of the pods that the set has now. */
export function podsOf(state: ClusterState, component: ComponentName): readonly string[] {
  const replicas = state.objects.statefulSets.get(memberName(state.tc, component))?.spec?.replicas ?? 0;
  return Array.from({ length: replicas }, (_, ordinal) => podName(state.tc, component, ordinal)).filter((name) =>
    state.objects.pods.has(name),
  );
}

/** Sorted, as Go writes its maps: PD's order is that of joining. */
function record<V>(entries: readonly (readonly [string, V])[]): Record<string, V> {
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const settled = { reason: 'Settled', message: 'Nothing to do' };
const paused = { reason: 'Paused', message: 'The cluster is paused: only its status is kept' };

/** The conditions Ready (upstream: pkg/util/tidbcluster and tidb_cluster_condition_updater.go) and Progressing (ours: what the operator waits for). */
export function conditionsOf(state: ClusterState, status: TidbClusterStatus, wait: Wait | undefined): readonly TidbClusterCondition[] {
  const notReady = whyNotReady(state, status);
  const old = state.tc.status?.conditions ?? [];
  return [
    notReady === undefined
      ? condition(state, old, { type: 'Ready', status: 'True', reason: 'Ready', message: 'TiDB cluster is fully up and running' })
      : condition(state, old, { type: 'Ready', status: 'False', ...notReady }),
    wait === undefined
      ? condition(state, old, { type: 'Progressing', status: 'False', ...(state.tc.spec.paused === true ? paused : settled) })
      : condition(state, old, { type: 'Progressing', status: 'True', reason: wait.reason, message: wait.message }),
  ];
}

/** The status of a cluster whose spec cannot be understood: all that was known, and why nothing goes on. */
export function refusedStatus(tc: TidbCluster, message: string, nowMs: number): TidbClusterStatus {
  const old = tc.status?.conditions ?? [];
  const progressing = condition({ nowMs }, old, { type: 'Progressing', status: 'False', reason: 'FailedValidation', message });
  return { ...tc.status, conditions: [...old.filter((one) => one.type !== 'Progressing'), progressing] };
}

function condition(
  state: Pick<ClusterState, 'nowMs'>,
  old: readonly TidbClusterCondition[],
  now: TidbClusterCondition,
): TidbClusterCondition {
  const before = old.find((one) => one.type === now.type);
  if (before !== undefined && before.status === now.status && before.reason === now.reason && before.message === now.message) return before;
  const at = formatTime(state.nowMs);
  return { lastTransitionTime: before?.status === now.status ? (before.lastTransitionTime ?? at) : at, lastUpdateTime: at, ...now };
}

function whyNotReady(state: ClusterState, status: TidbClusterStatus): { readonly reason: string; readonly message: string } | undefined {
  const { spec } = state.tc;
  const missing = missingComponents(spec);
  if (missing.length > 0) return { reason: 'ComponentNotSupported', message: `${missing.join(', ')}: this operator does not run it` };
  for (const component of ['pd', 'tikv', 'tidb'] as const) {
    if (spec[component] === undefined) continue;
    const set = state.objects.statefulSets.get(memberName(state.tc, component));
    const observed = set?.status?.observedGeneration ?? 0;
    if (set === undefined || observed < (set.metadata?.generation ?? 0) || isUpgrading(set)) {
      return { reason: 'StatefulSetNotUpToDate', message: 'Statefulset(s) are in progress' };
    }
  }
  if (spec.pd) {
    const members = Object.values(status.pd?.members ?? {});
    if (status.pd?.synced !== true || members.length !== spec.pd.replicas || members.some((member) => !member.health)) {
      return { reason: 'PDUnhealthy', message: 'PD(s) are not healthy' };
    }
  }
  if (spec.tikv) {
    const stores = Object.values(status.tikv?.stores ?? {});
    if (stores.length !== spec.tikv.replicas || stores.some((store) => store.state !== 'Up')) {
      return { reason: 'TiKVStoreNotUp', message: 'TiKV store(s) are not up' };
    }
  }
  if (spec.tidb) {
    const members = Object.values(status.tidb?.members ?? {});
    if (members.length !== spec.tidb.replicas || members.some((member) => !member.health)) {
      return { reason: 'TiDBUnhealthy', message: 'TiDB(s) are not healthy' };
    }
  }
  return undefined;
}
