import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resources } from '@coracle/client';
import { SimulatedCluster } from '@coracle/cluster';
import { ControllerBuilder } from './controller/builder.ts';
import { createOrUpdate } from './client/create-or-update.ts';
import { Manager } from './manager/manager.ts';
import { setControllerReference } from './client/ownership.ts';

test('the example of the README: each ConfigMap gets a Secret of its name, which is made anew when it goes', async () => {
  const cluster = await SimulatedCluster.start({ seed: 1, nodes: 0 });
  const { configMaps, secrets } = resources.core.v1;
  const clientset = cluster.cluster.clientset('copier', { name: 'copier', groups: ['system:masters'] });
  const { process } = clientset;

  const manager = new Manager({ process, clientset, name: 'copier' });
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
