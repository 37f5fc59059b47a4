import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { readYamlDocuments } from '@coracle/apimachinery';
import { smallSpec, TidbWorld } from './fixtures/tidb-world.ts';
import { isReady } from './explain.ts';
import type { TidbCluster, TidbClusterSpec } from './api/types.ts';

const ofThree: TidbClusterSpec = { ...smallSpec, pd: { ...smallSpec.pd, replicas: 3 } };
const deferDeleting = 'tidb.pingcap.com/pvc-defer-deleting';

const storeStates = (tc: TidbCluster): readonly string[] =>
  Object.values(tc.status?.tikv?.stores ?? {})
    .map(({ podName, state }) => `${podName} ${state}`)
    .sort();

async function deferred(world: TidbWorld): Promise<readonly (string | undefined)[]> {
  return (await world.claims())
    .filter(({ metadata }) => metadata?.annotations?.[deferDeleting] !== undefined)
    .map(({ metadata }) => metadata?.name);
}

async function podNames(world: TidbWorld): Promise<readonly string[]> {
  return (await world.pods())
    .map(({ metadata }) => metadata?.name ?? '')
    .filter((name) => !name.includes('discovery'))
    .sort();
}

describe('a TidbCluster on a simulated cluster', () => {
  test('comes up; then nothing is left to do, and a fork writes nothing', async () => {
    const world = await TidbWorld.ready();
    assert.equal(await world.settle(), 0);
    const writes: string[] = [];
    const fork = new TidbWorld(
      await world.cluster.fork({
        onAuthorized: ({ verb, user, ...about }) => {
          const isWrite = !['get', 'list', 'watch'].includes(verb) && !('subresource' in about && about.subresource === 'token'); // a token is not stored
          if (isWrite && user.name !== 'kubernetes-admin') writes.push(`${user.name} ${verb} ${JSON.stringify(about)}`);
        },
      }),
    );
    await fork.settle();
    assert.deepEqual(writes, []);
    assert.ok(isReady(await fork.tc()));
    assert.deepEqual((await fork.tc()).status, (await world.tc()).status);
    await fork.patch({ tikv: { replicas: 4 } });
    await fork.settle();
    assert.equal(storeStates(await fork.tc()).length, 4);
    assert.equal(storeStates(await world.tc()).length, 3, 'the origin does not see what the fork does');
  });

  test('stays as it is for ten minutes, without a write', async () => {
    const world = await TidbWorld.ready();
    const { resourceVersion } = (await world.tc()).metadata;
    await world.advance(600_000);
    assert.equal((await world.tc()).metadata.resourceVersion, resourceVersion);
  });

  test('TiKV scales out and in by way of the store states, and its claim is deleted when the ordinal is used again', async () => {
    const world = await TidbWorld.ready();
    await world.patch({ tikv: { replicas: 4 } });
    await world.settle();
    assert.deepEqual(storeStates(await world.tc()), ['basic-tikv-0 Up', 'basic-tikv-1 Up', 'basic-tikv-2 Up', 'basic-tikv-3 Up']);
    await world.patch({ tikv: { replicas: 3 } });
    const seen = new Set<string>();
    while (!isReady(await world.tc()) || (await podNames(world)).includes('basic-tikv-3')) {
      await world.advance(250);
      const tc = await world.tc();
      const store = Object.values(tc.status?.tikv?.stores ?? {}).find(({ podName }) => podName === 'basic-tikv-3');
      const tombstone = Object.values(tc.status?.tikv?.tombstoneStores ?? {}).length > 0;
      seen.add(store?.state ?? (tombstone ? 'Tombstone' : 'gone'));
      if (store !== undefined) assert.ok((await podNames(world)).includes('basic-tikv-3'), 'the pod stays until its store is a tombstone');
    }
    assert.deepEqual([...seen], ['Up', 'Offline', 'Tombstone']);
    assert.deepEqual(await deferred(world), ['tikv-basic-tikv-3']);
    const [old] = (await world.claims()).filter(({ metadata }) => metadata?.name === 'tikv-basic-tikv-3');
    await world.patch({ tikv: { replicas: 4 } });
    await world.settle();
    const [fresh] = (await world.claims()).filter(({ metadata }) => metadata?.name === 'tikv-basic-tikv-3');
    assert.notEqual(fresh?.metadata?.uid, old?.metadata?.uid);
    assert.deepEqual(await deferred(world), []);
    assert.ok(isReady(await world.tc()), await world.text());
  });

  test('a scale-in of TiKV that PD cannot bear is refused, said, and undone by the spec', async () => {
    const world = await TidbWorld.ready();
    await world.patch({ tikv: { replicas: 2 } });
    await world.settle();
    assert.deepEqual(
      (await world.explain()).map(({ waitsFor }) => waitsFor?.who),
      [undefined, 'user', undefined],
    );
    assert.deepEqual(
      (await world.events()).filter((event) => event.startsWith('Warning')),
      ["Warning FailedScaleIn: can't scale in TiKV basic-tikv-2: 3 stores are Up and max-replicas is 3"],
    );
    await world.patch({ tikv: { replicas: 3 } });
    await world.settle();
    assert.ok(isReady(await world.tc()), await world.text());
  });

  test('a scale-in of TiKV that is taken back leaves a store that gets its leaders again', async () => {
    const world = await TidbWorld.ready();
    await world.patch({ tikv: { replicas: 4 } });
    await world.settle();
    await world.patch({ tikv: { replicas: 3 } });
    const state = async (): Promise<string | undefined> =>
      Object.values((await world.tc()).status?.tikv?.stores ?? {}).find(({ podName }) => podName === 'basic-tikv-3')?.state;
    while ((await state()) === 'Up') await world.advance(100);
    assert.equal(await state(), 'Offline');
    await world.patch({ tikv: { replicas: 4 } });
    await world.settle();
    await world.advance(60_000);
    assert.equal(await state(), 'Up');
    const stores = Object.values((await world.tc()).status?.tikv?.stores ?? {});
    assert.deepEqual(
      stores.map(({ leaderCount }) => leaderCount > 0),
      [true, true, true, true],
    );
  });

  test('PD scales in with its leader, and out again', async () => {
    const world = await TidbWorld.ready(ofThree);
    await world.patch({ pd: { replicas: 1 } });
    await world.settle();
    assert.deepEqual(Object.keys((await world.tc()).status?.pd?.members ?? {}), ['basic-pd-0']);
    assert.deepEqual(await deferred(world), ['pd-basic-pd-1', 'pd-basic-pd-2']);
    await world.patch({ pd: { replicas: 3 } });
    await world.settle();
    assert.deepEqual(Object.keys((await world.tc()).status?.pd?.members ?? {}), ['basic-pd-0', 'basic-pd-1', 'basic-pd-2']);
    assert.ok(isReady(await world.tc()), await world.text());
  });

  test('TiDB scales out and in', async () => {
    const world = await TidbWorld.ready();
    for (const replicas of [3, 1]) {
      await world.patch({ tidb: { replicas } });
      await world.settle();
      assert.equal(Object.keys((await world.tc()).status?.tidb?.members ?? {}).length, replicas);
      assert.ok(isReady(await world.tc()), await world.text());
    }
  });

  for (const policy of ['Retain', 'Delete'] as const) {
    test(`deleted, it takes everything along but its claims; with ${policy} their volumes follow that`, async () => {
      const world = await TidbWorld.ready({ ...smallSpec, pvReclaimPolicy: policy });
      assert.deepEqual(new Set((await world.volumes()).map(({ spec }) => spec?.persistentVolumeReclaimPolicy)), new Set([policy]));
      await world.delete();
      await world.settle();
      assert.deepEqual(await world.pods(), []);
      assert.deepEqual(await world.leftovers(), []);
      assert.equal((await world.claims()).length, 4);
      await world.deleteClaims();
      await world.settle();
      assert.equal((await world.volumes()).length, policy === 'Retain' ? 4 : 0);
    });
  }

  test('deleted and created again at once, it waits for its old objects to go', async () => {
    const world = await TidbWorld.ready();
    await world.delete();
    await world.create(smallSpec);
    await world.settle();
    assert.ok(isReady(await world.tc()), await world.text());
  });

  test('without one of three members of PD it goes on, and says so; with it again it is Ready', async () => {
    const world = await TidbWorld.ready(ofThree);
    const pod = (await world.pods()).find(({ metadata }) => metadata?.name === 'basic-pd-1');
    const fault = world.cluster.components.nodes.network.fault({ toIp: pod?.status?.podIP ?? '', code: 'EHOSTUNREACH' });
    let tc = await world.tc();
    // The Service leads a third of the questions to the member that is cut off: then PD does not answer, and all are asked again.
    for (let tries = 0; tries < 120 && tc.status?.pd?.members?.['basic-pd-1']?.health !== false; tries++) {
      await world.advance(5_000);
      tc = await world.tc();
    }
    assert.deepEqual(
      Object.values(tc.status?.pd?.members ?? {}).map(({ name, health }) => `${name} ${health}`),
      ['basic-pd-0 true', 'basic-pd-1 false', 'basic-pd-2 true'],
    );
    assert.equal(tc.status?.conditions?.find(({ type }) => type === 'Ready')?.reason, 'PDUnhealthy');
    fault[Symbol.dispose]();
    await world.settle();
    await world.advance(60_000);
    await world.settle();
    assert.ok(isReady(await world.tc()), await world.text());
  });

  const example = new URL('../../../../shared/data/tidb-operator-1.6/examples/basic/tidb-cluster.yaml', import.meta.url);
  test("upstream's basic example, unchanged, comes up", {
    skip: existsSync(example) ? false : 'there is no ../shared/data/tidb-operator-1.6',
  }, async () => {
    const world = await TidbWorld.start();
    const [object] = readYamlDocuments(readFileSync(example, 'utf8')) as unknown as readonly TidbCluster[]; // it is one
    assert.ok(object);
    await world.create(object.spec);
    await world.settle();
    assert.ok(isReady(await world.tc()), await world.text());
    assert.deepEqual((await podNames(world)).length, 3);
  });
});
