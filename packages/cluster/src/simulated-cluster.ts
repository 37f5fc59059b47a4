import { type Attributes, EmbeddedStorage, fixtureKeySource, type Storage } from '@coracle/apiserver';
import type { Clientset } from '@coracle/client';
import type { MemoryStore } from '@coracle/etcd';
import { type RunReport, type SettleOptions, SimRuntime, type Strategy } from '@coracle/simulator';
import { Cluster } from './cluster.ts';
import { Components, type ComponentsOptions, type ComponentsState } from './components.ts';
import { preparedStore } from './prepared-store.ts';

export interface SimulatedClusterOptions extends Omit<ComponentsOptions, 'nodes' | 'rootCA' | 'resumed'> {
  /** Of every choice and every random number. Default 1; equal seeds give equal runs. */
  readonly seed?: number;
  /** In which order ready steps run. Default: that in which they became ready. */
  readonly strategy?: Strategy;
  /** Simulated machines. Default 3. */
  readonly nodes?: number;
  /** `storage`: requests interleave at every operation of the store, which finds races in the server, at a price. Default `requests`. */
  readonly interleave?: 'requests' | 'storage';
  /** Keeps every step as a line of text, for replays. */
  readonly trace?: boolean;
  /** False: `start` returns as soon as the API server answers, with the other parts about to come up. Default true. */
  readonly settle?: boolean;
  /** Between the API server and the store: for faults. */
  readonly wrapStorage?: (storage: Storage) => Storage;
  /** Told of every request that was allowed, with RBAC's reason ('' for members of system:masters). */
  readonly onAuthorized?: (attributes: Attributes, reason: string) => void;
}

/** What a fork may have otherwise than its origin. */
export type ForkOptions = Pick<
  SimulatedClusterOptions,
  'strategy' | 'interleave' | 'trace' | 'wrapStorage' | 'onAuthorized' | 'programs' | 'controllers'
> & {
  /** Gives the fork chances of its own; without it the fork draws what the origin would. */
  readonly label?: string;
};

/**
 * A whole cluster under a virtual clock: API server, controllers, scheduler, nodes and the TiDB operator, in memory. Nothing happens
 * but in `settle`, `advance`, `until` and `drive`. Any number of them live in one process.
 */
export class SimulatedCluster {
  readonly runtime: SimRuntime;
  readonly store: MemoryStore;
  readonly cluster: Cluster;
  readonly components: Components;
  readonly #options: SimulatedClusterOptions;
  readonly #serviceAccountKey: string;
  readonly #storage: EmbeddedStorage;

  private constructor(
    from: {
      readonly runtime: SimRuntime;
      readonly store: MemoryStore;
      readonly resumed?: ComponentsState;
      readonly serviceAccountKey: string;
      readonly origin: EmbeddedStorage;
    },
    options: SimulatedClusterOptions,
  ) {
    const { runtime, store, resumed, serviceAccountKey, origin } = from;
    const { nodes = 3, interleave, onAuthorized, wrapStorage = (storage) => storage, controllers, programs } = options;
    this.runtime = runtime;
    this.store = store;
    this.#options = options;
    this.#serviceAccountKey = serviceAccountKey;
    this.#storage = new EmbeddedStorage(store, { origin });
    this.cluster = new Cluster({
      runtime,
      storage: wrapStorage(this.#storage),
      serviceAccountKey,
      nodes: (name) => this.components.nodes.connection(name),
      ...(interleave === undefined ? {} : { interleave }),
      ...(onAuthorized === undefined ? {} : { onAuthorized }),
    });
    this.components = new Components(this.cluster, {
      nodes,
      rootCA: 'the certificate of a simulated cluster',
      ...(controllers === undefined ? {} : { controllers }),
      ...(programs === undefined ? {} : { programs: [...programs] }),
      ...(resumed === undefined ? {} : { resumed }),
    });
  }

  /** Starts a cluster and, unless told not to, lets it settle. */
  static async start(options: SimulatedClusterOptions = {}): Promise<SimulatedCluster> {
    const { seed, strategy, trace, settle = true } = options;
    const runtime = new SimRuntime({
      ...(seed === undefined ? {} : { seed }),
      ...(strategy === undefined ? {} : { strategy }),
      ...(trace === undefined ? {} : { trace }),
    });
    const prepared = await preparedStore();
    const store = prepared.store.fork(runtime.process('etcd')) as MemoryStore; // a fork is in memory
    const serviceAccountKey = fixtureKeySource.keyPair().privateKey;
    const cluster = new SimulatedCluster({ runtime, store, serviceAccountKey, origin: prepared.storage }, options);
    await cluster.#startParts();
    if (settle) await cluster.settle();
    return cluster;
  }

  /** Whoever made the cluster: a member of system:masters. */
  get admin(): Clientset {
    return this.cluster.admin;
  }

  /** Runs until there is nothing left to do but background timers. Throws NotQuiet, Stuck or ComponentFailed. */
  settle(options?: SettleOptions): Promise<RunReport> {
    return this.runtime.settle(options);
  }

  /** Runs all that is due within `ms` of virtual time. */
  advance(ms: number): Promise<RunReport> {
    return this.runtime.advance(ms);
  }

  /** Runs until `work` settles, and returns its value: `await cluster.drive(cluster.admin.coreV1.pods('default').list())`. */
  drive<T>(work: Promise<T>): Promise<T> {
    return this.runtime.drive(work);
  }

  /**
   * A copy that goes its own way from here. The store shares what does not change; machines go on with their containers, whose
   * programs get their checkpoints; controllers, scheduler and operator start anew, as after a crash. A fork of a settled
   * cluster writes nothing. Comes back started, not settled.
   */
  async fork({ label, ...options }: ForkOptions = {}): Promise<SimulatedCluster> {
    const { strategy, trace } = options;
    const runtime = this.runtime.fork({
      ...(label === undefined ? {} : { label }),
      ...(strategy === undefined ? {} : { strategy }),
      ...(trace === undefined ? {} : { trace }),
    });
    const store = this.store.fork(runtime.process('etcd')) as MemoryStore; // a fork is in memory
    const from = { runtime, store, resumed: this.components.snapshot(), serviceAccountKey: this.#serviceAccountKey, origin: this.#storage };
    const fork = new SimulatedCluster(from, { ...this.#options, ...options });
    await fork.#startParts();
    return fork;
  }

  async #startParts(): Promise<void> {
    await this.drive(this.cluster.start());
    await this.drive(this.components.start({ isInstalled: true })); // in the prepared store, from which all come
  }
}
