import type { CustomResourceDefinition } from '@coracle/api';
import {
  type Frozen,
  isConflict,
  isNotFound,
  type KubeObject,
  type OwnerReference,
  parseGroupVersion,
  semanticEqual,
  type Unstructured,
} from '@coracle/apimachinery';
import {
  type Clientset,
  defaultRetry,
  DiscoveryClient,
  KeyedController,
  NoMatchError,
  type ResourceClient,
  resources,
  RestMapper,
  retryOnConflict,
  type SharedIndexInformer,
} from '@coracle/client';
import type { Process } from '@coracle/kernel';
import { cachesSynced } from '../controller/cache-sync.ts';
import type { ControllerContext, RunnableController } from '../controller/context.ts';
import { AbsentOwners } from './absent-owners.ts';
import { foregroundFinalizer, Graph, type GraphEffects, type GraphNode, type ObjectIdentity, orphanFinalizer } from './graph.ts';
import { Monitors } from './monitors.ts';
import { dependentVerdict, type OwnerState } from './verdict.ts';

const workers = 20;
/** How often the server is asked which resources it has, besides when a CRD changes. */
const discoveryPeriodMs = 30_000;
const discoveryKey = 'resources';

/** Deletes what lost its owners, and does what the foreground and orphan finalizers ask for (pkg/controller/garbagecollector). */
export class GarbageCollector implements RunnableController {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #discovery: DiscoveryClient;
  readonly #mapper: RestMapper;
  readonly #crds: SharedIndexInformer<CustomResourceDefinition>;
  readonly #graph = new Graph();
  readonly #absent = new AbsentOwners();
  readonly #monitors: Monitors;
  readonly #deletions: KeyedController;
  readonly #orphanings: KeyedController;
  readonly #discoveries: KeyedController;
  /** Wait for a kind that no server has: tried again when the resources change. */
  readonly #unmapped = new Set<string>();
  readonly #discovered: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor({ process, clientset, informers }: Omit<ControllerContext, 'rootCA'>) {
    this.#process = process;
    this.#clientset = clientset;
    this.#discovery = new DiscoveryClient(clientset.rest);
    this.#mapper = new RestMapper(this.#discovery);
    this.#crds = informers.forResource(resources.apiextensions.v1.customResourceDefinitions);
    const sink = {
      observed: (before: Frozen<KubeObject> | undefined, object: Frozen<KubeObject>) => this.#enqueue(this.#graph.observed(before, object)),
      gone: (object: Frozen<KubeObject>) => this.#forget(object.metadata.uid ?? ''),
    };
    this.#monitors = new Monitors({ process, clientset, informers, sink });
    const controller = (name: string, count: number, sync: (key: string) => Promise<void>): KeyedController =>
      new KeyedController({ process, name, workers: count, sync });
    this.#deletions = controller('garbage_collector_attempt_to_delete', workers, (uid) => this.#attemptToDelete(uid));
    this.#orphanings = controller('garbage_collector_attempt_to_orphan', workers, (uid) => this.#attemptToOrphan(uid));
    this.#discoveries = controller('garbage_collector_resources', 1, () => this.#discover());
    const rediscover = (): void => this.#discoveries.queue.add(discoveryKey);
    this.#crds.addEventHandler({ onAdd: rediscover, onUpdate: rediscover, onDelete: rediscover });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (!(await cachesSynced(signal, this.#crds))) return;
    const polling = this.#process.spawn('garbage collector discovery', () => this.#poll(signal));
    const discovering = this.#discoveries.run(signal);
    try {
      this.#discoveries.queue.add(discoveryKey);
      const whenDiscovered = { whenSynced: () => this.#discovered.promise };
      // Deciding by half a graph is safe, as every decision asks the server, but would ask a lot.
      if ((await cachesSynced(signal, whenDiscovered)) && (await cachesSynced(signal, this.#monitors)))
        await Promise.all([this.#deletions.run(signal), this.#orphanings.run(signal)]);
    } finally {
      this.#monitors.stop();
      await Promise.all([discovering, polling.done]);
    }
  }

  async #discover(): Promise<void> {
    const discovery = await this.#discovery.discover();
    if (this.#discoveries.queue.isShuttingDown) return; // the informers have stopped, too
    if (this.#monitors.sync(discovery)) {
      this.#mapper.reset();
      for (const uid of this.#unmapped) this.#deletions.queue.add(uid);
      this.#unmapped.clear();
    }
    this.#discovered.resolve();
  }

  async #poll(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#process.clock.sleep(discoveryPeriodMs, { signal, background: true }).catch(() => undefined); // aborted: the loop ends
      if (!signal.aborted) this.#discoveries.queue.add(discoveryKey);
    }
  }

  async #attemptToDelete(uid: string): Promise<void> {
    const node = this.#graph.node(uid);
    if (node === undefined || (node.beingDeleted && !node.deletingDependents)) return;
    let object: Frozen<Unstructured> | undefined;
    try {
      object = await this.#live(node.identity);
    } catch (error) {
      if (!(error instanceof NoMatchError)) throw error;
      this.#unmapped.add(uid);
      return;
    }
    if (object === undefined) {
      this.#forget(uid);
      return;
    }
    // A monitor will report it in a moment; the graph knows too little of it until then.
    if (!node.observed && this.#monitors.has(parseGroupVersion(node.identity.apiVersion).group, node.identity.kind))
      throw new Error(`${textOf(node.identity)} has not been observed yet`);
    if (node.deletingDependents) await this.#continueForeground(node);
    else await this.#judge(node, object);
  }

  /** The owner of a foreground deletion goes when nobody blocks it any more. */
  async #continueForeground(node: GraphNode): Promise<void> {
    const blockers = this.#graph.blockersOf(node);
    if (blockers.length === 0) await this.#removeFinalizer(node.identity, foregroundFinalizer);
    else for (const blocker of blockers) if (!blocker.deletingDependents) this.#deletions.queue.add(blocker.identity.uid);
  }

  async #judge(node: GraphNode, object: Frozen<Unstructured>): Promise<void> {
    const owners: { readonly reference: OwnerReference; readonly state: OwnerState }[] = [];
    for (const reference of object.metadata.ownerReferences ?? []) {
      try {
        owners.push({ reference, state: await this.#stateOf(reference, node.identity.namespace) });
      } catch (error) {
        if (!(error instanceof NoMatchError)) throw error;
        this.#unmapped.add(node.identity.uid); // it cannot be said whether that owner exists
        return;
      }
    }
    const verdict = dependentVerdict(object, owners, this.#graph.dependentsOf(node.identity.uid));
    switch (verdict.do) {
      case 'keep':
        return;
      case 'drop-references':
        return this.#patchOwners(node.identity, object, (references) => references.filter(({ uid }) => !verdict.uids.includes(uid)));
      case 'delete':
        if (verdict.unblock)
          await this.#patchOwners(node.identity, object, (references) =>
            references.map((reference) => ({ ...reference, blockOwnerDeletion: false })),
          );
        return this.#delete(node.identity, verdict.unblock ? await this.#live(node.identity) : object, verdict.propagation);
    }
  }

  /** Asks the server: a cache may be behind, and what is deleted does not come back. */
  async #stateOf(reference: OwnerReference, namespace: string): Promise<OwnerState> {
    const identity = { ...reference, namespace };
    if (this.#absent.has(identity)) return 'absent';
    const owner = await this.#live(identity);
    if (owner === undefined) {
      this.#absent.add(identity);
      return 'absent';
    }
    const isWaiting = owner.metadata.deletionTimestamp !== undefined && (owner.metadata.finalizers ?? []).includes(foregroundFinalizer);
    return isWaiting ? 'waiting' : 'present';
  }

  async #attemptToOrphan(uid: string): Promise<void> {
    const node = this.#graph.node(uid);
    if (node === undefined) return;
    for (const dependent of this.#graph.dependentsOf(uid)) {
      const object = await this.#live(dependent.identity);
      if (object !== undefined)
        await this.#patchOwners(dependent.identity, object, (references) => references.filter((reference) => reference.uid !== uid));
    }
    await this.#removeFinalizer(node.identity, orphanFinalizer);
  }

  /** The object of this uid as the server has it; undefined when it is gone, even if another one has its name. */
  async #live(identity: ObjectIdentity): Promise<Frozen<Unstructured> | undefined> {
    const client = await this.#clientOf(identity);
    if (client === undefined) return undefined;
    try {
      const object = await client.get(identity.name);
      return object.metadata.uid === identity.uid ? object : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** undefined: the object cannot exist, as something without namespace names it and its kind has one. */
  async #clientOf({ apiVersion, kind, namespace }: ObjectIdentity): Promise<ResourceClient<Unstructured> | undefined> {
    const { group, version } = parseGroupVersion(apiVersion);
    const handle = await this.#mapper.handleForKind({ group, version, kind });
    if (handle.namespaced && namespace === '') return undefined;
    return this.#clientset.resource(handle, handle.namespaced ? namespace : '');
  }

  async #patchOwners(
    identity: ObjectIdentity,
    object: Frozen<Unstructured>,
    change: (references: readonly OwnerReference[]) => readonly OwnerReference[],
  ): Promise<void> {
    const { uid, resourceVersion, ownerReferences: before = [] } = object.metadata;
    const after = change(before);
    if (semanticEqual(before, after)) return;
    const client = await this.#clientOf(identity);
    try {
      // A merge patch, as custom resources take no other; the version makes sure that no reference of somebody else is lost.
      await client?.patch(identity.name, 'merge', {
        metadata: { uid, resourceVersion, ownerReferences: after.length === 0 ? null : after },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #removeFinalizer(identity: ObjectIdentity, finalizer: string): Promise<void> {
    const client = await this.#clientOf(identity);
    await retryOnConflict(this.#process, defaultRetry, async () => {
      const object = await this.#live(identity);
      const finalizers = object?.metadata.finalizers ?? [];
      if (object === undefined || !finalizers.includes(finalizer)) return;
      const rest = finalizers.filter((other) => other !== finalizer);
      try {
        await client?.patch(identity.name, 'merge', {
          metadata: { resourceVersion: object.metadata.resourceVersion, finalizers: rest.length === 0 ? null : rest },
        });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    });
  }

  /** Only the version that was judged; a change that left the owners alone makes no difference. */
  async #delete(
    identity: ObjectIdentity,
    judged: Frozen<Unstructured> | undefined,
    propagationPolicy: 'Background' | 'Foreground' | 'Orphan',
  ): Promise<void> {
    if (judged === undefined) return;
    const client = await this.#clientOf(identity);
    const { uid } = identity;
    const { resourceVersion = '' } = judged.metadata;
    try {
      await client?.delete(identity.name, { preconditions: { uid, resourceVersion }, propagationPolicy });
    } catch (error) {
      if (isNotFound(error)) return;
      if (!isConflict(error)) throw error;
      const now = await this.#live(identity);
      if (now === undefined) return;
      if (!semanticEqual(now.metadata.ownerReferences, judged.metadata.ownerReferences)) throw error;
      await client?.delete(identity.name, { preconditions: { uid }, propagationPolicy }).catch((again: unknown) => {
        if (!isNotFound(again)) throw again;
      });
    }
  }

  #forget(uid: string): void {
    const node = this.#graph.node(uid);
    const effects = this.#graph.gone(uid);
    this.#unmapped.delete(uid);
    if (node !== undefined && effects.hadDependents) this.#absent.add(node.identity);
    this.#enqueue(effects);
  }

  #enqueue({ attemptToDelete, attemptToOrphan }: GraphEffects): void {
    for (const uid of attemptToDelete) this.#deletions.queue.add(uid);
    for (const uid of attemptToOrphan) this.#orphanings.queue.add(uid);
  }
}

function textOf({ apiVersion, kind, namespace, name, uid }: ObjectIdentity): string {
  return `[${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}]`;
}
