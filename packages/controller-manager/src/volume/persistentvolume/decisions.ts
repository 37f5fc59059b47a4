import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '@coracle/api';
import { hasOwn } from '@coracle/apimachinery';
import { bestMatch, isPromisedTo, mismatch, storageClassOf } from './matching.ts';

export const bindCompletedAnnotation = 'pv.kubernetes.io/bind-completed';
export const boundByControllerAnnotation = 'pv.kubernetes.io/bound-by-controller';
/** Says who made a volume, and so who deletes it. */
export const provisionedByAnnotation = 'pv.kubernetes.io/provisioned-by';
/** The node of the pod that waits for the claim, written by the scheduler. */
export const selectedNodeAnnotation = 'volume.kubernetes.io/selected-node';

export interface ClaimEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** What a sync does about a claim. */
export type ClaimStep =
  | { readonly do: 'bind'; readonly volume: PersistentVolume }
  | { readonly do: 'provision' }
  /** Pending; `event` says why, the reason of a delayed one depends on its pods. */
  | { readonly do: 'wait'; readonly event: ClaimEvent | 'first-consumer' | undefined }
  | { readonly do: 'lose'; readonly event: ClaimEvent };

export interface ClaimView {
  readonly claim: PersistentVolumeClaim;
  readonly volumes: readonly PersistentVolume[];
  readonly storageClass: StorageClass | undefined;
}

/** pkg/controller/volume/persistentvolume pv_controller.go syncClaim. */
export function nextClaimStep(view: ClaimView): ClaimStep {
  return hasOwn(view.claim.metadata.annotations, bindCompletedAnnotation) ? boundClaimStep(view) : unboundClaimStep(view);
}

/** A bound claim never takes another volume: its data are where they are. */
function boundClaimStep({ claim, volumes }: ClaimView): ClaimStep {
  const lost = (reason: string, message: string): ClaimStep => ({ do: 'lose', event: { type: 'Warning', reason, message } });
  const { volumeName = '' } = claim.spec;
  if (volumeName === '') return lost('ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!');
  const volume = volumes.find(({ metadata }) => metadata.name === volumeName);
  if (volume === undefined) return lost('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  if (volume.spec.claimRef === undefined || volume.spec.claimRef.uid === claim.metadata.uid) return { do: 'bind', volume };
  return lost('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
}

function unboundClaimStep({ claim, volumes, storageClass }: ClaimView): ClaimStep {
  const { volumeName = '' } = claim.spec;
  if (volumeName !== '')
    return namedVolumeStep(
      claim,
      volumes.find(({ metadata }) => metadata.name === volumeName),
    );
  const delayed = storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
  const volume = bestMatch(volumes, claim, delayed);
  if (volume !== undefined) return { do: 'bind', volume };
  if (delayed && !hasOwn(claim.metadata.annotations, selectedNodeAnnotation)) return { do: 'wait', event: 'first-consumer' };
  if (storageClassOf(claim) !== '') return { do: 'provision' };
  return {
    do: 'wait',
    event: {
      type: 'Normal',
      reason: 'FailedBinding',
      message: 'no persistent volumes available for this claim and no storage class is set',
    },
  };
}

function namedVolumeStep(claim: PersistentVolumeClaim, volume: PersistentVolume | undefined): ClaimStep {
  if (volume === undefined) return { do: 'wait', event: undefined };
  const { name } = volume.metadata;
  if (volume.spec.claimRef === undefined) {
    const why = mismatch(volume, claim);
    return why === undefined
      ? { do: 'bind', volume }
      : { do: 'wait', event: { type: 'Warning', reason: 'VolumeMismatch', message: `Cannot bind to requested volume "${name}": ${why}` } };
  }
  if (isPromisedTo(volume, claim)) return { do: 'bind', volume };
  return {
    do: 'wait',
    event: { type: 'Warning', reason: 'FailedBinding', message: `volume "${name}" already bound to a different claim.` },
  };
}

/** What a sync does about a volume. */
export type VolumeStep =
  | { readonly do: 'phase'; readonly phase: 'Available' | 'Bound' }
  /** Its claim has to act. */
  | { readonly do: 'sync-claim' }
  | { readonly do: 'unbind' }
  /** Its claim is gone: Released, then what the reclaim policy says. */
  | { readonly do: 'release' };

/** `claim`: the one of the volume's claimRef, by name and uid (pv_controller.go syncVolume). */
export function nextVolumeStep(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumeStep {
  const { claimRef } = volume.spec;
  if (claimRef === undefined) return { do: 'phase', phase: 'Available' };
  if (claimRef.uid === undefined || claimRef.uid === '') return { do: 'phase', phase: 'Available' };
  if (claim === undefined) return { do: 'release' };
  const { volumeName = '' } = claim.spec;
  if (volumeName === '') return { do: 'sync-claim' };
  if (volumeName === volume.metadata.name) return { do: 'phase', phase: 'Bound' };
  // The claim took another volume. One that was made for it is of no use to anybody else.
  const wasMadeForIt =
    hasOwn(volume.metadata.annotations, provisionedByAnnotation) && volume.spec.persistentVolumeReclaimPolicy === 'Delete';
  return { do: wasMadeForIt ? 'release' : 'unbind' };
}
