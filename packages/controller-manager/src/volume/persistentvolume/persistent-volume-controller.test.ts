import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim } from '@coracle/api';
import { isNotFound } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { ControlPlane } from '../../fixtures/control-plane.ts';
import { bestMatch, mismatch } from './matching.ts';
import { nanoUnits } from './quantity.ts';

const { persistentVolumes, persistentVolumeClaims } = resources.core.v1;
const { storageClasses } = resources.storage.v1;

function claim(
  spec: Partial<PersistentVolumeClaim['spec']> = {},
  annotations: Readonly<Record<string, string>> = {},
): PersistentVolumeClaim {
  return {
    metadata: { name: 'c', namespace: 'default', annotations },
    spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'local', resources: { requests: { storage: '1Gi' } }, ...spec },
  };
}

function volume(name: string, storage: string, spec: Partial<PersistentVolume['spec']> = {}): PersistentVolume {
  return {
    metadata: { name },
    spec: {
      capacity: { storage },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'local',
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath: { path: '/x' },
      ...spec,
    },
    status: { phase: 'Available' },
  };
}

async function planeWith(
  more: { readonly provisioner?: string; readonly reclaimPolicy?: string; readonly volumeBindingMode?: string } = {},
): Promise<ControlPlane> {
  const plane = await ControlPlane.start();
  const metadata = { name: 'local', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } };
  await plane.create(storageClasses, { metadata, provisioner: 'coracle.dev/local', ...more });
  await plane.runtime.settle();
  return plane;
}

const settledClaim = async (plane: ControlPlane): Promise<PersistentVolumeClaim> => {
  await plane.runtime.settle();
  return (await plane.get(persistentVolumeClaims, 'c')) as PersistentVolumeClaim;
};
const removeClaim = async (plane: ControlPlane): Promise<void> => {
  await plane.runtime.drive(plane.admin.coreV1.persistentVolumeClaims('default').delete('c'));
  await plane.runtime.settle();
};

describe('PersistentVolumeController', () => {
  test('makes a volume for a claim that names no class, by the default one, and deletes it again', async () => {
    const plane = await planeWith();
    const { storageClassName: _, ...spec } = claim().spec;
    await plane.create(persistentVolumeClaims, { ...claim(), spec });
    const { status, spec: bound } = await settledClaim(plane);
    assert.deepEqual([status?.phase, status?.capacity, bound.storageClassName], ['Bound', { storage: '1Gi' }, 'local']);
    assert.equal((await plane.get(persistentVolumes, bound.volumeName ?? '')).status?.phase, 'Bound');
    await removeClaim(plane);
    await assert.rejects(plane.get(persistentVolumes, bound.volumeName ?? ''), isNotFound);
  });

  test('keeps the volume of a class that retains, for nobody else', async () => {
    const plane = await planeWith({ reclaimPolicy: 'Retain' });
    await plane.create(persistentVolumeClaims, claim());
    const { volumeName = '' } = (await settledClaim(plane)).spec;
    await removeClaim(plane);
    assert.equal((await plane.get(persistentVolumes, volumeName)).status?.phase, 'Released');
    await plane.create(persistentVolumeClaims, claim());
    assert.notEqual((await settledClaim(plane)).spec.volumeName, volumeName);
  });

  test('waits for the node of the first consumer, and makes the volume there', async () => {
    const plane = await planeWith({ volumeBindingMode: 'WaitForFirstConsumer' });
    await plane.create(persistentVolumeClaims, claim());
    assert.equal((await settledClaim(plane)).status?.phase, 'Pending');
    await plane.patch(persistentVolumeClaims, 'c', { metadata: { annotations: { 'volume.kubernetes.io/selected-node': 'node-1' } } });
    const { status, spec } = await settledClaim(plane);
    assert.equal(status?.phase, 'Bound');
    const made = await plane.get(persistentVolumes, spec.volumeName ?? '');
    assert.deepEqual(made.spec.nodeAffinity?.required?.nodeSelectorTerms, [
      { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node-1'] }] },
    ]);
  });

  test('gives the choice back when the chosen node is not there', async () => {
    const plane = await planeWith({ volumeBindingMode: 'WaitForFirstConsumer' });
    await plane.create(persistentVolumeClaims, claim({}, { 'volume.kubernetes.io/selected-node': 'gone' }));
    const { status, metadata } = await settledClaim(plane);
    assert.equal(status?.phase, 'Pending');
    assert.equal(metadata.annotations?.['volume.kubernetes.io/selected-node'], undefined);
    assert.ok((await plane.events('c')).includes('ProvisioningFailed: node "gone" not found'));
  });

  test('leaves claims to the provisioners that are named, and says for whom it waits', async () => {
    const plane = await planeWith({ provisioner: 'example.com/disks' });
    await plane.create(persistentVolumeClaims, claim());
    const { status, metadata } = await settledClaim(plane);
    assert.equal(status?.phase, 'Pending');
    assert.equal(metadata.annotations?.['volume.kubernetes.io/storage-provisioner'], 'example.com/disks');
    assert.match((await plane.events('c')).join(), /ExternalProvisioning: .*'example\.com\/disks'/);
  });

  test('says that the class of a claim is not there, and goes on when it comes', async () => {
    const plane = await planeWith();
    await plane.create(persistentVolumeClaims, claim({ storageClassName: 'later' }));
    assert.equal((await settledClaim(plane)).status?.phase, 'Pending');
    assert.ok((await plane.events('c')).includes('ProvisioningFailed: storageclass.storage.k8s.io "later" not found'));
    await plane.create(storageClasses, { metadata: { name: 'later' }, provisioner: 'coracle.dev/local' });
    assert.equal((await settledClaim(plane)).status?.phase, 'Bound');
  });

  test('a claim that lost its volume is lost, and gets it back when it comes again', async () => {
    const plane = await planeWith();
    await plane.create(persistentVolumes, volume('pv', '1Gi', { storageClassName: 'by-hand' }));
    await plane.create(persistentVolumeClaims, claim({ storageClassName: 'by-hand' }));
    assert.equal((await settledClaim(plane)).spec.volumeName, 'pv');
    await plane.runtime.drive(plane.admin.coreV1.persistentVolumes().delete('pv'));
    assert.equal((await settledClaim(plane)).status?.phase, 'Lost');
    await plane.create(persistentVolumes, volume('pv', '1Gi', { storageClassName: 'by-hand' }));
    assert.equal((await settledClaim(plane)).status?.phase, 'Bound');
  });

  test('never gives a volume to two claims, in any order of steps', async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const plane = await ControlPlane.start({ seed });
      for (const name of ['a', 'b']) await plane.create(persistentVolumes, volume(name, '1Gi', { storageClassName: '' }));
      for (const name of ['1', '2', '3'])
        await plane.create(persistentVolumeClaims, { ...claim({ storageClassName: '' }), metadata: { name, namespace: 'default' } });
      await plane.runtime.settle();
      const claims = await plane.list(persistentVolumeClaims);
      assert.deepEqual(claims.map(({ spec }) => spec.volumeName).sort(), ['a', 'b', undefined], `seed ${seed}`);
    }
  });
});

