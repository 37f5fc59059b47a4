import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isConflict, type KubeObject } from '@coracle/apimachinery';
import { type Clientset, resourceHandle, resources } from '@coracle/client';
import { SimulatedCluster } from '@coracle/cluster';
import { uniform } from '@coracle/simulator';
import { ControllerBuilder } from '../controller/builder.ts';
import { createOrUpdate } from '../client/create-or-update.ts';
import { hasFinalizer, withFinalizer, withoutFinalizer } from '../client/finalizers.ts';
import { Manager } from './manager.ts';
import { setControllerReference } from '../client/ownership.ts';
import { generationChanged, type Predicate } from '../controller/predicate.ts';
import { type Reconciler, TerminalError } from '../controller/reconcile.ts';

const { configMaps, secrets, pods } = resources.core.v1;
const finalizer = 'example.com/cleanup';

/** A real control plane without machines, made once; each test gets a fork of it, and a manager in a process of its own. */
let origin: Promise<SimulatedCluster> | undefined;

interface Scene {
  readonly cluster: SimulatedCluster;
  readonly admin: Clientset;
  readonly manager: Manager;
  readonly reconciled: string[];
  /** A reconciler that notes its requests and then does `act`. */
  noting(act?: Reconciler['reconcile']): Reconciler;
  /** Starts the manager and lets everything settle. */
  run(): Promise<void>;
}

async function scene(label = 'one'): Promise<Scene> {
  origin ??= SimulatedCluster.start({ seed: 1, strategy: uniform(), nodes: 0 });
  const cluster = await (await origin).fork({ label, strategy: uniform() });
  await cluster.settle();
  const clientset = cluster.cluster.clientset('operator', { name: 'operator', groups: ['system:masters'] });
  const manager = new Manager({ process: clientset.process, clientset, name: 'operator', namespace: 'default' });
  const reconciled: string[] = [];
  return {
    cluster,
    admin: cluster.admin,
    manager,
    reconciled,
    noting: (act) => ({
      async reconcile(request) {
        reconciled.push(`${request.namespace}/${request.name}`);
        return act?.(request);
      },
    }),
    async run() {
      clientset.process.spawn('manager', (signal) => manager.run(signal));
      await cluster.settle();
    },
  };
}

/** Only objects with the label `app`: a namespace has others of its own. */
const ours: Predicate<KubeObject> = {
  create: ({ metadata }) => metadata.labels?.['app'] !== undefined,
  update: (_old, { metadata }) => metadata.labels?.['app'] !== undefined,
  delete: ({ metadata }) => metadata.labels?.['app'] !== undefined,
};
const labelled = (
  name: string,
  rest: object = {},
): { readonly metadata: { readonly name: string; readonly namespace: string; readonly labels: { readonly app: string } } } => ({
  metadata: { name, namespace: 'default', labels: { app: 'x' }, ...rest },
});

