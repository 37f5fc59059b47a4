import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, type Frozen, type KubeObject } from '@coracle/apimachinery';
import { DeltaFifo } from './delta-fifo.ts';
import { ExpirationCache, ttlPolicy } from './expiration-cache.ts';
import { described, object } from './fixtures/objects.ts';
import { Store } from './indexer.ts';
import { KeyedFifo } from './keyed-fifo.ts';
import { KeyedHeap } from './keyed-heap.ts';
import { DeletedFinalStateUnknown } from './keys.ts';
import { UndeltaStore } from './undelta-store.ts';

function popAll(fifo: KeyedFifo<KubeObject>): string[] {
  const seen: string[] = [];
  while (fifo.pop((item) => seen.push(described(item))));
  return seen;
}

describe('KeyedFifo', () => {
  test('hands out the newest state of each key, in the order in which the keys came', () => {
    const fifo = new KeyedFifo<KubeObject>();
    for (const item of [object('a'), object('b'), object('a', '2')]) fifo.add(item);
    fifo.update(object('b', '3'));
    assert.equal(fifo.length, 2);
    assert.deepEqual(popAll(fifo), ['a@2', 'b@3']);
  });

  test('a key that comes again after it was popped does not pass the others', () => {
    const fifo = new KeyedFifo<KubeObject>();
    for (const name of ['a', 'b', 'c']) fifo.add(object(name));
    fifo.pop(() => undefined);
    fifo.add(object('a', '2'));
    assert.deepEqual(popAll(fifo), ['b@1', 'c@1', 'a@2']);
  });

  test('holds exactly the list after replace(), and nothing of what was deleted', () => {
    const fifo = new KeyedFifo<KubeObject>();
    fifo.add(object('a'));
    fifo.replace([object('b', '2'), object('c', '3')]);
    fifo.delete(object('b', '4'));
    fifo.resync();
    assert.deepEqual(popAll(fifo), ['c@3']);
  });

  test('has synced once the first list was popped, or a change came before it', () => {
    const listed = new KeyedFifo<KubeObject>();
    listed.replace([object('a'), object('b')]);
    listed.pop((_, isInitial) => assert.equal(isInitial, true));
    assert.equal(listed.hasSynced, false);
    listed.pop(() => undefined);
    assert.equal(listed.hasSynced, true);
    for (const first of [(fifo: KeyedFifo<KubeObject>) => fifo.add(object('a')), (fifo: KeyedFifo<KubeObject>) => fifo.replace([])]) {
      const fifo = new KeyedFifo<KubeObject>();
      assert.equal(fifo.hasSynced, false);
      first(fifo);
      assert.equal(fifo.hasSynced, true);
    }
  });

  test('ends a wait when it is closed', async () => {
    const fifo = new KeyedFifo<KubeObject>();
    const waiting = fifo.waitForItem();
    fifo.close();
    assert.equal(await waiting, false);
    assert.equal(fifo.isClosed, true);
  });
});

