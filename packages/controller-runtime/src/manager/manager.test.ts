import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resourceHandle, resources } from '@coracle/client';
import { untilAborted } from '@coracle/kernel';
import { CacheSyncError } from '../client/informer-cache.ts';
import { ControllerBuilder } from '../controller/builder.ts';
import { labelled, ours, type Scene, scene } from '../fixtures/scene.ts';
import { HealthEndpoint } from './health.ts';
import type { HttpRequest } from '../transport/http-server.ts';
import type { Phase, Runnable } from './runnables.ts';

const { configMaps, secrets } = resources.core.v1;
const things = resourceHandle({ group: 'none.example.com', version: 'v1', resource: 'things', kind: 'Thing', namespaced: true });

/** Notes when it begins and ends. */
function told(name: string, phase: Phase | undefined, log: string[]): Runnable {
  return {
    name,
    ...(phase !== undefined && { phase }),
    async run(signal) {
      log.push(`${name} begins`);
      await untilAborted(signal);
      log.push(`${name} ends`);
    },
  };
}

describe('Manager', () => {
  test('starts servers, then fills the caches, then runs what always runs and what leads; a stop goes the other way round', async () => {
    const { cluster, admin, manager } = await scene();
    await cluster.drive(admin.coreV1.configMaps('default').create(labelled('a')));
    const informer = manager.informers.forResource(configMaps);
    const log: string[] = [];
    manager.add(told('leading', undefined, log));
    manager.add(told('always', 'always', log));
    manager.add({
      ...told('server', 'servers', log),
      async ready() {
        log.push(`cache is full before the server is ready: ${informer.hasSynced()}`);
      },
    });
    const stop = new AbortController();
    const running = manager.run(stop.signal);
    await cluster.settle();
    await assert.rejects(manager.run(stop.signal), /it runs already/);
    manager.add(told('late', 'always', log));
    await cluster.settle();
    assert.equal(informer.hasSynced(), true);
    stop.abort();
    await cluster.drive(running);
    assert.deepEqual(log.slice(0, 2).sort(), ['cache is full before the server is ready: false', 'server begins']);
    assert.deepEqual([log.slice(2, 4).sort(), log[4]], [['always begins', 'leading begins'], 'late begins']);
    assert.deepEqual(
      [log.slice(5, 7).sort(), log.slice(7)],
      [
        ['always ends', 'late ends'],
        ['leading ends', 'server ends'],
      ],
    );
    assert.throws(() => informer.addEventHandler({}), /has stopped/);
    assert.throws(() => manager.add(told('later', undefined, log)), /"later": the manager has stopped/);
  });

  test('a runnable that throws ends the manager with its error, and what else runs', async () => {
    const { cluster, manager } = await scene();
    const log: string[] = [];
    manager.add(told('other', 'always', log));
    manager.add({
      name: 'broken',
      run: async () => {
        await manager.process.clock.sleep(1_000);
        throw new Error('no luck');
      },
    });
    await assert.rejects(cluster.drive(manager.run()), /^Error: no luck$/);
    assert.deepEqual(log, ['other begins', 'other ends']);
    assert.deepEqual(cluster.runtime.failures, []);
  });

  test('its client reads the cache, starting an informer where there is none, and writes to the server', async () => {
    const { cluster, admin, manager, run } = await scene();
    await run();
    const { client } = manager;
    await cluster.drive(client.create(configMaps, labelled('a')));
    const key = { namespace: 'default', name: 'a' };
    assert.equal((await cluster.drive(client.get(configMaps, key)))?.metadata.name, 'a');
    assert.equal(await cluster.drive(client.get(configMaps, { ...key, name: 'none' })), undefined);
    const listed = await cluster.drive(client.list(configMaps, { namespace: 'default' }));
    assert.equal(listed.filter(({ metadata }) => metadata.labels?.['app'] === 'x').length, 1);
    await cluster.drive(client.patch(configMaps, key, 'merge', { data: { a: 'b' } }));
    assert.deepEqual((await cluster.drive(admin.coreV1.configMaps('default').get('a'))).data, { a: 'b' });
    await cluster.drive(client.delete(configMaps, key));
    await cluster.settle();
    assert.equal(await cluster.drive(client.get(configMaps, key)), undefined);
    await assert.rejects(
      cluster.drive(client.get(configMaps, { namespace: 'kube-system', name: 'a' })),
      /^RangeError: Cannot read ConfigMap in namespace "kube-system" from the cache: it holds namespace "default" only$/,
    );
    assert.equal(await cluster.drive(manager.apiReader.get(configMaps, { namespace: 'kube-system', name: 'none' })), undefined);
  });

  test('a kind that cannot be listed holds up no other, and says in time what is wrong with it', async () => {
    const { cluster, manager, run } = await scene({ cacheSyncTimeoutMs: 5_000 });
    await run();
    const unknown = assert.rejects(manager.client.get(things, { namespace: 'default', name: 'x' }), (error: Error) => {
      assert.ok(error instanceof CacheSyncError && error.kind === 'Thing');
      assert.match(
        error.message,
        /^Timed out after 5 s waiting for the cache of Thing \("things.v1.none.example.com"\) to sync: .*not find/,
      );
      return true;
    });
    const none = await cluster.drive(manager.client.get(secrets, { namespace: 'default', name: 'none' }));
    assert.equal(none, undefined);
    await cluster.drive(unknown);
  });

  test('ends when the cache of a controller does not come in time', async () => {
    const { cluster, manager, noting } = await scene({ cacheSyncTimeoutMs: 5_000 });
    new ControllerBuilder(manager, things).complete(noting());
    await assert.rejects(cluster.drive(manager.run()), (error) => error instanceof CacheSyncError && error.kind === 'Thing');
  });

  for (const { gracefulShutdownTimeoutMs, endsAfterMs, error } of [
    { gracefulShutdownTimeoutMs: 30_000, endsAfterMs: 10_000, error: undefined },
    { gracefulShutdownTimeoutMs: 3_000, endsAfterMs: 3_000, error: /within grace period of 3s$/ },
    { gracefulShutdownTimeoutMs: 0, endsAfterMs: 0, error: undefined },
    { gracefulShutdownTimeoutMs: -1, endsAfterMs: 10_000, error: undefined },
  ]) {
    test(`a stop waits ${gracefulShutdownTimeoutMs} ms for what does not end at once`, async () => {
      const { cluster, manager } = await scene({ gracefulShutdownTimeoutMs });
      const { clock } = manager.process;
      manager.add({
        name: 'slow',
        async run(signal) {
          await untilAborted(signal);
          await clock.sleep(10_000);
        },
      });
      const stop = new AbortController();
      const running = manager.run(stop.signal);
      await cluster.settle();
      const startMs = clock.monotonic();
      stop.abort();
      if (error === undefined) await cluster.drive(running);
      else await assert.rejects(cluster.drive(running), error);
      assert.equal(Math.round(clock.monotonic() - startMs), endsAfterMs);
    });
  }

  test('refuses two controllers of one name', async () => {
    const { manager, noting } = await scene();
    new ControllerBuilder(manager, configMaps).complete(noting());
    assert.throws(() => new ControllerBuilder(manager, configMaps).complete(noting()), /"configmap": there is one of that name/);
  });
});

