import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PersistentVolume } from '@coracle/api';
import { type ApiRequest, type Transport, TransportError } from '@coracle/apimachinery';
import type { PodRow } from './fixtures/objects.ts';
import { type Scene, scene } from './fixtures/scene.ts';

type Exchange = Transport['exchange'];

/** A transport whose `exchange` asks `around` first. */
function through(
  around: (request: ApiRequest, go: () => ReturnType<Exchange>) => ReturnType<Exchange>,
): (transport: Transport) => Transport {
  return (transport) => ({
    upgrade: (request, options) => transport.upgrade(request, options),
    exchange: (request, options) => around(request, () => transport.exchange(request, options)),
  });
}

const isBinding = ({ path }: ApiRequest): boolean => path.endsWith('/binding');

/** The names of the pods that have a node. */
async function placed({ runtime, admin }: Scene): Promise<readonly string[]> {
  const { items } = await runtime.drive(admin.coreV1.pods('default').list());
  return items.flatMap(({ metadata: { name = '' }, spec }) => (spec.nodeName === undefined ? [] : [name]));
}

describe('bindings beside decisions', () => {
  test('are at most 64 at a time, and go on as they end', async () => {
    const held: (() => void)[] = [];
    let most = 0;
    let open = 0;
    const wrap = through(async (request, go) => {
      if (!isBinding(request)) return go();
      most = Math.max(most, ++open);
      await new Promise<void>((resolve) => held.push(resolve));
      open--;
      return go();
    });
    const found = await scene(1, wrap);
    await found.addNode({ name: 'n1', allocatable: { pods: '100' } });
    for (let i = 0; i < 70; i++) await found.addPod({ name: `p${i}` });
    await found.runtime.until(() => open === 64);
    await found.runtime.advance(60_000);
    assert.equal(open, 64);
    for (let i = 0; i < 70; i++) {
      await found.runtime.until(() => held.length > 0);
      held.shift()?.();
    }
    await found.runtime.settle();
    assert.equal((await placed(found)).length, 70);
    assert.equal(most, 64);
  });

  test('that wait for volumes do not hold up others', async () => {
    const found = await scene();
    await found.addNode({ name: 'n1' });
    await addClass(found, 'example.com/disk');
    await addClaim(found, 'data');
    for (let i = 0; i < 65; i++) await found.addPod({ name: `p${i}`, ...uses('data') });
    await found.runtime.settle();
    await found.addPod({ name: 'free' });
    await found.runtime.settle();
    assert.deepEqual(await placed(found), ['free']);
  });

  test('that fail leave their place to the pods that it was refused', async () => {
    const held = Promise.withResolvers<never>();
    let tries = 0;
    const found = await scene(
      1,
      through((request, go) => (isBinding(request) && ++tries === 1 ? held.promise : go())),
    );
    await found.addNode({ name: 'n1', allocatable: { pods: '1' } });
    await found.addPod({ name: 'first' });
    await found.runtime.until(() => tries === 1);
    await found.addPod({ name: 'second' });
    await found.runtime.advance(100);
    assert.deepEqual(await placed(found), []);
    held.reject(new TransportError('cut', { executed: 'no' }));
    await found.runtime.advance(900); // the first one backs off for a second
    assert.deepEqual(await placed(found), ['second']);
  });
});

test('a pod made anew under the name does not hear of the failure of the old one', async () => {
  const held = Promise.withResolvers<never>();
  let tries = 0;
  const found = await scene(
    1,
    through((request, go) => (isBinding(request) && ++tries === 1 ? held.promise : go())),
  );
  const { runtime, admin, addNode, addPod, events } = found;
  await addNode({ name: 'n1' });
  await addPod({ name: 'p' });
  await runtime.until(() => tries === 1);
  await runtime.drive(admin.coreV1.pods('default').delete('p', { gracePeriodSeconds: 0 }));
  await addPod({ name: 'p', requests: { cpu: '8' } });
  await runtime.advance(100);
  held.reject(new TransportError('cut', { executed: 'no' }));
  await runtime.settle();
  assert.deepEqual(await events('p'), ['FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu.']);
});

describe('a pod that waits for its volume', () => {
  async function waiting(): Promise<Scene> {
    const found = await scene();
    await found.addNode({ name: 'n1' });
    await addClass(found, 'example.com/disk');
    await addClaim(found, 'data');
    await found.addPod({ name: 'p', ...uses('data') });
    await found.runtime.settle();
    assert.deepEqual([...(await found.events('p')), ...found.said], []);
    return found;
  }

  test('does so no more when its claim has gone', async () => {
    const { runtime, admin, events } = await waiting();
    await runtime.drive(admin.coreV1.persistentVolumeClaims('default').delete('data'));
    await runtime.settle();
    const [first, second] = await events('p');
    assert.equal(first, 'FailedScheduling: 0/1 nodes are available: persistentvolumeclaim "data" not found.');
    assert.equal(second, 'FailedScheduling: running PreBind plugin "VolumeBinding": binding volumes: could not find pvc "data"');
  });

  test('does so no more when it has gone itself', async () => {
    const { runtime, admin, said } = await waiting();
    await runtime.drive(admin.coreV1.pods('default').delete('p', { gracePeriodSeconds: 0 }));
    await runtime.settle();
    assert.deepEqual(said, ['Pod was not bound: running PreBind plugin "VolumeBinding": binding volumes: pod does not exist any more']);
  });

  test('gives up after ten minutes, and is tried anew', async () => {
    const { runtime, events } = await waiting();
    await runtime.advance(599_000);
    assert.deepEqual(await events('p'), []);
    await runtime.advance(2_000);
    assert.match((await events('p')).join(), /^FailedScheduling: running PreBind plugin "VolumeBinding": binding volumes: /);
  });
});

