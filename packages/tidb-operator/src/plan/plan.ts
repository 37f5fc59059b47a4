import type { StatefulSet } from '@coracle/api';
import { getOwn } from '@coracle/apimachinery';
import type { TidbClusterStatus } from '../api/types.ts';
import { syncDiscovery } from './discovery.ts';
import { syncLabels } from './labels.ts';
import { configMapActions, deferClaimDeletions, scaleAction, serviceActions, upgradeNotice } from './member-objects.ts';
import { memberName, podName } from './names.ts';
import { statefulSet } from './objects.ts';
import { refuse } from './refusals.ts';
import { scaleOut } from './scale-out.ts';
import { scaleTiKV } from './scale-tikv.ts';
import type { Action, ClusterState, ComponentName, Notice, Plan, StepResult, Wait } from './state.ts';
import { conditionsOf, statusOf } from './status.ts';

export interface PlanOptions {
  /** Image of the discovery service when the cluster names none. */
  readonly discoveryImage: string;
}

type Step = (state: ClusterState, status: TidbClusterStatus, options: PlanOptions) => StepResult;

/** The order of upstream's control loop (pkg/controller/tidbcluster/tidb_cluster_control.go), without the components that we do not run. */
const chain: readonly Step[] = [
  refuse,
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
    actions.push({
      verb: 'patch',
      target: 'persistentvolumes',
      name: volume.metadata?.name ?? '',
      patch: { spec: { persistentVolumeReclaimPolicy: policy } },
    });
  }
  return { actions };
}

/** The parts that all three components share: Services, ConfigMap, StatefulSet. `created` is set when the set is new. */
function syncObjects(
  state: ClusterState,
  component: ComponentName,
): { actions: Action[]; notices: Notice[]; set: StatefulSet | undefined } {
  const actions: Action[] = [...serviceActions(state, component), ...configMapActions(state, component)];
  const set = state.objects.statefulSets.get(memberName(state.tc, component));
  if (set === undefined)
    actions.push({ verb: 'create', object: statefulSet(state.tc, component, state.tc.spec[component]?.replicas ?? 0) });
  const notice = upgradeNotice(state, component);
  return { actions, notices: notice === undefined ? [] : [notice], set };
}

function syncPD(state: ClusterState, status: TidbClusterStatus): StepResult {
  const spec = state.tc.spec.pd;
  if (spec === undefined) return { actions: [] };
  const { actions, notices, set } = syncObjects(state, 'pd');
  const name = memberName(state.tc, 'pd');
  if (set === undefined)
    return { actions, notices, wait: { component: 'pd', reason: 'WaitingForPD', message: `waiting for PD cluster ${name} running` } };
  if (!state.pd.answered) {
    return {
      actions,
      notices,
      wait: { component: 'pd', reason: 'WaitingForPDAnswer', message: `PD of ${name} does not answer: ${state.pd.why}` },
    };
  }
  const scaled = scalePD(state, set, status);
  actions.push(...scaled.actions);
  if (scaled.wait !== undefined) return { actions, notices, wait: scaled.wait };
  if (!pdIsAvailable(status, set)) {
    const healthy = Object.values(status.pd?.members ?? {}).filter((member) => member.health).length;
    return {
      actions,
      notices,
      wait: {
        component: 'pd',
        reason: 'WaitingForPDQuorum',
        message: `${healthy} of ${spec.replicas} PD members are healthy, ${set.status?.readyReplicas ?? 0} pods are ready`,
      },
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
      return {
        actions: [],
        wait: { component: 'pd', reason: 'ScalingOut', message: `waiting for the members of ${name} to be healthy before one more joins` },
      };
    }
    return scaleOut(state, set, 'pd', desired);
  }
  const ordinal = current - 1;
  const pod = podName(state.tc, 'pd', ordinal);
  if (desired === 0 && (state.tc.spec.tikv !== undefined || state.tc.spec.tidb !== undefined)) {
    return {
      actions: [],
      wait: { component: 'pd', reason: 'FailedScaleIn', message: `PD cannot be scaled to 0 while other components run` },
    };
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
    actions: [...deferClaimDeletions(state, 'pd', ordinal), scaleAction(state.tc, set, ordinal)],
    wait: { component: 'pd', reason: 'ScalingIn', message: `${name} goes from ${current} to ${ordinal} pods` },
  };
}

function syncTiKV(state: ClusterState, status: TidbClusterStatus): StepResult {
  const spec = state.tc.spec.tikv;
  if (spec === undefined) return { actions: [] };
  const { actions, notices, set } = syncObjects(state, 'tikv');
  const name = memberName(state.tc, 'tikv');
  if (set === undefined)
    return { actions, notices, wait: { component: 'tikv', reason: 'WaitingForTiKV', message: `waiting for TiKV cluster ${name} running` } };
  const scaled = scaleTiKV(state, set, status);
  actions.push(...scaled.actions);
  if (scaled.wait !== undefined) return { actions, notices, wait: scaled.wait };
  const up = Object.values(status.tikv?.stores ?? {}).filter((store) => store.state === 'Up').length;
  if (up < 1 || (set.status?.readyReplicas ?? 0) < 1) {
    return {
      actions,
      notices,
      wait: {
        component: 'tikv',
        reason: 'WaitingForTiKV',
        message: `${up} of ${spec.replicas} stores are Up, ${set.status?.readyReplicas ?? 0} pods are ready`,
      },
    };
  }
  return { actions, notices };
}

function syncTiDB(state: ClusterState, status: TidbClusterStatus): StepResult {
  const spec = state.tc.spec.tidb;
  if (spec === undefined) return { actions: [] };
  const { actions, notices, set } = syncObjects(state, 'tidb');
  const name = memberName(state.tc, 'tidb');
  if (set === undefined)
    return { actions, notices, wait: { component: 'tidb', reason: 'WaitingForTiDB', message: `waiting for TiDB cluster ${name} running` } };
  const current = set.spec?.replicas ?? 0;
  if (current < spec.replicas) {
    const scaled = scaleOut(state, set, 'tidb', spec.replicas);
    actions.push(...scaled.actions);
    if (scaled.wait !== undefined) return { actions, notices, wait: scaled.wait };
  }
  if (current > spec.replicas) {
    actions.push(...deferClaimDeletions(state, 'tidb', current - 1), scaleAction(state.tc, set, current - 1));
    return {
      actions,
      notices,
      wait: { component: 'tidb', reason: 'ScalingIn', message: `${name} goes from ${current} to ${current - 1} pods` },
    };
  }
  const healthy = Object.values(status.tidb?.members ?? {}).filter((member) => member.health).length;
  if (healthy < spec.replicas) {
    return {
      actions,
      notices,
      wait: { component: 'tidb', reason: 'WaitingForTiDB', message: `${healthy} of ${spec.replicas} TiDB servers are healthy` },
    };
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
