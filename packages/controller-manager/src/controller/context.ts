import type { Clientset, SharedInformerFactory } from '@coracle/client';
import type { Process } from '@coracle/kernel';

/** What a controller is started with (cmd/kube-controller-manager/app ControllerContext). */
export interface ControllerContext {
  readonly process: Process;
  /** Writes, as the controller's own service account. */
  readonly clientset: Clientset;
  /** Reads, shared by all controllers. Whoever starts the controllers starts the factory afterwards. */
  readonly informers: SharedInformerFactory;
  /** PEM of the authorities that vouch for the API server: what pods get to trust. */
  readonly rootCA: string;
}

export interface RunnableController {
  /** Works until `signal` aborts, then finishes what it began and resolves. */
  run(signal: AbortSignal): Promise<void>;
}

/** One row of the list of controllers. */
export interface ControllerDescriptor {
  /** Upstream's name, as `--controllers` takes it: `deployment-controller`. */
  readonly name: string;
  /** In namespace kube-system; the bootstrap roles are bound to it. */
  readonly serviceAccount: string;
  start(context: ControllerContext): RunnableController;
}
