import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resources } from '@coracle/client';
import { setControllerReference } from '../client/ownership.ts';
import { labelled, ours, scene } from '../fixtures/scene.ts';
import { ControllerBuilder } from './builder.ts';
import { generationChanged } from './predicate.ts';
import { TerminalError } from './reconcile.ts';

const { configMaps, secrets, pods } = resources.core.v1;

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
  const kind = { group: '', version: 'v1', kind: 'ConfigMap' };

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
