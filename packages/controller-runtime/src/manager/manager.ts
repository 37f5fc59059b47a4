import type { KubeObject } from '@coracle/apimachinery';
import { type Clientset, EventRecorder, LeaderElector, LeaseLock, SharedInformerFactory } from '@coracle/client';
import { firstAborted, type Process, unlessAborted, untilAborted } from '@coracle/kernel';
import { Client } from '../client/client.ts';
import type { CacheLimits } from '../client/cache-limits.ts';
import { InformerCache } from '../client/informer-cache.ts';
import type { Reader } from '../client/reader.ts';
import { type HealthCheck, HealthEndpoint } from './health.ts';
import { MetricsEndpoint, type MetricsOptions, notFound } from '../metrics/metrics-endpoint.ts';
import { ProcessMetrics } from '../metrics/process-metrics.ts';
import { PprofServer } from '../pprof/pprof-server.ts';
import {
  type BoundAddress,
  type HttpAnswer,
  type HttpHandler,
  type HttpRequest,
  HttpServer,
  type ListenAddress,
} from '../transport/http-server.ts';
import { ServingCertificate } from '../transport/serving-certificate.ts';
import { type Runnable, RunnableGroup } from './runnables.ts';

/** Which of several managers works (pkg/leaderelection). Durations as of `LeaderElector`, whose defaults are upstream's. */
export interface LeaderElectionOptions {
  /** Name of the Lease. */
  readonly id: string;
  readonly namespace: string;
  /** Differs between candidates. Default: the process's name and a random id. */
  readonly identity?: string;
  readonly leaseDurationMs?: number;
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
  /** Gives the lease back at a stop, so that the next leader need not wait; the program has to end then. Default false. */
  readonly releaseOnCancel?: boolean;
}

/** How a manager works (pkg/manager Options). Durations are in milliseconds. */
export interface ManagerOptions {
  readonly process: Process;
  readonly clientset: Clientset;
  /** Who writes: the component of events. */
  readonly name: string;
  /** Hold and watch one namespace only: short for `cache: { namespaces: { [namespace]: {} } }`. Not beside `cache.namespaces`. */
  readonly namespace?: string;
  /** What the cache holds, kind by kind, and with it what controllers see and `client` reads. Default: everything, as it is. */
  readonly cache?: CacheLimits;
  /** How often controllers get all objects again. Default: never. */
  readonly resyncPeriodMs?: number;
  /** Default: no election, this manager leads. */
  readonly leaderElection?: LeaderElectionOptions;
  /** How long the first list of a kind may take. Default 2 minutes. */
  readonly cacheSyncTimeoutMs?: number;
  /** How long a stop waits for what runs; 0: it does not, negative: for ever. Default 30,000. */
  readonly gracefulShutdownTimeoutMs?: number;
  /** Serves `/healthz` and `/readyz`. Default: nothing listens. */
  readonly probes?: ListenAddress;
  /** Serves `/metrics`: the process's metrics in Prometheus' text format. Default: nothing listens, as upstream's BindAddress "0". */
  readonly metrics?: MetricsOptions;
  /**
   * Serves `/debug/pprof/`: profiles that `go tool pprof` reads, and the command line. They tell much of a program: leave it on loopback.
   * Memory is sampled from the start on. Default: nothing listens.
   */
  readonly pprof?: ListenAddress;
}

const stopped = new Error('The manager stops');

/**
 * Shares one cache, client and recorder among controllers, and runs them (pkg/manager). It starts servers, then fills the caches, then
 * runs what runs always, and what needs to lead once it leads; a stop goes the other way round.
 */
export class Manager {
  readonly process: Process;
  readonly clientset: Clientset;
  readonly informers: SharedInformerFactory;
  readonly cache: InformerCache;
  /** Reads from the cache, and never what is older than its own writes. */
  readonly client: Client;
  /** Reads from the server. */
  readonly apiReader: Reader;
  readonly recorder: EventRecorder;
  readonly #options: ManagerOptions;
  readonly #servers: RunnableGroup;
  readonly #always: RunnableGroup;
  readonly #leading: RunnableGroup;
  readonly #controllerNames = new Set<string>();
  readonly #healthz: HealthEndpoint;
  readonly #readyz: HealthEndpoint;
  readonly #metricsEndpoint: MetricsEndpoint;
  readonly #elected: PromiseWithResolvers<void> = Promise.withResolvers();
  // Aborts with the error that ends the manager.
  readonly #failed = new AbortController();
  // Ends the election; not before all that needs it has ended.
  readonly #resigned = new AbortController();
  #probes: HttpServer | undefined;
  #metrics: HttpServer | undefined;
  #pprof: PprofServer | undefined;
  #signal: AbortSignal;
  #state: 'created' | 'running' | 'stopped' = 'created';
  #graceMs: number;

