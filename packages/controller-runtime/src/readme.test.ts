import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isConflict } from '@coracle/apimachinery';
import { onlyMetadata, resources, withoutManagedFields } from '@coracle/client';
import { SimulatedCluster } from '@coracle/cluster';
import { cacheOf } from './client/cache-limits.ts';
import { createOrUpdate } from './client/create-or-update.ts';
import { reconcileFinalizer } from './client/finalizers.ts';
import { setControllerReference } from './client/ownership.ts';
import { ControllerBuilder } from './controller/builder.ts';
import { Manager } from './manager/manager.ts';
import { WebhookServer } from './webhook/webhook-server.ts';

const { configMaps, secrets } = resources.core.v1;

let origin: Promise<SimulatedCluster> | undefined;

async function prepared(): Promise<{
  readonly cluster: SimulatedCluster;
  readonly manager: Manager;
  readonly process: Manager['process'];
}> {
  origin ??= SimulatedCluster.start({ seed: 1, nodes: 0 });
  const cluster = await (await origin).fork();
  const clientset = cluster.cluster.clientset('copier', { name: 'copier', groups: ['system:masters'] });
  const { process } = clientset;
  return { cluster, process, manager: new Manager({ process, clientset, name: 'copier' }) };
}

test('the first example of the README: each ConfigMap gets a Secret of its name, which is made anew when it goes', async () => {
  const { cluster, manager, process } = await prepared();
  new ControllerBuilder(manager, configMaps).owns(secrets).complete({
    async reconcile(request) {
      const map = await manager.client.get(configMaps, request); // from the cache
      if (map === undefined) return; // its Secret goes with it
      await createOrUpdate(manager.client, secrets, request, (current) =>
        setControllerReference(map, configMaps, { ...current, metadata: current?.metadata ?? request, stringData: map.data ?? {} }),
      );
    },
  });
  process.spawn('manager', (signal) => manager.run(signal));

  const { admin } = cluster;
  await cluster.drive(admin.coreV1.configMaps('default').create({ metadata: { name: 'a' }, data: { key: 'value' } }));
  await cluster.settle();
  assert.deepEqual((await cluster.drive(admin.coreV1.secrets('default').get('a'))).data, { key: 'dmFsdWU=' });
  await cluster.drive(admin.coreV1.secrets('default').delete('a'));
  await cluster.settle();
  assert.deepEqual((await cluster.drive(admin.coreV1.secrets('default').get('a'))).data, { key: 'dmFsdWU=' });
  await cluster.drive(admin.coreV1.configMaps('default').delete('a'));
  await cluster.settle();
  await assert.rejects(cluster.drive(admin.coreV1.secrets('default').get('a')), /not found/);
});

test('the second one: a cache with limits, and metadata only', async () => {
  const { cluster, process, manager: unlimited } = await prepared();
  const { clientset } = unlimited;
  const asked: string[] = [];
  const cache = {
    transform: withoutManagedFields,
    kinds: [cacheOf(secrets, { namespaces: { default: {}, web: { labelSelector: 'app' } } })],
  };
  const manager = new Manager({ process, clientset, name: 'limited', cache });
  new ControllerBuilder(manager, configMaps).owns(onlyMetadata(secrets)).complete({
    async reconcile({ namespace, name }) {
      if (name === 'a') asked.push(namespace);
    },
  });
  process.spawn('manager', (signal) => manager.run(signal));

  const { admin } = cluster;
  await cluster.drive(admin.coreV1.namespaces().create({ metadata: { name: 'web' } }));
  for (const namespace of ['default', 'web']) {
    const { metadata } = await cluster.drive(admin.coreV1.configMaps(namespace).create({ metadata: { name: 'a' } }));
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: metadata.uid ?? '', controller: true }];
    await cluster.settle();
    await cluster.drive(admin.coreV1.secrets(namespace).create({ metadata: { name: 'a', ownerReferences } }));
    await cluster.settle();
  }
  assert.deepEqual(asked, ['default', 'default', 'web']); // that of the Secret in `web` is not among them: it has no label
});

test('the third one: what is outside goes with the object', async () => {
  const { cluster, manager, process } = await prepared();
  const volumes = new Set<string | undefined>();
  new ControllerBuilder(manager, configMaps)
    .withOptions({
      maxConcurrentReconciles: 4,
      reconciliationTimeoutMs: 60_000,
      errorPolicy: (error) => (isConflict(error) ? { retryAfterMs: 50 } : 'retry'),
    })
    .complete({
      async reconcile(request) {
        const map = await manager.client.get(configMaps, request);
        if (map === undefined) return;
        await reconcileFinalizer(manager.client, configMaps, map, {
          finalizer: 'example.com/cleanup',
          apply: async ({ metadata }) => volumes.add(metadata.name),
          cleanUp: async ({ metadata }) => void volumes.delete(metadata.name),
        });
      },
    });
  process.spawn('manager', (signal) => manager.run(signal));

  const maps = cluster.admin.coreV1.configMaps('default');
  await cluster.drive(maps.create({ metadata: { name: 'a' } }));
  await cluster.settle();
  assert.ok(volumes.has('a'));
  await cluster.drive(maps.delete('a'));
  await cluster.settle();
  assert.ok(!volumes.has('a'));
  await assert.rejects(cluster.drive(maps.get('a')), /not found/);
});

test('the fourth one: its webhooks', async () => {
  const { manager, process } = await prepared();
  const server = new WebhookServer({ process, certificateFile: 'tls.crt', keyFile: 'tls.key' });
  const mutated = server.mutate(configMaps, (map) => ({ ...map, data: { size: '1', ...map.data } })); // at /mutate--v1-configmap
  const validated = server.validate(configMaps, {
    create({ data }, { warn }) {
      if (Number(data?.['size']) > 9) throw new Error('too large'); // 403
      if (Number(data?.['size']) > 5) warn('that is large');
    },
  });
  manager.add(server);

  const ask = async (path: string, size?: string): Promise<string> => {
    const object = { metadata: { name: 'a' }, ...(size !== undefined && { data: { size } }) };
    const review = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: { uid: 'u', operation: 'CREATE', object } };
    const body = new TextEncoder().encode(JSON.stringify(review));
    return (await server.answer(path, { contentType: 'application/json', body, signal: process.signal })).body;
  };
  assert.equal(mutated, '/mutate--v1-configmap');
  assert.match(await ask(mutated), /"patch":/);
  assert.match(await ask(validated, '6'), /"allowed":true.*"warnings":\["that is large"\]/);
  assert.match(await ask(validated, '10'), /"allowed":false.*"code":403.*"message":"too large"/);
});
