import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass, Volume } from '@coracle/api';
import { controllerOf, getOwn, labelMatcher } from '@coracle/apimachinery';
import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import { type ClusterEvent, type ClusterView, type FilterPlugin, noSay } from '../framework.ts';
import { matchesNodeSelector } from '../node-selector.ts';
import { amountIn } from '../resource.ts';

/** On a claim: the node for which its volume is to be made. */
export const selectedNodeAnnotation = 'volume.kubernetes.io/selected-node';
const bindCompletedAnnotation = 'pv.kubernetes.io/bind-completed';
const classAnnotation = 'volume.beta.kubernetes.io/storage-class';
const noProvisioner = 'kubernetes.io/no-provisioner';

export const reasonNodeConflict = "node(s) didn't match PersistentVolume's node affinity";
export const reasonBindConflict = "node(s) didn't find available persistent volumes to bind";
export const reasonVolumeMissing = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';

/** What is to be written before a pod can be bound to the node: bind a volume that is there, or have one made. */
export type VolumeStep =
  | { readonly step: 'bind'; readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }
  | { readonly step: 'provision'; readonly claim: PersistentVolumeClaim };

/** Claims must be bound, or bindable on the node; volumes must be reachable from it (plugins/volumebinding). */
export const volumeBinding: FilterPlugin = {
  name: 'VolumeBinding',
  requeueOn: ['node/added', 'node/labels', 'claim', 'volume', 'storage-class'],
  concerns: concernsClaims,
  prepare({ pod }, cluster) {
    const claims = claimsOf(pod, cluster);
    if (typeof claims === 'string') return { say: 'nowhere', message: claims };
    if (claims.bound.length === 0 && claims.unbound.length === 0) return noSay;
    return { say: 'nodes', filter: (node) => planFor(claims, node, cluster).reasons };
  },
};

/** What binding the pod to a node that passed needs first; empty when all its claims are bound. */
export function volumeStepsFor(pod: Pod, node: NodeInfo, cluster: ClusterView): readonly VolumeStep[] {
  const claims = claimsOf(pod, cluster);
  return typeof claims === 'string' ? [] : planFor(claims, node, cluster).steps;
}

export function isBound({ metadata, spec, status }: PersistentVolumeClaim): boolean {
  if ((spec.volumeName ?? '') === '') return false;
  return getOwn(metadata.annotations, bindCompletedAnnotation) !== undefined || status?.phase === 'Bound';
}

interface Claims {
  readonly bound: readonly PersistentVolumeClaim[];
  /** To be bound once the pod has its node. */
  readonly unbound: readonly PersistentVolumeClaim[];
}

/** The claims of a pod, or why it must wait wherever it could run. */
function claimsOf(pod: Pod, cluster: ClusterView): Claims | string {
  const bound: PersistentVolumeClaim[] = [];
  const unbound: PersistentVolumeClaim[] = [];
  for (const volume of pod.spec?.volumes ?? []) {
    const name = claimNameOf(pod, volume);
    if (name === undefined) continue;
    const claim = cluster.claim(pod.metadata.namespace ?? '', name);
    const fault = faultOf(pod, volume, name, claim);
    if (fault !== undefined || claim === undefined) return fault ?? '';
    if (isBound(claim)) bound.push(claim);
    else if (isBoundLate(claim, cluster)) unbound.push(claim);
    else return 'pod has unbound immediate PersistentVolumeClaims';
  }
  // The smallest first, so that a small claim does not take the volume that a large one needs.
  return { bound, unbound: unbound.sort((a, b) => sizeOf(a) - sizeOf(b)) };
}

/** Whether an event is about a claim of the pod, or about no claim. */
export function concernsClaims({ pod }: PodInfo, { claim }: ClusterEvent): boolean {
  if (claim === undefined) return true;
  return (pod.spec.volumes ?? []).some((volume) => claim === `${pod.metadata.namespace ?? ''}/${claimNameOf(pod, volume) ?? ''}`);
}

/** The claim of a volume, also of an ephemeral one; undefined when it has none. */
export function claimNameOf(pod: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim !== undefined) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral === undefined ? undefined : `${pod.metadata.name ?? ''}-${volume.name}`;
}

