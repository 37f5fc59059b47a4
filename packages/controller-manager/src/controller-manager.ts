import { type Clientset, SharedInformerFactory } from '@coracle/client';
import type { ControllerDescriptor } from './controller/context.ts';
import { controllers } from './controllers.ts';

export interface ControllerManagerOptions {
  /** As system:kube-controller-manager: reads for all. */
  readonly clientset: Clientset;
  /** For one controller, with a process of its own, as service account `serviceAccount` of kube-system. */
  clientsetFor(controller: Pick<ControllerDescriptor, 'name' | 'serviceAccount'>): Clientset;
  /** PEM: what pods get to trust. */
  readonly rootCA: string;
  /** Names, `*` for all, `-NAME` to leave one out (--controllers). Default: all. */
  readonly controllers?: readonly string[];
}

/** Runs the controllers over one set of informers (cmd/kube-controller-manager). */
export class ControllerManager {
  readonly #options: ControllerManagerOptions;
  readonly #chosen: readonly ControllerDescriptor[];

  /** Throws RangeError for a name that is no controller's. */
  constructor(options: ControllerManagerOptions) {
    this.#options = options;
    this.#chosen = chosenControllers(options.controllers ?? ['*']);
  }

  /** Works until `signal` aborts, or the process of `clientset` ends. A controller that fails is reported by its own process. */
  async run(signal: AbortSignal = this.#options.clientset.process.signal): Promise<void> {
    const { clientset, rootCA } = this.#options;
    const informers = new SharedInformerFactory(clientset);
    const started = this.#chosen.map((descriptor) => {
      const own = this.#options.clientsetFor(descriptor);
      return { name: descriptor.name, process: own.process, controller: descriptor.start({ process: own.process, clientset: own, informers, rootCA }) };
    });
    informers.start(signal);
    const tasks = started.map(({ name, process, controller }) => process.spawn(name, (ofProcess) => controller.run(AbortSignal.any([ofProcess, signal]))));
    await Promise.all(tasks.map(({ done }) => done));
    await informers.shutdown();
  }
}

function chosenControllers(names: readonly string[]): readonly ControllerDescriptor[] {
  for (const name of names) {
    const bare = name.replace(/^-/, '');
    if (name !== '*' && !controllers.some((one) => one.name === bare)) throw new RangeError(`"${bare}" is no controller`);
  }
  return controllers.filter(({ name }) => !names.includes(`-${name}`) && (names.includes('*') || names.includes(name)));
}
