import { type Clientset, LeaderElector, LeaseLock } from '@coracle/client';

/** Competes for the lease `demo`, and works while it leads, until `signal` aborts. */
export async function leaderElection(
  clientset: Clientset,
  identity: string,
  signal: AbortSignal,
  tell: (line: string) => void,
  namespace = 'default',
): Promise<void> {
  const elector = new LeaderElector({
    process: clientset.process,
    lock: new LeaseLock({ clientset, namespace, name: 'demo', identity }),
    releaseOnCancel: true, // the next one need not wait for the lease to run out
    onStartedLeading(leading) {
      tell(`${identity} leads`);
      leading.addEventListener('abort', () => tell(`${identity} stops`), { once: true });
    },
    onStoppedLeading: () => tell(`${identity} has left`),
  });
  await elector.run(signal);
}