describe('Manager with leader election', () => {
  const leaderElection = { id: 'operator', namespace: 'default', releaseOnCancel: true };

  /** Two replicas, each with a controller that needs to lead and one that does not; `log` says which of them reconciled. */
  async function replicas(): Promise<
    Scene & { readonly log: string[]; start(name: string): { stop(): Promise<void>; readonly running: Promise<void> } }
  > {
    const of = await scene({ leaderElection });
    const log: string[] = [];
    return {
      ...of,
      log,
      start(name) {
        const manager = of.another({ leaderElection: { ...leaderElection, identity: name } });
        for (const needLeaderElection of [true, false]) {
          new ControllerBuilder(manager, configMaps, { predicates: [ours] })
            .named(needLeaderElection ? 'leads' : 'follows')
            .withOptions({ needLeaderElection })
            .complete({
              async reconcile(request) {
                log.push(`${name} ${needLeaderElection ? 'leads' : 'follows'} ${request.name}`);
              },
            });
        }
        const stop = new AbortController();
        const running = manager.run(stop.signal);
        running.catch(() => undefined); // looked at below, by those who care
        return {
          running,
          stop: async () => {
            stop.abort();
            await of.cluster.drive(running);
          },
        };
      },
    };
  }

  test('one of two works; when it stops, it gives the lease back and the other takes over at once', async () => {
    const { cluster, admin, log, start } = await replicas();
    const first = start('first');
    await cluster.settle();
    const second = start('second');
    await cluster.settle();
    await cluster.drive(admin.coreV1.configMaps('default').create(labelled('a')));
    await cluster.settle();
    assert.deepEqual(log.sort(), ['first follows a', 'first leads a', 'second follows a']);
    await first.stop();
    assert.equal((await cluster.drive(admin.coordinationV1.leases('default').get('operator'))).spec?.holderIdentity, '');
    await cluster.advance(5_000);
    assert.deepEqual(log.slice(3), ['second leads a']); // its queue was full already
    await second.stop();
    assert.deepEqual(cluster.runtime.failures, []);
  });

  test('a lost lease ends the manager with an error, without a wait', async () => {
    const { cluster, admin, log, start } = await replicas();
    const { running } = start('first');
    await cluster.drive(admin.coreV1.configMaps('default').create(labelled('a')));
    await cluster.settle();
    assert.ok(log.includes('first leads a'));
    await cluster.drive(admin.coordinationV1.leases('default').patch('operator', 'merge', { spec: { holderIdentity: 'thief' } }));
    await assert.rejects(cluster.drive(running), /^Error: leader election lost$/);
    await cluster.settle();
    const before = log.length;
    await cluster.drive(admin.coreV1.configMaps('default').create(labelled('b')));
    await cluster.settle();
    assert.equal(log.length, before, 'nothing is reconciled any more');
  });

  test('a candidate that is stopped before it leads ends quietly', async () => {
    const { cluster, log, start } = await replicas();
    const first = start('first');
    await cluster.settle();
    const second = start('second');
    await cluster.settle();
    await second.stop();
    await first.stop();
    assert.deepEqual(log, []);
  });
});

