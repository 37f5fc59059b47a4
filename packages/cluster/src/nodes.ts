import type { NodeConnection } from '@coracle/apiserver';
import { defaultProgram, Disks, Kubelet, Network, type Program, ProgramRegistry } from '@coracle/kubelet';
import type { Cluster } from './cluster.ts';

export interface NodesOptions {
  /** `node-1` to `node-N`. */
  readonly count: number;
  /** Programs by image, beside the default one: patterns of `ProgramRegistry`. */
  readonly programs?: Iterable<readonly [pattern: string, program: Program]>;
}

/** The simulated machines of a cluster: one network, one storage, N kubelets. */
export class Nodes {
  readonly network: Network;
  readonly #cluster: Cluster;
  readonly #disks = new Disks();
  readonly #programs: ProgramRegistry;
  readonly #kubelets = new Map<string, Kubelet>();
  readonly #count: number;

  constructor(cluster: Cluster, options: NodesOptions) {
    this.#cluster = cluster;
    this.#count = options.count;
    this.#programs = new ProgramRegistry({ fallback: defaultProgram, ...(options.programs === undefined ? {} : { programs: options.programs }) });
    const clientset = cluster.clientset('network', { name: 'system:kube-proxy', groups: [] });
    this.network = new Network({ process: clientset.process, clientset });
    clientset.process.spawn('network', (signal) => this.network.run(signal));
  }

  start(): void {
    for (let i = 1; i <= this.#count; i++) this.add(`node-${i}`);
  }

  add(nodeName: string): void {
    const clientset = this.#cluster.clientset(nodeName, { name: `system:node:${nodeName}`, groups: ['system:nodes'] });
    const { process } = clientset;
    const kubelet = new Kubelet({ process, clientset, nodeName, network: this.network, programs: this.#programs, disks: this.#disks });
    this.#kubelets.set(nodeName, kubelet);
    process.spawn('kubelet', (signal) => kubelet.run(signal));
  }

  /** How the API server asks a kubelet. */
  readonly connection: NodeConnection = (nodeName) => {
    const kubelet = this.#kubelets.get(nodeName);
    return kubelet === undefined ? undefined : (request, options) => kubelet.api.handle(request, options);
  };
}
