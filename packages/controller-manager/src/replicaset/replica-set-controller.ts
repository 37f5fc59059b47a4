import type { Pod, ReplicaSet } from '@coracle/api';
import {
  controllerOf,
  controllerReference,
  formatTime,
  type Frozen,
  isNotFound,
  labelMatcher,
  type OwnerReference,
} from '@coracle/apimachinery';
import {
  type Clientset,
  type DeletedFinalStateUnknown,
  deletionKey,
  EventRecorder,
  KeyedController,
  metaNamespaceKey,
  objectFromDeletion,
  resources,
  type SharedIndexInformer,
  splitMetaNamespaceKey,
} from '@coracle/client';
import type { Process } from '@coracle/kernel';
import { cachesSynced } from '../controller/cache-sync.ts';
import { claim } from '../controller/claim.ts';
import type { ControllerContext, RunnableController } from '../controller/context.ts';
import { Expectations } from '../controller/expectations.ts';
import { isNamespaceTerminating, messageOf, PodControl } from '../controller/pod-control.ts';
import {
  controlledBy,
  indexByController,
  isPodActive,
  isPodReady,
  isPodTerminating,
  nextAvailabilityMs,
  orphansIn,
  podKey,
  sameLabels,
} from '../controller/pods.ts';
import { slowStart } from '../controller/slow-start.ts';
import { podsToDelete } from './pods-to-delete.ts';
import { isStatusCurrent, replicaSetStatus } from './status.ts';

const workers = 5;
/** Pods created or deleted in one sync at most (BurstReplicas). */
const burstReplicas = 500;
const { replicaSets: handle } = resources.apps.v1;

/** Keeps as many pods of a template as are wanted (pkg/controller/replicaset/replica_set.go). */
export class ReplicaSetController implements RunnableController {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #replicaSets: SharedIndexInformer<ReplicaSet>;
  readonly #pods: SharedIndexInformer<Pod>;
  readonly #podControl: PodControl;
  readonly #expectations: Expectations;
  readonly #controller: KeyedController;

  constructor({ process, clientset, informers }: Omit<ControllerContext, 'rootCA'>) {
    this.#process = process;
    this.#clientset = clientset;
    this.#expectations = new Expectations(process.clock);
    this.#podControl = new PodControl(clientset, new EventRecorder({ clientset, component: 'replicaset-controller' }));
    this.#replicaSets = informers.forResource(handle);
    this.#pods = informers.forResource(resources.core.v1.pods);
    indexByController(this.#replicaSets);
    indexByController(this.#pods);
    this.#controller = new KeyedController({ process, name: 'replicaset', workers, sync: (key) => this.#sync(key) });
    this.#replicaSets.addEventHandler({
      onAdd: (replicaSet) => this.#enqueue(replicaSet),
      onUpdate: (old, replicaSet) => this.#replicaSetUpdated(old, replicaSet),
      onDelete: (deleted) => this.#replicaSetDeleted(deleted),
    });
    this.#pods.addEventHandler({
      onAdd: (pod) => this.#podAdded(pod),
      onUpdate: (old, pod) => this.#podUpdated(old, pod),
      onDelete: (deleted) => this.#podDeleted(objectFromDeletion<Pod>(deleted)),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#replicaSets, this.#pods)) await this.#controller.run(signal);
  }

