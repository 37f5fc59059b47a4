import type { Pod } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { type Clientset, deletionKey, EventRecorder, KeyedController, metaNamespaceKey, SharedIndexInformer } from '@coracle/client';
import { firstAborted, type Process, untilAborted } from '@coracle/kernel';
import { defaultProgram } from './container/default-program.ts';
import { Volume, type VolumeData } from './container/file-system.ts';
import { ProgramRegistry } from './container/images.ts';
import { KubeletApi } from './kubelet-api.ts';
import type { Network } from './network/network.ts';
import { Disks } from './node/disks.ts';
import { NodeAgent } from './node/node-agent.ts';
import { defaultCapacity, kubeletPort, type NodeDescription } from './node/node-object.ts';
import type { NodeContext } from './pod/node-context.ts';
import { type PodState, PodWorker } from './pod/pod-worker.ts';
import { ReferencedObjects } from './pod/referenced-objects.ts';

export interface KubeletOptions {
  readonly process: Process;
  /** As user `system:node:NAME` of group `system:nodes`. */
  readonly clientset: Clientset;
  readonly nodeName: string;
  /** One for the cluster. */
  readonly network: Network;
  /** What images are. Default: every image is the default program. */
  readonly programs?: ProgramRegistry;
  /** The storage behind PersistentVolumes, one for the cluster. Default: one of this node alone. */
  readonly disks?: Disks;
  /** Beside those that every node has. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: NodeDescription['taints'];
  /** Quantities by resource, taking the place of the defaults one by one. */
  readonly capacity?: Readonly<Record<string, string>>;
  /** `nodeInfo.kubeletVersion`. Default v1.37.0. */
  readonly version?: string;
  /** What `snapshot` returned, to go on from there. Network and disks must be resumed as well. */
  readonly resumed?: Frozen<KubeletState> | undefined;
}

/** A kubelet as plain data. */
export interface KubeletState {
  readonly nodeName: string;
  readonly images: readonly string[];
  readonly hostPaths: readonly (readonly [path: string, data: VolumeData])[];
  readonly pods: readonly PodState[];
}

/** Pods looked at at a time. */
const workers = 10;

/**
 * A simulated node: registers itself, runs the pods that are bound to it as JavaScript programs, and reports what becomes of
 * them (pkg/kubelet/kubelet.go). When `run` ends, everything on the node ends without notice, as when a machine is
 * switched off; a kubelet that comes again finds its pods crashed.
 */
export class Kubelet {
  readonly nodeName: string;
  /** What the API server asks: logs. */
  readonly api: KubeletApi;
  readonly #process: Process;
  readonly #options: KubeletOptions;
  readonly #pods: SharedIndexInformer<Pod>;
  readonly #controller: KeyedController;
  readonly #workers = new Map<string, PodWorker>(); // by uid

