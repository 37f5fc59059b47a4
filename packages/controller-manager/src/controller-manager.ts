import type { Clientset, SharedInformerFactory } from '@coracle/client';
import type { Process } from '@coracle/kernel';
import type { ControllerDescriptor, RunnableController } from './controller/context.ts';
import { messageOf } from './controller/pod-control.ts';
import { controllers as allControllers, selectControllers } from './controllers.ts';

export interface ControllerManagerOptions {
  readonly process: Process;
  /**
   * A client that writes as a service account of namespace kube-system. Upstream's field manager is `kube-controller-manager` for
   * all of them: its user agent has to begin with that.
   */
  clientsetFor(serviceAccount: string): Clientset;
  /** What all controllers read from: may list and watch everything, as system:kube-controller-manager may. */
  readonly informers: SharedInformerFactory;
  /** PEM; see ControllerContext. */
  readonly rootCA: string;
  /** As `--controllers` of upstream. Default `['*']`. */
  readonly controllers?: readonly string[];
  /** What there is to choose from. Default: all of this package. */
  readonly known?: readonly ControllerDescriptor[];
}

export type ControllerState = 'waiting' | 'running' | 'stopped' | 'failed';

/** Runs controllers (cmd/kube-controller-manager). */
export class ControllerManager {
  readonly #options: ControllerManagerOptions;
  readonly #selected: readonly ControllerDescriptor[];
  readonly #states: Map<string, ControllerState>;

  /** Throws RangeError for a controller that does not exist. */
  constructor(options: ControllerManagerOptions) {
    this.#options = options;
    this.#selected = selectControllers(options.known ?? allControllers, options.controllers ?? ['*']);
    this.#states = new Map(this.#selected.map(({ name }) => [name, 'waiting'] as const));
  }

  /** By the controller's name. */
  get states(): ReadonlyMap<string, ControllerState> {
    return this.#states;
  }

  /**
   * Starts the informers and the controllers; resolves when all have stopped, after `signal` aborts. A controller that fails is
   * logged and shows in `states`; the others go on, and in the end its error is thrown.
   */
  async run(signal: AbortSignal = this.#options.process.signal): Promise<void> {
    const { process, informers, rootCA } = this.#options;
    // All are made before the first informer starts, so that each informer has its handlers and indexes from the first list on.
    const made = this.#selected.map(({ name, serviceAccount, start }) => ({
      name,
      controller: start({ process, clientset: this.#options.clientsetFor(serviceAccount), informers, rootCA }),
    }));
    informers.start(signal);
    const results = await Promise.all(made.map(({ name, controller }) => this.#runOne(name, controller, signal)));
    const failures = results.filter((error) => error !== undefined);
    if (failures.length > 0) throw new AggregateError(failures, 'Controllers failed');
  }

  async #runOne(name: string, controller: RunnableController, signal: AbortSignal): Promise<Error | undefined> {
    this.#states.set(name, 'running');
    try {
      await controller.run(signal);
      this.#states.set(name, 'stopped');
      return undefined;
    } catch (error) {
      this.#states.set(name, 'failed');
      this.#options.process.log.error('Controller failed', { controller: name, error: messageOf(error) });
      return new Error(`Controller "${name}" failed`, { cause: error });
    }
  }
}
