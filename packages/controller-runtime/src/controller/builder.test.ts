import { resources, ItemExponentialFailureRateLimiter, onlyMetadata, resourceHandle } from '@coracle/client';
import type { Logger } from '@coracle/kernel';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CacheSyncError } from '../client/informer-cache.ts';
import { setControllerReference } from '../client/ownership.ts';
import { request } from '../fixtures/lone-controller.ts';
import { labelled, ours, scene } from '../fixtures/scene.ts';
import type { Manager } from '../manager/manager.ts';
import { ControllerBuilder } from './builder.ts';
import { enqueueRequestForObject, enqueueRequestForOwner, enqueueRequestsFromMapFunc, type EventHandler } from './event-handler.ts';
import { generationChanged, type Predicate } from './predicate.ts';
import { TerminalError } from './reconcile.ts';
import { RequestControllerBuilder } from './request-controller-builder.ts';
import { objectRequests, type RequestType } from './request-type.ts';
import { ChannelSource, kindSource, type Source } from './source.ts';

// All that needs a control plane of its own to be shown stands here: one is started for a file of tests.
const { configMaps, secrets, pods } = resources.core.v1;
const kind = { group: '', version: 'v1', kind: 'ConfigMap' };

describe('ControllerBuilder', () => {
  test('reconciles what is there, what comes, what changes and what goes', async () => {
    const { cluster, admin, manager, reconciled, noting, run } = await scene();
    const maps = admin.coreV1.configMaps('default');
    await cluster.drive(maps.create(labelled('a')));
    new ControllerBuilder(manager, configMaps, { predicates: [ours] }).complete(noting());
    await run();
    await cluster.drive(maps.create(labelled('b')));
    await cluster.settle();
    await cluster.drive(maps.patch('a', 'merge', { data: { a: 'b' } }));
    await cluster.settle();
    await cluster.drive(maps.delete('b'));
    await cluster.settle();
    assert.deepEqual(reconciled, ['default/a', 'default/b', 'default/a', 'default/b']);
  });

  test('owns: an object that changes, goes, or changes hands brings its owners back', async () => {
    const { cluster, admin, manager, reconciled, noting, run } = await scene();
    const maps = admin.coreV1.configMaps('default');
    const owners = [await cluster.drive(maps.create(labelled('a'))), await cluster.drive(maps.create(labelled('b')))] as const;
    new ControllerBuilder(manager, configMaps, { predicates: [ours] }).owns(secrets).complete(noting());
    await run();
    reconciled.length = 0;
    const owned = admin.coreV1.secrets('default');
    await cluster.drive(owned.create({ metadata: { name: 'nobodys' } }));
    await cluster.drive(owned.create(setControllerReference(owners[0], kind, { metadata: { name: 'owned', namespace: 'default' } })));
    await cluster.settle();
    assert.deepEqual(reconciled, ['default/a']);
    const handedOver = setControllerReference(owners[1], kind, { metadata: { name: 'owned', namespace: 'default' } });
    await cluster.drive(owned.update(handedOver));
    await cluster.settle();
    assert.deepEqual(reconciled.slice(1).sort(), ['default/a', 'default/b']);
    await cluster.drive(owned.delete('owned'));
    await cluster.settle();
    assert.deepEqual(reconciled.slice(3), ['default/b']);
  });

  test('watches: the map function says who is reconciled, each of them once', async () => {
    const { cluster, admin, manager, reconciled, noting, run } = await scene();
    const toEveryone = (): readonly { readonly namespace: string; readonly name: string }[] =>
      ['x', 'y', 'x'].map((name) => ({ namespace: 'default', name }));
    new ControllerBuilder(manager, configMaps, { predicates: [ours] })
      .named('by-secret')
      .watches(secrets, toEveryone, { predicates: [ours] })
      .complete(noting());
    await run();
    await cluster.drive(admin.coreV1.secrets('default').create({ metadata: labelled('s').metadata }));
    await cluster.settle();
    assert.deepEqual(reconciled, ['default/x', 'default/y']);
  });

  test('generationChanged lets changes of the spec through, and none of the status', async () => {
    const { cluster, admin, manager, reconciled, noting, run } = await scene();
    const owned = admin.coreV1.pods('default');
    await cluster.drive(owned.create({ ...labelled('web'), spec: { containers: [{ name: 'main', image: 'a' }] } }));
    new ControllerBuilder(manager, pods, { predicates: [ours, generationChanged] }).complete(noting());
    await run();
    assert.deepEqual(reconciled, ['default/web']);
    await cluster.drive(owned.patch('web', 'merge', { status: { phase: 'Running' } }, { subresource: 'status' }));
    await cluster.settle();
    assert.deepEqual(reconciled, ['default/web']);
    await cluster.drive(owned.patch('web', 'strategic', { spec: { containers: [{ name: 'main', image: 'b' }] } }));
    await cluster.settle();
    assert.deepEqual(reconciled, ['default/web', 'default/web']);
  });

  test('an error is tried again after growing waits, a terminal one is not, and a wish to come back is kept', async () => {
    const { cluster, admin, manager, reconciled, noting, run } = await scene();
    for (const name of ['fails', 'returns', 'terminal']) await cluster.drive(admin.coreV1.configMaps('default').create(labelled(name)));
    const attemptsMs: number[] = [];
    const reconciler = noting(async ({ name }) => {
      if (name === 'terminal') throw new TerminalError('never');
      const count = reconciled.filter((key) => key === `default/${name}`).length;
      if (name === 'returns') return count < 3 ? { requeueAfterMs: 60_000 } : undefined;
      attemptsMs.push(manager.process.clock.monotonic());
      if (count < 5) throw new Error('not yet');
      return undefined;
    });
    new ControllerBuilder(manager, configMaps, { predicates: [ours] }).complete(reconciler);
    await run();
    const times = (name: string): number => reconciled.filter((key) => key === `default/${name}`).length;
    assert.deepEqual([times('fails'), times('returns'), times('terminal')], [5, 3, 1]);
    assert.deepEqual(
      attemptsMs.slice(1).map((ms, i) => Math.round(ms - (attemptsMs[i] ?? 0))),
      [5, 10, 20, 40],
    );
  });

  test('no key is reconciled twice at a time, whatever the number of workers', async () => {
    const { cluster, admin, manager, noting, run } = await scene();
    const working = new Set<string>();
    let most = 0;
    const reconciler = noting(async ({ name }) => {
      assert.ok(!working.has(name), `${name} twice at a time`);
      working.add(name);
      most = Math.max(most, working.size);
      await manager.process.clock.sleep(100);
      working.delete(name);
    });
    new ControllerBuilder(manager, configMaps, { predicates: [ours] }).withOptions({ maxConcurrentReconciles: 3 }).complete(reconciler);
    await run();
    const maps = admin.coreV1.configMaps('default');
    await cluster.drive(Promise.all(['a', 'b', 'c', 'd'].map((name) => maps.create(labelled(name)))));
    await cluster.drive(Promise.all(['a', 'b'].map((name) => maps.patch(name, 'merge', { data: { a: 'b' } }))));
    await cluster.settle();
    assert.equal(most, 3);
    assert.deepEqual(cluster.runtime.failures, []);
  });
});

