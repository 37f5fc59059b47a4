import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  deepFreeze,
  type Frozen,
  type KubeObject,
  newExpired,
  newInternalError,
  TransportError,
  type WatchFrame,
} from '@coracle/apimachinery';
import type { Process, Random } from '@coracle/kernel';
import { SimRuntime, uniform } from '@coracle/simulator';
import { FakeServer } from './fixtures/fake-server.ts';
import { configMapsOf } from './fixtures/informer-scene.ts';
import { deletionKey, metaNamespaceKey } from './keys.ts';
import type { HandlerRegistration } from './processor-listener.ts';
import { SharedIndexInformer } from './shared-informer.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f'];
const versionOf = (object: Frozen<KubeObject>): string => object.metadata.resourceVersion ?? '';

/** Two names share a key: of an object the transform keeps half of its name. */
function halved(object: Frozen<KubeObject>): Frozen<KubeObject> {
  const name = `half-${Math.floor(names.indexOf(object.metadata.uid?.slice(4) ?? '') / 2)}`;
  return deepFreeze({ ...object, metadata: { ...object.metadata, name } });
}

/** A handler that believes what it is told, and objects to what cannot be. */
class Believer {
  readonly known: Map<string, string> = new Map();
  registration: HandlerRegistration | undefined;
  isRemoved = false;
  isBusy = false;
  readonly #label: string;
  readonly #mayMissAdditions: boolean;

  /** `mayMissAdditions`: of what a transform has refused or put on another, a deletion is told all the same, as upstream. */
  constructor(label: string, mayMissAdditions: boolean) {
    this.#label = label;
    this.#mayMissAdditions = mayMissAdditions;
  }

  add(object: Frozen<KubeObject>): void {
    const key = metaNamespaceKey(object);
    this.#assert(!this.known.has(key), `${key} was added twice`);
    this.known.set(key, versionOf(object));
  }

  update(old: Frozen<KubeObject>, object: Frozen<KubeObject>): void {
    const key = metaNamespaceKey(object);
    this.#assert(this.known.get(key) === versionOf(old), `${key} was updated from ${versionOf(old)}, known was ${this.known.get(key)}`);
    this.known.set(key, versionOf(object));
  }

  delete(key: string): void {
    this.#assert(this.known.delete(key) || this.#mayMissAdditions, `${key} was deleted and not known`);
  }

  #assert(holds: boolean, what: string): void {
    assert.ok(!this.isRemoved, `${this.#label}: told after it was removed`);
    assert.ok(!this.isBusy, `${this.#label}: told while it was busy`);
    assert.ok(holds, `${this.#label}: ${what}`);
  }
}

interface World {
  readonly random: Random;
  readonly process: Process;
  readonly informer: SharedIndexInformer<KubeObject>;
  readonly believers: Believer[];
  readonly mayMissAdditions: boolean;
  /** Chance for what misbehaves; none is left at the end. */
  isOver: boolean;
}

function addBeliever(world: World, label: string): void {
  const { random, process, informer, believers } = world;
  const believer = new Believer(`${label}, handler ${believers.length}`, world.mayMissAdditions);
  const isSlow = random.below(3) === 0;
  const resyncPeriodMs = random.below(3) * 1000;
  /** What a handler may do beside its work. */
  const meddle = (): unknown => {
    if (!world.isOver && random.below(25) === 0) addBeliever(world, label);
    if (!world.isOver && random.below(40) === 0) {
      const victim = believers[random.below(believers.length)];
      if (victim !== undefined) {
        victim.isRemoved = true;
        victim.registration?.remove();
      }
    }
    if (!isSlow || world.isOver || believer.isRemoved) return undefined;
    believer.isBusy = true;
    return process.clock.sleep(random.below(400)).then(() => {
      believer.isBusy = false;
    });
  };
  believers.push(believer);
  believer.registration = informer.addEventHandler(
    {
      onAdd: (object) => {
        believer.add(object);
        return meddle();
      },
      onUpdate: (old, object) => {
        believer.update(old, object);
        return meddle();
      },
      onDelete: (deleted) => {
        believer.delete(deletionKey(deleted));
        return meddle();
      },
    },
    { resyncPeriodMs },
  );
}

const strangeFrames: readonly WatchFrame[] = [
  { type: 'ADDED', object: { apiVersion: 'v1', kind: 'ConfigMap' } },
  { type: 'MODIFIED', object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: null } },
  { type: 'DELETED', object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: 'none' } },
  { type: 'RENAMED' as 'ADDED', object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } } },
  { type: 'ADDED', object: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a', resourceVersion: '1' } } },
];

