import type { PersistentVolume, PersistentVolumeClaim } from '@coracle/api';
import { type Frozen, getOwn, withEntry } from '@coracle/apimachinery';
import type { Clientset, SharedIndexInformer } from '@coracle/client';
import type { Process } from '@coracle/kernel';
import type { PodInfo } from './cache/pod-info.ts';
import { isBound, selectedNodeAnnotation, type VolumeStep } from './plugins/volume-binding.ts';

/** How long a pod waits for its volumes (VolumeBindingArgs bindTimeoutSeconds). */
const bindTimeoutMs = 600_000;
const boundByController = 'pv.kubernetes.io/bound-by-controller';

export interface VolumeBinderOptions {
  readonly process: Process;
  readonly clientset: Clientset;
  readonly claims: SharedIndexInformer<PersistentVolumeClaim>;
}

/** A claim that a pod waits for. */
interface Wait {
  readonly podKey: string;
  readonly claimKey: string;
  readonly node: string;
  /** The cache has shown the annotation: from then on its absence means that the provisioner gave up. */
  sawSelection: boolean;
  readonly settled: PromiseWithResolvers<void>;
}

/**
 * Has the volumes of a decided pod bound before the pod is (pkg/scheduler/framework/plugins/volumebinding binder.go): the choice
 * is written into claims and volumes, others do the rest, and the pod waits for them.
 */
export class VolumeBinder {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #claims: SharedIndexInformer<PersistentVolumeClaim>;
  readonly #reserved = new Map<string, string>();
  readonly #waits = new Set<Wait>();

  constructor({ process, clientset, claims }: VolumeBinderOptions) {
    this.#process = process;
    this.#clientset = clientset;
    this.#claims = claims;
  }

  /** The claim that a volume is promised to; undefined when it is free. */
  reservedFor(volume: string): string | undefined {
    return this.#reserved.get(volume);
  }

  /** Promises the volumes of the steps, until `release`. */
  reserve(steps: readonly VolumeStep[]): void {
    for (const step of steps) if (step.step === 'bind') this.#reserved.set(nameOf(step.volume), keyOf(step.claim));
  }

  release(steps: readonly VolumeStep[]): void {
    for (const step of steps) if (step.step === 'bind') this.#reserved.delete(nameOf(step.volume));
  }

  /** Takes the steps, and resolves when every claim is bound. Rejects when one cannot be, with why. */
  async bind(pod: PodInfo, node: string, steps: readonly VolumeStep[], signal: AbortSignal): Promise<void> {
    for (const step of steps) await this.#take(step, node);
    // Background: what the pod waits for is other components' work, and may never be done.
    using deadline = this.#process.clock.deadline(bindTimeoutMs, { signal, background: true });
    for (const { claim } of steps) await this.#untilBound(pod, keyOf(claim), node, deadline.signal);
  }

  /** A claim has changed or is gone: those who wait for it look again. */
  claimChanged(claimKey: string): void {
    for (const wait of this.#waits) if (wait.claimKey === claimKey) this.#look(wait);
  }

  /** Nobody needs the volumes of a pod that is gone. */
  podGone(podKey: string): void {
    for (const wait of this.#waits) if (wait.podKey === podKey) this.#end(wait, new Error('pod does not exist any more'));
  }

  async #take(step: VolumeStep, node: string): Promise<void> {
    if (step.step === 'bind') {
      await this.#clientset.coreV1.persistentVolumes().update(withClaim(step.volume, step.claim));
      return;
    }
    const { claim } = step;
    if (getOwn(claim.metadata.annotations, selectedNodeAnnotation) === node) return;
    const annotations = withEntry(claim.metadata.annotations, selectedNodeAnnotation, node);
    await this.#clientset.coreV1
      .persistentVolumeClaims(claim.metadata.namespace)
      .update({ ...claim, metadata: { ...claim.metadata, annotations } });
  }

  async #untilBound(pod: PodInfo, claimKey: string, node: string, signal: AbortSignal): Promise<void> {
    const wait: Wait = { podKey: pod.key, claimKey, node, sawSelection: false, settled: Promise.withResolvers() };
    const onAbort = (): void => this.#end(wait, signal.reason instanceof Error ? signal.reason : new Error('binding volumes was aborted'));
    this.#waits.add(wait);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    this.#look(wait);
    try {
      await wait.settled.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #look(wait: Wait): void {
    const claim: Frozen<PersistentVolumeClaim> | undefined = this.#claims.lister.get(wait.claimKey);
    const quoted = JSON.stringify(wait.claimKey.slice(wait.claimKey.indexOf('/') + 1));
    if (claim === undefined) this.#end(wait, new Error(`could not find pvc ${quoted}`));
    else if (isBound(claim)) this.#end(wait);
    else {
      const selected = getOwn(claim.metadata.annotations, selectedNodeAnnotation);
      if (selected === wait.node) wait.sawSelection = true;
      else if (wait.sawSelection) this.#end(wait, new Error(`provisioning failed for PVC ${quoted}`));
    }
  }

  #end(wait: Wait, error?: Error): void {
    this.#waits.delete(wait);
    if (error === undefined) wait.settled.resolve();
    else wait.settled.reject(error);
  }
}

/** The volume, kept for the claim; the volume controller finishes the bond. */
function withClaim(volume: PersistentVolume, { metadata }: PersistentVolumeClaim): PersistentVolume {
  const { namespace = '', name = '', uid = '', resourceVersion = '' } = metadata;
  const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion };
  const annotations = withEntry(volume.metadata.annotations, boundByController, 'yes');
  return { ...volume, metadata: { ...volume.metadata, annotations }, spec: { ...volume.spec, claimRef } };
}

function nameOf({ metadata }: PersistentVolume): string {
  return metadata.name ?? '';
}

function keyOf({ metadata }: PersistentVolumeClaim): string {
  return `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
}