function faultOf(pod: Pod, volume: Volume, name: string, claim: PersistentVolumeClaim | undefined): string | undefined {
  const { namespace = '' } = pod.metadata;
  if (claim === undefined) {
    if (volume.ephemeral === undefined) return `persistentvolumeclaim "${name}" not found`;
    return `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`;
  }
  if (claim.status?.phase === 'Lost')
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec.volumeName ?? ''}"`;
  if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`;
  if (volume.ephemeral !== undefined && controllerOf(claim)?.uid !== pod.metadata.uid) {
    return `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name ?? ''} (pod is not owner)`;
  }
  return undefined;
}

/** A claim with a volume name but without a bond is the volume controller's to finish. */
function isBoundLate(claim: PersistentVolumeClaim, cluster: ClusterView): boolean {
  return (claim.spec.volumeName ?? '') === '' && classOf(claim, cluster)?.volumeBindingMode === 'WaitForFirstConsumer';
}

function classNameOf({ metadata, spec }: PersistentVolumeClaim): string {
  return getOwn(metadata.annotations, classAnnotation) ?? spec.storageClassName ?? '';
}

function classOf(claim: PersistentVolumeClaim, cluster: ClusterView): StorageClass | undefined {
  return cluster.storageClass(classNameOf(claim));
}

function planFor(
  { bound, unbound }: Claims,
  node: NodeInfo,
  cluster: ClusterView,
): { readonly reasons: readonly string[]; readonly steps: readonly VolumeStep[] } {
  for (const { spec } of bound) {
    const volume = cluster.volume(spec.volumeName ?? '');
    if (volume === undefined) return { reasons: [reasonVolumeMissing], steps: [] };
    if (!isReachable(volume, node)) return { reasons: [reasonNodeConflict], steps: [] };
  }
  const steps: VolumeStep[] = [];
  const taken = new Set<string>();
  for (const claim of unbound) {
    const step = stepFor(claim, node, cluster, taken);
    if (step === undefined) return { reasons: [reasonBindConflict], steps: [] };
    if (step.step === 'bind') taken.add(step.volume.metadata.name ?? '');
    steps.push(step);
  }
  return { reasons: [], steps };
}

function stepFor(claim: PersistentVolumeClaim, node: NodeInfo, cluster: ClusterView, taken: ReadonlySet<string>): VolumeStep | undefined {
  // An earlier attempt, or another pod of the same claim, has chosen: a volume may be in the making there.
  const selected = getOwn(claim.metadata.annotations, selectedNodeAnnotation);
  if (selected !== undefined) return selected === node.name ? { step: 'provision', claim } : undefined;
  const volume = smallestMatch(claim, node, cluster, taken);
  if (volume !== undefined) return { step: 'bind', claim, volume };
  const storageClass = classOf(claim, cluster);
  if (storageClass === undefined || storageClass.provisioner === '' || storageClass.provisioner === noProvisioner) return undefined;
  return isAllowed(storageClass, node) ? { step: 'provision', claim } : undefined;
}

function smallestMatch(
  claim: PersistentVolumeClaim,
  node: NodeInfo,
  cluster: ClusterView,
  taken: ReadonlySet<string>,
): PersistentVolume | undefined {
  const matches = cluster
    .volumes()
    .filter((volume) => !taken.has(volume.metadata.name ?? '') && isMatch(volume, claim, cluster) && isReachable(volume, node));
  return matches.reduce<PersistentVolume | undefined>(
    (best, volume) => (best === undefined || capacityOf(volume) < capacityOf(best) ? volume : best),
    undefined,
  );
}

/** Free, or kept for this claim, and as the claim wants it (pkg/volume FindMatchingVolume). */
function isMatch({ metadata, spec, status }: PersistentVolume, claim: PersistentVolumeClaim, cluster: ClusterView): boolean {
  const { namespace = '', name = '', uid } = claim.metadata;
  const { claimRef } = spec;
  const isPromised =
    cluster.reservedFor(metadata.name ?? '') !== undefined && cluster.reservedFor(metadata.name ?? '') !== `${namespace}/${name}`;
  if (isPromised || metadata.deletionTimestamp !== undefined) return false;
  if (claimRef === undefined) {
    if (status?.phase !== 'Available') return false;
  } else if (claimRef.namespace !== namespace || claimRef.name !== name || (claimRef.uid !== undefined && claimRef.uid !== uid))
    return false;
  return (
    (spec.storageClassName ?? '') === classNameOf(claim) &&
    (spec.volumeMode ?? 'Filesystem') === (claim.spec.volumeMode ?? 'Filesystem') &&
    (claim.spec.accessModes ?? []).every((mode) => spec.accessModes?.includes(mode) === true) &&
    amountIn(spec.capacity, 'storage') >= sizeOf(claim) &&
    (claim.spec.selector === undefined || labelMatcher(claim.spec.selector).matches(metadata.labels))
  );
}

function isReachable({ spec }: PersistentVolume, { node }: NodeInfo): boolean {
  const required = spec?.nodeAffinity?.required;
  return required === undefined || matchesNodeSelector(required, node);
}

/** One of the allowed topologies, if any is given, must hold in all its labels. */
function isAllowed({ allowedTopologies = [] }: StorageClass, { node }: NodeInfo): boolean {
  if (allowedTopologies.length === 0) return true;
  return allowedTopologies.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => {
      const value = getOwn(node.metadata.labels, key);
      return value !== undefined && values.includes(value);
    }),
  );
}

function sizeOf({ spec }: PersistentVolumeClaim): number {
  return amountIn(spec.resources?.requests, 'storage');
}

function capacityOf({ spec }: PersistentVolume): number {
  return amountIn(spec?.capacity, 'storage');
}
