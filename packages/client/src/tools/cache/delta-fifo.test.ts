import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, type Frozen, type KubeObject } from '@coracle/apimachinery';
import { DeltaFifo } from './delta-fifo.ts';
import { Store } from './indexer.ts';
import { DeletedFinalStateUnknown, metaNamespaceKey, objectFromDeletion, splitMetaNamespaceKey } from './keys.ts';
import { listerOf } from './lister.ts';
import { everything, parseLabelSelector } from '@coracle/apimachinery';

function object(name: string, version = '1', labels?: Record<string, string>): Frozen<KubeObject> {
  return deepFreeze({ metadata: { name, resourceVersion: version, ...(labels === undefined ? {} : { labels }) } });
}

function fifo(...known: readonly Frozen<KubeObject>[]): {
  readonly fifo: DeltaFifo<KubeObject>;
  readonly store: Store<KubeObject>;
  readonly popAll: () => string[];
} {
  const store = new Store<KubeObject>();
  store.replace(known);
  const queue = new DeltaFifo<KubeObject>({ known: store });
  const popAll = (): string[] => {
    const seen: string[] = [];
    const describeDelta = (delta: {
      readonly type: string;
      readonly object: Frozen<KubeObject> | DeletedFinalStateUnknown<KubeObject>;
    }): string => {
      const state = objectFromDeletion<KubeObject>(delta.object);
      const unknown = delta.object instanceof DeletedFinalStateUnknown ? '?' : '';
      return `${delta.type} ${state?.metadata.name}@${state?.metadata.resourceVersion}${unknown}`;
    };
    while (queue.pop((deltas, initial) => seen.push(`${deltas.map(describeDelta).join(', ')}${initial ? ' (initial)' : ''}`)));
    return seen;
  };
  return { fifo: queue, store, popAll };
}

describe('DeltaFifo', () => {
  test('queues a key once with all its changes, in first-seen order', () => {
    const { fifo: queue, popAll } = fifo();
    queue.add(object('a'));
    queue.add(object('b'));
    queue.update(object('a', '2'));
    assert.equal(queue.length, 2);
    assert.deepEqual(popAll(), ['Added a@1, Updated a@2', 'Added b@1']);
  });

  test('drops the deletion of what nobody knows', () => {
    const { fifo: queue, popAll } = fifo();
    queue.delete(object('a'));
    assert.deepEqual(popAll(), []);
  });

  test('merges two deletions in a row and keeps the one that knows the final state', () => {
    const { fifo: queue, popAll } = fifo(object('a'));
    queue.replace([]);
    queue.delete(object('a', '5'));
    assert.deepEqual(popAll(), ['Deleted a@5 (initial)']);
  });

  test('replace() emits Deleted for keys missing from the list', () => {
    const { fifo: queue, popAll } = fifo(object('known', '1'), object('kept', '2'));
    queue.add(object('queued', '3'));
    queue.replace([object('kept', '4')]);
    assert.deepEqual(popAll(), ['Added queued@3, Deleted queued@3?', 'Replaced kept@4', 'Deleted known@1?']);
  });

  test('has synced once the first list was popped', () => {
    const { fifo: queue } = fifo();
    assert.equal(queue.hasSynced, false);
    queue.replace([object('a'), object('b')]);
    queue.pop((_, initial) => assert.equal(initial, true));
    assert.equal(queue.hasSynced, false);
    queue.pop((_, initial) => assert.equal(initial, true));
    assert.equal(queue.hasSynced, true);
  });

  test('has synced at once when the first list is empty', () => {
    const { fifo: queue } = fifo();
    queue.replace([]);
    assert.equal(queue.hasSynced, true);
  });

  test('resync queues what is known, but not over a queued change', () => {
    const { fifo: queue, popAll } = fifo(object('a', '1'), object('b', '1'));
    queue.update(object('a', '2'));
    queue.resync();
    assert.deepEqual(popAll(), ['Updated a@2', 'Sync b@1']);
  });
});

describe('Store', () => {
  const byApp = (item: Frozen<KubeObject>): readonly string[] => Object.values(item.metadata.labels ?? {});

  test('files under every value, moves on update, and keeps no empty set', () => {
    const store = new Store<KubeObject>({ indexers: { app: byApp } });
    store.add(object('a', '1', { x: 'web', y: 'db' }));
    store.add(object('b', '1', { x: 'web' }));
    assert.deepEqual(store.indexKeys('app', 'web'), ['a', 'b']);
    store.add(object('a', '2', { x: 'web' }));
    assert.deepEqual(store.listIndexValues('app'), ['web']);
    store.delete(object('a'));
    store.delete(object('b'));
    assert.deepEqual(store.listIndexValues('app'), []);
    assert.deepEqual(store.byIndex('app', 'web'), []);
  });

  test('adds an index over what is stored, and refuses a taken name and an unknown one', () => {
    const store = new Store<KubeObject>();
    store.add(object('a', '1', { x: '__proto__' }));
    store.addIndexers({ app: byApp });
    assert.equal(store.byIndex('app', '__proto__').length, 1);
    assert.throws(() => store.addIndexers({ app: byApp }), RangeError);
    assert.throws(() => store.byIndex('none', 'x'), RangeError);
  });

  test('a lister selects by labels and returns undefined for what is missing', () => {
    const store = new Store<KubeObject>();
    store.add(object('a', '1', { app: 'web' }));
    store.add(object('b'));
    const lister = listerOf(store);
    assert.equal(lister.list(parseLabelSelector('app=web')).length, 1);
    assert.equal(lister.list(everything).length, 2);
    assert.equal(lister.get('c'), undefined);
  });
});

describe('keys', () => {
  test('are namespace/name or name, and come apart again', () => {
    assert.equal(metaNamespaceKey({ metadata: { namespace: 'a', name: 'b' } }), 'a/b');
    assert.equal(metaNamespaceKey({ metadata: { name: 'b' } }), 'b');
    assert.deepEqual(splitMetaNamespaceKey('a/b'), { namespace: 'a', name: 'b' });
    assert.deepEqual(splitMetaNamespaceKey('b'), { namespace: '', name: 'b' });
    assert.throws(() => splitMetaNamespaceKey('a/b/c'), TypeError);
  });
});
