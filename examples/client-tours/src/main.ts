import { Clientset, DeferredLoadingClientConfig, httpTransport, liveHost, LoadingRules } from '@coracle/client';
import { LiveRuntime } from '@coracle/kernel';
import { clientsetTour } from './clientset-tour.ts';
import { dynamicCrud } from './dynamic-crud.ts';
import { informerTour } from './informer-tour.ts';
import { leaderElection } from './leader-election.ts';

const [tour = 'clientset', ...words] = globalThis.process.argv.slice(2);
const process = new LiveRuntime({
  onFailure({ error }) {
    globalThis.process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    globalThis.process.exitCode = 1;
  },
}).process('client-tours');
const tell = (line: string): void => {
  globalThis.process.stdout.write(`${line}\n`);
};
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  globalThis.process.once(name, () => {
    process.stop().catch(() => undefined); // it never rejects
  });
}

const deferred = new DeferredLoadingClientConfig({ rules: new LoadingRules({ host: liveHost(), log: process.log }), log: process.log });
const { namespace } = deferred.namespace();
await using transport = httpTransport({ process, config: deferred.clientConfig() });
const clientset = new Clientset({ process, transport });
async function run(signal: AbortSignal): Promise<void> {
  switch (tour) {
    case 'clientset':
      return clientsetTour(clientset, tell, namespace);
    case 'dynamic':
      return dynamicCrud(clientset, words[0] ?? 'foos', JSON.parse(words[1] ?? '{}') as object, tell, namespace);
    case 'informer':
      return informerTour(clientset, signal, tell, async () => undefined, namespace);
    case 'election':
      return leaderElection(clientset, words[0] ?? 'me', signal, tell, namespace);
    default:
      throw new Error(`there is no tour "${tour}": clientset, dynamic, informer, election`);
  }
}
// A task: that it was stopped is no failure of it, anything else is told by `onFailure`.
await process.spawn(tour, run).done;
await process.stop();
