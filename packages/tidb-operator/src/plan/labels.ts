import type { PersistentVolume, PersistentVolumeClaim, Pod } from '@coracle/api';
import { getOwn } from '@coracle/apimachinery';
import type { TidbClusterStatus } from '../api/types.ts';
import { annotations, claimNames, labelKeys, labelsOf, namespaceOf } from './names.ts';
import type { Action, ClusterState, ComponentName, PatchTarget, StepResult } from './state.ts';
import { podsOf } from './status.ts';

type Labels = Readonly<Record<string, string>>;

/**
 * Says of each pod, its claims and their volumes which member or store they are (upstream: pkg/manager/meta), so that data
 * can be told apart when the pod is gone.
 */
export function syncLabels(state: ClusterState, status: TidbClusterStatus): StepResult {
  const clusterId = status.clusterID;
  if (clusterId === undefined) return { actions: [] };
  const cluster = { [labelKeys.clusterId]: clusterId };
  const memberOf = (pod: string): Labels => named(labelKeys.memberId, getOwn(status.pd?.members, pod)?.id);
  const stores = new Map(Object.values(status.tikv?.stores ?? {}).map((store) => [store.podName, store.id]));
  return {
    actions: [
      ...podsOf(state, 'pd').flatMap((pod) => labelPod(state, 'pd', pod, { ...cluster, ...memberOf(pod) })),
      ...podsOf(state, 'tikv').flatMap((pod) => labelPod(state, 'tikv', pod, { ...cluster, ...named(labelKeys.storeId, stores.get(pod)) })),
      ...podsOf(state, 'tidb').flatMap((pod) => labelPod(state, 'tidb', pod, cluster)),
    ],
  };
}

function named(key: string, value: string | undefined): Labels {
  return value === undefined ? {} : { [key]: value };
}

function labelPod(state: ClusterState, component: ComponentName, pod: string, labels: Labels): readonly Action[] {
  const actions = patchMeta('pods', state.objects.pods.get(pod), labels, {});
  const ordinal = Number(pod.slice(pod.lastIndexOf('-') + 1));
  for (const name of claimNames(state.tc, component, ordinal)) {
    const claim = state.objects.claims.get(name);
    actions.push(...patchMeta('persistentvolumeclaims', claim, labels, { [annotations.podName]: pod }));
    const volume = state.objects.volumes.get(claim?.spec?.volumeName ?? '');
    const ofVolume = { ...labelsOf(state.tc, component), [labelKeys.namespace]: namespaceOf(state.tc), ...labels };
    actions.push(...patchMeta('persistentvolumes', volume, ofVolume, { [annotations.podName]: pod }));
  }
  return actions;
}

function patchMeta(
  target: PatchTarget,
  object: Pod | PersistentVolumeClaim | PersistentVolume | undefined,
  labels: Labels,
  marks: Labels,
): Action[] {
  if (object === undefined) return [];
  const missing = (wanted: Labels, found: Labels | undefined): boolean =>
    Object.entries(wanted).some(([key, value]) => getOwn(found, key) !== value);
  if (!missing(labels, object.metadata?.labels) && !missing(marks, object.metadata?.annotations)) return [];
  const patch = { metadata: { labels, ...(Object.keys(marks).length > 0 && { annotations: marks }) } };
  return [{ verb: 'patch', target, name: object.metadata?.name ?? '', patch }];
}
