import type { UserInfo } from '@coracle/apiserver';
import { ControllerManager } from '@coracle/controller-manager';
import { Scheduler } from '@coracle/scheduler';
import { TidbOperator, operatorNamespace, operatorServiceAccount } from '@coracle/tidb-operator';
import { tidbPrograms } from '@coracle/tidb-simulator';
import { SharedInformerFactory } from '@coracle/client';
import { assert, type Process } from '@coracle/kernel';
import type { DisksState, ImageEntry } from '@coracle/kubelet';
import type { Cluster } from './cluster.ts';
import { Nodes, type NodesState } from './nodes.ts';
import { installParts } from './parts/install.ts';

/** Which parts run against the API server. */
export interface ComponentsOptions {
  /** Simulated machines, `node-1` to `node-N`. */
  readonly nodes: number;
  /** PEM: what pods get to trust. */
  readonly rootCA: string;
  /** As --controllers. */
  readonly controllers?: readonly string[];
  /** What images are, by patterns of `ProgramRegistry`: in place of PD's, TiKV's and TiDB's programs and of the default one. */
  readonly programs?: Iterable<readonly [image: string, entry: ImageEntry]>;
  /** What `snapshot` returned, to go on from there. */
  readonly resumed?: ComponentsState;
  /** The data of PersistentVolumes of an earlier run, whose machines have been switched off since. */
  readonly disks?: DisksState;
}

/** What of the components is not in the store: plain data. Everything else starts anew, as after a crash. */
export interface ComponentsState {
  readonly nodes: NodesState;
}

/** Parts that run on their own; the nodes are parts too, by their names. */
export type Part = 'kube-controller-manager' | 'kube-scheduler' | 'tidb-controller-manager';

/** Everything that runs against the API server of a cluster, each with the identity that upstream gives it. */
export class Components {
  readonly nodes: Nodes;
  readonly #cluster: Cluster;
  readonly #options: ComponentsOptions;
  readonly #running = new Map<Part, Process>();

  constructor(cluster: Cluster, options: ComponentsOptions) {
    this.#cluster = cluster;
    this.#options = options;
    const programs = [...tidbPrograms(), ...(options.programs ?? [])];
    this.nodes = new Nodes(cluster, { count: options.nodes, programs, resumed: options.resumed?.nodes, disks: options.disks });
  }

  /**
   * Resolves when all have been started; they come up by themselves. `isInstalled`: `installParts` was done for this store, and what
   * somebody has deleted since stays deleted.
   */
  async start({ isInstalled = false }: { readonly isInstalled?: boolean } = {}): Promise<void> {
    if (!isInstalled) await installParts(this.#cluster);
    for (const part of Object.keys(this.#starters) as Part[]) this.startPart(part); // the keys are the parts
    this.nodes.start();
  }

  /** Starts a part in a process of its own, as a new incarnation when it was stopped. */
  startPart(part: Part): void {
    assert(!this.#running.has(part), `${part} does not run twice`);
    this.#running.set(part, this.#starters[part]());
  }

  /** Stops a part; resolves when nothing of it runs any more. */
  async stopPart(part: Part): Promise<void> {
    const process = this.#running.get(part);
    this.#running.delete(part);
    await process?.stop();
  }

  /** Stops all parts, the last one first, and switches the machines off. */
  async stop(): Promise<void> {
    for (const part of [...this.#running.keys()].reverse()) await this.stopPart(part);
    await this.nodes.stop();
  }

  snapshot(): ComponentsState {
    return Object.freeze({ nodes: this.nodes.snapshot() });
  }

  readonly #starters: Readonly<Record<Part, () => Process>> = {
    'kube-controller-manager': () => {
      const cluster = this.#cluster;
      const clientset = cluster.clientset('kube-controller-manager', { name: 'system:kube-controller-manager', groups: [] });
      const { process } = clientset;
      const manager = new ControllerManager({
        process,
        informers: new SharedInformerFactory(clientset),
        clientsetFor: (serviceAccount) => cluster.clientsetIn(process, serviceAccountUser('kube-system', serviceAccount)),
        rootCA: this.#options.rootCA,
        ...(this.#options.controllers === undefined ? {} : { controllers: this.#options.controllers }),
      });
      process.spawn('controllers', (signal) => manager.run(signal));
      return process;
    },
    'kube-scheduler': () => {
      const clientset = this.#cluster.clientset('kube-scheduler', { name: 'system:kube-scheduler', groups: [] });
      const { process } = clientset;
      const scheduler = new Scheduler({ process, clientset });
      process.spawn('scheduler', (signal) => scheduler.run(signal));
      return process;
    },
    'tidb-controller-manager': () => {
      const clientset = this.#cluster.clientset('tidb-controller-manager', serviceAccountUser(operatorNamespace, operatorServiceAccount));
      const { process } = clientset;
      const operator = new TidbOperator({ process, clientset, dialer: this.nodes.network.dialer(process) });
      process.spawn('tidb-operator', (signal) => operator.run(signal));
      return process;
    },
  };
}

function serviceAccountUser(namespace: string, name: string): UserInfo {
  return { name: `system:serviceaccount:${namespace}:${name}`, groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`] };
}
