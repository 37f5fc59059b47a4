import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ConfigMap } from '@coracle/api';
import type { OwnerReference } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { ControlPlane } from '../fixtures/control-plane.ts';
import { dependentVerdict, type OwnerState } from './verdict.ts';

const { configMaps, namespaces, nodes } = resources.core.v1;

function referenceTo(
  owner: { readonly metadata: { readonly name?: string; readonly uid?: string } },
  kind = 'ConfigMap',
  more: Partial<OwnerReference> = {},
): OwnerReference {
  return { apiVersion: 'v1', kind, name: owner.metadata.name ?? '', uid: owner.metadata.uid ?? '', ...more };
}

function map(name: string, owners: readonly OwnerReference[] = [], namespace = 'default'): ConfigMap {
  return { metadata: { name, namespace, ...(owners.length === 0 ? {} : { ownerReferences: owners }) } };
}

const absent = referenceTo({ metadata: { name: 'gone', uid: '00000000-0000-4000-8000-000000000000' } });
const maps = async (plane: ControlPlane, namespace = 'default'): Promise<readonly string[]> =>
  (await plane.names(configMaps, namespace)).filter((name) => name !== 'kube-root-ca.crt');

async function remove(plane: ControlPlane, name: string, propagationPolicy: 'Background' | 'Foreground' | 'Orphan'): Promise<void> {
  await plane.runtime.drive(plane.admin.coreV1.configMaps('default').delete(name, { propagationPolicy }));
  await plane.runtime.settle();
}

/** `a` owns `b` owns `c`. */
async function chain(blockOwnerDeletion: boolean): Promise<ControlPlane> {
  const plane = await ControlPlane.start({ controllers: ['garbage-collector-controller'] });
  const a = await plane.create(configMaps, map('a'));
  const b = await plane.create(configMaps, map('b', [referenceTo(a, 'ConfigMap', { blockOwnerDeletion })]));
  await plane.create(configMaps, map('c', [referenceTo(b, 'ConfigMap', { blockOwnerDeletion })]));
  await plane.runtime.settle();
  return plane;
}

