import type { Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '@coracle/api';
import { semanticEqual } from '@coracle/apimachinery';
import {
  type Clientset,
  type DeletedFinalStateUnknown,
  deletionKey,
  type HandlerRegistration,
  type Lister,
  metaNamespaceKey,
  resources,
  SharedInformerFactory,
} from '@coracle/client';
import type { Process } from '@coracle/kernel';
import type { SchedulerCache } from './cache/cache.ts';
import { podInfoOf, podKey } from './cache/pod-info.ts';
import { type Aspect, type ClusterEvent, type ClusterView, type FilterPlugin, mayHelp } from './framework.ts';
import type { SchedulingQueue } from './queue/scheduling-queue.ts';
import { VolumeBinder } from './volume-binder.ts';

export interface ClusterStateOptions {
  readonly process: Process;
  readonly clientset: Clientset;
  readonly schedulerName: string;
  readonly cache: SchedulerCache;
  readonly queue: SchedulingQueue;
  readonly plugins: readonly FilterPlugin[];
}

/** Follows the API: what happens there goes into the cache and the queue (pkg/scheduler/eventhandlers.go). */
export class ClusterState {
  readonly view: ClusterView;
  readonly pods: Lister<Pod>;
  readonly volumeBinder: VolumeBinder;
  readonly #informers: SharedInformerFactory;
  readonly #schedulerName: string;
  readonly #cache: SchedulerCache;
  readonly #queue: SchedulingQueue;
  readonly #plugins: ReadonlyMap<string, FilterPlugin>;
  /** Of what keeps the cache and the queue. */
  readonly #handlers: readonly HandlerRegistration[];

  constructor({ process, clientset, schedulerName, cache, queue, plugins }: ClusterStateOptions) {
    this.#schedulerName = schedulerName;
    this.#cache = cache;
    this.#queue = queue;
    this.#plugins = new Map(plugins.map((plugin) => [plugin.name, plugin]));
    this.#informers = new SharedInformerFactory(clientset);
    const { core, storage } = resources;
    const nodes = this.#informers.forResource<Node>(core.v1.nodes);
    const pods = this.#informers.forResource<Pod>(core.v1.pods);
    const claims = this.#informers.forResource<PersistentVolumeClaim>(core.v1.persistentVolumeClaims);
    const volumes = this.#informers.forResource<PersistentVolume>(core.v1.persistentVolumes);
    const classes = this.#informers.forResource<StorageClass>(storage.v1.storageClasses);
    const namespaces = this.#informers.forResource<Namespace>(core.v1.namespaces);
    this.pods = pods.lister;
    this.volumeBinder = new VolumeBinder({ process, clientset, claims });
    this.view = {
      get nodes() {
        return cache.nodes;
      },
      claim: (namespace, name) => claims.lister.namespace(namespace).get(name),
      volume: (name) => volumes.lister.get(name),
      volumes: () => volumes.lister.list(),
      storageClass: (name) => classes.lister.get(name),
      namespaceLabels: (name) => namespaces.lister.get(name)?.metadata.labels,
      reservedFor: (volume) => this.volumeBinder.reservedFor(volume),
    };

    const ofNodes = nodes.addEventHandler({
      onAdd: (node) => this.#nodeSeen(undefined, node),
      onUpdate: (old, node) => this.#nodeSeen(old, node),
      onDelete: (node) => cache.removeNode(deletionKey<Node>(node)),
    });
    const ofPods = pods.addEventHandler({
      onAdd: (pod) => this.#podSeen(undefined, pod),
      onUpdate: (old, pod) => this.#podSeen(old, pod),
      onDelete: (pod: Pod | DeletedFinalStateUnknown<Pod>) => this.#podGone(deletionKey<Pod>(pod)),
    });
    this.#handlers = [ofNodes, ofPods];
    const claimSeen = (claim: PersistentVolumeClaim): void => {
      const key = metaNamespaceKey(claim);
      this.volumeBinder.claimChanged(key);
      this.announce({ aspects: ['claim'], claim: key });
    };
    claims.addEventHandler({
      onAdd: claimSeen,
      onUpdate: (_old, claim) => claimSeen(claim),
      onDelete: (claim) => this.volumeBinder.claimChanged(deletionKey<PersistentVolumeClaim>(claim)),
    });
    const changed = (aspect: Aspect) => ({
      onAdd: () => this.announce({ aspects: [aspect] }),
      onUpdate: () => this.announce({ aspects: [aspect] }),
    });
    volumes.addEventHandler(changed('volume'));
    classes.addEventHandler(changed('storage-class'));
    namespaces.addEventHandler({
      onUpdate: (old, { metadata }) => {
        if (!semanticEqual(old.metadata.labels, metadata.labels)) this.announce({ aspects: ['namespace'] });
      },
    });
  }

  /** Resolves when everything that is there is known. Rejects when `signal` aborts before. */
  async start(signal: AbortSignal): Promise<void> {
    this.#informers.start(signal);
    await this.#informers.waitForCacheSync(signal);
    // The informers may know more than what their handlers were told of a long list.
    for (const handler of this.#handlers) await handler.whenSynced(signal);
  }

  async stop(): Promise<void> {
    await this.#informers.shutdown();
  }

  /** Queues the pods that may gain by what happened. */
  announce(event: ClusterEvent): void {
    if (event.aspects.length === 0) return;
    this.#queue.requeueWhere(({ pod, rejectedBy }) => {
      // Refused while there was no node at all: any node is a reason to try.
      if (rejectedBy.size === 0) return event.aspects.includes('node/added');
      return [...rejectedBy].some((name) => {
        const plugin = this.#plugins.get(name);
        return plugin !== undefined && mayHelp(plugin, pod, event, this.view);
      });
    });
  }

  #nodeSeen(old: Node | undefined, node: Node): void {
    const info = this.#cache.setNode(node);
    this.announce({ aspects: old === undefined ? ['node/added'] : changesOf(old, node), node: info });
  }

  #podSeen(old: Pod | undefined, pod: Pod): void {
    if (old !== undefined && old.metadata.uid !== pod.metadata.uid) this.#podGone(podKey(old));
    const nodeName = pod.spec?.nodeName ?? '';
    if (isOver(pod)) this.#podGone(podKey(pod));
    else if (nodeName !== '') this.#assignedSeen(pod, nodeName);
    else if (pod.spec?.schedulerName === this.#schedulerName && (pod.spec.schedulingGates ?? []).length === 0) this.#waitingSeen(old, pod);
  }

  #assignedSeen(pod: Pod, nodeName: string): void {
    const info = podInfoOf(pod);
    const before = this.#cache.placed(info.key);
    this.#queue.delete(info.key);
    const node = this.#cache.setPod(info, nodeName);
    const aspects: Aspect[] = [];
    const isNew = before === undefined || (before.pod.spec?.nodeName ?? '') === ''; // undefined, or so far only assumed
    if (isNew || !semanticEqual(before.pod.metadata.labels, pod.metadata.labels)) aspects.push('pod/assigned');
    if (before !== undefined && !semanticEqual([...before.requests], [...info.requests])) aspects.push('pod/removed');
    this.announce({ aspects, node });
  }

  #waitingSeen(old: Pod | undefined, pod: Pod): void {
    const info = podInfoOf(pod);
    if (this.#cache.isAssumed(info)) return;
    this.#queue.set(info, old === undefined || !semanticEqual([old.spec, old.metadata.labels], [pod.spec, pod.metadata.labels]));
  }

  #podGone(key: string): void {
    this.#queue.delete(key);
    this.volumeBinder.podGone(key);
    const placed = this.#cache.removePod(key);
    if (placed !== undefined) this.announce({ aspects: ['pod/removed'], node: placed.node });
  }
}

/** Ended pods hold nothing of their node. */
function isOver({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** What of a node has changed that plugins look at. Heartbeats change nothing of it. */
function changesOf(old: Node, node: Node): readonly Aspect[] {
  const aspects: Aspect[] = [];
  if (!semanticEqual(old.metadata.labels, node.metadata.labels)) aspects.push('node/labels');
  if (!semanticEqual([old.spec?.taints, old.spec?.unschedulable], [node.spec?.taints, node.spec?.unschedulable]))
    aspects.push('node/taints');
  if (!semanticEqual(old.status?.allocatable, node.status?.allocatable)) aspects.push('node/allocatable');
  return aspects;
}
