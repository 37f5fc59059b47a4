import type { Deployment, DeploymentStatus, Pod, ReplicaSet } from '@coracle/api';
import { controllerOf, controllerReference, formatTime, type Frozen, isNotFound, labelMatcher, semanticEqual } from '@coracle/apimachinery';
import {
  type Clientset,
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
import { enqueueEach } from '../controller/enqueue.ts';
import { claim } from '../controller/claim.ts';
import type { ControllerContext, RunnableController } from '../controller/context.ts';
import { controlledBy, indexByController, isPodTerminal, orphansIn, sameLabels } from '../controller/pods.ts';
import { withReplicaCounts } from './annotations.ts';
import { NewReplicaSet } from './new-replica-set.ts';
import { isActive, newReplicaSetOf, othersThan, totalOf, wanted } from './replica-sets.ts';
import { fenceposts, isScalingEvent, replicaSetsToCleanUp, rollingUpdateStep, scaleStep, type Scaling } from './scaling.ts';
import { countedStatus, deadlineCheckInMs, isComplete, pauseFinding, rolloutStatus, withCondition } from './status.ts';

const workers = 5;
const { deployments: handle, replicaSets: replicaSetHandle } = resources.apps.v1;

type Requeue = { readonly requeueAfterMs: number } | undefined;

/** Rolls templates out over ReplicaSets (pkg/controller/deployment/deployment_controller.go). */
export class DeploymentController implements RunnableController {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #recorder: EventRecorder;
  readonly #newReplicaSet: NewReplicaSet;
  readonly #deployments: SharedIndexInformer<Deployment>;
  readonly #replicaSets: SharedIndexInformer<ReplicaSet>;
  readonly #pods: SharedIndexInformer<Pod>;
  readonly #controller: KeyedController;

  constructor({ process, clientset, informers }: Omit<ControllerContext, 'rootCA'>) {
    this.#process = process;
    this.#clientset = clientset;
    this.#recorder = new EventRecorder({ clientset, component: 'deployment-controller' });
    this.#deployments = informers.forResource(handle);
    this.#replicaSets = informers.forResource(replicaSetHandle);
    this.#pods = informers.forResource(resources.core.v1.pods);
    this.#newReplicaSet = new NewReplicaSet({ process, clientset, recorder: this.#recorder, replicaSets: this.#replicaSets });
    indexByController(this.#replicaSets);
    indexByController(this.#pods);
    this.#controller = new KeyedController({ process, name: 'deployment', workers, sync: (key) => this.#sync(key) });
    const { queue } = this.#controller;
    enqueueEach(this.#deployments, queue);
    this.#replicaSets.addEventHandler({
      onAdd: (replicaSet) => this.#replicaSetAdded(replicaSet),
      onUpdate: (old, replicaSet) => this.#replicaSetUpdated(old, replicaSet),
      onDelete: (deleted) => this.#enqueueOwner(objectFromDeletion<ReplicaSet>(deleted)),
    });
    this.#pods.addEventHandler({ onDelete: (deleted) => this.#podDeleted(objectFromDeletion<Pod>(deleted)) });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#deployments, this.#replicaSets, this.#pods)) await this.#controller.run(signal);
  }

  async #sync(key: string): Promise<void | { readonly requeueAfterMs: number }> {
    const { namespace, name } = splitMetaNamespaceKey(key);
    let deployment = this.#deployments.lister.namespace(namespace).get(name);
    if (deployment === undefined) return;
    const replicaSets = await this.#claimReplicaSets(deployment);
    if (deployment.metadata.deletionTimestamp !== undefined) {
      const newSet = newReplicaSetOf(deployment, replicaSets);
      await this.#writeStatus(deployment, countedStatus(deployment, newSet, replicaSets, this.#process.clock.now()));
      return;
    }
    deployment = await this.#notePause(deployment);
    if (deployment.spec.paused === true || isScalingEvent(deployment, replicaSets)) return this.#scaleOnly(deployment, replicaSets);
    return deployment.spec.strategy?.type === 'Recreate'
      ? this.#recreate(deployment, replicaSets)
      : this.#rollingUpdate(deployment, replicaSets);
  }

  #claimReplicaSets(deployment: Frozen<Deployment>): Promise<readonly ReplicaSet[]> {
    const { namespace = '', name = '' } = deployment.metadata;
    const candidates = [...controlledBy(this.#replicaSets, deployment), ...orphansIn(this.#replicaSets, namespace)];
    return claim<ReplicaSet>(deployment, labelMatcher(deployment.spec.selector), candidates, {
      reference: controllerReference(deployment, handle),
      liveOwner: () => this.#clientset.appsV1.deployments(namespace).get(name),
      patch: (object, patch) => this.#clientset.appsV1.replicaSets(namespace).patch(object.metadata.name ?? '', 'strategic', patch),
    });
  }

  async #notePause(deployment: Frozen<Deployment>): Promise<Frozen<Deployment>> {
    const finding = pauseFinding(deployment);
    if (finding === undefined) return deployment;
    const conditions = withCondition(deployment.status?.conditions ?? [], finding, formatTime(this.#process.clock.now()));
    return this.#clientset.appsV1
      .deployments(deployment.metadata.namespace)
      .updateStatus({ ...deployment, status: { ...deployment.status, conditions } });
  }

  /** A paused Deployment, or one that was scaled: keeps to the sizes, makes no new ReplicaSet (sync.go sync). */
  async #scaleOnly(deployment: Frozen<Deployment>, replicaSets: readonly ReplicaSet[]): Promise<undefined> {
    const found = newReplicaSetOf(deployment, replicaSets);
    const oldSets = othersThan(found, replicaSets);
    const newSet = found === undefined ? undefined : await this.#newReplicaSet.adjust(deployment, found, oldSets);
    if (found !== undefined && newSet === undefined) return; // the Deployment was written: its event brings it here again
    const scaled = await this.#applyAll(deployment, scaleStep(deployment, newSet, oldSets), true);
    const all = [...oldSets, ...(newSet === undefined ? [] : [newSet])].map((set) => scaled.get(set.metadata.uid ?? '') ?? set);
    if (deployment.spec.paused === true) await this.#cleanUp(deployment, oldSets);
    const current = newSet === undefined ? undefined : (scaled.get(newSet.metadata.uid ?? '') ?? newSet);
    await this.#writeStatus(deployment, countedStatus(deployment, current, all, this.#process.clock.now()));
  }

  async #rollingUpdate(deployment: Frozen<Deployment>, replicaSets: readonly ReplicaSet[]): Promise<Requeue> {
    const found = newReplicaSetOf(deployment, replicaSets);
    const oldSets = othersThan(found, replicaSets);
    const newSet =
      found === undefined
        ? await this.#newReplicaSet.create(deployment, oldSets)
        : await this.#newReplicaSet.adjust(deployment, found, oldSets);
    if (newSet === undefined) return undefined;
    const scaled = await this.#applyAll(deployment, rollingUpdateStep(deployment, newSet, oldSets), false);
    return this.#finish(deployment, newSet, oldSets, scaled);
  }

  /** All old pods go before the first new one comes (recreate.go). */
  async #recreate(deployment: Frozen<Deployment>, replicaSets: readonly ReplicaSet[]): Promise<Requeue> {
    const found = newReplicaSetOf(deployment, replicaSets);
    const oldSets = othersThan(found, replicaSets);
    let newSet = found === undefined ? undefined : await this.#newReplicaSet.adjust(deployment, found, oldSets);
    if (found !== undefined && newSet === undefined) return undefined;
    const active = oldSets.filter(isActive);
    if (active.length > 0) {
      const scaled = await this.#applyAll(
        deployment,
        active.map((replicaSet) => ({ replicaSet, replicas: 0 })),
        false,
      );
      return this.#finish(deployment, newSet, oldSets, scaled);
    }
    if (totalOf(oldSets, 'replicas') > 0 || this.#haveRunningPods(oldSets)) return this.#finish(deployment, newSet, oldSets, new Map());
    newSet ??= await this.#newReplicaSet.create(deployment, oldSets);
    if (newSet === undefined) return undefined;
    const step = wanted(newSet) === wanted(deployment) ? [] : [{ replicaSet: newSet, replicas: wanted(deployment) }];
    return this.#finish(deployment, newSet, oldSets, await this.#applyAll(deployment, step, false));
  }

  #haveRunningPods(replicaSets: readonly ReplicaSet[]): boolean {
    return replicaSets.some((replicaSet) => controlledBy(this.#pods, replicaSet).some((pod) => !isPodTerminal(pod)));
  }

  /** Ends each step of a roll-out: cleans up when it is done, and writes the status. */
  async #finish(
    deployment: Frozen<Deployment>,
    newSet: ReplicaSet | undefined,
    oldSets: readonly ReplicaSet[],
    scaled: ReadonlyMap<string, ReplicaSet>,
  ): Promise<Requeue> {
    if (scaled.size === 0 && isComplete(deployment, deployment.status ?? {})) await this.#cleanUp(deployment, oldSets);
    const latest = (replicaSet: ReplicaSet): ReplicaSet => scaled.get(replicaSet.metadata.uid ?? '') ?? replicaSet;
    const current = newSet && latest(newSet);
    const all = [...oldSets.map(latest), ...(current === undefined ? [] : [current])];
    const nowMs = this.#process.clock.now();
    const status = rolloutStatus(deployment, current, all, nowMs);
    if (await this.#writeStatus(deployment, status)) return undefined;
    const requeueAfterMs = deadlineCheckInMs(deployment, status, nowMs);
    return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
  }

  /** Resolves with the ReplicaSets that were written, by uid. `annotate`: also those whose size is right but whose counts are old. */
  async #applyAll(
    deployment: Frozen<Deployment>,
    scalings: readonly Scaling[],
    annotate: boolean,
  ): Promise<ReadonlyMap<string, ReplicaSet>> {
    const written = new Map<string, ReplicaSet>();
    for (const { replicaSet, replicas } of scalings) {
      const uid = replicaSet.metadata.uid ?? '';
      const present = written.get(uid) ?? replicaSet;
      const after = await this.#scale(deployment, present, replicas, annotate);
      if (after !== undefined) written.set(uid, after);
    }
    return written;
  }

  async #scale(
    deployment: Frozen<Deployment>,
    replicaSet: ReplicaSet,
    replicas: number,
    annotate: boolean,
  ): Promise<ReplicaSet | undefined> {
    const before = wanted(replicaSet);
    const { annotations } = replicaSet.metadata;
    const counts = withReplicaCounts(annotations, wanted(deployment), wanted(deployment) + fenceposts(deployment).maxSurge);
    if (before === replicas && !(annotate && !semanticEqual(annotations, counts))) return undefined;
    const client = this.#clientset.appsV1.replicaSets(replicaSet.metadata.namespace);
    const after = await client.update({
      ...replicaSet,
      metadata: { ...replicaSet.metadata, annotations: counts },
      spec: { ...replicaSet.spec, replicas },
    });
    if (before !== replicas) {
      const direction = before < replicas ? 'up' : 'down';
      this.#recorder.event(
        deployment,
        'Normal',
        'ScalingReplicaSet',
        `Scaled ${direction} replica set ${replicaSet.metadata.name} from ${before} to ${replicas}`,
      );
    }
    return after;
  }

  async #cleanUp(deployment: Frozen<Deployment>, oldSets: readonly ReplicaSet[]): Promise<void> {
    for (const { metadata } of replicaSetsToCleanUp(deployment, oldSets)) {
      try {
        await this.#clientset.appsV1.replicaSets(metadata.namespace).delete(metadata.name ?? '');
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }

  /** Resolves with whether there was something to write. */
  async #writeStatus(deployment: Frozen<Deployment>, status: DeploymentStatus): Promise<boolean> {
    if (semanticEqual(deployment.status, status)) return false;
    await this.#clientset.appsV1.deployments(deployment.metadata.namespace).updateStatus({ ...deployment, status });
    return true;
  }

  #replicaSetAdded(replicaSet: Frozen<ReplicaSet>): void {
    if (controllerOf(replicaSet) !== undefined) this.#enqueueOwner(replicaSet);
    else if (replicaSet.metadata.deletionTimestamp === undefined) this.#enqueueMatching(replicaSet);
  }

  #replicaSetUpdated(old: Frozen<ReplicaSet>, replicaSet: Frozen<ReplicaSet>): void {
    if (old.metadata.resourceVersion === replicaSet.metadata.resourceVersion) return; // a resync
    const ownerChanged = controllerOf(old)?.uid !== controllerOf(replicaSet)?.uid;
    if (ownerChanged) this.#enqueueOwner(old);
    if (controllerOf(replicaSet) !== undefined) this.#enqueueOwner(replicaSet);
    else if (ownerChanged || !sameLabels(old.metadata.labels, replicaSet.metadata.labels)) this.#enqueueMatching(replicaSet);
  }

  /** A Recreate waits for the last old pod. */
  #podDeleted(pod: Frozen<Pod> | undefined): void {
    if (pod === undefined) return;
    const reference = controllerOf(pod);
    if (reference?.kind !== replicaSetHandle.kind) return;
    const { namespace = '' } = pod.metadata;
    const replicaSet = this.#replicaSets.lister.namespace(namespace).get(reference.name);
    const deployment = replicaSet?.metadata.uid === reference.uid ? this.#ownerOf(replicaSet) : undefined;
    if (deployment?.spec.strategy?.type !== 'Recreate') return;
    const left = controlledBy(this.#replicaSets, deployment).some((set) => controlledBy(this.#pods, set).length > 0);
    if (!left) this.#controller.queue.add(metaNamespaceKey(deployment));
  }

  #ownerOf(replicaSet: Frozen<ReplicaSet> | undefined): Frozen<Deployment> | undefined {
    const reference = replicaSet && controllerOf(replicaSet);
    if (reference?.kind !== handle.kind) return undefined;
    const owner = this.#deployments.lister.namespace(replicaSet?.metadata.namespace ?? '').get(reference.name);
    return owner?.metadata.uid === reference.uid ? owner : undefined;
  }

  #enqueueOwner(replicaSet: Frozen<ReplicaSet> | undefined): void {
    const owner = this.#ownerOf(replicaSet);
    if (owner !== undefined) this.#controller.queue.add(metaNamespaceKey(owner));
  }

  /** Whoever selects an orphan may adopt it. */
  #enqueueMatching(replicaSet: Frozen<ReplicaSet>): void {
    for (const deployment of this.#deployments.lister.namespace(replicaSet.metadata.namespace ?? '').list()) {
      const matcher = labelMatcher(deployment.spec.selector);
      if (!matcher.everything && matcher.matches(replicaSet.metadata.labels)) this.#controller.queue.add(metaNamespaceKey(deployment));
    }
  }
}