describe('GarbageCollector', () => {
  for (const propagation of ['Background', 'Foreground'] as const) {
    for (const blocks of [true, false]) {
      test(`${propagation}: a chain ${blocks ? 'that blocks ' : ''}goes as a whole`, async () => {
        const plane = await chain(blocks);
        await remove(plane, 'a', propagation);
        assert.deepEqual(await maps(plane), []);
        assert.equal((await plane.runtime.settle()).steps, 0);
      });
    }
  }

  test('Foreground: an owner stays until the dependent that blocks it is gone', async () => {
    const plane = await chain(true);
    await plane.patch(configMaps, 'c', { metadata: { finalizers: ['test/hold'] } });
    await remove(plane, 'a', 'Foreground');
    assert.deepEqual(await maps(plane), ['a', 'b', 'c']);
    await plane.patch(configMaps, 'c', { metadata: { finalizers: null } });
    await plane.runtime.settle();
    assert.deepEqual(await maps(plane), []);
  });

  test('Orphan: dependents stay and lose the reference', async () => {
    const plane = await chain(true);
    await remove(plane, 'a', 'Orphan');
    assert.deepEqual(await maps(plane), ['b', 'c']);
    assert.equal((await plane.get(configMaps, 'b')).metadata.ownerReferences, undefined);
  });

  test('deletes what names an owner that never was', async () => {
    const plane = await ControlPlane.start();
    await plane.create(configMaps, map('child', [absent]));
    await plane.runtime.settle();
    assert.deepEqual(await maps(plane), []);
  });

  test('keeps what has another owner, and drops the reference to the one that is gone', async () => {
    const plane = await ControlPlane.start();
    const owner = await plane.create(configMaps, map('owner'));
    await plane.create(configMaps, map('child', [absent, referenceTo(owner)]));
    await plane.runtime.settle();
    assert.deepEqual(
      (await plane.get(configMaps, 'child')).metadata.ownerReferences?.map(({ name }) => name),
      ['owner'],
    );
  });

  test('follows an owner of the cluster scope', async () => {
    const plane = await ControlPlane.start();
    const node = await plane.get(nodes, 'node-1');
    await plane.create(configMaps, map('of-node', [referenceTo(node, 'Node')]));
    await plane.runtime.settle();
    assert.deepEqual(await maps(plane), ['of-node']);
    await plane.runtime.drive(plane.admin.coreV1.nodes().delete('node-1'));
    await plane.runtime.settle();
    assert.deepEqual(await maps(plane), []);
  });

  test('does not take an object of another namespace for the owner', async () => {
    const plane = await ControlPlane.start();
    await plane.create(namespaces, { metadata: { name: 'other' }, spec: {} });
    const owner = await plane.create(configMaps, map('owner'));
    await plane.create(configMaps, map('stranger', [referenceTo(owner)], 'other'));
    await plane.runtime.settle();
    assert.deepEqual([await maps(plane), await maps(plane, 'other')], [['owner'], []]);
  });

  test('does not take an object made anew under the same name for the owner', async () => {
    const plane = await ControlPlane.start();
    const owner = await plane.create(configMaps, map('owner'));
    await plane.create(configMaps, map('child', [referenceTo({ metadata: { name: 'owner', uid: absent.uid } })]));
    await plane.runtime.settle();
    assert.deepEqual(await maps(plane), ['owner']);
    assert.notEqual(owner.metadata.uid, absent.uid);
  });

  test('leaves alone what names a kind that the server does not have', async () => {
    const plane = await ControlPlane.start();
    await plane.create(configMaps, map('child', [{ ...absent, apiVersion: 'example.com/v1', kind: 'Unheard' }]));
    await plane.runtime.settle();
    assert.deepEqual(await maps(plane), ['child']);
  });

  test('comes to the same end in every order of steps', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const plane = await ControlPlane.start({ seed });
      const a = await plane.create(configMaps, map('a'));
      for (let i = 0; i < 5; i++)
        await plane.create(configMaps, map(`b${i}`, [referenceTo(a, 'ConfigMap', { blockOwnerDeletion: i % 2 === 0 })]));
      await remove(plane, 'a', 'Foreground'); // caches may still be behind
      assert.deepEqual(await maps(plane), [], `seed ${seed}`);
    }
  });
});

describe('dependentVerdict()', () => {
  const owners = (...states: readonly OwnerState[]): Parameters<typeof dependentVerdict>[1] =>
    states.map((state, i) => ({ state, reference: referenceTo({ metadata: { name: `o${i}`, uid: `u${i}` } }) }));
  const cases = [
    { name: 'no owners', owners: owners(), want: { do: 'keep' } },
    { name: 'all are there', owners: owners('present', 'present'), want: { do: 'keep' } },
    { name: 'some are gone', owners: owners('present', 'absent', 'waiting'), want: { do: 'drop-references', uids: ['u1', 'u2'] } },
    { name: 'all are gone', owners: owners('absent'), want: { do: 'delete', propagation: 'Background', unblock: false } },
    { name: 'waiting, no dependents', owners: owners('waiting'), want: { do: 'delete', propagation: 'Background', unblock: false } },
    {
      name: 'waiting, dependents',
      owners: owners('waiting'),
      dependents: [false],
      want: { do: 'delete', propagation: 'Foreground', unblock: false },
    },
    { name: 'a circle', owners: owners('waiting'), dependents: [true], want: { do: 'delete', propagation: 'Foreground', unblock: true } },
    {
      name: 'asks for orphans',
      owners: owners('absent'),
      finalizers: ['orphan'],
      want: { do: 'delete', propagation: 'Orphan', unblock: false },
    },
    {
      name: 'asks for foreground',
      owners: owners('absent'),
      finalizers: ['foregroundDeletion'],
      want: { do: 'delete', propagation: 'Foreground', unblock: false },
    },
  ] as const;
  for (const row of cases) {
    test(row.name, () => {
      const { finalizers = [], dependents = [] } = row as {
        readonly finalizers?: readonly string[];
        readonly dependents?: readonly boolean[];
      };
      const object = { metadata: { name: 'x', finalizers } };
      assert.deepEqual(
        dependentVerdict(
          object,
          row.owners,
          dependents.map((deletingDependents) => ({ deletingDependents })),
        ),
        row.want,
      );
    });
  }
});
