import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '@coracle/apimachinery';
import { partsText } from './parts.generated.ts';
import { partsAsStored } from './parts.fixture.ts';

test('what the parts need is written as a server holds it after a client’s creates', async () => {
  assert.deepEqual(partsText, await partsAsStored(), 'run node --conditions=coracle-source packages/cluster/tools/generate-parts.ts');
  const objects = Object.values(partsText).flatMap((lines) => lines.split('\n').map((line) => JSON.parse(line) as KubeObject));
  assert.deepEqual(
    objects.map(({ kind, metadata }) => `${kind ?? ''} ${metadata.name ?? ''}`),
    [
      'StorageClass standard',
      'CustomResourceDefinition tidbclusters.pingcap.com',
      'Namespace tidb-admin',
      'ServiceAccount tidb-controller-manager',
      'ClusterRole tidb-operator:tidb-controller-manager',
      'ClusterRoleBinding tidb-operator:tidb-controller-manager',
    ],
  );
});
