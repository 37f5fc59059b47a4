import { kubernetesVersion, type NodeConnection } from '@coracle/apiserver';
import {
  type AddressState,
  defaultProgram,
  Disks,
  type DisksState,
  type ImageEntry,
  Kubelet,
  type KubeletState,
  Network,
  ProgramRegistry,
} from '@coracle/kubelet';
import { assert, type Process } from '@coracle/kernel';
import type { Cluster } from './cluster.ts';

export interface NodesOptions {
  /** `node-1` to `node-N`. */
  readonly count: number;
  /** What images are, where not the default program: patterns of `ProgramRegistry`, of which the last that matches counts. */
  readonly programs: Iterable<readonly [pattern: string, entry: ImageEntry]>;
  readonly resumed?: NodesState | undefined;
  /** The data of PersistentVolumes, where nothing is resumed. */
  readonly disks?: DisksState | undefined;
}

/** Simulated machines as plain data: addresses, the data of PersistentVolumes, what runs where. */
export interface NodesState {
  readonly addresses: AddressState;
  readonly disks: DisksState;
  readonly kubelets: readonly KubeletState[];
}

/** The simulated machines of a cluster: one network, one storage, N kubelets. */
export class Nodes {
  readonly network: Network;
  readonly #networkProcess: Process;
  readonly #cluster: Cluster;
  readonly #disks: Disks;
  readonly #programs: ProgramRegistry;
  readonly #kubelets = new Map<string, { readonly kubelet: Kubelet; readonly process: Process }>();
  readonly #count: number;
  readonly #resumed: NodesState | undefined;

  constructor(cluster: Cluster, options: NodesOptions) {
    this.#cluster = cluster;
    this.#count = options.count;
    this.#resumed = options.resumed;
    this.#disks = new Disks({ resumed: options.resumed?.disks ?? options.disks });
    this.#programs = new ProgramRegistry({ fallback: defaultProgram, programs: options.programs });
    const clientset = cluster.clientset('network', { name: 'system:kube-proxy', groups: [] });
    this.network = new Network({ process: clientset.process, clientset, resumed: options.resumed?.addresses });
    this.#networkProcess = clientset.process;
    clientset.process.spawn('network', (signal) => this.network.run(signal));
  }

  start(): void {
    if (this.#resumed === undefined) for (let i = 1; i <= this.#count; i++) this.add(`node-${i}`);
    else for (const state of this.#resumed.kubelets) this.add(state.nodeName, state);
  }

  /** Switches a machine on; `resumed` lets its containers go on as if nothing had happened. */
  add(nodeName: string, resumed?: KubeletState): void {
    assert(!this.#kubelets.has(nodeName), `${nodeName} does not run twice`);
    const clientset = this.#cluster.clientset(nodeName, { name: `system:node:${nodeName}`, groups: ['system:nodes'] });
    const { process } = clientset;
    const kubelet = new Kubelet({
      process,
      clientset,
      nodeName,
      network: this.network,
      programs: this.#programs,
      disks: this.#disks,
      version: kubernetesVersion.gitVersion,
      resumed,
    });
    this.#kubelets.set(nodeName, { kubelet, process });
    process.spawn('kubelet', (signal) => kubelet.run(signal));
  }

  /** Switches a machine off: its pods end without notice, its Node object stays. */
  async remove(nodeName: string): Promise<void> {
    const node = this.#kubelets.get(nodeName);
    this.#kubelets.delete(nodeName);
    await node?.process.stop();
  }

  /** Switches all machines off, and the network between them. */
  async stop(): Promise<void> {
    await Promise.all(this.names.map((name) => this.remove(name)));
    await this.#networkProcess.stop();
  }

  /** Names of the machines that are on. */
  get names(): readonly string[] {
    return [...this.#kubelets.keys()];
  }

  /** What the PersistentVolumes hold. */
  get disks(): DisksState {
    return this.#disks.snapshot();
  }

  snapshot(): NodesState {
    const kubelets = [...this.#kubelets.values()].map(({ kubelet }) => kubelet.snapshot());
    return Object.freeze({ addresses: this.network.snapshot(), disks: this.#disks.snapshot(), kubelets });
  }

  /** How the API server asks a kubelet. */
  readonly connection: NodeConnection = (nodeName) => {
    const node = this.#kubelets.get(nodeName);
    return node === undefined ? undefined : (request, options) => node.kubelet.api.handle(request, options);
  };
}
