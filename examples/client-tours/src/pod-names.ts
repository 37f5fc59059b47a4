import {
  Clientset,
  DeferredLoadingClientConfig,
  deletionKey,
  httpTransport,
  KeyedController,
  liveHost,
  LoadingRules,
  metaNamespaceKey,
  resources,
  SharedInformerFactory,
  splitMetaNamespaceKey,
} from '@coracle/client';
import { LiveRuntime } from '@coracle/kernel';

const node = globalThis.process;
const process = new LiveRuntime({
  log: ({ level, message, fields }) => node.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`),
  onFailure: () => {
    node.exitCode = 1; // it was logged, and the process is being stopped
  },
}).process('pod-names');
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  node.once(name, () => {
    process.stop().catch(() => undefined); // it never rejects
  });
}

const rules = new LoadingRules({ host: liveHost(), log: process.log });
const config = new DeferredLoadingClientConfig({ rules, log: process.log }).clientConfig(); // what kubectl would use, or a pod's own
await using transport = httpTransport({ process, config });
const clientset = new Clientset({ process, transport });

const informers = new SharedInformerFactory(clientset);
const pods = informers.forResource(resources.core.v1.pods);
const controller = new KeyedController({
  process,
  name: 'pod-names',
  async sync(key) {
    const { namespace, name } = splitMetaNamespaceKey(key);
    const pod = pods.lister.namespace(namespace).get(name);
    process.log.info(pod === undefined ? 'gone' : 'there', { key });
  },
});
pods.addEventHandler({
  onAdd: (pod) => controller.queue.add(metaNamespaceKey(pod)),
  onUpdate: (_old, pod) => controller.queue.add(metaNamespaceKey(pod)),
  onDelete: (deleted) => controller.queue.add(deletionKey(deleted)),
});
// As a task of the process: that it was stopped is no failure.
await process.spawn('controller', async (signal) => {
  informers.start();
  await informers.waitForCacheSync(signal);
  await controller.run(signal);
}).done;
