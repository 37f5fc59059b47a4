import type { PersistentVolumeClaim, Pod, StatefulSet } from '@coracle/api';
import { type Frozen, isAlreadyExists, isNotFound, type KubeObject } from '@coracle/apimachinery';
import type { Clientset, EventRecorder, SharedIndexInformer } from '@coracle/client';
import { isNamespaceTerminating, messageOf } from '../controller/pod-control.ts';
import { claimOwners } from './claim-owners.ts';
import { claimsOf, withIdentity, withStorage } from './pods.ts';
import type { StatefulSetAction } from './plan.ts';

type Verb = 'Create' | 'Update' | 'Delete';

/** Does what the plan of a StatefulSet says, and tells it in events (pkg/controller/statefulset/stateful_pod_control.go). */
export class StatefulPodWriter {
  readonly #clientset: Clientset;
  readonly #recorder: EventRecorder;
  readonly #claims: SharedIndexInformer<PersistentVolumeClaim>;

  constructor(options: {
    readonly clientset: Clientset;
    readonly recorder: EventRecorder;
    readonly claims: SharedIndexInformer<PersistentVolumeClaim>;
  }) {
    this.#clientset = options.clientset;
    this.#recorder = options.recorder;
    this.#claims = options.claims;
  }

  async apply(set: Frozen<StatefulSet>, action: StatefulSetAction): Promise<void> {
    switch (action.do) {
      case 'create-pod':
        return this.#create(set, action.pod, action.ordinal);
      case 'create-claims':
        return this.#createClaims(set, action.pod, action.ordinal);
      case 'restore-identity':
        return this.#restore(set, action.pod, action.ordinal);
      case 'set-claim-owners':
        return this.#setClaimOwners(set, action.pod, action.ordinal);
      case 'delete-pod':
        return this.#delete(set, action.pod);
    }
  }

  async #create(set: Frozen<StatefulSet>, pod: Pod, ordinal: number): Promise<void> {
    try {
      await this.#createClaims(set, pod, ordinal);
      await this.#clientset.coreV1.pods(set.metadata.namespace).create(pod);
    } catch (error) {
      if (isAlreadyExists(error)) throw error; // our own of a moment ago, or somebody else's: no event either way
      if (!isNamespaceTerminating(error)) this.#report(set, 'Create', pod, error);
      throw error;
    }
    this.#report(set, 'Create', pod);
    await this.#setClaimOwners(set, pod, ordinal);
  }

  async #createClaims(set: Frozen<StatefulSet>, pod: Pod, ordinal: number): Promise<void> {
    const client = this.#clientset.coreV1.persistentVolumeClaims(set.metadata.namespace);
    for (const claim of claimsOf(set, ordinal)) {
      const present = this.#claim(claim);
      if (present?.metadata.deletionTimestamp !== undefined) throw new Error(`pvc ${claim.metadata.name} is being deleted`);
      if (present !== undefined) continue;
      try {
        await client.create(claim);
      } catch (error) {
        if (isAlreadyExists(error)) continue;
        const message = `Create Claim ${claim.metadata.name} for Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} failed error: ${messageOf(error)}`;
        this.#recorder.event(set, 'Warning', 'FailedCreate', message);
        throw error;
      }
      const message = `Create Claim ${claim.metadata.name} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} success`;
      this.#recorder.event(set, 'Normal', 'SuccessfulCreate', message);
    }
  }

  /** Puts back what somebody took off the pod by which it is known. */
  async #restore(set: Frozen<StatefulSet>, pod: Pod, ordinal: number): Promise<void> {
    await this.#createClaims(set, pod, ordinal);
    try {
      await this.#clientset.coreV1.pods(set.metadata.namespace).update(withStorage(set, ordinal, withIdentity(set, ordinal, pod)));
    } catch (error) {
      this.#report(set, 'Update', pod, error);
      throw error;
    }
    this.#report(set, 'Update', pod);
  }

  async #setClaimOwners(set: Frozen<StatefulSet>, pod: Pod, ordinal: number): Promise<void> {
    for (const { metadata } of claimsOf(set, ordinal)) {
      const claim = this.#claim({ metadata });
      const ownerReferences = claim && claimOwners(set, pod, claim);
      if (claim === undefined || ownerReferences === undefined) continue;
      await this.#clientset.coreV1
        .persistentVolumeClaims(set.metadata.namespace)
        .update({ ...claim, metadata: { ...claim.metadata, ownerReferences } });
    }
  }

  async #delete(set: Frozen<StatefulSet>, pod: Pod): Promise<void> {
    try {
      await this.#clientset.coreV1
        .pods(set.metadata.namespace)
        .delete(pod.metadata.name ?? '', pod.metadata.uid === undefined ? {} : { preconditions: { uid: pod.metadata.uid } });
    } catch (error) {
      if (isNotFound(error)) return;
      this.#report(set, 'Delete', pod, error);
      throw error;
    }
    this.#report(set, 'Delete', pod);
  }

  #claim({ metadata }: KubeObject): Frozen<PersistentVolumeClaim> | undefined {
    return this.#claims.lister.namespace(metadata.namespace ?? '').get(metadata.name ?? '');
  }

  #report(set: Frozen<StatefulSet>, verb: Verb, pod: Pod, error?: unknown): void {
    const what = `${verb} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    if (error === undefined) this.#recorder.event(set, 'Normal', `Successful${verb}`, `${what} successful`);
    else this.#recorder.event(set, 'Warning', `Failed${verb}`, `${what} failed error: ${messageOf(error)}`);
  }
}