describe('ControllerBuilder.owns() and watches()', () => {
  test('with matchEveryOwner every owner of the kind comes back, of any version, and of no other group', async () => {
    const { cluster, admin, manager, reconciled, noting, run } = await scene();
    const maps = admin.coreV1.configMaps('default');
    const [a, b] = [await cluster.drive(maps.create(labelled('a'))), await cluster.drive(maps.create(labelled('b')))] as const;
    new ControllerBuilder(manager, configMaps, { predicates: [ours] }).owns(secrets, { matchEveryOwner: true }).complete(noting());
    await run();
    reconciled.length = 0;
    const owner = ({ metadata }: typeof a, apiVersion: string): object => ({
      apiVersion,
      kind: kind.kind,
      name: metadata.name,
      uid: metadata.uid,
    });
    const ownerReferences = [owner(a, 'v1'), owner(b, 'v9'), { ...owner(b, 'example.com/v1'), uid: 'other', name: 'other' }];
    await cluster.drive(admin.coreV1.secrets('default').create({ metadata: { name: 'owned', ownerReferences } } as { metadata: object }));
    await cluster.settle();
    assert.deepEqual(reconciled.sort(), ['default/a', 'default/b']);
  });

  test('a handler of one’s own sees each kind of event, and a filter is asked for all kinds', async () => {
    const { cluster, admin, manager, reconciled, noting, run } = await scene();
    const told: string[] = [];
    new ControllerBuilder(manager, configMaps)
      .withEventFilter(ours)
      .watches(secrets, {
        create: ({ metadata }, queue) => {
          told.push(`create ${metadata.name}`);
          queue.add({ namespace: 'default', name: 'made' });
        },
        update: async (old, { metadata }, queue) => {
          const map = await manager.client.get(configMaps, { namespace: 'default', name: 'none' });
          told.push(`update ${metadata.name} ${old.metadata.resourceVersion !== metadata.resourceVersion} ${map}`);
          queue.add({ namespace: 'default', name: 'changed' });
        },
        delete: ({ metadata }, queue) => {
          told.push(`delete ${metadata.name}`);
          queue.add({ namespace: 'default', name: 'gone' });
        },
      })
      .complete(noting());
    await run();
    const of = admin.coreV1.secrets('default');
    await cluster.drive(of.create({ metadata: { name: 'hidden' } }));
    await cluster.drive(of.create({ metadata: labelled('s').metadata }));
    await cluster.drive(of.patch('s', 'merge', { data: { a: 'Yg==' } }));
    await cluster.drive(of.delete('s'));
    await cluster.settle();
    assert.deepEqual(told, ['create s', 'update s true undefined', 'delete s']);
    assert.deepEqual(reconciled, ['default/made', 'default/changed', 'default/gone']);
  });

  test('a resync brings everything again, behind new changes', async () => {
    const { cluster, admin, manager, noting, run } = await scene({ resyncPeriodMs: 60_000 });
    const priorities: number[] = [];
    await cluster.drive(admin.coreV1.configMaps('default').create(labelled('a')));
    new ControllerBuilder(manager, configMaps, { predicates: [ours] }).complete(
      noting(async (_request, { priority }) => void priorities.push(priority)),
    );
    await run();
    await cluster.drive(admin.coreV1.configMaps('default').patch('a', 'merge', { data: { a: 'b' } }));
    await cluster.settle();
    await cluster.advance(61_000);
    assert.deepEqual(priorities, [-100, 0, -100]);
  });
});

