import type { Pod, PodCondition, PodTemplateSpec } from '@coracle/api';
import { controllerOf, type Frozen, type KubeObject, type OwnerReference, parseTime, sortedEntries } from '@coracle/apimachinery';
import { metaNamespaceKey, type SharedIndexInformer } from '@coracle/client';

/** Reading pods (pkg/api/v1/pod, pkg/controller controller_utils.go). */

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

export function isPodReady(pod: Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True';
}

/** Succeeded or Failed: its containers have ended and will not run again. */
export function isPodTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Counts towards the wanted number of replicas. */
export function isPodActive(pod: Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined;
}

/** Was told to go and still runs. */
export function isPodTerminating(pod: Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata.deletionTimestamp !== undefined;
}

/**
 * Milliseconds until a ready pod counts as available: 0 when it does, undefined while it is not ready. A pod is available
 * once it has been ready for `minReadySeconds`.
 */
export function availableInMs(pod: Pod, minReadySeconds: number, nowMs: number): number | undefined {
  const ready = podCondition(pod, 'Ready');
  if (ready?.status !== 'True') return undefined;
  if (minReadySeconds === 0) return 0;
  const sinceMs = parseTime(ready.lastTransitionTime);
  return sinceMs === undefined ? undefined : Math.max(0, sinceMs + minReadySeconds * 1000 - nowMs);
}

export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  return availableInMs(pod, minReadySeconds, nowMs) === 0;
}

/** The earliest time at which a ready pod becomes available; undefined when none is on the way. */
export function nextAvailabilityMs(pods: readonly Pod[], minReadySeconds: number, nowMs: number): number | undefined {
  const waits = pods.map((pod) => availableInMs(pod, minReadySeconds, nowMs)).filter((ms) => ms !== undefined && ms > 0) as number[]; // filtered
  return waits.length === 0 ? undefined : Math.min(...waits);
}

/** The pod that `template` describes, managed by `owner`; the server names it (pkg/controller GetPodFromTemplate). */
export function podFromTemplate(template: PodTemplateSpec, parent: KubeObject, owner: OwnerReference): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${parent.metadata.name}-`,
      namespace: parent.metadata.namespace ?? '',
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [owner],
    },
    spec: template.spec ?? { containers: [] },
  };
}

/** Files pods, or what else has owners, under the uid of their controller; those without one under the bare namespace. */
const controllerIndex = 'controller';

/** Makes `controlledBy` and `orphansIn` work for `informer`. Several controllers may ask. */
export function indexByController<T extends KubeObject>(informer: SharedIndexInformer<T>): void {
  if (informer.indexer.hasIndex(controllerIndex)) return;
  informer.addIndexers({ [controllerIndex]: (object) => [indexValue(object as KubeObject)] });
}

/** Objects whose controller is `owner`, in order of name. */
export function controlledBy<T extends KubeObject>(informer: SharedIndexInformer<T>, owner: KubeObject): readonly Frozen<T>[] {
  return byIndexValue(informer, `${owner.metadata.namespace ?? ''}/${owner.metadata.uid ?? ''}`);
}

/** Objects of the namespace that nobody controls, in order of name. */
export function orphansIn<T extends KubeObject>(informer: SharedIndexInformer<T>, namespace: string): readonly Frozen<T>[] {
  return byIndexValue(informer, `${namespace}/`);
}

function byIndexValue<T extends KubeObject>(informer: SharedIndexInformer<T>, value: string): readonly Frozen<T>[] {
  const objects: Frozen<T>[] = [];
  for (const key of informer.indexer.indexKeys(controllerIndex, value)) {
    const object = informer.indexer.getByKey(key);
    if (object !== undefined) objects.push(object);
  }
  return objects;
}

function indexValue(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${controllerOf(object)?.uid ?? ''}`;
}

/** Whether two label sets say the same. */
export function sameLabels(a: Readonly<Record<string, string>> | undefined, b: Readonly<Record<string, string>> | undefined): boolean {
  const left = sortedEntries(a);
  const right = sortedEntries(b);
  return left.length === right.length && left.every(([key, value], i) => key === right[i]?.[0] && value === right[i]?.[1]);
}

/** Names the pod among all that ever were: a pod made anew under the same name is another one. */
export function podKey(pod: KubeObject): string {
  return `${metaNamespaceKey(pod)}/${pod.metadata.uid ?? ''}`;
}
