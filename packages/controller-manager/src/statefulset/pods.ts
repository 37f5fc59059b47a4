import type { PersistentVolumeClaim, Pod, PodTemplateSpec, StatefulSet, Volume } from '@coracle/api';
import { controllerReference, getOwn, type KubeObject, withEntry } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { isPodAvailable, isPodReady, podFromTemplate } from '../controller/pods.ts';

/** The pods and claims of a StatefulSet (pkg/controller/statefulset/stateful_set_utils.go). */

export const podNameLabel = 'statefulset.kubernetes.io/pod-name';
export const podIndexLabel = 'apps.kubernetes.io/pod-index';
/** Holds the whole name of the ControllerRevision; a DaemonSet's pods have the hash alone. */
export const revisionLabel = 'controller-revision-hash';

/** `web-3` of the set `web` → 3; undefined for what is no pod of it. */
export function ordinalOf(set: KubeObject, pod: KubeObject): number | undefined {
  const match = /^(.*)-(\d+)$/s.exec(pod.metadata.name ?? '');
  return match !== null && match[1] === set.metadata.name ? Number(match[2]) : undefined;
}

export function firstOrdinal(set: StatefulSet): number {
  return set.spec.ordinals?.start ?? 0;
}

/** The set wants a pod of this number. */
export function isInRange(set: StatefulSet, ordinal: number): boolean {
  return ordinal >= firstOrdinal(set) && ordinal < firstOrdinal(set) + (set.spec.replicas ?? 1);
}

export function podName(set: StatefulSet, ordinal: number): string {
  return `${set.metadata.name}-${ordinal}`;
}

/** The server has it: a pod that was only made up here has no phase. */
export function isCreated(pod: Pod): boolean {
  return (pod.status?.phase ?? '') !== '';
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

export function isRunningAndReady(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isPodReady(pod);
}

export function isUnavailable(pod: Pod, set: StatefulSet, nowMs: number): boolean {
  return !isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
}

export function revisionOf(pod: Pod): string {
  return getOwn(pod.metadata.labels, revisionLabel) ?? '';
}

/** The pod `ordinal` made of `template`, which revision `revision` holds. */
export function newPod(set: StatefulSet, template: PodTemplateSpec, revision: string, ordinal: number): Pod {
  const pod = podFromTemplate(template, set, controllerReference(set, resources.apps.v1.statefulSets));
  const name = podName(set, ordinal);
  const { serviceName } = set.spec;
  const metadata = { ...pod.metadata, name, labels: withEntry(pod.metadata.labels, revisionLabel, revision) };
  const spec = { ...pod.spec, hostname: name, ...(serviceName === undefined || serviceName === '' ? {} : { subdomain: serviceName }) };
  return withStorage(set, ordinal, withIdentity(set, ordinal, { ...pod, metadata, spec }));
}

export function hasIdentity(set: StatefulSet, ordinal: number, pod: Pod): boolean {
  const { labels } = pod.metadata;
  return getOwn(labels, podNameLabel) === podName(set, ordinal) && getOwn(labels, podIndexLabel) === String(ordinal);
}

export function withIdentity(set: StatefulSet, ordinal: number, pod: Pod): Pod {
  const labels = withEntry(withEntry(pod.metadata.labels, podNameLabel, podName(set, ordinal)), podIndexLabel, String(ordinal));
  return { ...pod, metadata: { ...pod.metadata, labels } };
}

export function hasStorage(set: StatefulSet, ordinal: number, pod: Pod): boolean {
  const volumes = pod.spec.volumes ?? [];
  return claimTemplates(set).every((template) => {
    const volume = volumes.find(({ name }) => name === template.metadata.name);
    return volume?.persistentVolumeClaim?.claimName === claimName(set, template, ordinal);
  });
}

export function withStorage(set: StatefulSet, ordinal: number, pod: Pod): Pod {
  const templates = claimTemplates(set);
  if (templates.length === 0) return pod;
  const claimed: readonly Volume[] = templates.map((template) => ({
    name: template.metadata.name ?? '',
    persistentVolumeClaim: { claimName: claimName(set, template, ordinal) },
  }));
  const others = (pod.spec.volumes ?? []).filter(({ name }) => !claimed.some((volume) => volume.name === name));
  return { ...pod, spec: { ...pod.spec, volumes: [...claimed, ...others] } };
}

/** The claims that the pod `ordinal` needs. */
export function claimsOf(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  return claimTemplates(set).map((template) => {
    const labels = Object.entries(set.spec.selector?.matchLabels ?? {}).reduce<Readonly<Record<string, string>> | undefined>(
      (all, [key, value]) => withEntry(all, key, value),
      template.metadata.labels,
    );
    const metadata = {
      ...template.metadata,
      name: claimName(set, template, ordinal),
      namespace: set.metadata.namespace ?? '',
      ...(labels === undefined ? {} : { labels }),
    };
    return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: template.spec };
  });
}

function claimTemplates(set: StatefulSet): readonly PersistentVolumeClaim[] {
  return set.spec.volumeClaimTemplates ?? [];
}

function claimName(set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string {
  return `${template.metadata.name}-${podName(set, ordinal)}`;
}
