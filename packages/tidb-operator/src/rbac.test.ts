import assert from 'node:assert/strict';
import test from 'node:test';
import { getOwn } from '@coracle/apimachinery';
import { smallSpec, TidbWorld } from './fixtures/tidb-world.ts';
import { operatorRbac, operatorServiceAccount } from './rbac.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

function granted(): readonly string[] {
  const role = operatorRbac().find(({ kind }) => kind === 'ClusterRole') as { readonly rules: readonly Rule[] } | undefined;
  assert.ok(role);
  return role.rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}${group === '' ? '' : `.${group}`}`)),
    ),
  );
}

test('the role holds what the operator asks for in a life of a cluster, and little else', async () => {
  const used = new Set<string>();
  const world = await TidbWorld.start({
    onAuthorized: ({ verb, user, ...about }) => {
      if (!user.name.endsWith(`:${operatorServiceAccount}`) || !('resource' in about)) return;
      const group = String(getOwn(about as Readonly<Record<string, unknown>>, 'apiGroup') ?? '');
      const subresource = getOwn(about as Readonly<Record<string, unknown>>, 'subresource');
      used.add(
        `${verb} ${about.resource}${subresource === undefined || subresource === '' ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`}`,
      );
    },
  });
  await world.create(smallSpec);
  await world.settle();
  for (const replicas of [4, 3, 4]) {
    await world.patch({ tikv: { replicas }, tidb: { service: { type: 'ClusterIP', annotations: { replicas: String(replicas) } } } });
    await world.settle();
  }
  await world.patch({ pd: { replicas: 3 }, pvReclaimPolicy: 'Delete', configUpdateStrategy: 'InPlace', tidb: { config: 'a = 1' } });
  await world.settle();
  await world.delete();
  await world.settle();
  const rights = granted();
  assert.deepEqual([...used].filter((right) => !rights.includes(right)).sort(), [], 'used by other bindings');
  // Informers read by watches that begin with a list, and list where a server cannot; the rest is what the discovery role
  // grants on, what a ConfigMap that changes in place needs, and what owner references ask for.
  assert.deepEqual(rights.filter((right) => !used.has(right) && !/^(get|list) /.test(right)).sort(), [
    'patch configmaps',
    'update tidbclusters/finalizers.pingcap.com',
    'watch secrets',
  ]);
});