describe('RequestControllerBuilder', () => {
  test('reconciles what is watched, without a kind of its own', async () => {
    const { cluster, admin, manager, reconciled, noting, run } = await scene();
    const maps = admin.coreV1.configMaps('default');
    const map = await cluster.drive(maps.create(labelled('a')));
    new RequestControllerBuilder(manager, 'maps', objectRequests)
      .watches(configMaps, enqueueRequestForObject(), { predicates: [ours] })
      .watches(secrets, enqueueRequestForOwner(configMaps))
      .complete(noting());
    await run();
    assert.deepEqual(reconciled, ['default/a']);
    const owned = setControllerReference(map, kind, { metadata: { name: 'owned', namespace: 'default' } });
    await cluster.drive(admin.coreV1.secrets('default').create(owned));
    await cluster.settle();
    assert.deepEqual(reconciled, ['default/a', 'default/a']);
  });

  test('reconciles requests of a type of one’s own, each once while it waits', async () => {
    interface Shard {
      readonly app: string;
      readonly part: number;
    }
    const shards: RequestType<Shard> = {
      format: ({ app, part }) => `${app}#${part}`,
      parse: (text) => ({ app: text.split('#')[0] ?? '', part: Number(text.split('#')[1]) }),
    };
    const { cluster, admin, manager, run } = await scene();
    const maps = admin.coreV1.configMaps('default');
    for (const name of ['a', 'b']) await cluster.drive(maps.create(labelled(name)));
    const source = new ChannelSource<Shard, Shard>({ generic: (shard, queue) => queue.add(shard) });
    const got: Shard[] = [];
    const told: unknown[] = [];
    const partsOf = (app: string | undefined): readonly Shard[] => [1, 2].map((part) => ({ app: app ?? '', part }));
    const controller = new RequestControllerBuilder(manager, 'shards', shards)
      .watches(configMaps, ({ metadata }) => partsOf(metadata.labels?.['app']), { predicates: [ours] })
      .watchesSource(source)
      .withOptions({
        errorPolicy: (_error, { request, attempt }) => {
          told.push([request, attempt]);
          return 'retry';
        },
      })
      .complete({
        async reconcile(shard) {
          got.push(shard);
          if (shard.part === 9 && told.length === 0) throw new Error('not yet');
        },
      });
    await run();
    assert.deepEqual(got, partsOf('x'));
    controller.add({ app: 'y', part: 3 });
    await cluster.drive(source.send({ app: 'z', part: 9 }));
    await cluster.settle();
    assert.deepEqual(got.slice(2), [
      { app: 'y', part: 3 },
      { app: 'z', part: 9 },
      { app: 'z', part: 9 },
    ]);
    assert.deepEqual(told, [[{ app: 'z', part: 9 }, 1]]);
  });

  test('refuses a controller that watches nothing, and a name that is taken', async () => {
    const { manager, noting } = await scene();
    const builder = new RequestControllerBuilder(manager, 'idle', objectRequests);
    assert.throws(() => builder.complete(noting()), new Error('Cannot add controller "idle": it watches nothing'));
    builder.watches(configMaps, enqueueRequestForObject()).complete(noting());
    new ControllerBuilder(manager, configMaps).complete(noting());
    assert.throws(() => new ControllerBuilder(manager, configMaps).complete(noting()), /Cannot add controller "configmap"/);
    assert.throws(() => new ControllerBuilder(manager, secrets).named('idle').complete(noting()), /Cannot add controller "idle"/);
  });
});