describe('Manager', () => {
  test('fills the cache before anything runs, and ends what it started', async () => {
    const { cluster, admin, manager } = await scene();
    await cluster.drive(admin.coreV1.configMaps('default').create(labelled('a')));
    const informer = manager.informers.forResource(configMaps);
    const told: string[] = [];
    manager.add({
      name: 'first',
      async run(signal) {
        told.push(`started, synced: ${informer.hasSynced()}`);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        told.push('ended');
      },
    });
    const stop = new AbortController();
    const running = manager.run(stop.signal);
    await cluster.settle();
    assert.deepEqual(told, ['started, synced: true']);
    assert.throws(() => manager.add({ name: 'late', run: async () => undefined }), /"late": the manager runs already/);
    await assert.rejects(manager.run(stop.signal), /it runs already/);
    stop.abort();
    await cluster.drive(running);
    assert.deepEqual(told, ['started, synced: true', 'ended']);
    assert.throws(() => informer.addEventHandler({}), /has stopped/);
  });

  test('its client reads the cache, starting an informer where there is none, and writes to the server', async () => {
    const { cluster, admin, manager, run } = await scene();
    await run();
    const { client } = manager;
    await cluster.drive(client.create(configMaps, labelled('a')));
    const key = { namespace: 'default', name: 'a' };
    assert.equal((await cluster.drive(client.get(configMaps, key)))?.metadata.name, 'a');
    assert.equal(await cluster.drive(client.get(configMaps, { ...key, name: 'none' })), undefined);
    assert.equal(
      (await cluster.drive(client.list(configMaps, { namespace: 'default' }))).filter(({ metadata }) => metadata.labels?.['app'] === 'x')
        .length,
      1,
    );
    await cluster.drive(client.patch(configMaps, key, 'merge', { data: { a: 'b' } }));
    assert.deepEqual((await cluster.drive(admin.coreV1.configMaps('default').get('a'))).data, { a: 'b' });
    await cluster.drive(client.delete(configMaps, key));
    await cluster.settle();
    assert.equal(await cluster.drive(client.get(configMaps, key)), undefined);
  });

  test('a kind that cannot be listed holds up no other', async () => {
    const { cluster, manager, run } = await scene();
    await run();
    const unknown = resourceHandle({ group: 'none.example.com', version: 'v1', resource: 'things', kind: 'Thing', namespaced: true });
    manager.client.get(unknown, { namespace: 'default', name: 'x' }).catch(() => undefined); // waits for as long as the manager runs
    const none = await cluster.drive(manager.client.get(secrets, { namespace: 'default', name: 'none' }));
    assert.equal(none, undefined);
  });
});

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
    const kind = { group: '', version: 'v1', kind: 'ConfigMap' };
    const owned = admin.coreV1.secrets('default');
    await cluster.drive(owned.create({ metadata: { name: 'nobodys' } }));
    await cluster.drive(owned.create(setControllerReference(owners[0], kind, { metadata: { name: 'owned' } })));
    await cluster.settle();
    assert.deepEqual(reconciled, ['default/a']);
    const handedOver = setControllerReference(owners[1], kind, { metadata: { name: 'owned' } });
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
    const controller = new ControllerBuilder(manager, configMaps, { predicates: [ours] }).complete(reconciler);
    await run();
    const times = (name: string): number => reconciled.filter((key) => key === `default/${name}`).length;
    assert.deepEqual([times('fails'), times('returns'), times('terminal')], [5, 3, 1]);
    assert.deepEqual(
      attemptsMs.slice(1).map((ms, i) => Math.round(ms - (attemptsMs[i] ?? 0))),
      [5, 10, 20, 40],
    );
    assert.equal(controller.queue.numRequeues('default/fails'), 0);
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
    new ControllerBuilder(manager, configMaps, { predicates: [ours] }).withWorkers(3).complete(reconciler);
    await run();
    const maps = admin.coreV1.configMaps('default');
    await cluster.drive(Promise.all(['a', 'b', 'c', 'd'].map((name) => maps.create(labelled(name)))));
    await cluster.drive(Promise.all(['a', 'b'].map((name) => maps.patch(name, 'merge', { data: { a: 'b' } }))));
    await cluster.settle();
    assert.equal(most, 3);
    assert.deepEqual(cluster.runtime.failures, []);
  });
});

describe('finalizers and createOrUpdate on a real server', () => {
  test('an object with our finalizer goes when we have cleaned up, not before', async () => {
    const { cluster, admin, manager, noting, run } = await scene();
    const cleaned: string[] = [];
    const reconciler = noting(async (key) => {
      const map = await manager.client.get(configMaps, key);
      if (map === undefined) return;
      if (map.metadata.deletionTimestamp === undefined) {
        if (!hasFinalizer(map, finalizer)) await manager.client.update(configMaps, withFinalizer(map, finalizer));
        return;
      }
      cleaned.push(key.name);
      await manager.client.update(configMaps, withoutFinalizer(map, finalizer));
    });
    new ControllerBuilder(manager, configMaps, { predicates: [ours] }).complete(reconciler);
    await run();
    const maps = admin.coreV1.configMaps('default');
    await cluster.drive(maps.create(labelled('a')));
    await cluster.settle();
    assert.deepEqual((await cluster.drive(maps.get('a'))).metadata.finalizers, [finalizer]);
    await cluster.drive(maps.delete('a'));
    await cluster.settle();
    assert.deepEqual(cleaned, ['a']);
    await assert.rejects(cluster.drive(maps.get('a')), /not found/);
  });

  test('createOrUpdate creates, updates, leaves alone, conflicts, and refuses another name', async () => {
    const { cluster, admin, manager } = await scene();
    const key = { namespace: 'default', name: 'a' };
    const make = (data: Record<string, string>): ReturnType<typeof createOrUpdate> =>
      cluster.drive(createOrUpdate(manager.client, configMaps, key, (current) => ({ ...(current ?? labelled('a')), data })));
    assert.equal((await make({ a: '1' })).operation, 'created');
    const { metadata } = await cluster.drive(admin.coreV1.configMaps('default').get('a'));
    assert.equal((await make({ a: '1' })).operation, 'unchanged');
    assert.equal((await cluster.drive(admin.coreV1.configMaps('default').get('a'))).metadata.resourceVersion, metadata.resourceVersion);
    assert.equal((await make({ a: '2' })).operation, 'updated');
    const late = createOrUpdate(manager.client, configMaps, key, (current) => ({
      ...current,
      metadata: { ...metadata },
      data: { a: '3' },
    }));
    await assert.rejects(cluster.drive(late), isConflict);
    for (const renamed of [
      { name: 'b', namespace: 'default' },
      { name: 'a', namespace: 'other' },
    ]) {
      await assert.rejects(cluster.drive(createOrUpdate(manager.client, configMaps, key, () => ({ metadata: renamed }))), TypeError);
    }
  });
});
