import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, type Frozen, type KubeObject } from '@coracle/apimachinery';
import { DeltaFifo } from './delta-fifo.ts';
import { Store } from './indexer.ts';
import { DeletedFinalStateUnknown, objectFromDeletion } from './keys.ts';

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

  test('has synced at once when a change comes first, a deletion of what nobody knows too', () => {
    for (const change of ['add', 'update', 'delete'] as const) {
      const { fifo: queue } = fifo();
      queue[change](object('a'));
      assert.equal(queue.hasSynced, true, change);
    }
  });

  test('ends a wait when something is queued', async () => {
    const { fifo: queue } = fifo();
    const waiting = queue.waitForItem();
    queue.add(object('a'));
    assert.equal(await waiting, true);
  });

  test('resync queues what is known, but not over a queued change', () => {
    const { fifo: queue, popAll } = fifo(object('a', '1'), object('b', '1'));
    queue.update(object('a', '2'));
    queue.resync();
    assert.deepEqual(popAll(), ['Updated a@2', 'Sync b@1']);
  });
});