describe('the options of a ControllerBuilder', () => {
  test('are those of its controller: workers, limiter, log', async () => {
    const { cluster, manager, noting, run } = await scene();
    const lines: string[] = [];
    const log: Logger = {
      debug: () => undefined,
      info: (message, { controller } = {}) => lines.push(`${message} ${String(controller)}`),
      warn: () => undefined,
      error: (message, { key } = {}) => lines.push(`${message} ${String(key)}`),
    };
    const atMs: number[] = [];
    const source = new ChannelSource<string>({ generic: (name, queue) => queue.add({ namespace: '', name }) });
    new RequestControllerBuilder(manager, 'tuned', objectRequests)
      .watchesSource(source)
      .withOptions({ maxConcurrentReconciles: 5 })
      .withOptions({ rateLimiter: new ItemExponentialFailureRateLimiter(700, 700), log })
      .complete(
        noting(async () => {
          atMs.push(manager.process.clock.monotonic());
          if (atMs.length < 3) throw new Error('not yet');
        }),
      );
    await run();
    await cluster.drive(source.send('x'));
    await cluster.settle();
    assert.deepEqual(
      atMs.map((ms) => Math.round(ms - (atMs[0] ?? 0))),
      [0, 700, 1_400],
    );
    assert.match(manager.process.metrics.text(), /^controller_runtime_max_concurrent_reconciles\{controller="tuned"\} 5$/m);
    assert.deepEqual(lines, ['Starting workers tuned', 'Reconcile failed x', 'Reconcile failed x']);
  });

  test('that are nonsense are refused', async () => {
    const { manager, noting } = await scene();
    const builder = new ControllerBuilder(manager, configMaps).withOptions({ maxConcurrentReconciles: 0 });
    assert.throws(() => builder.complete(noting()), RangeError);
  });
});

