import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '@coracle/api';
import { type Frozen, getOwn, isAlreadyExists, isNotFound, withEntry, withoutEntry } from '@coracle/apimachinery';
import {
  type Clientset,
  deletionKey,
  EventRecorder,
  KeyedController,
  metaNamespaceKey,
  objectFromDeletion,
  resources,
  type SharedIndexInformer,
  splitMetaNamespaceKey,
} from '@coracle/client';
import { cachesSynced } from '../../controller/cache-sync.ts';
import type { ControllerContext, RunnableController } from '../../controller/context.ts';
import { messageOf } from '../../controller/pod-control.ts';
import { isPodTerminal } from '../../controller/pods.ts';
import { type ClaimEvent, nextClaimStep, nextVolumeStep, provisionedByAnnotation, selectedNodeAnnotation } from './decisions.ts';
import { storageClassOf } from './matching.ts';
import { localProvisioner, provisionedName, provisionedVolume } from './provisioner.ts';
import { VolumeWriter } from './volume-writer.ts';

const provisionerAnnotations = ['volume.beta.kubernetes.io/storage-provisioner', 'volume.kubernetes.io/storage-provisioner'];
/** Provisioners of this prefix were part of Kubernetes itself, once: nobody else answers for them. */
const inTreePrefix = 'kubernetes.io/';
/** Files claims under the volume that they name. */
const volumeNameIndex = 'volumeName';

/**
 * Binds claims to volumes, makes volumes for claims of the class `coracle.dev/local`, and deletes those again
 * (pkg/controller/volume/persistentvolume pv_controller.go).
 *
 * Upstream looks at everything anew each 15 s; here what a waiting claim waits for (a volume, its class, its pod) brings it back.
 */
export class PersistentVolumeController implements RunnableController {
  readonly #clientset: Clientset;
  readonly #recorder: EventRecorder;
  readonly #writer: VolumeWriter;
  readonly #volumes: SharedIndexInformer<PersistentVolume>;
  readonly #claims: SharedIndexInformer<PersistentVolumeClaim>;
  readonly #classes: SharedIndexInformer<StorageClass>;
  readonly #pods: SharedIndexInformer<Pod>;
  readonly #nodes: SharedIndexInformer<Node>;
  readonly #volumeController: KeyedController;
  readonly #claimController: KeyedController;

