import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resourceHandle, resources } from '@coracle/client';
import { CacheSyncError } from '../client/informer-cache.ts';
import { labelled, ours, scene } from '../fixtures/scene.ts';
import type { Manager } from '../manager/manager.ts';
import { ControllerBuilder } from './builder.ts';
import type { Source } from './source.ts';

const { configMaps } = resources.core.v1;
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
