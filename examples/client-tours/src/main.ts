import { Clientset, DeferredLoadingClientConfig, httpTransport, liveHost, LoadingRules } from '@coracle/client';
import { LiveRuntime } from '@coracle/kernel';
import { clientsetTour } from './clientset-tour.ts';
import { dynamicCrud } from './dynamic-crud.ts';
import { informerTour } from './informer-tour.ts';
import { leaderElection } from './leader-election.ts';

const [tour = 'clientset', ...words] = globalThis.process.argv.slice(2);
const process = new LiveRuntime().process('client-tours');
const tell = (line: string): void => {
  globalThis.process.stdout.write(`${line}\n`);
};
globalThis.process.once('SIGINT', () => {
  process.spawn('stop', () => process.stop());
});

const deferred = new DeferredLoadingClientConfig({ rules: new LoadingRules({ host: liveHost(), log: process.log }), log: process.log });
const { namespace } = deferred.namespace();
await using transport = httpTransport({ process, config: deferred.clientConfig() });
const clientset = new Clientset({ process, transport });
switch (tour) {
  case 'clientset':
    await clientsetTour(clientset, tell, namespace);
    break;
  case 'dynamic':
    await dynamicCrud(clientset, words[0] ?? 'foos', JSON.parse(words[1] ?? '{}') as object, tell, namespace);
    break;
  case 'informer':
    await informerTour(clientset, process.signal, tell, async () => undefined, namespace);
    break;
  case 'election':
    await leaderElection(clientset, words[0] ?? 'me', process.signal, tell, namespace);
    break;
  default:
    tell(`there is no tour "${tour}": clientset, dynamic, informer, election`);
}
await process.stop();
