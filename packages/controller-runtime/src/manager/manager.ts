import { type Clientset, EventRecorder, SharedInformerFactory } from '@coracle/client';
import { type Process, untilAborted } from '@coracle/kernel';
import { Client } from '../client/client.ts';
import { InformerCache } from '../client/informer-cache.ts';

/** Something that a manager runs until the signal aborts. */
export interface Runnable {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

export interface ManagerOptions {
  readonly process: Process;
  readonly clientset: Clientset;
  /** Who writes: the component of events. */
  readonly name: string;
  /** Watch one namespace only. */
  readonly namespace?: string;
  readonly resyncPeriodMs?: number;
}

/** Shares one cache, client and recorder among controllers, and runs them (pkg/manager). */
export class Manager {
  readonly process: Process;
  readonly clientset: Clientset;
  readonly informers: SharedInformerFactory;
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly #runnables: Runnable[] = [];
  #signal: AbortSignal;
  #isRunning = false;

  constructor(options: ManagerOptions) {
    this.process = options.process;
    this.clientset = options.clientset;
    this.#signal = options.process.signal;
    const { namespace, resyncPeriodMs } = options;
    this.informers = new SharedInformerFactory(options.clientset, {
      ...(namespace === undefined ? {} : { namespace }),
      ...(resyncPeriodMs === undefined ? {} : { resyncPeriodMs }),
    });
    const cache = new InformerCache({
      process: options.process,
      informers: this.informers,
      signal: () => this.#signal,
      syncTimeoutMs: 120_000,
    });
    this.client = new Client({ clientset: options.clientset, cache, ...(namespace === undefined ? {} : { namespace }) });
    this.recorder = new EventRecorder({ clientset: options.clientset, component: options.name });
  }

  /** Throws once the manager runs. */
  add(runnable: Runnable): void {
    if (this.#isRunning) throw new Error(`Cannot add "${runnable.name}": the manager runs already`);
    this.#runnables.push(runnable);
  }

  /** Fills the cache, then runs what was added, until `signal` aborts; resolves when all has ended. */
  async run(signal: AbortSignal = this.process.signal): Promise<void> {
    if (this.#isRunning) throw new Error('Cannot run the manager: it runs already');
    this.#isRunning = true;
    this.#signal = signal;
    this.informers.start(signal);
    try {
      await this.informers.waitForCacheSync(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    const tasks = signal.aborted ? [] : this.#runnables.map((runnable) => this.process.spawn(runnable.name, () => runnable.run(signal)));
    await untilAborted(signal); // also without anything to run: others read its cache
    await Promise.all(tasks.map((task) => task.done));
    await this.informers.shutdown();
  }
}
