import type { PersistentVolumeClaim, Pod, StatefulSet } from '@coracle/api';
import { controllerReference, type OwnerReference, semanticEqual } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { isInRange, ordinalOf } from './pods.ts';

const setKind = resources.apps.v1.statefulSets;
const podKind = resources.core.v1.pods;

/**
 * The owners of a claim by which the garbage collector follows `persistentVolumeClaimRetentionPolicy`: the set, when claims
 * shall go with it; the pod, once it is scaled away and claims shall go with that; nobody, to keep the claim
 * (stateful_set_utils.go updateClaimOwnerRefForSetAndPod, KEP-1847). undefined: as they are; also when others manage the claim.
 */
export function claimOwners(set: StatefulSet, pod: Pod, claim: PersistentVolumeClaim): readonly OwnerReference[] | undefined {
  const present = claim.metadata.ownerReferences ?? [];
  const isOurs = (reference: OwnerReference): boolean =>
    isReferenceTo(reference, 'StatefulSet', set) || isReferenceTo(reference, 'Pod', pod);
  const others = present.filter((reference) => !isOurs(reference));
  if (others.some(({ controller }) => controller === true)) return undefined;
  const wanted = wantedOwner(set, pod);
  const owners = wanted === undefined ? others : [...others, wanted];
  return semanticEqual(present, owners) ? undefined : owners;
}

function wantedOwner(set: StatefulSet, pod: Pod): OwnerReference | undefined {
  const { whenScaled = 'Retain', whenDeleted = 'Retain' } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  const isScaledAway = !isInRange(set, ordinalOf(set, pod) ?? -1);
  if (whenScaled === 'Delete' && isScaledAway) return controllerReference(pod, podKind);
  return whenDeleted === 'Delete' ? controllerReference(set, setKind) : undefined;
}

/** The claim belongs to an earlier pod of this name and goes with it: a new pod has to wait for that. */
export function isStale(set: StatefulSet, pod: Pod, claim: PersistentVolumeClaim): boolean {
  if ((set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled ?? 'Retain') === 'Retain') return false;
  const references = claim.metadata.ownerReferences ?? [];
  return references.some(({ kind, name, uid }) => kind === 'Pod' && name === pod.metadata.name && uid !== pod.metadata.uid);
}

function isReferenceTo(reference: OwnerReference, kind: string, object: StatefulSet | Pod): boolean {
  return reference.kind === kind && reference.name === object.metadata.name && reference.uid === object.metadata.uid;
}
