import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ItemExponentialFailureRateLimiter, onlyMetadata, resources } from '@coracle/client';
import type { Logger } from '@coracle/kernel';
import { setControllerReference } from '../client/ownership.ts';
import { labelled, ours, scene } from '../fixtures/scene.ts';
import { ControllerBuilder } from './builder.ts';
import { enqueueRequestForObject, enqueueRequestForOwner, enqueueRequestsFromMapFunc } from './event-handler.ts';
import type { Predicate } from './predicate.ts';
import { RequestControllerBuilder } from './request-controller-builder.ts';
import { objectRequests, type RequestType } from './request-type.ts';
import { ChannelSource } from './source.ts';

const { configMaps, secrets } = resources.core.v1;
const kind = { group: '', version: 'v1', kind: 'ConfigMap' };

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
