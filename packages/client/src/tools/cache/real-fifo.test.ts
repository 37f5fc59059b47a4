import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, type Frozen, type KubeObject } from '@coracle/apimachinery';
import type { Delta } from './deltas.ts';
import { described, object } from './fixtures/objects.ts';
import { DeletedFinalStateUnknown } from './keys.ts';
import { RealFifo, type RealFifoOptions } from './real-fifo.ts';
import { Store } from './indexer.ts';

function text(delta: Delta<KubeObject>): string {
  if (delta.type === 'ReplacedAll') return `ReplacedAll@${delta.resourceVersion} [${delta.objects.map(described).join(' ')}]`;
  if (delta.type === 'SyncAll') return 'SyncAll';
  return delta.type === 'Bookmark' ? `Bookmark@${delta.resourceVersion}` : `${delta.type} ${described(delta.object)}`;
}

interface Scene {
  readonly fifo: RealFifo<KubeObject>;
  readonly store: Store<KubeObject>;
  popAll(): string[];
  batches(): string[][];
}

/** A queue over a store that holds `known`; atomic without it. */
function scene(known?: readonly Frozen<KubeObject>[], options: Omit<RealFifoOptions<KubeObject>, 'known'> = {}): Scene {
  const store = new Store<KubeObject>();
  if (known !== undefined) store.replace(known);
  const fifo = new RealFifo<KubeObject>({ ...options, ...(known === undefined ? {} : { known: store }) });
  return {
    fifo,
    store,
    popAll() {
      const seen: string[] = [];
      while (fifo.pop((delta, isInitial) => seen.push(`${text(delta)}${isInitial ? ' (initial)' : ''}`)));
      return seen;
    },
    batches() {
      const seen: string[][] = [];
      const consumer = {
        batch: (deltas: readonly Delta<KubeObject>[]) => void seen.push(deltas.map(text)),
        single: (delta: Delta<KubeObject>) => void seen.push([text(delta)]),
      };
      while (fifo.popBatch(consumer));
      return seen;
    },
  };
}