describe('Manager.answerProbe() and answerMetrics()', () => {
  const request = (path: string): HttpRequest => ({
    method: 'GET',
    url: new URL(path, 'http://localhost'),
    headers: {},
    signal: new AbortController().signal,
  });

  test('answers the checks of health and readiness apart, and nothing else', async () => {
    const { manager } = await scene();
    manager.addHealthzCheck('lease', () => undefined);
    manager.addReadyzCheck('cache', async () => {
      throw new Error('not yet');
    });
    const of = async (path: string): Promise<string> => {
      const { status, body } = await manager.answerProbe(request(path));
      return `${status} ${body}`;
    };
    assert.equal(await of('/healthz'), '200 ok');
    assert.equal(await of('/healthz/?verbose'), '200 [+]lease ok\nhealthz check passed\n');
    assert.equal(await of('/readyz'), '500 [-]cache failed: reason withheld\nhealthz check failed\n');
    assert.equal(await of('/readyz/cache'), '500 internal server error: not yet\n');
    assert.equal(await of('/readyz?exclude=cache&exclude=none'), '200 ok');
    assert.match(await of('/readyz?exclude=cache&exclude=none&verbose'), /\[\+\]cache excluded: ok\nwarn: .* no matches for "none"\n/);
    assert.equal(await of('/healthz/none'), '404 404 page not found\n');
    assert.equal(await of('/healthzz'), '404 404 page not found\n');
    assert.throws(() => manager.addReadyzCheck('cache', () => undefined), RangeError);
    assert.throws(() => manager.addReadyzCheck('a/b', () => undefined), RangeError);
  });

  test('without checks there is a ping', async () => {
    const endpoint = new HealthEndpoint('/healthz', () => undefined);
    assert.equal((await endpoint.answer(request('/healthz/ping')))?.body, 'ok');
    assert.equal((await endpoint.answer(request('/healthz?verbose')))?.body, '[+]ping ok\nhealthz check passed\n');
  });

  test('metrics have upstream’s names', async () => {
    const { cluster, manager, admin, noting, run } = await scene({ leaderElection: { id: 'x', namespace: 'default' } });
    new ControllerBuilder(manager, configMaps, { predicates: [ours] }).complete(noting());
    await cluster.drive(admin.coreV1.configMaps('default').create(labelled('a')));
    await run();
    const { status, headers, ...answer } = await manager.answerMetrics(request('/metrics'));
    const body = String(answer.body);
    assert.deepEqual([status, headers['content-type']], [200, 'text/plain; version=0.0.4; charset=utf-8']);
    for (const line of [
      'controller_runtime_reconcile_total{controller="configmap",result="success"} 1',
      'controller_runtime_reconcile_total{controller="configmap",result="requeue_after"} 0',
      'controller_runtime_reconcile_errors_total{controller="configmap"} 0',
      'controller_runtime_terminal_reconcile_errors_total{controller="configmap"} 0',
      'controller_runtime_reconcile_panics_total{controller="configmap"} 0',
      'controller_runtime_reconcile_timeouts_total{controller="configmap"} 0',
      'controller_runtime_reconcile_time_seconds_count{controller="configmap"} 1',
      'controller_runtime_max_concurrent_reconciles{controller="configmap"} 1',
      'controller_runtime_active_workers{controller="configmap"} 0',
      'workqueue_adds_total{name="configmap",controller="configmap"} 1',
      'workqueue_depth{name="configmap",controller="configmap",priority="-100"} 0',
      'leader_election_master_status{name="x"} 1',
    ]) {
      assert.ok(body.split('\n').includes(line), `${line} in\n${body}`);
    }
    assert.match(body, /^rest_client_requests_total\{code="201",method="POST",host=""\} \d+$/m);
    assert.equal((await manager.answerMetrics(request('/'))).status, 404);
  });
});
