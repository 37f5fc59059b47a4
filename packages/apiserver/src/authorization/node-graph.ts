import type { PersistentVolume, Pod } from '@coracle/api';
import { type Frozen, semanticEqual } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import { storagePrefix } from '../registry/storage-prefix.ts';
import { followPrefix } from '../storage/follow-prefix.ts';
import type { Key, Storage, Stored } from '../storage/storage.ts';
import { claimsOf, configMapsOf, mirrorAnnotation, resourceClaimsOf, secretsOf } from './pod-references.ts';

/** What may be reached from a node, by resource. */
export type ReachedResource =
  | 'configmaps'
  | 'persistentvolumeclaims'
  | 'persistentvolumes'
  | 'podcertificaterequests'
  | 'pods'
  | 'resourceclaims'
  | 'resourceslices'
  | 'secrets'
  | 'serviceaccounts'
  | 'volumeattachments';

export interface ReachedObject {
  readonly resource: ReachedResource;
  /** '' for objects of the cluster. */
  readonly namespace: string;
  readonly name: string;
}

interface BoundPod {
  readonly key: Key;
  readonly uid: string;
  readonly nodeName: string;
  /** `resource/name` of what it refers to in its namespace; read when a node first asks. */
  references: ReadonlySet<string> | undefined;
  /** Counts the changes of what it refers to, so that what is read meanwhile is not kept. */
  changes: number;
}

interface BoundVolume {
  /** `namespace/name`. */
  readonly claim: string;
  /** `namespace/name` of Secrets that mounting it takes. */
  readonly secrets: readonly string[];
}

const podsPrefix = storagePrefix('', 'pods');
const volumesPrefix = storagePrefix('', 'persistentvolumes');

/**
 * Which objects a node has to do with: its pods, what these refer to, the volumes of their claims and the secrets of those
 * (plugin/pkg/auth/authorizer/node graph.go, graph_populator.go). Followed within the commits that change it, from the first
 * question of a node on: a server without kubelets does none of it. Of a pod only its node is kept; what it refers to is read
 * when its node asks.
 */
export class NodeGraph {
  readonly #storage: Storage;
  readonly #process: Process;
  readonly #pods = new Map<Key, BoundPod>();
  readonly #podsOf = new Map<string, Map<Key, BoundPod>>();
  readonly #volumes = new Map<string, BoundVolume>();
  /** The nodes that objects name themselves, by key. */
  readonly #named = new Map<Key, string>();
  readonly #watches: Disposable[] = [];
  #begun: Promise<void> | undefined;
  #isStopped = false;

  constructor({ storage, process }: { readonly storage: Storage; readonly process: Process }) {
    this.#storage = storage;
    this.#process = process;
  }

  /** What it knows is not kept up any more. */
  stop(): void {
    this.#isStopped = true;
    for (const watch of this.#watches.splice(0)) watch[Symbol.dispose]();
  }

  async isReached(nodeName: string, { resource, namespace, name }: ReachedObject): Promise<boolean> {
    this.#begun ??= this.#begin();
    await this.#begun;
    switch (resource) {
      case 'pods':
        return this.#pods.get(`${podsPrefix}${namespace}/${name}`)?.nodeName === nodeName;
      case 'volumeattachments':
        return this.#named.get(storagePrefix('storage.k8s.io', resource) + name) === nodeName;
      case 'resourceslices':
        return this.#named.get(storagePrefix('resource.k8s.io', resource) + name) === nodeName;
      case 'podcertificaterequests':
        return this.#named.get(`${storagePrefix('certificates.k8s.io', resource)}${namespace}/${name}`) === nodeName;
      case 'persistentvolumes':
        return this.#isVolumeReached(nodeName, this.#volumes.get(name));
      case 'secrets': {
        if (await this.#isReferred(nodeName, { resource, namespace, name })) return true;
        const secret = `${namespace}/${name}`;
        for (const volume of this.#volumes.values())
          if (volume.secrets.includes(secret) && (await this.#isVolumeReached(nodeName, volume))) return true;
        return false;
      }
      default:
        return this.#isReferred(nodeName, { resource, namespace, name });
    }
  }

  async #isVolumeReached(nodeName: string, volume: BoundVolume | undefined): Promise<boolean> {
    if (volume === undefined) return false;
    const [namespace = '', name = ''] = volume.claim.split('/');
    return this.#isReferred(nodeName, { resource: 'persistentvolumeclaims', namespace, name });
  }

  async #isReferred(nodeName: string, { resource, namespace, name }: ReachedObject): Promise<boolean> {
    const prefix = `${podsPrefix}${namespace}/`;
    const reference = `${resource}/${name}`;
    for (const pod of [...(this.#podsOf.get(nodeName)?.values() ?? [])]) {
      if (!pod.key.startsWith(prefix)) continue;
      if ((pod.references ?? (await this.#read(pod))).has(reference)) return true;
    }
    return false;
  }

  async #read(pod: BoundPod): Promise<ReadonlySet<string>> {
    const { changes } = pod;
    const { stored } = await this.#storage.get(pod.key);
    const references = referencesOf(stored, pod.uid);
    if (pod.changes === changes) pod.references = references;
    return references;
  }

  async #begin(): Promise<void> {
    await this.#follow(podsPrefix, (key, current, previous) => this.#podChanged(key, current, previous));
    await this.#follow(volumesPrefix, (key, current) => {
      const volume = current === undefined ? undefined : boundVolume(current.object as unknown as Frozen<PersistentVolume>); // of this prefix
      if (volume === undefined) this.#volumes.delete(key.slice(volumesPrefix.length));
      else this.#volumes.set(key.slice(volumesPrefix.length), volume);
    });
    await this.#followNamed('storage.k8s.io', 'volumeattachments');
    await this.#followNamed('resource.k8s.io', 'resourceslices');
    await this.#followNamed('certificates.k8s.io', 'podcertificaterequests');
  }

  #podChanged(key: Key, current: Stored | undefined, previous: Stored | undefined): void {
    const pod = current?.object as unknown as Frozen<Pod> | undefined; // what is stored under the prefix is of this kind
    const nodeName = pod?.spec.nodeName ?? '';
    const known = this.#pods.get(key);
    if (known === undefined && nodeName === '') return;
    if (known !== undefined && known.nodeName === nodeName && known.uid === pod?.metadata.uid) {
      if (refersToSame(pod, previous)) return;
      known.references = undefined;
      known.changes++;
      return;
    }
    if (known !== undefined) {
      this.#pods.delete(key);
      const others = this.#podsOf.get(known.nodeName);
      others?.delete(key);
      if (others?.size === 0) this.#podsOf.delete(known.nodeName);
    }
    if (nodeName === '') return;
    const bound: BoundPod = { key, uid: pod?.metadata.uid ?? '', nodeName, references: undefined, changes: 0 };
    this.#pods.set(key, bound);
    const pods = this.#podsOf.get(nodeName) ?? new Map<Key, BoundPod>();
    this.#podsOf.set(nodeName, pods.set(key, bound));
  }

  /** Objects whose spec names a node. */
  async #followNamed(group: string, resource: string): Promise<void> {
    await this.#follow(storagePrefix(group, resource), (key, current) => {
      // What is stored under the prefix is of a kind whose spec has the field.
      const named = current?.object as unknown as { readonly spec: { readonly nodeName?: string } } | undefined;
      const nodeName = named?.spec.nodeName ?? '';
      if (nodeName === '') this.#named.delete(key);
      else this.#named.set(key, nodeName);
    });
  }