describe('a volume that is promised to one claim', () => {
  test('is not promised to another', async () => {
    const held = Promise.withResolvers<void>();
    let tries = 0;
    const wrap = through(async (request, go) => {
      if (isVolumeUpdate(request) && ++tries === 1) await held.promise;
      return go();
    });
    const found = await oneVolumeForTwo(wrap);
    await found.runtime.until(() => tries === 1);
    await found.runtime.advance(60_000);
    assert.equal(tries, 1);
    const waiting = [...(await found.events('a')), ...(await found.events('b'))];
    assert.deepEqual(waiting, [`FailedScheduling: 0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind.`]);
    held.resolve();
    await found.runtime.settle();
    const { metadata, spec } = await found.runtime.drive(found.admin.coreV1.persistentVolumes().get('v'));
    assert.ok(['a', 'b'].includes(spec.claimRef?.name ?? ''));
    // By this the volume controller knows that it may take the promise back.
    assert.equal(metadata.annotations?.['pv.kubernetes.io/bound-by-controller'], 'yes');
  });

  test('is free again when the binding has failed', async () => {
    const held = Promise.withResolvers<never>();
    let tries = 0;
    const found = await oneVolumeForTwo(through((request, go) => (isVolumeUpdate(request) && ++tries === 1 ? held.promise : go())));
    const { runtime, admin, events } = found;
    await runtime.until(() => tries === 1);
    await runtime.advance(100);
    const first = (await events('a')).length > 0 ? 'b' : 'a';
    await runtime.drive(admin.coreV1.pods('default').delete(first, { gracePeriodSeconds: 0 })); // so that it is the other's turn
    held.reject(new TransportError('cut', { executed: 'no' }));
    await runtime.advance(100);
    assert.equal((await runtime.drive(admin.coreV1.persistentVolumes().get('v'))).spec.claimRef?.name, first === 'a' ? 'b' : 'a');
  });

  test('is free again when the claim that it was bound to has gone', async () => {
    const found = await oneVolumeForTwo();
    const { runtime, admin } = found;
    const [claims, volumes] = [admin.coreV1.persistentVolumeClaims('default'), admin.coreV1.persistentVolumes()];
    await runtime.settle();
    const first = (await runtime.drive(volumes.get('v'))).spec.claimRef?.name ?? '';
    const claim = await runtime.drive(claims.get(first));
    await runtime.drive(
      claims.update({
        ...claim,
        metadata: { ...claim.metadata, annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
        spec: { ...claim.spec, volumeName: 'v' },
      }),
    );
    await runtime.settle();
    assert.deepEqual(await placed(found), [first]);
    await runtime.drive(admin.coreV1.pods('default').delete(first, { gracePeriodSeconds: 0 }));
    await runtime.drive(claims.delete(first));
    await runtime.drive(volumes.patch('v', 'merge', { spec: { claimRef: null } }));
    await runtime.settle();
    assert.equal((await runtime.drive(volumes.get('v'))).spec.claimRef?.name, first === 'a' ? 'b' : 'a');
  });
});

const isVolumeUpdate = ({ method, path }: ApiRequest): boolean => method === 'PUT' && path === '/api/v1/persistentvolumes/v';
const uses = (claimName: string): PodRow => ({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }] });

async function addClass({ runtime, admin }: Scene, provisioner: string): Promise<void> {
  const volumeBindingMode = 'WaitForFirstConsumer';
  await runtime.drive(admin.storageV1.storageClasses().create({ metadata: { name: 'late' }, provisioner, volumeBindingMode }));
}

async function addClaim({ runtime, admin }: Scene, name: string): Promise<void> {
  const spec = { storageClassName: 'late', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  await runtime.drive(admin.coreV1.persistentVolumeClaims('default').create({ metadata: { name }, spec }));
}

/** Pods a and b with claims a and b, and the volume v, which fits either. */
async function oneVolumeForTwo(wrap?: (transport: Transport) => Transport): Promise<Scene> {
  const found = await scene(1, wrap);
  const { runtime, admin, addNode, addPod } = found;
  await addNode({ name: 'n1' });
  await addClass(found, 'kubernetes.io/no-provisioner');
  const spec: PersistentVolume['spec'] = {
    storageClassName: 'late',
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    hostPath: { path: '/v' },
  };
  const volumes = admin.coreV1.persistentVolumes();
  const volume = await runtime.drive(volumes.create({ metadata: { name: 'v' }, spec }));
  await runtime.drive(volumes.updateStatus({ ...volume, status: { phase: 'Available' } }));
  for (const name of ['a', 'b']) {
    await addClaim(found, name);
    await addPod({ name, ...uses(name) });
  }
  return found;
}
