import { LeaderElector, LeaseLock } from '@coracle/client';
import { type Process, untilAborted } from '@coracle/kernel';
import type { Cluster } from './cluster.ts';
import { Components, type ComponentsOptions } from './components.ts';

export interface ElectedComponentsOptions {
  readonly cluster: Cluster;
  /** Of this control plane among those of the same store. */
  readonly identity: string;
  readonly components: ComponentsOptions;
  /** Told of those that run here now; of none when they have stopped. */
  onChanged(components: Components | undefined): void;
}

/** Time before the components are tried again that could not be started. */
const retryMs = 2000;

/**
 * Runs the components of several control planes over one store in the one that holds a lease, and in the next one when that is lost,
 * until the cluster is stopped. The simulated nodes are among them, with the volumes of the control plane that they run in.
 */
export function electComponents(options: ElectedComponentsOptions): void {
  // Whom a Role of every fresh server lets hold leases of kube-system.
  const clientset = options.cluster.clientset('components-election', { name: 'system:kube-controller-manager', groups: [] });
  const { process } = clientset;
  const { identity } = options;
  process.spawn('elections', async (signal) => {
    while (!signal.aborted) {
      const elector = new LeaderElector({
        process,
        lock: new LeaseLock({ clientset, namespace: 'kube-system', name: 'coracle-components', identity }),
        releaseOnCancel: true,
        onStartedLeading: (leading) => lead(options, process, leading),
        onStoppedLeading: () => process.log.info('The components do not run here', { identity }),
      });
      await elector.run(signal);
    }
  });
}

async function lead({ cluster, components, onChanged }: ElectedComponentsOptions, process: Process, leading: AbortSignal): Promise<void> {
  while (!leading.aborted) {
    const running = new Components(cluster, components);
    onChanged(running);
    try {
      await running.start();
      await untilAborted(leading);
    } catch (error) {
      process.log.warn('The components cannot be started', { error: error instanceof Error ? error.message : String(error) });
      await process.clock.sleep(retryMs, { signal: leading }).catch(() => undefined); // no leader any more
    } finally {
      await running.stop();
      onChanged(undefined);
    }
  }
}
