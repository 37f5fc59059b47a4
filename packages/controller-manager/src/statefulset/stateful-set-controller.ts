import type { ControllerRevision, PersistentVolumeClaim, Pod, StatefulSet, StatefulSetStatus } from '@coracle/api';
import { controllerOf, controllerReference, type Frozen, labelMatcher, type OwnerReference, semanticEqual } from '@coracle/apimachinery';
import {
  type Clientset,
  defaultRetry,
  EventRecorder,
  KeyedController,
  metaNamespaceKey,
  objectFromDeletion,
  resources,
  retryOnConflict,
  type SharedIndexInformer,
  splitMetaNamespaceKey,
} from '@coracle/client';
import type { Process } from '@coracle/kernel';
import { cachesSynced } from '../controller/cache-sync.ts';
import { enqueueEach } from '../controller/enqueue.ts';
import { claim } from '../controller/claim.ts';
import type { ControllerContext, RunnableController } from '../controller/context.ts';
import { isNamespaceTerminating } from '../controller/pod-control.ts';
import { controlledBy, indexByController, isPodReady, nextAvailabilityMs, orphansIn, sameLabels } from '../controller/pods.ts';
import { slowStart } from '../controller/slow-start.ts';
import { nextStatefulSetActions, type StatefulSetAction } from './plan.ts';
import { StatefulPodWriter } from './pod-writer.ts';
import { ordinalOf, revisionOf } from './pods.ts';
import { StatefulSetRevisions } from './revisions.ts';
import { completedUpdate } from './status.ts';

const workers = 5;
const { statefulSets: handle } = resources.apps.v1;

/** Keeps pods with a name, a number and storage of their own (pkg/controller/statefulset/stateful_set.go). */
export class StatefulSetController implements RunnableController {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #sets: SharedIndexInformer<StatefulSet>;
  readonly #pods: SharedIndexInformer<Pod>;
  readonly #claims: SharedIndexInformer<PersistentVolumeClaim>;
  readonly #revisionInformer: SharedIndexInformer<ControllerRevision>;
  readonly #revisions: StatefulSetRevisions;
  readonly #writer: StatefulPodWriter;
  readonly #controller: KeyedController;