  async #follow(prefix: Key, changed: (key: Key, current: Stored | undefined, previous: Stored | undefined) => void): Promise<void> {
    const watch = await followPrefix({ storage: this.#storage, process: this.#process, prefix, changed });
    if (this.#isStopped) watch[Symbol.dispose]();
    else this.#watches.push(watch);
  }
}

/** Ephemeral containers come later, and so do the names of claims; all else that a pod refers to stays. */
function refersToSame(pod: Frozen<Pod>, previous: Stored | undefined): boolean {
  if (previous === undefined) return false;
  const old = previous.object as unknown as Frozen<Pod>; // another state of the pod
  return (
    pod.spec.ephemeralContainers?.length === old.spec.ephemeralContainers?.length &&
    semanticEqual(pod.status?.resourceClaimStatuses, old.status?.resourceClaimStatuses) &&
    semanticEqual(pod.status?.extendedResourceClaimStatus, old.status?.extendedResourceClaimStatus)
  );
}

const nothing: ReadonlySet<string> = new Set();

/** A mirror pod was made by its node, which must not give itself anything by it. */
function referencesOf(stored: Stored | undefined, uid: string): ReadonlySet<string> {
  const pod = stored?.object as unknown as Frozen<Pod> | undefined; // what is stored under the prefix is of this kind
  if (pod === undefined || pod.metadata.uid !== uid || pod.metadata.annotations?.[mirrorAnnotation] !== undefined) return nothing;
  return new Set([
    ...(pod.spec.serviceAccountName === undefined ? [] : [`serviceaccounts/${pod.spec.serviceAccountName}`]),
    ...secretsOf(pod).map((name) => `secrets/${name}`),
    ...configMapsOf(pod).map((name) => `configmaps/${name}`),
    ...claimsOf(pod).map((name) => `persistentvolumeclaims/${name}`),
    ...resourceClaimsOf(pod).map((name) => `resourceclaims/${name}`),
  ]);
}

/** Only secrets that kubelets read: not those of a CSI controller (component-helpers VisitPVSecretNames). */
function boundVolume({ spec }: Frozen<PersistentVolume>): BoundVolume | undefined {
  const { claimRef, azureFile, csi } = spec;
  if (claimRef === undefined || claimRef === null) return undefined;
  const own = claimRef.namespace ?? '';
  const references = [
    ...(azureFile === undefined ? [] : [{ name: azureFile.secretName, namespace: azureFile.secretNamespace ?? '' }]),
    spec.cephfs?.secretRef,
    spec.cinder?.secretRef,
    spec.flexVolume?.secretRef,
    spec.rbd?.secretRef,
    spec.scaleIO?.secretRef,
    spec.iscsi?.secretRef,
    csi?.nodePublishSecretRef,
    csi?.nodeStageSecretRef,
    csi?.nodeExpandSecretRef,
  ];
  const secrets = references.flatMap((reference) => {
    const { name = '', namespace = '' } = reference ?? {};
    return name === '' ? [] : [`${namespace === '' ? own : namespace}/${name}`];
  });
  return { claim: `${own}/${claimRef.name ?? ''}`, secrets };
}