describe('the kinds of a ControllerBuilder', () => {
  test('have predicates of their own, and one that is for all', async () => {
    const { cluster, admin, manager, noting, run } = await scene();
    const asked: string[] = [];
    const noted = (who: string): Predicate<{ metadata: { name?: string } }> => ({
      create: ({ metadata: { name } }) => {
        if (name === 'map' || name === 'secret') asked.push(`${who}: ${name}`);
        return true;
      },
    });
    new ControllerBuilder(manager, configMaps, { predicates: [noted('maps')] })
      .owns(secrets, { predicates: [noted('secrets')] })
      .withEventFilter(noted('all'))
      .complete(noting());
    await run();
    await cluster.drive(admin.coreV1.configMaps('default').create(labelled('map')));
    await cluster.settle();
    await cluster.drive(admin.coreV1.secrets('default').create({ metadata: { name: 'secret' } }));
    await cluster.settle();
    assert.deepEqual(asked, ['maps: map', 'all: map', 'secrets: secret', 'all: secret']);
  });

  test('may be of several controllers', async () => {
    const { cluster, admin, manager, reconciled, noting, run } = await scene();
    const also: string[] = [];
    new ControllerBuilder(manager, configMaps, { predicates: [ours] }).complete(noting());
    new ControllerBuilder(manager, configMaps, { predicates: [ours] }).named('also').complete({
      reconcile: async ({ name }) => void also.push(name),
    });
    await run();
    await cluster.drive(admin.coreV1.configMaps('default').create(labelled('a')));
    await cluster.settle();
    assert.deepEqual([reconciled, also], [['default/a'], ['a']]);
  });

  test('may be watched by their metadata only: its own, the owned and others, by several controllers', async () => {
    const { cluster, admin, manager, reconciled, noting, run } = await scene();
    const { services } = resources.core.v1;
    const also: string[] = [];
    const mapped: unknown[] = [];
    new ControllerBuilder(manager, onlyMetadata(configMaps), { predicates: [ours] })
      .owns(onlyMetadata(secrets))
      .watches(
        onlyMetadata(services),
        enqueueRequestsFromMapFunc((object) => {
          mapped.push(object);
          return [{ namespace: 'default', name: 'mapped' }];
        }),
        { predicates: [ours] },
      )
      .complete(noting());
    new ControllerBuilder(manager, onlyMetadata(configMaps), { predicates: [ours] }).named('also').complete({
      reconcile: async ({ name }) => void also.push(name),
    });
    await run();
    const map = await cluster.drive(admin.coreV1.configMaps('default').create({ ...labelled('a'), data: { large: 'x' } }));
    await cluster.settle();
    const owned = setControllerReference(map, kind, { metadata: { name: 'owned', namespace: 'default' } });
    await cluster.drive(admin.coreV1.secrets('default').create(owned));
    await cluster.settle();
    await cluster.drive(admin.coreV1.services('default').create({ ...labelled('s'), spec: { ports: [{ port: 80 }] } }));
    await cluster.settle();
    assert.deepEqual(reconciled, ['default/a', 'default/a', 'default/mapped']);
    assert.deepEqual(also, ['a']);
    assert.deepEqual(
      [...manager.informers.informers.keys()].filter((key) => !key.includes('metadata')),
      [],
    );
    const [service] = mapped as readonly { readonly metadata: { readonly name: string }; readonly spec?: unknown }[];
    assert.deepEqual([mapped.length, service?.metadata.name, service?.spec], [1, 's', undefined]);
  });
});

describe('kindSource()', () => {
  test('has synced when its handler has dealt with every object that was there, however long it takes; only then work begins', async () => {
    const { cluster, admin, manager, noting, run } = await scene();
    const maps = admin.coreV1.configMaps('default');
    for (let i = 0; i < 20; i++) await cluster.drive(maps.create(labelled(`map-${i}`)));
    let handled = 0;
    const handledBefore: number[] = [];
    new RequestControllerBuilder(manager, 'slow', objectRequests)
      .watches(
        configMaps,
        {
          async create({ metadata: { name = '' } }, queue) {
            queue.add({ namespace: 'default', name });
            await manager.process.clock.sleep(100);
            handled++;
          },
        },
        { predicates: [ours] },
      )
      .complete(noting(async () => void handledBefore.push(handled)));
    await run();
    assert.deepEqual(
      handledBefore,
      Array.from({ length: 20 }, () => 20),
    );
  });

  test('tells handlers of creations, updates and deletions, as predicates let them through', async () => {
    const { cluster, admin, manager, noting, run } = await scene();
    const told: string[] = [];
    const heard =
      (kind: string) =>
      (object: { readonly metadata: { readonly name?: string } }): void =>
        void told.push(`${kind} ${object.metadata.name}`);
    const source = kindSource(
      manager.cache,
      configMaps,
      { create: heard('create'), update: (_old, object) => heard('update')(object), delete: heard('delete') },
      ours,
      { create: ({ metadata }) => metadata.name !== 'uncreated', update: ({ metadata }) => metadata.name !== 'unchanged' },
      { delete: ({ metadata }) => metadata.name !== 'undeleted' },
    );
    new RequestControllerBuilder(manager, 'heard', objectRequests).watchesSource(source).complete(noting());
    await run();
    const maps = admin.coreV1.configMaps('default');
    for (const name of ['plain', 'uncreated', 'unchanged', 'undeleted']) {
      await cluster.drive(maps.create(labelled(name)));
      await cluster.settle();
      await cluster.drive(maps.patch(name, 'merge', { data: { a: 'b' } }));
      await cluster.settle();
      await cluster.drive(maps.delete(name));
      await cluster.settle();
    }
    assert.deepEqual(told, [
      ...['create plain', 'update plain', 'delete plain'],
      ...['update uncreated', 'delete uncreated'],
      ...['create unchanged', 'delete unchanged'],
      ...['create undeleted', 'update undeleted'],
    ]);
  });

  test('a handler without a member leaves out its events', async () => {
    const { cluster, admin, manager, reconciled, noting, run } = await scene();
    const controller = new RequestControllerBuilder(manager, 'deaf', objectRequests).watches(configMaps, {}).complete(noting());
    await run();
    const maps = admin.coreV1.configMaps('default');
    await cluster.drive(maps.create(labelled('a')));
    await cluster.drive(maps.patch('a', 'merge', { data: { a: 'b' } }));
    await cluster.drive(maps.delete('a'));
    await cluster.settle();
    assert.deepEqual([reconciled, controller.length, cluster.runtime.failures], [[], 0, []]);
  });
});

