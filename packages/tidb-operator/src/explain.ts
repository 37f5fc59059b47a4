import type { Pod, StatefulSet } from '@coracle/api';
import type { TidbCluster } from './api/types.ts';
import { memberName } from './plan/names.ts';
import type { ComponentName } from './plan/state.ts';

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
  readonly waitsFor: { readonly who: Waited; readonly message: string } | undefined;
}

/** Who has to act next. */
export type Waited = 'operator' | 'statefulset-controller' | 'scheduler' | 'kubelet' | 'pd' | 'tikv' | 'tidb';

/**
 * What each component waits for, as data: a progress line says it. It rests on objects alone, so that any client can ask,
 * and names the first link of the chain (operator, StatefulSet controller, scheduler, kubelet, the program itself) that has
 * not done its part.
 */
export function explain(tc: TidbCluster, seen: Seen = {}): readonly Explanation[] {
  return (['pd', 'tikv', 'tidb'] as const).flatMap((component) => (tc.spec[component] === undefined ? [] : [explainOne(tc, component, seen)]));
}

function explainOne(tc: TidbCluster, component: ComponentName, seen: Seen): Explanation {
  const desired = tc.spec[component]?.replicas ?? 0;
  const ready = upCount(tc, component);
  const settled = tc.status?.[component]?.statefulSet?.readyReplicas ?? 0;
  if (ready === desired && settled >= desired && tc.status?.[component]?.phase === 'Normal') return { component, ready, desired, waitsFor: undefined };
  return { component, ready, desired, waitsFor: waitsFor(tc, component, seen) };
}

function upCount(tc: TidbCluster, component: ComponentName): number {
  const { status } = tc;
  if (component === 'pd') return Object.values(status?.pd?.members ?? {}).filter((member) => member.health).length;
  if (component === 'tikv') return Object.values(status?.tikv?.stores ?? {}).filter((store) => store.state === 'Up').length;
  return Object.values(status?.tidb?.members ?? {}).filter((member) => member.health).length;
}

function waitsFor(tc: TidbCluster, component: ComponentName, seen: Seen): { readonly who: Waited; readonly message: string } {
  const progressing = tc.status?.conditions?.find((condition) => condition.type === 'Progressing');
  if (progressing === undefined) return { who: 'operator', message: 'the operator has not looked at it yet' };
  const name = memberName(tc, component);
  const set = seen.statefulSets?.find((one) => one.metadata?.name === name);
  if (seen.statefulSets !== undefined && set === undefined) {
    const earlier = { pd: undefined, tikv: 'PD', tidb: 'TiKV' }[component];
    return earlier === undefined
      ? { who: 'operator', message: `StatefulSet ${name} is not created yet` }
      : { who: component === 'tikv' ? 'pd' : 'tikv', message: `${earlier} comes first: ${progressing.message ?? ''}` };
  }
  return podsWait(name, set, seen) ?? { who: component, message: progressing.status === 'True' ? (progressing.message ?? '') : `${name} is not ready` };
}

function podsWait(name: string, set: StatefulSet | undefined, seen: Seen): { readonly who: Waited; readonly message: string } | undefined {
  if (set === undefined || seen.pods === undefined) return undefined;
  for (let ordinal = 0; ordinal < (set.spec?.replicas ?? 0); ordinal++) {
    const podName = `${name}-${ordinal}`;
    const pod = seen.pods.find((one) => one.metadata?.name === podName);
    if (pod === undefined) return { who: 'statefulset-controller', message: `pod ${podName} is not created yet` };
    if (pod.spec?.nodeName === undefined) return { who: 'scheduler', message: unscheduledText(podName, pod) };
    const statuses = pod.status?.containerStatuses ?? [];
    if (pod.status?.phase === 'Pending') return { who: 'kubelet', message: `pod ${podName} is not started by the kubelet of ${pod.spec.nodeName}${waitingText(statuses)}` };
    const waiting = waitingText(statuses);
    if (waiting !== '') return { who: 'kubelet', message: `pod ${podName} does not run${waiting}` };
  }
  return undefined;
}

function unscheduledText(podName: string, pod: Pod): string {
  const why = pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled' && condition.status === 'False')?.message;
  return `pod ${podName} has no node yet${why === undefined ? '' : `: ${why}`}`;
}

function waitingText(statuses: NonNullable<NonNullable<Pod['status']>['containerStatuses']>): string {
  for (const status of statuses) {
    const waiting = status.state?.waiting;
    if (waiting?.reason !== undefined) return `: ${waiting.reason}${waiting.message === undefined ? '' : `: ${waiting.message}`}`;
  }
  return '';
}

/** Whether the operator says that all members are up. */
export function isReady(tc: TidbCluster): boolean {
  return tc.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;
}