/** One run: whatever happens, handlers are told a story that is consistent, and in the end that of the server. */
async function run(seed: number, transforms: 'none' | 'halving' | 'failing'): Promise<void> {
  const label = `seed ${seed}, transform ${transforms}`;
  const runtime = new SimRuntime({ seed, strategy: uniform() });
  const server = new FakeServer(runtime.process('server'));
  const process = runtime.process('component');
  const random = runtime.random.fork('script');
  const listWatch = configMapsOf(process, server);
  const world = { random, process, believers: [] as Believer[], mayMissAdditions: transforms !== 'none', isOver: false };
  const failing = (object: Frozen<KubeObject>): Frozen<KubeObject> => {
    if (!world.isOver && random.below(6) === 0) throw new Error('cannot transform');
    if (!world.isOver && random.below(12) === 0) return null as unknown as Frozen<KubeObject>; // what the types forbid
    return object;
  };
  const informer = new SharedIndexInformer<KubeObject>({
    process,
    name: 'configmaps',
    listWatch,
    watchList: random.below(3) > 0,
    resyncPeriodMs: random.below(2) * 1500,
    expected: { apiVersion: 'v1', kind: 'ConfigMap' },
    indexers: { initial: ({ metadata }) => [metadata.name?.slice(0, 1) ?? ''] },
    transform: transforms === 'none' ? undefined : transforms === 'halving' ? halved : failing,
  });
  const whole: World = Object.assign(world, { informer });
  for (let i = random.below(3); i > 0; i--) addBeliever(whole, label);
  const stop = new AbortController();
  process.spawn('informer', () => informer.run(stop.signal));
  for (let i = 0; i < 60; i++) {
    const name = names[random.below(names.length)] ?? 'a';
    const action = random.below(20);
    if (action < 4) server.delete(name);
    else if (action < 10) server.set(name);
    else if (action < 12) addBeliever(whole, label);
    else if (action < 13) server.endWatches(random.below(2) === 0 ? undefined : new TransportError('reset', { executed: 'unknown' }));
    else if (action < 14) server.compactedBelow = server.revision;
    else if (action < 15) server.inject(strangeFrames[random.below(strangeFrames.length)] as WatchFrame);
    else if (action < 16) server.faults.push([newInternalError('broken'), newExpired('too old')][random.below(2)] as Error);
    else if (action < 17 && !informer.indexer.hasIndex(`late${i}`))
      informer.addIndexers({ [`late${i}`]: ({ metadata }) => [metadata.name ?? ''] });
    else await runtime.advance(random.below(2_000));
  }
  whole.isOver = true;
  // What could not be transformed is seen again with the next list.
  server.compactedBelow = server.revision + 1;
  for (const name of names) {
    server.set(name);
    if (random.below(2) === 0) server.delete(name);
  }
  server.endWatches();
  addBeliever(whole, label);
  await runtime.settle({ maxVirtualMs: 3_600_000 });
  const stored = new Map(informer.indexer.list().map((object) => [metaNamespaceKey(object), versionOf(object)]));
  if (transforms !== 'halving') {
    const held = new Map(server.objects.map((object) => [metaNamespaceKey(object), versionOf(object)]));
    assert.deepEqual(new Map([...stored].sort()), new Map([...held].sort()), `${label}: the store`);
  }
  assert.equal(informer.indexer.listIndexValues('initial').length > 0, stored.size > 0, label);
  for (const believer of whole.believers) {
    if (believer.isRemoved) continue;
    assert.deepEqual(new Map([...believer.known].sort()), new Map([...stored].sort()), `${label}: a handler`);
    assert.equal(believer.registration?.hasSynced(), true, label);
  }
  stop.abort(new Error('enough'));
  await runtime.settle();
  assert.equal(informer.isStopped, true, label);
  assert.equal(server.watchers, 0, label);
}

describe('an informer under everything at once', () => {
  test('tells every handler a consistent story that ends with what the server has, 60 seeds', async () => {
    for (let seed = 1; seed <= 60; seed++) await run(seed, 'none');
  });

  test('also when a transform fails now and then, 40 seeds', async () => {
    for (let seed = 1; seed <= 40; seed++) await run(seed, 'failing');
  });

  test('also when a transform gives two objects one key, 40 seeds', async () => {
    for (let seed = 1; seed <= 40; seed++) await run(seed, 'halving');
  });
});

describe('a handler that throws at any moment', () => {
  test('ends its process in order: the others know what the store holds, and nothing is left open, 40 seeds', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const label = `seed ${seed}`;
      const runtime = new SimRuntime({ seed, strategy: uniform() });
      const server = new FakeServer(runtime.process('server'));
      const process = runtime.process('component');
      const random = runtime.random.fork('script');
      const listWatch = configMapsOf(process, server);
      const informer = new SharedIndexInformer<KubeObject>({ process, name: 'configmaps', listWatch, resyncPeriodMs: 1_000 });
      let untilThrow = 1 + random.below(20);
      const maybeThrow = (): Promise<void> | undefined => {
        if (--untilThrow !== 0) return undefined;
        if (seed % 2 === 0) throw new Error('bad handler');
        return process.clock.sleep(random.below(3)).then(() => {
          throw new Error('bad handler');
        });
      };
      const bad = () => informer.addEventHandler({ onAdd: maybeThrow, onUpdate: maybeThrow, onDelete: maybeThrow });
      const believer = new Believer(label, false);
      if (random.below(2) === 0) bad();
      informer.addEventHandler({
        onAdd: (object) => believer.add(object),
        onUpdate: (old, object) => believer.update(old, object),
        onDelete: (deleted) => believer.delete(deletionKey(deleted)),
      });
      bad();
      for (const name of names) server.set(name);
      process.spawn('informer', (signal) => informer.run(signal));
      await assert.rejects(async () => {
        for (let i = 0; i < 100; i++) {
          server.set(names[random.below(names.length)] ?? 'a');
          if (random.below(4) === 0) server.delete(names[random.below(names.length)] ?? 'a');
          await runtime.advance(random.below(2_000));
        }
      }, /bad handler/);
      await runtime.settle();
      assert.equal(process.signal.aborted, true, label);
      assert.equal(informer.isStopped, true, label);
      assert.equal(server.watchers, 0, label);
      const stored = new Map(informer.indexer.list().map((object) => [metaNamespaceKey(object), versionOf(object)]));
      assert.deepEqual(new Map([...believer.known].sort()), new Map([...stored].sort()), label);
    }
  });
});
