import type { PersistentVolume, PersistentVolumeClaim } from '@coracle/api';
import { compareBytes, getOwn, labelMatcher } from '@coracle/apimachinery';
import { nanoUnits } from './quantity.ts';

/** Which volume a claim gets (k8s.io/component-helpers storage/volume, pkg/controller/volume/persistentvolume index.go). */

const classAnnotation = 'volume.beta.kubernetes.io/storage-class';

/** '' asks for a volume without class. The annotation is older than the field and wins. */
export function storageClassOf({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string {
  return getOwn(metadata.annotations, classAnnotation) ?? spec.storageClassName ?? '';
}

/** The volume is promised to the claim, by uid or, when somebody did it by hand, by name alone. */
export function isPromisedTo(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { claimRef } = volume.spec;
  if (claimRef === undefined || claimRef.name !== claim.metadata.name || claimRef.namespace !== claim.metadata.namespace) return false;
  return claimRef.uid === undefined || claimRef.uid === '' || claimRef.uid === claim.metadata.uid;
}

/** Why a volume that a claim names cannot be its volume; undefined when it can (checkVolumeSatisfyClaim). */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (storage(volume.spec.capacity) < requested(claim)) return 'requested PV is too small';
  if (storageClassOf(volume) !== storageClassOf(claim)) return 'storageClassName does not match';
  if (modeOf(volume) !== modeOf(claim)) return 'incompatible volumeMode';
  return hasAccessModes(volume, claim) ? undefined : 'incompatible accessMode';
}

/**
 * The volume for a claim: the one that is promised to it, else the smallest that is large enough, of those with the fewest access
 * modes beyond what is asked. `delayed`: the class waits for a pod, so that only a promised volume will do now.
 */
export function bestMatch(
  volumes: readonly PersistentVolume[],
  claim: PersistentVolumeClaim,
  delayed: boolean,
): PersistentVolume | undefined {
  const large = volumes.filter(
    (volume) => modeOf(volume) === modeOf(claim) && hasAccessModes(volume, claim) && storage(volume.spec.capacity) >= requested(claim),
  );
  const promised = large.find((volume) => isPromisedTo(volume, claim));
  if (promised !== undefined || delayed) return promised;
  const selector = claim.spec.selector === undefined ? undefined : labelMatcher(claim.spec.selector);
  const free = large.filter(
    ({ metadata, spec, status }) =>
      status?.phase === 'Available' &&
      spec.claimRef === undefined &&
      metadata.deletionTimestamp === undefined &&
      (selector?.matches(metadata.labels) ?? true),
  );
  return free
    .filter((volume) => storageClassOf(volume) === storageClassOf(claim))
    .sort(
      (a, b) =>
        modeCount(a) - modeCount(b) ||
        compareBig(storage(a.spec.capacity), storage(b.spec.capacity)) ||
        compareBytes(a.metadata.name ?? '', b.metadata.name ?? ''),
    )[0];
}

function hasAccessModes(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (claim.spec.accessModes ?? []).every((mode) => volume.spec.accessModes?.includes(mode) === true);
}

function modeOf({ spec }: PersistentVolume | PersistentVolumeClaim): string {
  return spec.volumeMode ?? 'Filesystem';
}

function modeCount(volume: PersistentVolume): number {
  return volume.spec.accessModes?.length ?? 0;
}

function storage(quantities: Readonly<Record<string, string>> | undefined): bigint {
  return nanoUnits(getOwn(quantities, 'storage'));
}

function requested(claim: PersistentVolumeClaim): bigint {
  return storage(claim.spec.resources?.requests);
}

function compareBig(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