  constructor(options: ManagerOptions) {
    const { process, clientset, namespace, resyncPeriodMs } = options;
    this.process = process;
    this.clientset = clientset;
    this.#options = options;
    this.#signal = process.signal;
    this.#graceMs = options.gracefulShutdownTimeoutMs ?? 30_000;
    this.informers = new SharedInformerFactory(clientset, {
      ...(namespace === undefined ? {} : { namespace }),
      ...(resyncPeriodMs === undefined ? {} : { resyncPeriodMs }),
    });
    this.cache = new InformerCache({
      process,
      limits: { ...(namespace === undefined ? {} : { namespaces: { [namespace]: {} } }), ...options.cache },
      informers: this.informers,
      signal: () => this.#signal,
      syncTimeoutMs: options.cacheSyncTimeoutMs ?? 120_000,
    });
    this.client = new Client({ clientset, cache: this.cache });
    this.apiReader = this.client.direct;
    this.recorder = new EventRecorder({ clientset, component: options.name });
    const fail = (error: unknown): void => this.#fail(error);
    this.#servers = new RunnableGroup(process, fail);
    this.#always = new RunnableGroup(process, fail);
    this.#leading = new RunnableGroup(process, fail);
    const withheld = (check: string, error: unknown): void => process.log.warn('A health check failed', { check, error: String(error) });
    this.#healthz = new HealthEndpoint('/healthz', withheld);
    this.#readyz = new HealthEndpoint('/readyz', withheld);
    const { probes, metrics, pprof } = options;
    if (probes !== undefined) {
      this.#probes = new HttpServer({ ...probes, name: 'probes', answer: (request) => this.answerProbe(request) });
      this.add(this.#probes);
    }
    this.#metricsEndpoint = new MetricsEndpoint(process, clientset, metrics ?? {});
    if (metrics !== undefined) {
      this.#metrics = metricsServer(process, metrics, this.#metricsEndpoint);
      this.add(this.#metrics);
    }
    if (pprof !== undefined) {
      this.#pprof = new PprofServer(process, pprof);
      this.add(this.#pprof);
    }
  }

  /** Runs it in its phase; at once when that has begun. Throws once the manager has stopped. */
  add(runnable: Runnable): void {
    if (this.#state === 'stopped') throw new Error(`Cannot add "${runnable.name}": the manager has stopped`);
    const groups = { servers: this.#servers, always: this.#always, leading: this.#leading };
    groups[runnable.phase ?? 'leading'].add(runnable);
  }

  /** Throws Error for a name that is taken: both controllers would report the same metrics. */
  claimControllerName(name: string): void {
    if (this.#controllerNames.has(name)) throw new Error(`Cannot add controller "${name}": there is one of that name`);
    this.#controllerNames.add(name);
  }

  /** See `Client.indexField`. */
  indexField<T extends KubeObject>(...field: Parameters<typeof Client.prototype.indexField<T>>): void {
    this.client.indexField(...field);
  }

  /** A check of whether the program works at all: it is restarted when it fails. */
  addHealthzCheck(name: string, check: HealthCheck): void {
    this.#healthz.add(name, check);
  }

  /** A check of whether the program can take requests now. */
  addReadyzCheck(name: string, check: HealthCheck): void {
    this.#readyz.add(name, check);
  }

  /**
   * Serves a path beside the metrics, see `MetricsOptions.extraHandlers`; where metrics are not served, says so in the log. Throws
   * RangeError for a path that cannot be had, Error once the manager runs.
   */
  addMetricsServerExtraHandler(path: string, handler: HttpHandler): void {
    if (this.#state !== 'created') {
      throw new Error('unable to add new metrics handler because metrics endpoint has already been created');
    }
    this.#metricsEndpoint.addHandler(path, handler);
    if (this.#metrics === undefined) this.process.log.warn('Metrics are not served, nor is what is added to them', { path });
  }

  /** Resolves when this manager leads; without an election, when it has started. Never, when it does not come to that. */
  get elected(): Promise<void> {
    return this.#elected.promise;
  }

  /** Where probes are served, once they are; undefined when they are not. Rejects when nothing can listen there. */
  get probesAddress(): Promise<BoundAddress> | undefined {
    return this.#probes?.address;
  }

  /** As `probesAddress`, of the metrics. */
  get metricsAddress(): Promise<BoundAddress> | undefined {
    return this.#metrics?.address;
  }

  /** As `probesAddress`, of the profiles. */
  get pprofAddress(): Promise<BoundAddress> | undefined {
    return this.#pprof?.address;
  }

  /** What the probe server answers. */
  async answerProbe(request: HttpRequest): Promise<HttpAnswer> {
    return (await this.#healthz.answer(request)) ?? (await this.#readyz.answer(request)) ?? notFound;
  }

  /** What the metrics server answers. */
  answerMetrics(request: HttpRequest): Promise<HttpAnswer<string | Uint8Array>> {
    return this.#metricsEndpoint.answer(request);
  }

  /**
   * Works until `signal` aborts; resolves when all has ended. Throws what a runnable threw, CacheSyncError, Error when the lease is lost
   * or a stop takes longer than its time: what still runs then runs on, and the program has to end. Throws Error when it was run before.
   */
  async run(signal: AbortSignal = this.process.signal): Promise<void> {
    if (this.#state !== 'created') throw new Error('Cannot run the manager: it runs already');
    this.#state = 'running';
    using first = firstAborted(signal, this.#failed.signal);
    this.#signal = first.signal;
    const failures: unknown[] = [];
    let election: Promise<void> | undefined;
    try {
      this.#servers.open();
      await unlessAborted(this.#servers.ready(first.signal), first.signal);
      this.informers.start();
      await this.cache.allSynced();
      this.#always.open();
      await unlessAborted(this.#always.ready(first.signal), first.signal);
      election = this.#startLeading();
      await untilAborted(first.signal);
    } catch (error) {
      if (!first.signal.aborted) failures.push(error);
    }
    if (this.#failed.signal.aborted) failures.push(this.#failed.signal.reason);
    this.#state = 'stopped';
    try {
      await this.#stop(election);
    } catch (error) {
      failures.push(error);
    }
    if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('; '));
    if (failures.length === 1) throw failures[0];
  }

  #fail(error: unknown): void {
    if (this.#failed.signal.aborted) this.process.log.error('Failed while it was stopped', { error: String(error) });
    this.#failed.abort(error);
  }

  /** Resolves when the election is over; without one, at once. */
  #startLeading(): Promise<void> | undefined {
    const { leaderElection } = this.#options;
    if (leaderElection === undefined) {
      this.#leading.open();
      this.#elected.resolve();
      return undefined;
    }
    const { id, namespace, identity, ...durations } = leaderElection;
    const lock = new LeaseLock({
      clientset: this.clientset,
      namespace,
      name: id,
      identity: identity ?? `${this.process.name}_${this.process.random.uuid()}`,
      recorder: this.recorder,
    });
    const elector = new LeaderElector({
      ...durations,
      process: this.process,
      lock,
      name: id,
      onStartedLeading: async (leading) => {
        this.#leading.open();
        this.#elected.resolve();
        await untilAborted(leading);
        if (!this.#resigned.signal.aborted) this.#lostLease();
      },
      onStoppedLeading: () => undefined,
    });
    return this.process.spawn(`election ${id}`, () => elector.run(this.#resigned.signal)).done;
  }

  /** Somebody else may lead by now: there is no time for a graceful stop. */
  #lostLease(): void {
    this.#graceMs = 0;
    this.#fail(new Error('leader election lost'));
  }

  async #stop(election: Promise<void> | undefined): Promise<void> {
    const groups = [this.#always, this.#leading, this.#servers];
    const graceMs = this.#graceMs;
    const ended = this.#end(election);
    if (graceMs < 0) return ended;
    using deadline = this.process.clock.deadline(graceMs);
    try {
      await unlessAborted(ended, deadline.signal);
    } catch (error) {
      if (!deadline.signal.aborted) throw error;
      for (const group of groups) group.abort(stopped);
      this.#resigned.abort(stopped);
      if (graceMs > 0)
        throw new Error(`Failed waiting for all runnables to end within grace period of ${graceMs / 1000}s`, { cause: error });
    }
  }

  async #end(election: Promise<void> | undefined): Promise<void> {
    await this.#always.end(stopped);
    await this.#leading.end(stopped);
    await this.informers.shutdown();
    await this.#servers.end(stopped);
    this.#resigned.abort(stopped);
    await election;
  }
}

/** `/metrics` and what was added to it, as `options` want it served. */
function metricsServer(process: Process, options: MetricsOptions, endpoint: MetricsEndpoint): HttpServer {
  const { host, port, secureServing, certDir, certName, keyName, certificateIntervalMs: intervalMs, tlsOpts } = options;
  const certificates = new ServingCertificate({ process, certDir, certName, keyName, intervalMs });
  const ofProgram = new ProcessMetrics(process);
  return new HttpServer({
    name: 'metrics',
    ...(host !== undefined && { host }),
    port,
    methods: 'any',
    ...(secureServing === true && { certificates, tls: tlsOpts ?? {} }),
    answer: (request) => endpoint.answer(request, () => ofProgram.update()),
  });
}