const election = { leaderElection: { id: 'operator', namespace: 'default', releaseOnCancel: true } };

/** Runs it, and tells how to end that. */
function start(manager: Manager): { readonly stop: () => void; readonly running: Promise<void> } {
  const stop = new AbortController();
  return { stop: () => stop.abort(), running: manager.run(stop.signal) };
}

describe('before it leads, a controller', () => {
  test('has a full cache and a full queue, and reconciles nothing; then it begins at once, with what changed meanwhile', async () => {
    const { cluster, admin, another, noting, reconciled } = await scene(election);
    const maps = admin.coreV1.configMaps('default');
    await cluster.drive(maps.create(labelled('a')));
    const [first, second] = [another(), another()];
    const others: string[] = [];
    new ControllerBuilder(first, configMaps, { predicates: [ours] }).complete({ reconcile: async ({ name }) => void others.push(name) });
    const waiting = new ControllerBuilder(second, configMaps, { predicates: [ours] }).complete(noting());
    const leader = start(first);
    await cluster.advance(100);
    const standby = start(second);
    await cluster.advance(60_000);
    assert.deepEqual([others, waiting.length, reconciled], [['a'], 1, []]);
    await cluster.drive(maps.create(labelled('b')));
    await cluster.advance(1_000);
    assert.deepEqual([waiting.length, reconciled], [2, []]);
    leader.stop();
    await cluster.drive(leader.running);
    await cluster.drive(second.elected);
    const sinceMs = second.process.clock.monotonic();
    await cluster.settle();
    assert.equal(second.process.clock.monotonic(), sinceMs);
    // What changed goes before what was there at the start.
    assert.deepEqual([waiting.length, reconciled], [0, ['default/b', 'default/a']]);
    standby.stop();
    await cluster.drive(standby.running);
    assert.deepEqual(cluster.runtime.failures, []);
  });

  test('keeps the manager from standing for election while its cache does not come, and ends it when it comes too late', async () => {
    const things = resourceHandle({ group: 'none.example.com', version: 'v1', resource: 'things', kind: 'Thing', namespaced: true });
    const { cluster, admin, another, noting } = await scene({ ...election, cacheSyncTimeoutMs: 5_000 });
    const manager = another();
    new ControllerBuilder(manager, things).complete(noting());
    const { running } = start(manager);
    await assert.rejects(cluster.drive(running), (error) => error instanceof CacheSyncError && error.kind === 'Thing');
    assert.deepEqual((await cluster.drive(admin.coordinationV1.leases('default').list())).items, []);
  });

  test('has started its sources once, and takes another one', async () => {
    const { cluster, another, noting, reconciled } = await scene(election);
    const starts: string[] = [];
    const source = (name: string): Source => ({
      start(queue) {
        starts.push(name);
        queue.add({ namespace: 'default', name });
      },
      synced: async () => undefined,
    });
    const [first, second] = [another(), another()];
    const leader = start(first);
    await cluster.advance(100);
    const controller = new ControllerBuilder(second, configMaps, { predicates: [ours] }).watchesSource(source('early')).complete(noting());
    const standby = start(second);
    await cluster.advance(10_000);
    assert.deepEqual([starts, controller.length], [['early'], 1]);
    await cluster.drive(controller.watch(source('late')));
    assert.deepEqual([starts, controller.length, reconciled], [['early', 'late'], 2, []]);
    leader.stop();
    await cluster.drive(leader.running);
    await cluster.advance(60_000);
    assert.deepEqual(
      [starts, reconciled],
      [
        ['early', 'late'],
        ['default/early', 'default/late'],
      ],
    );
    standby.stop();
    await cluster.drive(standby.running);
  });
});