describe('DeltaFifo', () => {
  test('without a store, deletes only what is queued, and resyncs nothing', () => {
    const fifo = new DeltaFifo<KubeObject>();
    fifo.delete(object('a'));
    assert.equal(fifo.length, 0);
    fifo.add(object('a'));
    fifo.delete(object('a', '2'));
    fifo.add(object('b'));
    fifo.replace([object('c')]);
    fifo.resync();
    const seen: string[] = [];
    while (fifo.pop((deltas) => seen.push(deltas.map((delta) => `${delta.type} ${described(delta.object)}`).join(', '))));
    // Two deletions in a row are one: the one with the final state.
    assert.deepEqual(seen, ['Added a@1, Deleted a@2', 'Added b@1, Deleted b@1?', 'Replaced c@1']);
  });

  test('says Sync instead of Replaced where that is asked for', () => {
    const fifo = new DeltaFifo<KubeObject>({ emitReplaced: false });
    fifo.replace([object('a')]);
    fifo.pop(([delta]) => assert.equal(delta?.type, 'Sync'));
  });

  test('unwraps a queued tombstone and keeps a queued deletion single over several lists', () => {
    const fifo = new DeltaFifo<KubeObject>();
    fifo.add(object('a'));
    fifo.replace([]);
    fifo.replace([]);
    fifo.pop((deltas) => {
      assert.deepEqual(
        deltas.map((delta) => `${delta.type} ${described(delta.object)}`),
        ['Added a@1', 'Deleted a@1?'],
      );
    });
  });

  test('tells the key of objects, tombstones and deltas', () => {
    const fifo = new DeltaFifo<KubeObject>();
    assert.equal(fifo.keyOf(object('a')), 'a');
    assert.equal(fifo.keyOf(new DeletedFinalStateUnknown<KubeObject>('b', undefined)), 'b');
    assert.equal(fifo.keyOf([{ type: 'Added', key: 'c', object: object('c') }]), 'c');
    assert.throws(() => fifo.keyOf([]), TypeError);
    assert.throws(() => fifo.add({} as KubeObject), TypeError);
  });

  test('transforms what comes, but not tombstones and what it syncs', () => {
    const store = new Store<KubeObject>();
    store.add(object('known'));
    const transform = (item: Frozen<KubeObject>): Frozen<KubeObject> =>
      deepFreeze({ metadata: { ...item.metadata, resourceVersion: 't' } });
    const fifo = new DeltaFifo<KubeObject>({ known: store, transform });
    fifo.resync();
    fifo.add(object('a'));
    fifo.delete(object('known', '2'));
    fifo.replace([object('b')]);
    const seen: string[] = [];
    while (fifo.pop((deltas) => seen.push(deltas.map((delta) => `${delta.type} ${described(delta.object)}`).join(', '))));
    assert.deepEqual(seen, ['Sync known@1, Deleted known@t', 'Added a@t, Deleted a@t?', 'Replaced b@t']);
  });

  test('a change that comes while a resync is queued is told after it', () => {
    const store = new Store<KubeObject>();
    store.add(object('a'));
    const fifo = new DeltaFifo<KubeObject>({ known: store });
    fifo.resync();
    fifo.update(object('a', '2'));
    fifo.pop((deltas) =>
      assert.deepEqual(
        deltas.map(({ type }) => type),
        ['Sync', 'Updated'],
      ),
    );
  });

  test('a key that comes again after it was popped does not pass the others; a wait ends at close', async () => {
    const fifo = new DeltaFifo<KubeObject>();
    for (const name of ['a', 'b']) fifo.add(object(name));
    fifo.pop(() => undefined);
    fifo.add(object('a', '2'));
    const order: string[] = [];
    while (fifo.pop(([delta]) => order.push(delta?.key ?? '')));
    assert.deepEqual(order, ['b', 'a']);
    const waiting = fifo.waitForItem();
    fifo.close();
    assert.equal(await waiting, false);
  });

  test('counts the deletions of the first list', async () => {
    const store = new Store<KubeObject>();
    store.replace([object('gone')]);
    const fifo = new DeltaFifo<KubeObject>({ known: store });
    fifo.replace([object('a')]);
    fifo.pop(() => undefined);
    assert.equal(fifo.hasSynced, false);
    fifo.pop(() => undefined);
    await fifo.whenSynced();
  });
});