  async #sync(key: string): Promise<void | { readonly requeueAfterMs: number }> {
    const { namespace, name } = splitMetaNamespaceKey(key);
    const replicaSet = this.#replicaSets.lister.namespace(namespace).get(name);
    if (replicaSet === undefined) {
      this.#expectations.forget(key);
      return;
    }
    const settled = this.#expectations.satisfied(key);
    const pods = await this.#claimPods(replicaSet);
    const activePods = pods.filter(isPodActive);
    const failure =
      settled && replicaSet.metadata.deletionTimestamp === undefined ? await this.#manage(key, replicaSet, activePods) : undefined;
    const nowMs = this.#process.clock.now();
    await this.#writeStatus(replicaSet, {
      activePods,
      terminatingPods: pods.filter(isPodTerminating),
      failure: failure && messageOf(failure.error),
      nowMs,
    });
    if (failure !== undefined) throw failure.error;
    const requeueAfterMs = nextAvailabilityMs(activePods, replicaSet.spec.minReadySeconds ?? 0, nowMs);
    return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
  }

  #claimPods(replicaSet: Frozen<ReplicaSet>): Promise<readonly Pod[]> {
    const { namespace = '', name = '' } = replicaSet.metadata;
    const candidates = [...controlledBy(this.#pods, replicaSet), ...orphansIn(this.#pods, namespace)];
    return claim<Pod>(replicaSet, labelMatcher(replicaSet.spec.selector), candidates, {
      reference: controllerReference(replicaSet, handle),
      liveOwner: () => this.#clientset.appsV1.replicaSets(namespace).get(name),
      patch: (pod, patch) => this.#clientset.coreV1.pods(namespace).patch(pod.metadata.name ?? '', 'strategic', patch),
    });
  }

  /** Creates or deletes pods. Says what went wrong instead of throwing: the status must tell it first. */
  async #manage(key: string, replicaSet: Frozen<ReplicaSet>, active: readonly Pod[]): Promise<{ readonly error: unknown } | undefined> {
    const surplus = active.length - (replicaSet.spec.replicas ?? 1);
    if (surplus === 0) return undefined;
    const count = Math.min(Math.abs(surplus), burstReplicas);
    return surplus < 0 ? this.#createPods(key, replicaSet, count) : this.#deletePods(key, replicaSet, active, count);
  }

  async #createPods(key: string, replicaSet: Frozen<ReplicaSet>, count: number): Promise<{ readonly error: unknown } | undefined> {
    this.#expectations.expectCreations(key, count);
    const reference = controllerReference(replicaSet, handle);
    let skipped = 0; // refused for good: neither an error nor a pod
    const { succeeded, error } = await slowStart(count, async () => {
      try {
        await this.#podControl.create(replicaSet.spec.template ?? {}, replicaSet, reference);
      } catch (refusal) {
        if (!isNamespaceTerminating(refusal)) throw refusal;
        skipped++;
      }
    });
    for (let i = succeeded - skipped; i < count; i++) this.#expectations.creationObserved(key); // these will not come
    return error === undefined ? undefined : { error };
  }

  async #deletePods(
    key: string,
    replicaSet: Frozen<ReplicaSet>,
    active: readonly Pod[],
    count: number,
  ): Promise<{ readonly error: unknown } | undefined> {
    const victims = podsToDelete(active, this.#relatedPods(replicaSet), count, this.#process.clock.now());
    this.#expectations.expectDeletions(key, victims.map(podKey));
    const results = await Promise.allSettled(
      victims.map(async (pod) => {
        let isOnItsWay = false;
        try {
          isOnItsWay = await this.#podControl.delete(pod, replicaSet);
        } finally {
          if (!isOnItsWay) this.#expectations.deletionObserved(key, podKey(pod)); // no event will tell
        }
      }),
    );
    const failed = results.find((result) => result.status === 'rejected');
    return failed === undefined ? undefined : { error: failed.reason };
  }

  /** Active pods of all ReplicaSets of the same owner: a roll-out shall not empty a node of one revision only. */
  #relatedPods(replicaSet: Frozen<ReplicaSet>): readonly Pod[] {
    const owner = controllerOf(replicaSet);
    const siblings = owner === undefined ? [replicaSet] : this.#siblings(replicaSet, owner);
    return siblings.flatMap((sibling) => controlledBy(this.#pods, sibling).filter(isPodActive));
  }

  #siblings(replicaSet: Frozen<ReplicaSet>, owner: OwnerReference): readonly ReplicaSet[] {
    const { namespace = '' } = replicaSet.metadata;
    return controlledBy(this.#replicaSets, { metadata: { namespace, uid: owner.uid } });
  }

  /** Tries twice, the second time upon what the server holds (statusUpdateRetries). */
  async #writeStatus(
    seen: Frozen<ReplicaSet>,
    observed: {
      readonly activePods: readonly Pod[];
      readonly terminatingPods: readonly Pod[];
      readonly failure: string | undefined;
      readonly nowMs: number;
    },
  ): Promise<void> {
    const client = this.#clientset.appsV1.replicaSets(seen.metadata.namespace);
    const status = replicaSetStatus(seen, { ...observed, now: formatTime(observed.nowMs) });
    if (isStatusCurrent(seen, status)) return;
    try {
      await client.updateStatus({ ...seen, status });
    } catch (error) {
      if (isNotFound(error)) throw error;
      const live = await client.get(seen.metadata.name ?? '');
      await client.updateStatus({ ...live, status });
    }
  }

  #enqueue(replicaSet: Frozen<ReplicaSet>): void {
    this.#controller.queue.add(metaNamespaceKey(replicaSet));
  }

  #replicaSetUpdated(old: Frozen<ReplicaSet>, replicaSet: Frozen<ReplicaSet>): void {
    if (old.metadata.uid !== replicaSet.metadata.uid) this.#expectations.forget(metaNamespaceKey(old)); // made anew under its name
    this.#enqueue(replicaSet);
  }

  #replicaSetDeleted(deleted: Frozen<ReplicaSet> | DeletedFinalStateUnknown<ReplicaSet>): void {
    const key = deletionKey<ReplicaSet>(deleted);
    this.#expectations.forget(key);
    this.#controller.queue.add(key);
  }

  #podAdded(pod: Frozen<Pod>): void {
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#podDeleted(pod); // the cache begins with a pod that is on its way out
      return;
    }
    const owner = this.#ownerOf(pod, controllerOf(pod));
    if (owner !== undefined) {
      this.#expectations.creationObserved(metaNamespaceKey(owner));
      this.#enqueue(owner);
    } else if (controllerOf(pod) === undefined) {
      this.#enqueueMatching(pod);
    }
  }

  #podUpdated(old: Frozen<Pod>, pod: Frozen<Pod>): void {
    if (old.metadata.resourceVersion === pod.metadata.resourceVersion) return; // a resync
    const labelsChanged = !sameLabels(old.metadata.labels, pod.metadata.labels);
    if (pod.metadata.deletionTimestamp !== undefined) {
      // Counts as gone at once: its replacement does not wait for the kubelet.
      this.#podDeleted(pod);
      if (labelsChanged) this.#podDeleted(old);
      return;
    }
    const before = controllerOf(old);
    const after = controllerOf(pod);
    const ownerChanged = before?.uid !== after?.uid;
    if (ownerChanged) {
      const previous = this.#ownerOf(old, before);
      if (previous !== undefined) this.#enqueue(previous);
    }
    if (after !== undefined) {
      const owner = this.#ownerOf(pod, after);
      if (owner === undefined) return;
      this.#enqueue(owner);
      // A second more, for the condition's time is cut to seconds.
      const { minReadySeconds = 0 } = owner.spec;
      if (!isPodReady(old) && isPodReady(pod) && minReadySeconds > 0)
        this.#controller.queue.addAfter(metaNamespaceKey(owner), minReadySeconds * 1000 + 1000);
    } else if (labelsChanged || ownerChanged) {
      this.#enqueueMatching(pod);
    }
  }

  #podDeleted(pod: Frozen<Pod> | undefined): void {
    if (pod === undefined) return;
    const owner = this.#ownerOf(pod, controllerOf(pod));
    if (owner === undefined) return;
    this.#expectations.deletionObserved(metaNamespaceKey(owner), podKey(pod));
    this.#enqueue(owner);
  }

  #ownerOf(pod: Frozen<Pod>, reference: OwnerReference | undefined): Frozen<ReplicaSet> | undefined {
    if (reference?.kind !== handle.kind) return undefined;
    const owner = this.#replicaSets.lister.namespace(pod.metadata.namespace ?? '').get(reference.name);
    return owner?.metadata.uid === reference.uid ? owner : undefined;
  }

  /** Whoever selects an orphan may adopt it. */
  #enqueueMatching(pod: Frozen<Pod>): void {
    for (const replicaSet of this.#replicaSets.lister.namespace(pod.metadata.namespace ?? '').list()) {
      const matcher = labelMatcher(replicaSet.spec.selector);
      if (!matcher.everything && matcher.matches(pod.metadata.labels)) this.#enqueue(replicaSet);
    }
  }
}