describe('RealFifo', () => {
  test('hands out every change, in the order in which they came, whatever their keys', () => {
    const { fifo, popAll } = scene([]);
    fifo.add(object('a'));
    fifo.update(object('b', '2'));
    fifo.update(object('a', '3'));
    fifo.delete(object('a', '4'));
    fifo.add(object('a', '5'));
    assert.equal(fifo.length, 5);
    assert.deepEqual(popAll(), ['Added a@1', 'Updated b@2', 'Updated a@3', 'Deleted a@4', 'Added a@5']);
    assert.equal(fifo.length, 0);
  });

  test('no change of a key passes another of it, with many keys', () => {
    const { fifo } = scene([]);
    for (let i = 0; i < 1000; i++) fifo.update(object(`k${i % 7}`, String(i)));
    const last = new Map<string, number>();
    while (
      fifo.pop((delta) => {
        assert.ok('key' in delta && !(delta.object instanceof DeletedFinalStateUnknown));
        const version = Number((delta.object as Frozen<KubeObject>).metadata.resourceVersion);
        assert.ok(version > (last.get(delta.key) ?? -1));
        last.set(delta.key, version);
      })
    );
    assert.equal(last.size, 7);
  });

  test('queues the deletion of what nobody knows too, and of a tombstone by its key', () => {
    const { fifo, popAll } = scene([]);
    fifo.delete(object('unknown'));
    fifo.delete(new DeletedFinalStateUnknown<KubeObject>('gone', undefined));
    assert.deepEqual(popAll(), ['Deleted unknown@1', 'Deleted gone?']);
    assert.equal(fifo.keyOf(new DeletedFinalStateUnknown<KubeObject>('ns/gone', undefined)), 'ns/gone');
    assert.equal(fifo.keyOf(object('a')), 'a');
  });

  test('replace() queues the deletions first: what is queued and then what is known, each once', () => {
    const { fifo, popAll } = scene([object('known'), object('kept'), object('queued too')]);
    fifo.add(object('queued', '2'));
    fifo.update(object('queued too', '3'));
    fifo.add(object('deleted', '4'));
    fifo.delete(object('deleted', '5'));
    fifo.replace([object('kept', '6'), object('new', '7')], '8');
    assert.deepEqual(popAll(), [
      'Added queued@2',
      'Updated queued too@3',
      'Added deleted@4',
      'Deleted deleted@5',
      'Deleted queued@2?',
      'Deleted queued too@3?',
      'Deleted known@1?',
      'Replaced kept@6',
      'Replaced new@7',
    ]);
  });

  test('lists one after another delete what is queued once', () => {
    const { fifo, popAll } = scene([]);
    fifo.add(object('a'));
    fifo.replace([], '2');
    fifo.replace([], '3');
    fifo.add(object('a', '4'));
    fifo.replace([], '5');
    assert.deepEqual(popAll(), ['Added a@1', 'Deleted a@1?', 'Added a@4', 'Deleted a@4?']);
  });

  test('replace() keeps a queued deletion of what the list has again: it was another object', () => {
    const { fifo, popAll } = scene([object('a')]);
    fifo.delete(object('a', '2'));
    fifo.replace([object('a', '3')], '3');
    assert.deepEqual(popAll(), ['Deleted a@2', 'Replaced a@3']);
  });

  test('names what its store has lost meanwhile by its key', () => {
    const known = { listKeys: () => ['lost'], getByKey: () => undefined };
    const fifo = new RealFifo<KubeObject>({ known });
    fifo.replace([], '1');
    const seen: string[] = [];
    fifo.pop((delta) => seen.push(text(delta)));
    assert.deepEqual(seen, ['Deleted lost?']);
    fifo.resync();
    assert.equal(fifo.length, 0);
  });

  test('resync queues what is known, but nothing that has a change queued', () => {
    const { fifo, popAll } = scene([object('a'), object('b')]);
    fifo.update(object('a', '2'));
    fifo.resync();
    assert.deepEqual(popAll(), ['Updated a@2', 'Sync b@1']);
  });

  test('has synced once all of the first list was processed, and with it what was deleted by it', () => {
    const { fifo } = scene([object('gone')]);
    assert.equal(fifo.hasSynced, false);
    fifo.replace([object('a'), object('b')], '1');
    const states: boolean[] = [];
    while (fifo.pop((_, isInitial) => states.push(isInitial && !fifo.hasSynced)));
    assert.deepEqual(states, [true, true, true]);
    assert.equal(fifo.hasSynced, true);
  });

  test('has synced at once after an empty list, or a change before any list', async () => {
    for (const first of [
      (fifo: RealFifo<KubeObject>) => fifo.replace([], '1'),
      (fifo: RealFifo<KubeObject>) => fifo.add(object('a')),
      (fifo: RealFifo<KubeObject>) => fifo.delete(object('a')),
    ]) {
      const { fifo } = scene([]);
      first(fifo);
      assert.equal(fifo.hasSynced, true);
      await fifo.whenSynced();
    }
  });

  test('a consumer that throws has got its delta, and syncs all the same', () => {
    const { fifo } = scene([]);
    fifo.replace([object('a')], '1');
    assert.throws(
      () =>
        fifo.pop(() => {
          throw new Error('bad');
        }),
      /bad/,
    );
    assert.deepEqual([fifo.length, fifo.hasSynced], [0, true]);
  });

  test('ends a wait for an item when one comes, and when it is closed', async () => {
    const { fifo } = scene([]);
    const first = fifo.waitForItem();
    fifo.add(object('a'));
    assert.equal(await first, true);
    fifo.pop(() => undefined);
    const second = fifo.waitForItem();
    fifo.close();
    assert.equal(await second, false);
    assert.equal(fifo.isClosed, true);
  });

  test('transforms everything that comes but tombstones and what is known, once', () => {
    let calls = 0;
    const transform = (item: Frozen<KubeObject>): Frozen<KubeObject> => {
      calls++;
      return deepFreeze({ metadata: { ...item.metadata, resourceVersion: `${item.metadata.resourceVersion}t` } });
    };
    const { fifo, popAll } = scene([object('known', '1t')], { transform });
    fifo.add(object('a', '2'));
    fifo.update(object('a', '3'));
    fifo.delete(object('a', '4'));
    fifo.replace([object('b', '5')], '5');
    fifo.replace([object('b', '6t'), object('known', '6t')], '6', true);
    assert.deepEqual(popAll(), [
      'Added a@2t',
      'Updated a@3t',
      'Deleted a@4t',
      'Deleted known@1t?',
      'Replaced b@5t',
      'Replaced b@6t',
      'Replaced known@6t',
    ]);
    fifo.resync();
    assert.deepEqual(popAll(), ['Sync known@1t']);
    assert.equal(calls, 4);
  });

  test('refuses what has no key, and queues nothing of it', () => {
    const { fifo } = scene([]);
    assert.throws(() => fifo.add({} as KubeObject), TypeError);
    assert.equal(fifo.length, 0);
    assert.equal(fifo.hasSynced, false);
  });

  test('a batch takes changes of different keys, and ends at the first that comes again', () => {
    const { fifo, batches } = scene([]);
    for (const name of ['a', 'b', 'c', 'b', 'd', 'd']) fifo.update(object(name));
    assert.deepEqual(batches(), [['Updated a@1', 'Updated b@1', 'Updated c@1'], ['Updated b@1', 'Updated d@1'], ['Updated d@1']]);
  });

  test('a batch ends with the first list, and is never larger than the limit', () => {
    const { fifo, batches } = scene([], { batchSize: 2 });
    fifo.replace(
      ['a', 'b', 'c'].map((name) => object(name)),
      '1',
    );
    for (const name of ['d', 'e', 'f']) fifo.update(object(name));
    assert.deepEqual(batches(), [['Replaced a@1', 'Replaced b@1'], ['Replaced c@1'], ['Updated d@1', 'Updated e@1'], ['Updated f@1']]);
    assert.equal(fifo.hasSynced, true);
  });

  test('without a store to look into, a list, a resync and a bookmark are one delta each and come alone', () => {
    const { fifo, batches } = scene();
    fifo.add(object('a'));
    fifo.replace([object('b', '2')], '2');
    fifo.replace([object('c', '3')], '3');
    fifo.update(object('c', '4'));
    fifo.bookmark('5');
    fifo.resync();
    fifo.update(object('c', '6'));
    assert.deepEqual(batches(), [
      ['Added a@1'],
      ['ReplacedAll@2 [b@2]'],
      ['ReplacedAll@3 [c@3]'],
      ['Updated c@4'],
      ['Bookmark@5'],
      ['SyncAll'],
      ['Updated c@6'],
    ]);
  });

  test('an atomic list is the first list as a whole', () => {
    const { fifo, popAll } = scene();
    fifo.replace([object('a'), object('b')], '7');
    assert.equal(fifo.hasSynced, false);
    assert.deepEqual(popAll(), ['ReplacedAll@7 [a@1 b@1] (initial)']);
    assert.equal(fifo.hasSynced, true);
  });

  test('with a store to look into, bookmarks are not queued', () => {
    const { fifo } = scene([]);
    fifo.bookmark('5');
    assert.equal(fifo.length, 0);
  });
});
