import type { Pod, StatefulSet } from '@coracle/api';
import type { TidbCluster, TidbClusterCondition } from './api/types.ts';
import { clusterName, memberName } from './plan/names.ts';
import type { ComponentName, WaitReason } from './plan/state.ts';

/** What a client has seen beside the TidbCluster itself, by a watch. Leave out what was not watched. */
export interface Seen {
  readonly statefulSets?: readonly StatefulSet[];
  readonly pods?: readonly Pod[];
}

export interface Explanation {
  readonly component: ComponentName;
  readonly ready: number;
  readonly desired: number;
  /** Undefined when the component is ready. */
  readonly waitsFor: WaitsFor | undefined;
}

export interface WaitsFor {
  readonly who: Waited;
  readonly message: string;
}

/** Who has to act next. */
export type Waited = 'user' | 'operator' | 'statefulset-controller' | 'scheduler' | 'kubelet' | ComponentName;

const titles: Readonly<Record<ComponentName, string>> = { pd: 'PD', tikv: 'TiKV', tidb: 'TiDB' };
const before: Readonly<Record<ComponentName, ComponentName | undefined>> = { pd: undefined, tikv: 'pd', tidb: 'tikv' };
/** Waits that only a change of the spec ends. */
const forTheUser: ReadonlySet<string> = new Set<WaitReason | 'FailedValidation' | 'Paused'>([
  'FailedScaleIn',
  'FailedValidation',
  'NotOwned',
  'NotSupported',
  'Paused',
]);
const scaling: ReadonlySet<string> = new Set<WaitReason>(['EvictingLeaders', 'ScalingIn', 'ScalingOut', 'StoreOffline']);

/**
 * What each component waits for, as data: a progress line says it. It rests on objects alone, so that any client can ask,
 * and names the first link of the chain (operator, StatefulSet controller, scheduler, kubelet, the program itself) that has
 * not done its part.
 */
export function explain(tc: TidbCluster, seen: Seen = {}): readonly Explanation[] {
  return (['pd', 'tikv', 'tidb'] as const).flatMap((component) =>
    tc.spec[component] === undefined ? [] : [explainOne(tc, component, seen)],
  );
}

function explainOne(tc: TidbCluster, component: ComponentName, seen: Seen): Explanation {
  const desired = tc.spec[component]?.replicas ?? 0;
  const ready = upCount(tc, component);
  return { component, ready, desired, waitsFor: isDone(tc, component) ? undefined : waitsFor(tc, component, seen) };
}

function isDone(tc: TidbCluster, component: ComponentName): boolean {
  const desired = tc.spec[component]?.replicas ?? 0;
  const { phase, statefulSet } = tc.status?.[component] ?? {};
  // What PD said last is kept while it does not answer: it is no news.
  if (component !== 'tidb' && tc.status?.[component]?.synced !== true) return false;
  return upCount(tc, component) === desired && (statefulSet?.readyReplicas ?? 0) >= desired && phase === 'Normal';
}

function upCount(tc: TidbCluster, component: ComponentName): number {
  const { status } = tc;
  if (component === 'pd') return Object.values(status?.pd?.members ?? {}).filter((member) => member.health).length;
  if (component === 'tikv') return Object.values(status?.tikv?.stores ?? {}).filter((store) => store.state === 'Up').length;
  return Object.values(status?.tidb?.members ?? {}).filter((member) => member.health).length;
}

function waitsFor(tc: TidbCluster, component: ComponentName, seen: Seen): WaitsFor {
  const progress = tc.status?.conditions?.find((condition) => condition.type === 'Progressing');
  if (progress === undefined)
    return { who: 'operator', message: `TidbCluster ${clusterName(tc)} has no status: the operator has not looked at it` };
  if (forTheUser.has(progress.reason ?? '')) return { who: 'user', message: progress.message ?? '' };
  const set = seen.statefulSets?.find((one) => one.metadata?.name === memberName(tc, component));
  if (seen.statefulSets === undefined) return programWaits(tc, component, progress);
  if (set === undefined) return setWaits(tc, component);
  return (
    scaleWaits(tc, component, set, progress) ??
    podsWait(component, set, seen.pods) ??
    noteWaits(tc, component, set) ??
    programWaits(tc, component, progress)
  );
}

/** There is no StatefulSet: its turn has not come, or the operator has not got to it. */
function setWaits(tc: TidbCluster, component: ComponentName): WaitsFor {
  const first = before[component];
  const lack = first === undefined || tc.spec[first] === undefined ? undefined : lackOf(tc, first);
  if (first === undefined || lack === undefined)
    return { who: 'operator', message: `StatefulSet ${memberName(tc, component)} is not created yet` };
  return { who: first, message: `${titles[first]} comes first: ${lack}` };
}

const members: Readonly<Record<ComponentName, string>> = { pd: 'healthy members', tikv: 'stores in state Up', tidb: 'healthy servers' };

/** Why the next component may not start yet, as the operator judges it; undefined when it may. */
function lackOf(tc: TidbCluster, component: ComponentName): string | undefined {
  const { replicas, readyReplicas } = tc.status?.[component]?.statefulSet ?? {};
  const needed = component === 'pd' ? Math.floor((replicas ?? tc.spec.pd?.replicas ?? 0) / 2) + 1 : 1;
  for (const [count, what] of [
    [upCount(tc, component), members[component]],
    [readyReplicas ?? 0, 'ready pods'],
  ] as const)
    if (count < needed) return `${count} ${what}, at least ${needed} needed`;
  return undefined;
}