for (const needLeaderElection of [true, false]) {
  test(`a stop leaves nothing of a controller that ${needLeaderElection ? 'never led' : 'needed no lead'}`, async () => {
    const { cluster, admin, another, noting, reconciled } = await scene(election);
    const [first, second] = [another(), another()];
    const leader = start(first);
    await cluster.advance(100);
    await cluster.drive(admin.coreV1.configMaps('default').create(labelled('a')));
    new ControllerBuilder(second, configMaps, { predicates: [ours] }).withOptions({ needLeaderElection }).complete(noting());
    const informer = second.cache.part(configMaps, 'default')?.informer();
    const standby = start(second);
    await cluster.advance(10_000);
    assert.deepEqual(reconciled, needLeaderElection ? [] : ['default/a']);
    standby.stop();
    await cluster.drive(standby.running);
    leader.stop();
    await cluster.drive(leader.running);
    await cluster.settle();
    await cluster.drive(admin.coreV1.configMaps('default').patch('a', 'merge', { data: { a: 'b' } }));
    await cluster.settle();
    assert.deepEqual([reconciled.length, cluster.runtime.failures], [needLeaderElection ? 0 : 1, []]);
    assert.equal(informer?.isStopped, true);
  });
}

describe('the priority that an event brings', () => {
  const name = ({ metadata }: { readonly metadata: { readonly name?: string } }): string => metadata.name ?? '';
  const handlers: Record<string, () => EventHandler<object & { metadata: { name?: string } }>> = {
    enqueueRequestForObject: () => enqueueRequestForObject(),
    enqueueRequestForOwner: () => enqueueRequestForOwner(configMaps),
    enqueueRequestsFromMapFunc: () => enqueueRequestsFromMapFunc((object) => [request(name(object))]),
    'a map function that takes its time': () => enqueueRequestsFromMapFunc(async (object) => [request(name(object))]),
    'a handler of one’s own': () => ({
      create: (object, queue) => queue.add(request(name(object))),
      update: (_old, object, queue) => queue.add(request(name(object))),
    }),
    'a handler that waits': () => ({
      create: (object, queue) => queue.add(request(name(object)), { afterMs: 10 }),
      update: (_old, object, queue) => queue.add(request(name(object)), { afterMs: 10 }),
    }),
  };
  for (const [title, handler] of Object.entries(handlers)) {
    for (const usePriorityQueue of title === 'enqueueRequestForObject' ? [true, false] : [true]) {
      test(`${title}: low at the start and in a resync, ${usePriorityQueue ? 'not of a change' : 'none without a priority queue'}`, async () => {
        const { cluster, admin, manager, noting, run } = await scene({ resyncPeriodMs: 60_000 });
        const maps = admin.coreV1.configMaps('default');
        const { metadata } = await cluster.drive(maps.create({ metadata: { name: 'owner' } }));
        const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: metadata.uid ?? '', controller: true }];
        await cluster.drive(maps.create(labelled('old', { ownerReferences })));
        const priorities: number[] = [];
        new ControllerBuilder(manager, resources.core.v1.nodes)
          .watches(configMaps, handler(), { predicates: [ours] })
          .withOptions({ usePriorityQueue })
          .complete(noting(async (_request, { priority }) => void priorities.push(priority)));
        await run();
        await cluster.drive(maps.create(labelled('new', { ownerReferences })));
        await cluster.settle();
        await cluster.drive(maps.patch('new', 'merge', { data: { a: 'b' } }));
        await cluster.settle();
        const changes = priorities.splice(0);
        await cluster.advance(61_000);
        assert.deepEqual(changes, usePriorityQueue ? [-100, 0, 0] : [0, 0, 0]);
        assert.ok(priorities.length > 0 && priorities.every((priority) => priority === (usePriorityQueue ? -100 : 0)));
      });
    }
  }

  test('is what a handler asks for, at the start too', async () => {
    const { cluster, admin, manager, noting, run } = await scene();
    await cluster.drive(admin.coreV1.configMaps('default').create(labelled('old')));
    const priorities: number[] = [];
    new ControllerBuilder(manager, resources.core.v1.nodes)
      .watchesSource(kindSource(manager.cache, configMaps, { create: (_object, queue) => queue.add(request('x'), { priority: 5 }) }, ours))
      .complete(noting(async (_request, { priority }) => void priorities.push(priority)));
    await run();
    assert.deepEqual(priorities, [5]);
  });
});
