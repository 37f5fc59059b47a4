import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Attributes, EmbeddedStorage, fixtureKeySource } from '@coracle/apiserver';
import { SimRuntime } from '@coracle/simulator';
import { Cluster } from './cluster.ts';
import type { Components } from './components.ts';
import { electComponents } from './elected-components.ts';
import { preparedStore } from './prepared-store.ts';

test('electComponents() runs the components in one of two control planes, and in the other one when that stops', async () => {
  const runtime = new SimRuntime({ seed: 1 });
  const store = (await preparedStore()).store.fork(runtime.process('etcd'));
  const running = new Map<string, Components>();
  const electors = new Map<string, string>();
  const onAuthorized = ({ user, ...rest }: Attributes, reason: string): void => {
    const isAdmin = user.name === 'kubernetes-admin'; // this test
    if (!isAdmin && rest.resourceRequest && rest.resource === 'leases' && rest.namespace === 'kube-system') electors.set(user.name, reason);
  };
  const start = async (identity: string): Promise<Cluster> => {
    const serviceAccountKey = fixtureKeySource.keyPair().privateKey;
    const cluster = new Cluster({ runtime, storage: new EmbeddedStorage(store), serviceAccountKey, onAuthorized });
    await runtime.drive(cluster.start());
    const onChanged = (components: Components | undefined): void => {
      if (components === undefined) running.delete(identity);
      else running.set(identity, components);
    };
    electComponents({ cluster, identity, components: { nodes: 1, rootCA: 'the certificate of a simulated cluster' }, onChanged });
    return cluster;
  };
  const isReady = async ({ admin }: Cluster): Promise<boolean | undefined> => {
    const { status } = await runtime.drive(admin.coreV1.nodes().get('node-1'));
    return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  };
  const a = await start('a');
  await runtime.advance(5_000);
  const b = await start('b');
  await runtime.advance(30_000);
  assert.deepEqual([...running.keys()], ['a']);
  assert.equal(await isReady(b), true);
  const first = running.get('a');
  await runtime.drive(a.stop());
  assert.deepEqual(first?.nodes.names, []);
  await runtime.advance(10_000); // the lease was given back
  assert.deepEqual([...running.keys()], ['b']);
  assert.equal(await isReady(b), true);
  const lease = await runtime.drive(b.admin.coordinationV1.leases('kube-system').get('coracle-components'));
  assert.equal(lease.spec?.holderIdentity, 'b');
  assert.deepEqual([...electors.keys()], ['system:kube-controller-manager']);
  assert.match(electors.get('system:kube-controller-manager') ?? '', /Role "system::leader-locking-kube-controller-manager" to User/);
  await runtime.drive(b.stop());
  assert.equal(running.size, 0);
});
