import { Volume, type VolumeData } from '../container/file-system.ts';

/** The data of PersistentVolumes, by the uid of the volume. */
export type DisksState = readonly (readonly [uid: string, data: VolumeData])[];

/** The storage behind the PersistentVolumes of a cluster: it outlives pods and nodes, so there is one for all kubelets. */
export class Disks {
  readonly #volumes: Map<string, Volume>;

  constructor(options: { readonly resumed?: DisksState | undefined } = {}) {
    this.#volumes = new Map((options.resumed ?? []).map(([uid, data]) => [uid, new Volume(data)]));
  }

  /** The data of a PersistentVolume; empty when it is used for the first time. */
  open(persistentVolumeUid: string): Volume {
    let volume = this.#volumes.get(persistentVolumeUid);
    if (volume === undefined) {
      volume = new Volume();
      this.#volumes.set(persistentVolumeUid, volume);
    }
    return volume;
  }

  /** Loses the data: what a provisioner does when it deletes a PersistentVolume. */
  remove(persistentVolumeUid: string): void {
    this.#volumes.delete(persistentVolumeUid);
  }

  snapshot(): DisksState {
    const entries = [...this.#volumes].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.freeze(entries.map(([uid, volume]) => Object.freeze([uid, volume.snapshot()] as const)));
  }
}