  constructor({ process, clientset, informers }: Omit<ControllerContext, 'rootCA'>) {
    this.#process = process;
    this.#clientset = clientset;
    this.#sets = informers.forResource(handle);
    this.#pods = informers.forResource(resources.core.v1.pods);
    this.#claims = informers.forResource(resources.core.v1.persistentVolumeClaims);
    this.#revisionInformer = informers.forResource(resources.apps.v1.controllerRevisions);
    indexByController(this.#pods);
    indexByController(this.#revisionInformer);
    this.#revisions = new StatefulSetRevisions(clientset, this.#revisionInformer);
    const recorder = new EventRecorder({ clientset, component: 'statefulset-controller' });
    this.#writer = new StatefulPodWriter({ clientset, recorder, claims: this.#claims });
    this.#controller = new KeyedController({ process, name: 'statefulset', workers, sync: (key) => this.#sync(key) });
    const { queue } = this.#controller;
    enqueueEach(this.#sets, queue);
    this.#pods.addEventHandler({
      onAdd: (pod) => this.#podAdded(pod),
      onUpdate: (old, pod) => this.#podUpdated(old, pod),
      onDelete: (deleted) => this.#enqueueOwner(objectFromDeletion<Pod>(deleted)),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#sets, this.#pods, this.#claims, this.#revisionInformer)) await this.#controller.run(signal);
  }

  async #sync(key: string): Promise<void | { readonly requeueAfterMs: number }> {
    const { namespace, name } = splitMetaNamespaceKey(key);
    const set = this.#sets.lister.namespace(namespace).get(name);
    if (set === undefined) return;
    await this.#revisions.adopt(set);
    const pods = await this.#claimPods(set);
    const revisions = await this.#revisions.sync(set);
    const nowMs = this.#process.clock.now();
    const { phases, status } = nextStatefulSetActions({
      set,
      ...revisions,
      pods,
      claim: (claimName) => this.#claims.lister.namespace(namespace).get(claimName),
      nowMs,
    });
    const error = await this.#apply(set, phases);
    await this.#writeStatus(set, completedUpdate(status)); // what was seen holds even if what was done failed
    if (isNamespaceTerminating(error)) return; // nothing more can be made there
    if (error !== undefined) throw error;
    await this.#revisions.truncate(set, revisions, pods.map(revisionOf));
    const requeueAfterMs = nextAvailabilityMs(pods, set.spec.minReadySeconds ?? 0, nowMs);
    return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
  }

  /** Pods of this name pattern only: others that match the selector are not the set's business. */
  #claimPods(set: Frozen<StatefulSet>): Promise<readonly Pod[]> {
    const { namespace = '', name = '' } = set.metadata;
    const candidates = [...controlledBy(this.#pods, set), ...orphansIn(this.#pods, namespace)].filter(
      (pod) => ordinalOf(set, pod) !== undefined,
    );
    return claim<Pod>(set, labelMatcher(set.spec.selector), candidates, {
      reference: controllerReference(set, handle),
      liveOwner: () => this.#clientset.appsV1.statefulSets(namespace).get(name),
      patch: (pod, patch) => this.#clientset.coreV1.pods(namespace).patch(pod.metadata.name ?? '', 'strategic', patch),
    });
  }

  /** Phase by phase; within one in order, or in growing batches where the set is Parallel. Resolves with the first error. */
  async #apply(set: Frozen<StatefulSet>, phases: readonly (readonly StatefulSetAction[])[]): Promise<unknown> {
    const isParallel = set.spec.podManagementPolicy === 'Parallel';
    for (const phase of phases) {
      if (isParallel) {
        const { error } = await slowStart(phase.length, async (i) => {
          const action = phase[i];
          if (action !== undefined) await this.#writer.apply(set, action);
        });
        if (error !== undefined) return error;
      } else {
        for (const action of phase) {
          try {
            await this.#writer.apply(set, action);
          } catch (error) {
            return error;
          }
        }
      }
    }
    return undefined;
  }

  async #writeStatus(set: Frozen<StatefulSet>, status: StatefulSetStatus): Promise<void> {
    if (semanticEqual(set.status, status)) return;
    const client = this.#clientset.appsV1.statefulSets(set.metadata.namespace);
    let latest = set;
    await retryOnConflict(this.#process, defaultRetry, async () => {
      const base = latest;
      latest = this.#sets.lister.namespace(set.metadata.namespace ?? '').get(set.metadata.name ?? '') ?? set; // for the next try
      await client.updateStatus({ ...base, status });
    });
  }

  #podAdded(pod: Frozen<Pod>): void {
    if (controllerOf(pod) !== undefined || pod.metadata.deletionTimestamp !== undefined) this.#enqueueOwner(pod);
    else this.#enqueueMatching(pod);
  }

  #podUpdated(old: Frozen<Pod>, pod: Frozen<Pod>): void {
    if (old.metadata.resourceVersion === pod.metadata.resourceVersion) return; // a resync
    const before = controllerOf(old);
    const after = controllerOf(pod);
    const ownerChanged = before?.uid !== after?.uid;
    if (ownerChanged) this.#enqueueOwner(old);
    if (after !== undefined) {
      const set = this.#ownerOf(pod, after);
      if (set === undefined) return;
      this.#controller.queue.add(metaNamespaceKey(set));
      // A second more, for the condition's time is cut to seconds.
      const { minReadySeconds = 0 } = set.spec;
      if (!isPodReady(old) && isPodReady(pod) && minReadySeconds > 0)
        this.#controller.queue.addAfter(metaNamespaceKey(set), minReadySeconds * 1000 + 1000);
    } else if (ownerChanged || !sameLabels(old.metadata.labels, pod.metadata.labels)) {
      this.#enqueueMatching(pod);
    }
  }

  #ownerOf(pod: Frozen<Pod>, reference: OwnerReference | undefined): Frozen<StatefulSet> | undefined {
    if (reference?.kind !== handle.kind) return undefined;
    const set = this.#sets.lister.namespace(pod.metadata.namespace ?? '').get(reference.name);
    return set?.metadata.uid === reference.uid ? set : undefined;
  }

  #enqueueOwner(pod: Frozen<Pod> | undefined): void {
    const set = pod && this.#ownerOf(pod, controllerOf(pod));
    if (set !== undefined) this.#controller.queue.add(metaNamespaceKey(set));
  }

  /** Whoever selects an orphan may adopt it. */
  #enqueueMatching(pod: Frozen<Pod>): void {
    for (const set of this.#sets.lister.namespace(pod.metadata.namespace ?? '').list()) {
      const matcher = labelMatcher(set.spec.selector);
      if (!matcher.everything && matcher.matches(pod.metadata.labels)) this.#controller.queue.add(metaNamespaceKey(set));
    }
  }
}