describe('bestMatch()', () => {
  const names = (volumes: readonly PersistentVolume[], of = claim(), delayed = false): string | undefined =>
    bestMatch(volumes, of, delayed)?.metadata.name;
  const promised = volume('promised', '5Gi', { claimRef: { name: 'c', namespace: 'default' } });
  test('the smallest that is large enough', () =>
    assert.equal(names([volume('big', '5Gi'), volume('fit', '1Gi'), volume('small', '500Mi')]), 'fit'));
  test('fewer access modes before smaller', () => {
    assert.equal(names([volume('many', '1Gi', { accessModes: ['ReadWriteOnce', 'ReadOnlyMany'] }), volume('one', '2Gi')]), 'one');
  });
  test('the promised one before all', () => assert.equal(names([volume('fit', '1Gi'), promised]), 'promised'));
  test('only a promised one while its class waits', () =>
    assert.deepEqual([names([volume('fit', '1Gi')], claim(), true), names([promised], claim(), true)], [undefined, 'promised']));
  const unfit = [
    { name: 'another class', of: volume('v', '1Gi', { storageClassName: 'x' }) },
    { name: 'another mode', of: volume('v', '1Gi', { volumeMode: 'Block' }) },
    { name: 'another access mode', of: volume('v', '1Gi', { accessModes: ['ReadOnlyMany'] }) },
    { name: 'too small', of: volume('v', '1023Mi') },
    { name: 'of somebody else', of: volume('v', '1Gi', { claimRef: { name: 'd', namespace: 'default' } }) },
    { name: 'not available', of: { ...volume('v', '1Gi'), status: { phase: 'Released' } } },
  ];
  for (const { name, of } of unfit) test(`none of ${name}`, () => assert.equal(names([of]), undefined));
  test('by labels, when the claim selects', () => {
    assert.equal(names([volume('v', '1Gi')], claim({ selector: { matchLabels: { disk: 'fast' } } })), undefined);
  });
});

describe('mismatch()', () => {
  const cases = [
    { of: volume('v', '1Mi'), want: 'requested PV is too small' },
    { of: volume('v', '1Gi', { storageClassName: 'x' }), want: 'storageClassName does not match' },
    { of: volume('v', '1Gi', { volumeMode: 'Block' }), want: 'incompatible volumeMode' },
    { of: volume('v', '1Gi', { accessModes: [] }), want: 'incompatible accessMode' },
    { of: volume('v', '1Gi'), want: undefined },
  ];
  for (const { of, want } of cases) test(String(want), () => assert.equal(mismatch(of, claim()), want));
});

describe('nanoUnits()', () => {
  const cases = [
    { text: '1Gi', want: 2n ** 30n * 10n ** 9n },
    { text: '1.5e3', want: 1500n * 10n ** 9n },
    { text: '500m', want: 5n * 10n ** 8n },
    { text: '1e-10', want: 1n },
    { text: 'much', want: 0n },
    { text: undefined, want: 0n },
  ];
  for (const { text, want } of cases) test(String(text), () => assert.equal(nanoUnits(text), want));
});
