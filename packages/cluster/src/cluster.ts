import {
  type ApiServer,
  compactPeriodically,
  type CompactorOptions,
  connect,
  isFixtureKey,
  KubeApiServer,
  type KubeApiServerOptions,
  mastersGroup,
  type UserInfo,
} from '@coracle/apiserver';
import { Clientset, noWarnings } from '@coracle/client';
import type { Process, Runtime } from '@coracle/kernel';

/** The key that signs the tokens of service accounts is, live, never that of `fixtureKeySource`, which everybody knows. */
export interface ClusterOptions extends Omit<KubeApiServerOptions, 'process' | 'disabledAdmission'> {
  /** Live or simulated: the only source of time, chance and waiting of all components. */
  readonly runtime: Runtime;
  /** --etcd-compaction-interval; 0 keeps every revision. Default: 5 minutes live, 0 in simulation. */
  readonly compactionIntervalMs?: number;
}

const defaultCompactionIntervalMs = 300_000;

/** A component of a cluster: something that runs until it is stopped, as a client. */
export interface Component {
  readonly name: string;
  readonly user: UserInfo;
  run(part: { readonly process: Process; readonly clientset: Clientset }): Promise<void>;
}

/**
 * One control plane: the API server and whatever runs against it. The only place that knows all parts. Ten of them run in one
 * process without seeing each other.
 */
export class Cluster {
  readonly runtime: Runtime;
  readonly server: ApiServer;
  /** A member of system:masters: for whoever made the cluster. */
  readonly admin: Clientset;
  readonly #kubeApiServer: KubeApiServer;
  readonly #processes: Process[] = [];
  readonly #compactor: CompactorOptions;

  constructor(options: ClusterOptions) {
    const { runtime, compactionIntervalMs, ...rest } = options;
    const { storage, serviceAccountKey } = options;
    if (!runtime.simulated && isFixtureKey(serviceAccountKey))
      throw new TypeError('Cannot sign the tokens of a live cluster with the key of the fixtures, which everybody knows');
    this.runtime = runtime;
    const process = this.#process('kube-apiserver');
    this.#compactor = { process, storage, intervalMs: compactionIntervalMs ?? (runtime.simulated ? 0 : defaultCompactionIntervalMs) };
    this.#kubeApiServer = new KubeApiServer({ ...rest, process });
    this.server = this.#kubeApiServer.server;
    this.admin = this.clientset('admin', { name: 'kubernetes-admin', groups: [mastersGroup] });
  }

  /** Writes what a fresh server holds. Afterwards /readyz is ok. */
  async start(): Promise<void> {
    await this.#kubeApiServer.start();
    const { process, intervalMs } = this.#compactor;
    if (intervalMs > 0) process.spawn('compactor', (signal) => compactPeriodically(this.#compactor, signal));
  }

  /** A client of its own process and identity. */
  clientset(name: string, user: UserInfo): Clientset {
    return this.clientsetIn(this.#process(name), user);
  }

  /** A client with another identity of a process that there is: the controllers share one and have each their own account. */
  clientsetIn(process: Process, user: UserInfo): Clientset {
    const transport = connect(this.server, { process, user, userAgent: `${process.name}/coracle` });
    // Components use what is deprecated for the sake of their users, who can do nothing about it; upstream's are as quiet.
    return new Clientset({ process, transport, warningHandler: noWarnings });
  }

  /** Starts a component in a process of its own; stop the process to stop it. */
  run(component: Component): Process {
    const clientset = this.clientset(component.name, component.user);
    const { process } = clientset;
    process.spawn(component.name, () => component.run({ process, clientset }));
    return process;
  }

  /** Components first, in reverse order of their start; the server's process last, which is not ready any more from now on. */
  async stop(): Promise<void> {
    this.#kubeApiServer.stop();
    for (const process of this.#processes.splice(0).reverse()) await process.stop();
  }

  #process(name: string): Process {
    const process = this.runtime.process(name);
    this.#processes.push(process);
    return process;
  }
}
