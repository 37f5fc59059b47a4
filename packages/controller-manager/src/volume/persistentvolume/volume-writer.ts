import type { PersistentVolume, PersistentVolumeClaim } from '@coracle/api';
import { getOwn, semanticEqual, withEntry, withoutEntry } from '@coracle/apimachinery';
import type { Clientset } from '@coracle/client';
import { bindCompletedAnnotation, boundByControllerAnnotation } from './decisions.ts';
import { isPromisedTo } from './matching.ts';

/** The writes of binding. Each does nothing when it was done already, so that a sync that broke off goes on where it was. */
export class VolumeWriter {
  readonly #clientset: Clientset;

  constructor(clientset: Clientset) {
    this.#clientset = clientset;
  }

  /** Volume first: from then on no other claim can take it (pv_controller.go bind). */
  async bind(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
    const promised = await this.#promise(volume, claim);
    await this.setPhase(promised, 'Bound');
    const completed = await this.#complete(claim, promised);
    const { accessModes, capacity } = promised.spec;
    await this.setClaimStatus(completed, {
      phase: 'Bound',
      ...(accessModes === undefined ? {} : { accessModes }),
      ...withCapacity(completed, capacity),
    });
  }

  async setPhase(volume: PersistentVolume, phase: string, message = ''): Promise<PersistentVolume> {
    if (volume.status?.phase === phase && (volume.status.message ?? '') === message) return volume;
    const { message: _, ...status } = volume.status ?? {};
    return this.#clientset.coreV1
      .persistentVolumes()
      .updateStatus({ ...volume, status: { ...status, phase, ...(message === '' ? {} : { message }) } });
  }

  /** Everything but the conditions and what others keep there. Resolves with whether the phase is new. */
  async setClaimStatus(
    claim: PersistentVolumeClaim,
    wanted: Pick<NonNullable<PersistentVolumeClaim['status']>, 'phase' | 'accessModes' | 'capacity'>,
  ): Promise<boolean> {
    const { phase, accessModes: _, capacity: __, ...others } = claim.status ?? {};
    const status = { ...others, ...wanted };
    if (semanticEqual(claim.status, status)) return false;
    await this.#clientset.coreV1.persistentVolumeClaims(claim.metadata.namespace).updateStatus({ ...claim, status });
    return phase !== wanted.phase;
  }

  /** Takes the claim off the volume, all of it if a controller had put it there. */
  async unbind(volume: PersistentVolume): Promise<void> {
    const { claimRef, ...spec } = volume.spec;
    const wasOurs = getOwn(volume.metadata.annotations, boundByControllerAnnotation) !== undefined;
    const { uid: _, resourceVersion: __, ...named } = claimRef ?? {};
    const { annotations: ___, ...metadata } = volume.metadata;
    const annotations = withoutEntry(volume.metadata.annotations, boundByControllerAnnotation);
    const freed: PersistentVolume = {
      ...volume,
      metadata: { ...metadata, ...(annotations === undefined ? {} : { annotations }) },
      spec: wasOurs ? spec : { ...spec, claimRef: named },
    };
    await this.setPhase(await this.#clientset.coreV1.persistentVolumes().update(freed), 'Available');
  }

  async #promise(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<PersistentVolume> {
    const { name = '', namespace = '', uid = '', resourceVersion = '' } = claim.metadata;
    if (volume.spec.claimRef?.uid === uid && isPromisedTo(volume, claim)) return volume;
    const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion };
    const wasPromised = isPromisedTo(volume, claim); // by hand: then the promise outlives the claim
    const annotations = wasPromised
      ? volume.metadata.annotations
      : withEntry(volume.metadata.annotations, boundByControllerAnnotation, 'yes');
    const metadata = { ...volume.metadata, ...(annotations === undefined ? {} : { annotations }) };
    return this.#clientset.coreV1.persistentVolumes().update({ ...volume, metadata, spec: { ...volume.spec, claimRef } });
  }

  async #complete(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<PersistentVolumeClaim> {
    const { name: volumeName = '' } = volume.metadata;
    const isNamed = claim.spec.volumeName === volumeName;
    const named = isNamed ? claim.metadata.annotations : withEntry(claim.metadata.annotations, boundByControllerAnnotation, 'yes');
    const annotations = getOwn(named, bindCompletedAnnotation) === undefined ? withEntry(named, bindCompletedAnnotation, 'yes') : named;
    if (isNamed && annotations === claim.metadata.annotations) return claim;
    const metadata = { ...claim.metadata, ...(annotations === undefined ? {} : { annotations }) };
    return this.#clientset.coreV1
      .persistentVolumeClaims(claim.metadata.namespace)
      .update({ ...claim, metadata, spec: { ...claim.spec, volumeName } });
  }
}

/** What a bound claim has stays: from then on only an expansion changes it. */
function withCapacity(
  claim: PersistentVolumeClaim,
  capacity: Readonly<Record<string, string>> | undefined,
): { readonly capacity?: Readonly<Record<string, string>> } {
  const present = claim.status?.phase === 'Bound' ? claim.status.capacity : undefined;
  const kept = present ?? capacity;
  return kept === undefined ? {} : { capacity: kept };
}