describe('KeyedHeap', () => {
  interface Item {
    readonly key: string;
    readonly value: number;
  }
  const heap = (...items: readonly Item[]): KeyedHeap<Item> => {
    const made = new KeyedHeap<Item>({ keyOf: ({ key }) => key, less: (a, b) => a.value < b.value });
    made.add(...items);
    return made;
  };
  const drained = (of: KeyedHeap<Item>): number[] => {
    const values: number[] = [];
    for (let item = of.tryPop(); item !== undefined; item = of.tryPop()) values.push(item.value);
    return values;
  };

  test('gives the least first, whatever is added, put anew and deleted, 200 seeds of changes', () => {
    let state = 1;
    const below = (n: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return state % n;
    };
    for (let round = 0; round < 200; round++) {
      const tested = heap();
      const expected = new Map<string, number>();
      for (let i = 0; i < 60; i++) {
        const item = { key: `k${below(20)}`, value: below(1000) };
        if (below(4) === 0 && expected.has(item.key)) {
          tested.delete(item);
          expected.delete(item.key);
        } else {
          tested.add(item);
          expected.set(item.key, item.value);
        }
      }
      assert.equal(tested.size, expected.size);
      assert.deepEqual(
        drained(tested),
        [...expected.values()].sort((a, b) => a - b),
      );
    }
  });

  test('puts a key that is there in its new place, and adds only what is not there where that is asked for', () => {
    const tested = heap({ key: 'a', value: 5 }, { key: 'b', value: 3 });
    tested.add({ key: 'a', value: 1 });
    tested.addIfNotPresent({ key: 'b', value: 0 });
    tested.addIfNotPresent({ key: 'c', value: 2 });
    assert.deepEqual(drained(tested), [1, 2, 3]);
  });

  test('finds by key, lists, and refuses to delete what is not there', () => {
    const tested = heap({ key: 'a', value: 5 }, { key: 'b', value: 3 });
    assert.deepEqual(tested.getByKey('a'), { key: 'a', value: 5 });
    assert.deepEqual(tested.get({ key: 'b', value: 99 }), { key: 'b', value: 3 });
    assert.equal(tested.getByKey('c'), undefined);
    assert.deepEqual([...tested.listKeys()].sort(), ['a', 'b']);
    assert.equal(tested.list().length, 2);
    assert.throws(() => tested.delete({ key: 'c', value: 0 }), RangeError);
  });

  test('waits for a value; once closed it gives out what it has and takes nothing more', async () => {
    const tested = heap();
    const first = tested.pop();
    tested.add({ key: 'a', value: 1 });
    assert.deepEqual(await first, { key: 'a', value: 1 });
    const second = tested.pop();
    tested.close();
    assert.equal(await second, undefined);
    assert.equal(tested.isClosed, true);
    assert.throws(() => tested.add({ key: 'b', value: 1 }), /closed/);
    assert.throws(() => tested.addIfNotPresent({ key: 'b', value: 1 }), /closed/);
  });
});

describe('ExpirationCache', () => {
  const scene = (): { cache: ExpirationCache<KubeObject>; advance: (ms: number) => void } => {
    let nowMs = 0;
    return {
      cache: new ExpirationCache<KubeObject>({ clock: { monotonic: () => nowMs }, policy: ttlPolicy(100) }),
      advance: (ms) => {
        nowMs += ms;
      },
    };
  };

  test('forgets an object when it is read too late, and not before', () => {
    const { cache, advance } = scene();
    cache.add(object('a'));
    advance(100);
    assert.equal(cache.getByKey('a')?.metadata.name, 'a');
    advance(1);
    assert.deepEqual(cache.listKeys(), ['a']);
    assert.equal(cache.get(object('a')), undefined);
    assert.deepEqual(cache.listKeys(), []);
  });

  test('an object that is added again lives anew', () => {
    const { cache, advance } = scene();
    cache.add(object('a'));
    advance(90);
    cache.update(object('a', '2'));
    advance(90);
    assert.equal(cache.getByKey('a')?.metadata.resourceVersion, '2');
  });

  test('lists what has not expired; replace() and delete() work as of a store', () => {
    const { cache, advance } = scene();
    cache.add(object('a'));
    advance(50);
    cache.add(object('b'));
    advance(60);
    assert.deepEqual(cache.list().map(described), ['b@1']);
    cache.replace([object('c'), object('d')]);
    cache.delete(object('c'));
    assert.deepEqual(cache.list().map(described), ['d@1']);
  });

  test('nothing expires with a time of 0', () => {
    assert.deepEqual([ttlPolicy(0)(1e9), ttlPolicy(10)(10), ttlPolicy(10)(11)], [false, false, true]);
  });
});

describe('UndeltaStore', () => {
  test('tells everything after each write, and nothing after a read', () => {
    const pushed: string[] = [];
    const store = new UndeltaStore<KubeObject>((objects) => pushed.push(objects.map(described).join(' ')));
    store.add(object('a'));
    store.update(object('a', '2'));
    store.add(object('b'));
    store.delete(object('a'));
    store.replace([object('c'), object('d')], '5');
    assert.deepEqual(pushed, ['a@1', 'a@2', 'a@2 b@1', 'b@1', 'c@1 d@1']);
    store.list();
    store.listKeys();
    store.get(object('c'));
    store.getByKey('c');
    store.resync();
    assert.equal(pushed.length, 5);
  });
});