  constructor({ process, clientset, informers }: Omit<ControllerContext, 'rootCA'>) {
    this.#clientset = clientset;
    this.#recorder = new EventRecorder({ clientset, component: 'persistentvolume-controller' });
    this.#writer = new VolumeWriter(clientset);
    this.#volumes = informers.forResource(resources.core.v1.persistentVolumes);
    this.#claims = informers.forResource(resources.core.v1.persistentVolumeClaims);
    this.#classes = informers.forResource(resources.storage.v1.storageClasses);
    this.#pods = informers.forResource(resources.core.v1.pods);
    this.#nodes = informers.forResource(resources.core.v1.nodes);
    if (!this.#claims.indexer.hasIndex(volumeNameIndex)) {
      this.#claims.addIndexers({ [volumeNameIndex]: ({ spec: { volumeName } }) => (volumeName === undefined ? [] : [volumeName]) });
    }
    this.#volumeController = new KeyedController({ process, name: 'volumes', sync: (name) => this.#syncVolume(name) });
    this.#claimController = new KeyedController({ process, name: 'claims', sync: (key) => this.#syncClaim(key) });
    const volumeQueue = this.#volumeController.queue;
    const claimQueue = this.#claimController.queue;
    this.#volumes.addEventHandler({
      onAdd: (volume) => {
        volumeQueue.add(volume.metadata.name ?? '');
        // One that had lost it, or that named it before it was there.
        for (const key of this.#claims.indexer.indexKeys(volumeNameIndex, volume.metadata.name ?? '')) claimQueue.add(key);
      },
      onUpdate: (old, volume) => {
        volumeQueue.add(volume.metadata.name ?? '');
        if (old.status?.phase !== 'Available' && volume.status?.phase === 'Available') this.#enqueueWaiting(storageClassOf(volume));
      },
      onDelete: (deleted) => this.#enqueueClaimOf(objectFromDeletion<PersistentVolume>(deleted)),
    });
    this.#claims.addEventHandler({
      onAdd: (claim) => claimQueue.add(metaNamespaceKey(claim)),
      onUpdate: (_old, claim) => claimQueue.add(metaNamespaceKey(claim)),
      onDelete: (deleted) => {
        const volumeName = objectFromDeletion<PersistentVolumeClaim>(deleted)?.spec.volumeName ?? '';
        if (volumeName !== '') volumeQueue.add(volumeName);
        claimQueue.add(deletionKey<PersistentVolumeClaim>(deleted));
      },
    });
    this.#classes.addEventHandler({ onAdd: (added) => this.#enqueueWaiting(added.metadata.name ?? '') });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (!(await cachesSynced(signal, this.#volumes, this.#claims, this.#classes, this.#pods, this.#nodes))) return;
    await Promise.all([this.#volumeController.run(signal), this.#claimController.run(signal)]);
  }

  async #syncClaim(key: string): Promise<void> {
    const { namespace, name } = splitMetaNamespaceKey(key);
    const claim = this.#claims.lister.namespace(namespace).get(name);
    if (claim === undefined) return;
    const storageClass = this.#classes.lister.get(storageClassOf(claim));
    const step = nextClaimStep({ claim, volumes: this.#volumes.lister.list(), storageClass });
    switch (step.do) {
      case 'bind':
        return this.#writer.bind(step.volume, claim);
      case 'provision':
        return this.#provision(claim, storageClass);
      case 'wait': {
        const event = step.event === 'first-consumer' ? this.#consumerEvent(claim) : step.event;
        if (event !== undefined) this.#report(claim, event);
        await this.#writer.setClaimStatus(claim, { phase: 'Pending' });
        return;
      }
      case 'lose':
        if (await this.#writer.setClaimStatus(claim, { phase: 'Lost' })) this.#report(claim, step.event);
        return;
    }
  }

  #consumerEvent(claim: Frozen<PersistentVolumeClaim>): ClaimEvent {
    const { namespace = '', name = '' } = claim.metadata;
    const uses = ({ spec }: Pod): boolean =>
      (spec.volumes ?? []).some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === name);
    const waiting = this.#pods.lister
      .namespace(namespace)
      .list()
      .find((pod) => !isPodTerminal(pod) && (pod.spec.nodeName ?? '') === '' && uses(pod));
    if (waiting === undefined)
      return { type: 'Normal', reason: 'WaitForFirstConsumer', message: 'waiting for first consumer to be created before binding' };
    return { type: 'Normal', reason: 'WaitForPodScheduled', message: `waiting for pod ${waiting.metadata.name} to be scheduled` };
  }

  async #provision(claim: Frozen<PersistentVolumeClaim>, storageClass: Frozen<StorageClass> | undefined): Promise<void> {
    const failed = (message: string): void => this.#report(claim, { type: 'Warning', reason: 'ProvisioningFailed', message });
    if (storageClass === undefined) {
      failed(`storageclass.storage.k8s.io "${storageClassOf(claim)}" not found`);
      return;
    }
    const { provisioner } = storageClass;
    if (provisioner.startsWith(inTreePrefix)) {
      failed(`no volume plugin matched name: ${provisioner}`);
      return;
    }
    const marked = await this.#nameProvisioner(claim, provisioner);
    if (provisioner !== localProvisioner) {
      const message =
        `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. ` +
        'If volume creation is delayed, please verify that the provisioner is running and correctly registered.';
      this.#report(claim, { type: 'Normal', reason: 'ExternalProvisioning', message });
      return;
    }
    if (this.#volumes.lister.get(provisionedName(marked)) !== undefined) return; // made already: its event binds the claim
    const selected = getOwn(marked.metadata.annotations, selectedNodeAnnotation);
    const node = selected === undefined ? undefined : this.#nodes.lister.get(selected);
    if (selected !== undefined && node === undefined) return this.#reschedule(marked, `node "${selected}" not found`);
    const volume = provisionedVolume(marked, storageClass, node);
    try {
      await this.#clientset.coreV1.persistentVolumes().create(volume);
    } catch (error) {
      if (isAlreadyExists(error)) return;
      failed(`Failed to create provisioned PV for claim ${metaNamespaceKey(claim)}: ${messageOf(error)}`);
      throw error;
    }
    this.#report(claim, {
      type: 'Normal',
      reason: 'ProvisioningSucceeded',
      message: `Successfully provisioned volume ${volume.metadata.name} using ${provisioner}`,
    });
  }

  /** Without the choice of a node the scheduler chooses again. */
  async #reschedule(claim: PersistentVolumeClaim, why: string): Promise<void> {
    this.#report(claim, { type: 'Warning', reason: 'ProvisioningFailed', message: why });
    const { annotations: _, ...metadata } = claim.metadata;
    const annotations = withoutEntry(claim.metadata.annotations, selectedNodeAnnotation);
    await this.#clientset.coreV1
      .persistentVolumeClaims(metadata.namespace)
      .update({ ...claim, metadata: { ...metadata, ...(annotations === undefined ? {} : { annotations }) } });
  }

  /** Tells provisioners outside that the claim is theirs. */
  async #nameProvisioner(claim: PersistentVolumeClaim, provisioner: string): Promise<PersistentVolumeClaim> {
    const { annotations } = claim.metadata;
    if (provisionerAnnotations.every((key) => getOwn(annotations, key) === provisioner)) return claim;
    const marked = provisionerAnnotations.reduce<Readonly<Record<string, string>>>(
      (all, key) => withEntry(all, key, provisioner),
      annotations ?? {},
    );
    return this.#clientset.coreV1
      .persistentVolumeClaims(claim.metadata.namespace)
      .update({ ...claim, metadata: { ...claim.metadata, annotations: marked } });
  }

  async #syncVolume(name: string): Promise<void> {
    const volume = this.#volumes.lister.get(name);
    if (volume === undefined) return;
    const claim = await this.#claimOf(volume);
    const step = nextVolumeStep(volume, claim);
    switch (step.do) {
      case 'phase':
        await this.#writer.setPhase(volume, step.phase);
        if (volume.spec.claimRef !== undefined && step.phase === 'Available') this.#enqueueClaimOf(volume);
        return;
      case 'sync-claim':
        return this.#enqueueClaimOf(volume);
      case 'unbind':
        return this.#writer.unbind(volume);
      case 'release':
        return this.#release(volume);
    }
  }

  /** The claim of the volume's claimRef. Before it counts as gone the server is asked: the cache may be behind, and data is at stake. */
  async #claimOf(volume: Frozen<PersistentVolume>): Promise<Frozen<PersistentVolumeClaim> | undefined> {
    const { name = '', namespace = '', uid = '' } = volume.spec.claimRef ?? {};
    if (uid === '') return undefined;
    const cached = this.#claims.lister.namespace(namespace).get(name);
    if (cached?.metadata.uid === uid) return cached;
    try {
      const live = await this.#clientset.coreV1.persistentVolumeClaims(namespace).get(name);
      return live.metadata.uid === uid ? live : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #release(volume: Frozen<PersistentVolume>): Promise<void> {
    const { phase } = volume.status ?? {};
    const released = phase === 'Released' || phase === 'Failed' ? volume : await this.#writer.setPhase(volume, 'Released');
    if (released.spec.persistentVolumeReclaimPolicy !== 'Delete' || released.metadata.deletionTimestamp !== undefined) return;
    const provisioner = getOwn(released.metadata.annotations, provisionedByAnnotation);
    if (provisioner === localProvisioner) {
      const { name = '', uid } = released.metadata;
      await this.#clientset.coreV1
        .persistentVolumes()
        .delete(name, uid === undefined ? {} : { preconditions: { uid } })
        .catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
    } else if (provisioner === undefined && phase !== 'Failed') {
      // Nobody made it, so nobody knows how to delete it. One made elsewhere is deleted there.
      const message = `error getting deleter volume plugin for volume "${released.metadata.name}": no deletable volume plugin matched`;
      const failed = await this.#writer.setPhase(released, 'Failed', message);
      this.#recorder.event(failed, 'Warning', 'VolumeFailedDelete', message);
    }
  }

  #report(claim: PersistentVolumeClaim, { type, reason, message }: ClaimEvent): void {
    this.#recorder.event(claim, type, reason, message);
  }

  #enqueueClaimOf(volume: Frozen<PersistentVolume> | undefined): void {
    const { name = '', namespace = '' } = volume?.spec.claimRef ?? {};
    if (name !== '') this.#claimController.queue.add(`${namespace}/${name}`);
  }

  /** Claims without volume of a class that may get one now. */
  #enqueueWaiting(storageClass: string): void {
    for (const claim of this.#claims.lister.list()) {
      if (claim.status?.phase !== 'Bound' && claim.status?.phase !== 'Lost' && storageClassOf(claim) === storageClass)
        this.#claimController.queue.add(metaNamespaceKey(claim));
    }
  }
}