function scaleWaits(tc: TidbCluster, component: ComponentName, set: StatefulSet, progress: TidbClusterCondition): WaitsFor | undefined {
  const desired = tc.spec[component]?.replicas ?? 0;
  const current = set.spec?.replicas ?? 0;
  if (current === desired) return undefined;
  if (scaling.has(progress.reason ?? ''))
    return { who: progress.reason === 'ScalingOut' ? 'operator' : component, message: progress.message ?? '' };
  return { who: 'operator', message: `StatefulSet ${set.metadata?.name} is asked for ${current} pods, not for ${desired}` };
}

/** The first pod that is not ready, in order of the ordinals, and the link of the chain that it hangs on. */
function podsWait(component: ComponentName, set: StatefulSet, pods: readonly Pod[] | undefined): WaitsFor | undefined {
  if (pods === undefined) return undefined;
  const name = set.metadata?.name ?? '';
  const replicas = set.spec?.replicas ?? 0;
  const ofSet = Array.from({ length: replicas }, (_, ordinal) => pods.find((one) => one.metadata?.name === `${name}-${ordinal}`));
  const count = ofSet.filter((pod) => pod !== undefined).length;
  let unready: WaitsFor | undefined;
  for (const [ordinal, pod] of ofSet.entries()) {
    if (pod === undefined) {
      // With OrderedReady a pod is made when the one before is ready.
      if (set.spec?.podManagementPolicy === 'OrderedReady' && unready !== undefined) return unready;
      return {
        who: 'statefulset-controller',
        message: `StatefulSet ${name} has ${count} of ${replicas} pods: ${name}-${ordinal} is not created`,
      };
    }
    unready ??= podWaits(component, pod);
  }
  if (unready !== undefined) return unready;
  const counted = set.status?.readyReplicas ?? 0;
  if (counted >= replicas) return undefined;
  return { who: 'statefulset-controller', message: `StatefulSet ${name} counts ${counted} of ${replicas} pods as ready, and all are` };
}

function podWaits(component: ComponentName, pod: Pod): WaitsFor | undefined {
  const name = pod.metadata?.name ?? '';
  const node = pod.spec?.nodeName;
  if (node === undefined) return { who: 'scheduler', message: unscheduledText(pod) };
  if (conditionOf(pod, 'Ready')?.status === 'True') return undefined;
  const statuses = pod.status?.containerStatuses ?? [];
  for (const { name: container, state, lastState } of statuses) {
    const ended = state?.terminated ?? (state?.waiting?.reason === 'CrashLoopBackOff' ? lastState?.terminated : undefined);
    if (ended !== undefined)
      return {
        who: component,
        message: `container ${container} of pod ${name} ended with exit code ${ended.exitCode}${state?.waiting === undefined ? '' : ' and is started again later'}`,
      };
    const waiting = state?.waiting;
    if (waiting?.reason !== undefined && waiting.reason !== 'ContainerCreating' && waiting.reason !== 'PodInitializing') {
      return {
        who: 'kubelet',
        message: `pod ${name} does not start on ${node}: ${waiting.reason}${waiting.message === undefined ? '' : `: ${waiting.message}`}`,
      };
    }
  }
  if (statuses.length === 0 || pod.status?.phase === 'Pending')
    return { who: 'kubelet', message: `pod ${name} is assigned to ${node}, which has not started it` };
  const why = conditionOf(pod, 'Ready')?.message;
  return { who: component, message: `pod ${name} runs and is not ready${why === undefined || why === '' ? '' : `: ${why}`}` };
}

function unscheduledText(pod: Pod): string {
  const why = conditionOf(pod, 'PodScheduled')?.message;
  const scheduler = pod.spec?.schedulerName ?? 'default-scheduler';
  const other = scheduler === 'default-scheduler' ? '' : ` (it asks for ${scheduler})`;
  return `pod ${pod.metadata?.name} has no node${other}${why === undefined || why === '' ? '' : `: ${why}`}`;
}

function conditionOf(pod: Pod, type: string): NonNullable<NonNullable<Pod['status']>['conditions']>[number] | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

/** The pods are ready; does the operator know? It copies the StatefulSet's status at every sync. */
function noteWaits(tc: TidbCluster, component: ComponentName, set: StatefulSet): WaitsFor | undefined {
  const noted = tc.status?.[component]?.statefulSet;
  const ready = set.status?.readyReplicas ?? 0;
  if ((noted?.readyReplicas ?? 0) === ready) return undefined;
  return {
    who: 'operator',
    message: `StatefulSet ${set.metadata?.name} has ${ready} ready pods, which the operator has not noted (it knows of ${noted?.readyReplicas ?? 0})`,
  };
}

/** All of Kubernetes has done its part: what remains is between the programs. */
function programWaits(tc: TidbCluster, component: ComponentName, progress: TidbClusterCondition): WaitsFor {
  const desired = tc.spec[component]?.replicas ?? 0;
  if (component !== 'tidb' && tc.spec.pd !== undefined && tc.status?.pd?.synced !== true) {
    const message = progress.reason === 'WaitingForPDAnswer' ? (progress.message ?? '') : `PD of ${memberName(tc, 'pd')} does not answer`;
    return { who: 'pd', message: component === 'pd' ? message : 'its stores are not known while PD does not answer' };
  }
  const what = { pd: 'PD members are healthy', tikv: 'TiKV stores are Up', tidb: 'TiDB servers answer /status' }[component];
  return { who: component, message: `${upCount(tc, component)} of ${desired} ${what}` };
}

/** Whether the operator says that all members are up. */
export function isReady(tc: TidbCluster): boolean {
  return tc.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;
}
