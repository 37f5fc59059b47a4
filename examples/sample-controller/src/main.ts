import { parseArgs } from 'node:util';
import { Clientset, DeferredLoadingClientConfig, httpTransport, liveHost, LoadingRules, SharedInformerFactory } from '@coracle/client';
import { Manager } from '@coracle/controller-runtime';
import { LiveRuntime } from '@coracle/kernel';
import { SampleController } from './controller.ts';
import { addFooController } from './short.ts';

// `node --conditions=coracle-source src/main.ts [parts|short] [--kubeconfig FILE] [--master URL]`, by default with the connection of kubectl.
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { kubeconfig: { type: 'string' }, master: { type: 'string' } },
});
const { kubeconfig: explicitPath, master } = values;
const process = new LiveRuntime({
  log: ({ level, message, fields }) => globalThis.process.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`),
  onFailure: () => {
    globalThis.process.exitCode = 1;
  },
}).process('sample-controller');
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  globalThis.process.once(name, () => {
    globalThis.process.once(name, () => globalThis.process.exit(1)); // a second one does not wait
    process.stop().catch(() => undefined); // it never rejects
  });
}

const rules = new LoadingRules({ host: liveHost(), log: process.log, ...(explicitPath !== undefined && { explicitPath }) });
const config = new DeferredLoadingClientConfig({ rules, log: process.log }).clientConfig();
await using transport = httpTransport({ process, config: master === undefined ? config : { ...config, server: master } });
const clientset = new Clientset({ process, transport });

if (positionals[0] === 'short') {
  const manager = new Manager({ process, clientset, name: 'sample-controller', resyncPeriodMs: 30_000 });
  addFooController(manager);
  await manager.run();
} else {
  const kubeInformers = new SharedInformerFactory(clientset, { resyncPeriodMs: 30_000 });
  const fooInformers = new SharedInformerFactory(clientset, { resyncPeriodMs: 30_000 });
  const controller = new SampleController({ process, clientset, kubeInformers, fooInformers });
  kubeInformers.start();
  fooInformers.start();
  // A task: that it was stopped, even before the caches were full, is no failure of it.
  await process.spawn('controller', (signal) => controller.run(signal)).done;
}
