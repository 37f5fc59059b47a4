import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, type Frozen, type KubeObject, type OwnerReference } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { keyText } from '../client/reader.ts';
import {
  enqueueRequestForObject,
  enqueueRequestForOwner,
  enqueueRequestsFromMapFunc,
  type EventHandler,
  type RequestQueue,
} from './event-handler.ts';
import type { RequestType } from './request-type.ts';

const { deployments } = resources.apps.v1;
const { nodes } = resources.core.v1;

const named = (name: string, ...ownerReferences: readonly OwnerReference[]): Frozen<KubeObject> =>
  deepFreeze({ metadata: { namespace: 'a', name, ownerReferences: [...ownerReferences] } });

/** What a handler puts into the queue, by kind of event; an update is from `old` to `object`. */
async function enqueued(
  handler: EventHandler<KubeObject>,
  old: Frozen<KubeObject>,
  object: Frozen<KubeObject>,
): Promise<Readonly<Record<'create' | 'update' | 'delete' | 'generic', readonly string[]>>> {
  const collect = async (event: (queue: RequestQueue) => void | Promise<void> | undefined): Promise<readonly string[]> => {
    const keys: string[] = [];
    await event({ add: (request) => keys.push(keyText(request)) });
    return keys;
  };
  return {
    create: await collect((queue) => handler.create?.(object, queue)),
    update: await collect((queue) => handler.update?.(old, object, queue)),
    delete: await collect((queue) => handler.delete?.(object, queue)),
    generic: await collect((queue) => handler.generic?.(object, queue)),
  };
}

/** The same keys for each kind of event, but others for an update. */
function alike(keys: readonly string[], update: readonly string[] = keys): Awaited<ReturnType<typeof enqueued>> {
  return { create: keys, update, delete: keys, generic: keys };
}

describe('enqueueRequestForObject()', () => {
  test('puts the object into the queue, of an update once', async () => {
    assert.deepEqual(await enqueued(enqueueRequestForObject(), named('x'), named('x')), alike(['a/x']));
    assert.deepEqual(await enqueued(enqueueRequestForObject(), named('old'), named('new')), alike(['a/new']));
    const node: Frozen<KubeObject> = { metadata: { name: 'n' } };
    assert.deepEqual(await enqueued(enqueueRequestForObject(), node, node), alike(['n']));
  });
});

describe('enqueueRequestsFromMapFunc()', () => {
  for (const [how, mapped] of [
    ['at once', <T>(value: T): T => value],
    ['in a while', async <T>(value: T): Promise<T> => value],
  ] as const) {
    test(`puts into the queue what the function says ${how}, of an update for both states, each request once`, async () => {
      const handler = enqueueRequestsFromMapFunc<KubeObject>(({ metadata: { name = '' } }) =>
        mapped([
          { namespace: 'b', name },
          { namespace: '', name: 'all' },
          { namespace: 'b', name },
        ]),
      );
      assert.deepEqual(await enqueued(handler, named('old'), named('new')), alike(['b/new', 'all'], ['b/old', 'all', 'b/new']));
    });
  }

  test('puts nothing into the queue for what concerns nobody', async () => {
    assert.deepEqual(
      await enqueued(
        enqueueRequestsFromMapFunc<KubeObject>(() => []),
        named('x'),
        named('x'),
      ),
      alike([]),
    );
  });

  test('may give requests of another type, which are one when their texts are', async () => {
    const zones: RequestType<{ readonly zone: string; readonly at: object }> = {
      format: ({ zone }) => zone,
      parse: (zone) => ({ zone, at: {} }),
    };
    const handler = enqueueRequestsFromMapFunc(({ metadata }: Frozen<KubeObject>) => [{ zone: metadata.name ?? '', at: {} }], zones);
    const got: string[] = [];
    await handler.update?.(named('x'), named('x'), { add: ({ zone }) => got.push(zone) });
    assert.deepEqual(got, ['x']);
  });
});

describe('enqueueRequestForOwner()', () => {
  const owner = (name: string, more: Partial<OwnerReference> = {}): OwnerReference => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name,
    uid: name,
    ...more,
  });
  const managing = (name: string, more: Partial<OwnerReference> = {}): OwnerReference => owner(name, { controller: true, ...more });
  const one = enqueueRequestForOwner<KubeObject>(deployments);
  const every = enqueueRequestForOwner<KubeObject>(deployments, { matchEveryOwner: true });

  test('puts the managing owner into the queue, and no other', async () => {
    const object = named('x', owner('other'), managing('web'), owner('third'));
    assert.deepEqual(await enqueued(one, object, object), alike(['a/web']));
  });

  test('puts both owners of an object that changes hands into the queue, and one that stays once', async () => {
    assert.deepEqual(await enqueued(one, named('x', managing('old')), named('x', managing('new'))), alike(['a/new'], ['a/old', 'a/new']));
    assert.deepEqual(await enqueued(one, named('x', managing('web')), named('x', managing('web'))), alike(['a/web']));
  });

  test('puts nothing into the queue without a managing owner', async () => {
    for (const object of [named('x'), named('x', owner('web'))]) assert.deepEqual(await enqueued(one, object, object), alike([]));
  });

  test('puts every owner of the kind into the queue when it is asked for', async () => {
    const object = named('x', owner('one'), managing('two'), owner('three'), owner('four', { kind: 'ReplicaSet' }));
    assert.deepEqual(await enqueued(every, object, object), alike(['a/one', 'a/two', 'a/three']));
    assert.deepEqual(await enqueued(every, named('x'), named('x')), alike([]));
  });

  test('takes owners of any version, and of no other group or kind', async () => {
    const object = named('x', owner('v2', { apiVersion: 'apps/v2' }), owner('core', { apiVersion: 'v1' }), owner('set', { kind: 'Set' }));
    assert.deepEqual(await enqueued(every, object, object), alike(['a/v2']));
  });

  test('takes no owner whose version is none', async () => {
    for (const apiVersion of ['apps/v1/beta', 'apps', '']) {
      const object = named('x', managing('web', { apiVersion }));
      assert.deepEqual(await enqueued(one, object, object), alike([]), apiVersion);
    }
  });

  test('puts an owner in the cluster scope into the queue without a namespace', async () => {
    const object = named('x', managing('node-1', { apiVersion: 'v1', kind: 'Node' }));
    assert.deepEqual(await enqueued(enqueueRequestForOwner(nodes), object, object), alike(['node-1']));
  });
});