  constructor(options: KubeletOptions) {
    const { process, clientset, nodeName } = options;
    this.nodeName = nodeName;
    this.#process = process;
    this.#options = options;
    const pods = clientset.coreV1.pods();
    const fieldSelector = `spec.nodeName=${nodeName}`;
    this.#pods = new SharedIndexInformer<Pod>({
      process,
      name: `pods of ${nodeName}`,
      listWatch: {
        list: (list) => pods.list({ ...list, fieldSelector }),
        watch: (watch, io) => pods.watch({ ...watch, fieldSelector }, io),
      },
    });
    this.#controller = new KeyedController({ process, name: `pods of ${nodeName}`, workers, sync: (key) => this.#sync(key) });
    this.api = new KubeletApi({ process, workers: () => [...this.#workers.values()] });
  }

  /** Pods that are known, for tests and tools. */
  get podCount(): number {
    return this.#workers.size;
  }

  async run(signal: AbortSignal = this.#process.signal): Promise<void> {
    if (signal.aborted) return; // before it began
    const { network, clientset, resumed } = this.#options;
    const { ip, podCIDR } = network.joinNode(this.nodeName);
    const capacity = { ...defaultCapacity, ...this.#options.capacity };
    const objects = new ReferencedObjects({ process: this.#process, clientset, onChange: (uids) => this.#objectsChanged(uids) });
    const node = this.#context({ ip, capacity, objects });
    const stopped = new AbortController();
    using either = firstAborted(signal, stopped.signal);
    const until = either.signal;
    const description: NodeDescription = {
      name: this.nodeName,
      ip,
      podCIDR,
      labels: this.#options.labels ?? {},
      taints: this.#options.taints ?? [],
      capacity,
      version: this.#options.version ?? 'v1.37.0',
    };
    const agent = new NodeAgent({ process: this.#process, clientset, node: description, isResumed: resumed !== undefined });
    using _api = network.listen({
      ip,
      port: kubeletPort,
      process: this.#process,
      handler: this.api.requestHandler(),
      accept: undefined,
      closed: until,
    });
    for (const state of resumed?.pods ?? []) this.#addWorker(node, state.pod).resume(state as PodState); // only tuples differ
    this.#follow(node);
    const tasks = [
      this.#process.spawn(`node ${this.nodeName}`, () => agent.run(until)),
      this.#process.spawn(`informer of ${this.nodeName}`, () => this.#pods.run(until)),
    ];
    try {
      await this.#ready(network, until);
      await this.#controller.run(until);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      stopped.abort(new Error('The kubelet has ended'));
      for (const worker of this.#workers.values()) worker.kill();
      await objects.shutdown();
      await Promise.all(tasks.map((task) => task.done));
      network.disconnectNode(this.nodeName);
    }
  }

  /** What a fork needs to go on: programs are asked for their checkpoints. */
  snapshot(): KubeletState {
    const pods = [...this.#workers.values()].map((worker) => worker.snapshot());
    const hostPaths = [...this.#hostPaths].map(([path, volume]) => [path, volume.snapshot()] as const);
    return Object.freeze({ nodeName: this.nodeName, images: [...this.#images].sort(), hostPaths, pods });
  }

  readonly #images = new Set<string>();
  readonly #hostPaths = new Map<string, Volume>();

  #context({
    ip,
    capacity,
    objects,
  }: {
    readonly ip: string;
    readonly capacity: Readonly<Record<string, string>>;
    readonly objects: ReferencedObjects;
  }): NodeContext {
    const { clientset, network, programs, disks, resumed } = this.#options;
    for (const image of resumed?.images ?? []) this.#images.add(image);
    for (const [path, data] of (resumed?.hostPaths ?? []) as KubeletState['hostPaths']) this.#hostPaths.set(path, new Volume(data));
    return {
      process: this.#process,
      clientset,
      nodeName: this.nodeName,
      hostIP: ip,
      network,
      programs: programs ?? new ProgramRegistry({ fallback: defaultProgram }),
      disks: disks ?? new Disks(),
      recorder: new EventRecorder({ clientset, component: 'kubelet', host: this.nodeName }),
      objects,
      allocatable: capacity,
      images: this.#images,
      hostPaths: this.#hostPaths,
    };
  }

  async #ready(network: Network, signal: AbortSignal): Promise<void> {
    await network.whenSynced(signal);
    await Promise.race([this.#pods.whenSynced(), untilAborted(signal)]);
  }

  #follow(node: NodeContext): void {
    const changed = (pod: Frozen<Pod>): void => {
      if (!this.#workers.has(pod.metadata.uid ?? '')) this.#addWorker(node, pod);
      this.#controller.queue.add(metaNamespaceKey(pod));
    };
    this.#pods.addEventHandler({
      onAdd: changed,
      onUpdate: (_old, pod) => changed(pod),
      onDelete: (pod) => this.#controller.queue.add(deletionKey(pod)),
    });
  }

  #addWorker(node: NodeContext, pod: Frozen<Pod>): PodWorker {
    const worker = new PodWorker(node, pod, { enqueue: () => this.#controller.queue.add(metaNamespaceKey(pod)) });
    this.#workers.set(worker.uid, worker);
    return worker;
  }

  /** All pods of one name: the present one, and those whose object is gone while something of them still runs. */
  async #sync(key: string): Promise<void> {
    for (const worker of [...this.#workers.values()]) {
      const { namespace, name, uid } = worker.record;
      if (`${namespace}/${name}` !== key) continue;
      const pod = this.#pods.indexer.getByKey(key);
      worker.observe(pod?.metadata.uid === uid ? pod : undefined);
      await worker.sync();
      if (worker.isDone) this.#workers.delete(uid);
    }
  }

  #objectsChanged(uids: readonly string[]): void {
    for (const uid of uids) this.#workers.get(uid)?.objectsChanged();
  }
}
