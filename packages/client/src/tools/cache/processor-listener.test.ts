import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Frozen, KubeObject } from '@coracle/apimachinery';
import { processWithClock } from '@coracle/kernel';
import { SimRuntime } from '@coracle/simulator';
import { object } from './fixtures/objects.ts';
import { Store } from './indexer.ts';
import { processDelta } from './process-deltas.ts';
import { ProcessorListener } from './processor-listener.ts';

interface Scene {
  readonly runtime: SimRuntime;
  readonly listener: ProcessorListener<KubeObject>;
  readonly store: Store<KubeObject>;
  readonly told: string[];
}

/** A handler that takes a millisecond for each object. */
function scene(): Scene {
  const runtime = new SimRuntime({ seed: 1 });
  const process = runtime.process('test');
  let spentMs = 0;
  const told: string[] = [];
  const took = (what: string): void => {
    told.push(what);
    spentMs++;
  };
  const listener = new ProcessorListener<KubeObject>({
    process: processWithClock(process, { ...process.clock, monotonic: () => spentMs }),
    name: 'things',
    handler: {
      onAdd: ({ metadata }) => took(`add ${metadata.name}`),
      onUpdate: (_old, { metadata }) => took(`update ${metadata.name}`),
      onDelete: () => took('delete'),
    },
    requestedResyncMs: 0,
    resyncPeriodMs: 0,
    onRemove: () => undefined,
  });
  return { runtime, listener, store: new Store(), told };
}

const objects = Array.from({ length: 100 }, (_, i): Frozen<KubeObject> => object(String(i), '1'));
const all = objects.map(({ metadata }) => `add ${metadata.name}`);

function list({ listener, store }: Scene): void {
  processDelta(
    listener,
    store,
    { type: 'ReplacedAll', keys: objects.map(({ metadata }) => metadata.name ?? ''), objects, resourceVersion: '1' },
    true,
  );
}

describe('ProcessorListener', () => {
  test('a long list is told in turns of the event loop, in order, and what comes meanwhile after it', async () => {
    const made = scene();
    const { runtime, listener, told } = made;
    list(made);
    assert.deepEqual(told, all.slice(0, 15));
    listener.informerHasSynced();
    listener.onUpdate(object('0', '1'), object('0', '2'));
    assert.equal(listener.hasSynced(), false);
    await runtime.drive(listener.whenSynced());
    await runtime.settle();
    assert.deepEqual(told, [...all, 'update 0']);
    const before = told.length;
    for (let i = 0; i < 50; i++) listener.onDelete(object('0', '3'));
    assert.equal(told.length, before + 50, 'at once again');
  });

  test('so is a resync, which is as long', async () => {
    const made = scene();
    const { runtime, listener, store, told } = made;
    list(made);
    await runtime.settle();
    processDelta(listener, store, { type: 'SyncAll' }, false);
    assert.ok(told.length < 200);
    await runtime.settle();
    assert.deepEqual(
      told.slice(100),
      objects.map(({ metadata }) => `update ${metadata.name}`),
    );
  });

  test('events that are no list are told at once, however long they take', () => {
    const { listener, told } = scene();
    for (const each of objects) listener.onAdd(each, false);
    assert.deepEqual(told, all);
  });

  test('a listener that is removed in the midst of a list is told no more', async () => {
    const made = scene();
    list(made);
    const sofar = made.told.length;
    await made.listener.removeAndWait();
    await made.runtime.settle();
    assert.ok(sofar < 100);
    assert.deepEqual(made.told, all.slice(0, sofar));
    assert.equal(made.listener.pending, 0);
  });

  test('objects that a late handler is given first are told in turns too', async () => {
    const { runtime, listener, told } = scene();
    listener.replay(objects);
    await runtime.settle();
    assert.deepEqual(told, all);
  });
});
