import { parseArgs } from 'node:util';
import { Clientset, DeferredLoadingClientConfig, httpTransport, liveHost, LoadingRules } from '@coracle/client';
import { Manager, WebhookServer } from '@coracle/controller-runtime';
import { LiveRuntime } from '@coracle/kernel';
import { install } from './configuration.ts';
import { tour } from './tour.ts';
import { addWebhooks } from './webhooks.ts';

// Serves the webhooks and tells the cluster of them; with --tour it then shows what they do, and ends. See the README.
const { values } = parseArgs({
  options: {
    kubeconfig: { type: 'string' },
    certificate: { type: 'string', default: 'tls.crt' },
    key: { type: 'string', default: 'tls.key' },
    authority: { type: 'string', default: 'ca.crt' },
    port: { type: 'string', default: '9443' },
    url: { type: 'string' },
    tour: { type: 'boolean', default: false },
  },
});
const process = new LiveRuntime({
  log: ({ level, message, fields }) => globalThis.process.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`),
  onFailure: () => {
    globalThis.process.exitCode = 1;
  },
}).process('webhook');
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  globalThis.process.once(name, () => {
    process.stop().catch(() => undefined); // it never rejects
  });
}

const { kubeconfig: explicitPath } = values;
const host = liveHost();
const rules = new LoadingRules({ host, log: process.log, ...(explicitPath !== undefined && { explicitPath }) });
const deferred = new DeferredLoadingClientConfig({ rules, log: process.log });
await using transport = httpTransport({ process, config: deferred.clientConfig() });
const clientset = new Clientset({ process, transport });

const manager = new Manager({ process, clientset, name: 'webhook' });
const server = new WebhookServer({ process, certificateFile: values.certificate, keyFile: values.key, port: Number(values.port) });
const paths = addWebhooks(server);
manager.add(server);
manager.addReadyzCheck('webhooks', server.startedCheck);
const running = process.spawn('manager', (signal) => manager.run(signal));

const { port } = await server.address;
const url = values.url ?? `https://127.0.0.1:${port}`;
await install(clientset, { url, authority: host.readFile(values.authority), paths });
globalThis.process.stdout.write(`webhooks are served at ${url}\n`);
if (values.tour) {
  await tour(clientset, (line) => globalThis.process.stdout.write(`${line}\n`), deferred.namespace().namespace);
  await process.stop();
}
await running.done;
