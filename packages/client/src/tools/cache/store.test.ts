import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, everything, type Frozen, isNotFound, type KubeObject, parseLabelSelector } from '@coracle/apimachinery';
import { described, object } from './fixtures/objects.ts';
import { indexByNamespace, namespaceIndex, Store } from './indexer.ts';
import { DeletedFinalStateUnknown, deletionKey, deletionName, objectNameKey, splitMetaNamespaceKey } from './keys.ts';
import { listerOf } from './lister.ts';
import { MutationCache } from './mutation-cache.ts';
import { withoutManagedFields } from './strip.ts';
import { ThreadSafeStore } from './thread-safe-store.ts';

const byLabels = (item: Frozen<KubeObject>): readonly string[] => Object.values(item.metadata.labels ?? {});

function named(namespace: string, name: string, labels: Readonly<Record<string, string>> = {}): Frozen<KubeObject> {
  return deepFreeze({ metadata: { namespace, name, resourceVersion: '1', labels: { ...labels } } });
}

describe('Store', () => {
  test('adds, updates, deletes, lists and replaces by key', () => {
    const store = new Store<KubeObject>();
    store.add(object('a'));
    store.update(object('a', '2'));
    store.add(object('b'));
    assert.equal(store.get(object('a', 'whatever'))?.metadata.resourceVersion, '2');
    assert.deepEqual([store.size, store.listKeys(), store.list().map(described)], [2, ['a', 'b'], ['a@2', 'b@1']]);
    store.delete(object('a', '9'));
    store.delete(new DeletedFinalStateUnknown<KubeObject>('b', undefined));
    store.delete(object('never there'));
    assert.equal(store.size, 0);
    store.replace([object('c')], '5');
    assert.deepEqual(store.listKeys(), ['c']);
    store.resync();
    assert.equal(store.size, 1);
  });

  test('transforms what is written, once', () => {
    const transform = (item: Frozen<KubeObject>): Frozen<KubeObject> =>
      deepFreeze({ metadata: { ...item.metadata, resourceVersion: `${item.metadata.resourceVersion}t` } });
    const store = new Store<KubeObject>({ transform });
    store.add(object('a'));
    store.update(object('a', '2'));
    assert.deepEqual(store.list().map(described), ['a@2t']);
    store.replace([object('b')]);
    assert.deepEqual(store.list().map(described), ['b@1t']);
    store.replace([object('c')], '', true);
    assert.deepEqual(store.list().map(described), ['c@1']);
  });

  test('refuses what has no key, and changes nothing then', () => {
    const store = new Store<KubeObject>();
    store.add(object('a'));
    for (const write of [
      () => store.add({} as KubeObject),
      () => store.replace([object('b'), {} as KubeObject]),
      () => store.get({} as KubeObject),
    ]) {
      assert.throws(write, TypeError);
    }
    assert.deepEqual(store.listKeys(), ['a']);
  });

  test('a transaction applies what has a key, and tells of what has none', () => {
    const store = new Store<KubeObject>();
    const change = (item: Frozen<KubeObject>, type: 'set' | 'delete' = 'set') => ({ type, object: item });
    assert.deepEqual(store.transaction([change(object('a')), change(object('b'))]).failed, []);
    const { failed } = store.transaction([
      change(object('c')),
      change({} as KubeObject),
      change(object('a'), 'delete'),
      change({} as KubeObject),
    ]);
    assert.deepEqual(
      failed.map(({ at }) => at),
      [1, 3],
    );
    assert.ok(failed.every(({ error }) => error instanceof TypeError));
    assert.deepEqual(store.listKeys(), ['b', 'c']);
    assert.equal(store.transaction([change({} as KubeObject)]).failed.length, 1);
  });

  test('knows the version of the newest thing that was written or bookmarked', () => {
    const store = new Store<KubeObject>();
    const version = (write: () => void): string => {
      write();
      return store.lastStoreSyncResourceVersion;
    };
    assert.equal(store.lastStoreSyncResourceVersion, '');
    assert.equal(
      version(() => store.replace([object('a', '1')], '10')),
      '10',
    );
    assert.equal(
      version(() => store.add(object('b', '11'))),
      '11',
    );
    assert.equal(
      version(() => store.update(object('b', '12'))),
      '12',
    );
    assert.equal(
      version(() => store.delete(object('b', '13'))),
      '13',
    );
    assert.equal(
      version(() => store.bookmark('20')),
      '20',
    );
    assert.equal(
      version(() => store.delete(new DeletedFinalStateUnknown<KubeObject>('a', object('a', '1')))),
      '20',
    );
  });
});

describe('indexes', () => {
  test('file under every value, find what shares a value with an object, each once', () => {
    const store = new Store<KubeObject>({ indexers: { label: byLabels } });
    store.add(object('a', '1', { x: 'web', y: 'db' }));
    store.add(object('b', '1', { x: 'web' }));
    store.add(object('c', '1', { x: 'other' }));
    assert.deepEqual(store.byIndex('label', 'web').map(described), ['a@1', 'b@1']);
    assert.deepEqual(store.index('label', object('query', '', { x: 'web', y: 'db' })).map(described), ['a@1', 'b@1']);
    assert.deepEqual(store.index('label', object('query', '', { x: 'db' })).map(described), ['a@1']);
    assert.deepEqual(store.index('label', object('query')).map(described), []);
    assert.deepEqual(store.listIndexValues('label'), ['db', 'other', 'web']);
    assert.deepEqual(store.indexKeys('label', 'web'), ['a', 'b']);
    assert.deepEqual(Object.keys(store.indexers()), ['label']);
  });

  test('follow updates and deletions of objects under several values', () => {
    const store = new ThreadSafeStore<KubeObject>({ label: byLabels });
    store.set('a', object('a', '1', { x: 'one', y: 'two' }));
    store.set('b', object('b', '1', { x: 'two' }));
    store.set('a', object('a', '2', { x: 'two', y: 'three' }));
    assert.deepEqual(
      store.listIndexValues('label').map((value) => [value, store.indexKeys('label', value)]),
      [
        ['three', ['a']],
        ['two', ['a', 'b']],
      ],
    );
    store.delete('a');
    assert.deepEqual(store.listIndexValues('label'), ['two']);
    store.replace(['c'], [object('c', '1', { x: 'four' })], '9');
    assert.deepEqual(store.listIndexValues('label'), ['four']);
  });

  test('keep no set that is empty, and the others as they are', () => {
    const store = new ThreadSafeStore<KubeObject>({ label: byLabels });
    for (let i = 0; i < 100; i++) {
      store.set('a', object('a', '1', { x: `v${i}` }));
      assert.deepEqual(store.listIndexValues('label'), [`v${i}`]);
    }
    store.set('b', object('b', '1', { x: 'v99' }));
    store.delete('a');
    assert.deepEqual(store.indexKeys('label', 'v99'), ['b']);
    store.delete('b');
    assert.deepEqual(store.listIndexValues('label'), []);
  });

  test('can be added over what is stored, but not twice under a name; a function that throws passes through', () => {
    const store = new Store<KubeObject>({ indexers: { label: byLabels } });
    store.add(named('ns', 'a', { x: 'web' }));
    store.addIndexers({ [namespaceIndex]: indexByNamespace });
    assert.deepEqual(store.byIndex(namespaceIndex, 'ns').length, 1);
    assert.throws(() => store.addIndexers({ fresh: byLabels, label: byLabels }), /"label"/);
    assert.equal(store.hasIndex('fresh'), false);
    assert.throws(() => store.byIndex('none', 'x'), RangeError);
    assert.throws(() => store.index('none', object('a')), RangeError);
    const broken = new Store<KubeObject>({
      indexers: {
        broken: () => {
          throw new Error('bad index');
        },
      },
    });
    assert.throws(() => broken.add(object('a')), /bad index/);
  });
});

describe('listerOf()', () => {
  const objects = [named('a', 'one', { app: 'web' }), named('a', 'two'), named('b', 'one')];

  test('lists by selector, in one namespace or all, with and without an index', () => {
    for (const indexers of [{ [namespaceIndex]: indexByNamespace }, {}]) {
      const store = new Store<KubeObject>({ indexers });
      store.replace(objects);
      const lister = listerOf(store, { group: 'apps', resource: 'things' });
      assert.equal(lister.list().length, 3);
      assert.equal(lister.list(everything).length, 3);
      assert.equal(lister.list(parseLabelSelector('app=web')).length, 1);
      assert.equal(lister.list(parseLabelSelector('app=none')).length, 0);
      assert.equal(lister.namespace('a').list().length, 2);
      assert.equal(lister.namespace('a').list(parseLabelSelector('app=web')).length, 1);
      assert.equal(lister.namespace('none').list().length, 0);
      assert.equal(lister.namespace('').list().length, 3);
    }
  });

  test('gets by name in a namespace, or by key; what is missing is undefined, or the error of the server', () => {
    const store = new Store<KubeObject>({ indexers: { [namespaceIndex]: indexByNamespace } });
    store.replace([...objects, object('cluster')]);
    const lister = listerOf(store, { group: 'apps', resource: 'things' });
    assert.equal(lister.namespace('a').get('one')?.metadata.namespace, 'a');
    assert.equal(lister.namespace('b').get('two'), undefined);
    assert.equal(lister.get('a/one')?.metadata.name, 'one');
    assert.equal(lister.require('cluster').metadata.name, 'cluster');
    assert.throws(
      () => lister.namespace('b').require('two'),
      (error) => isNotFound(error) && /things.apps "two" not found/.test(String(error)),
    );
  });
});

describe('keys', () => {
  test('of names are made and taken apart', () => {
    for (const [name, key] of [
      [{ namespace: 'a', name: 'b' }, 'a/b'],
      [{ namespace: '', name: 'b' }, 'b'],
    ] as const) {
      assert.equal(objectNameKey(name), key);
      assert.deepEqual(splitMetaNamespaceKey(key), name);
    }
    assert.throws(() => splitMetaNamespaceKey('a/b/c'), TypeError);
  });

  test('and names of deletions are known in every case', () => {
    for (const [deleted, key, name] of [
      [named('ns', 'a'), 'ns/a', { namespace: 'ns', name: 'a' }],
      [object('a'), 'a', { namespace: '', name: 'a' }],
      [new DeletedFinalStateUnknown<KubeObject>('ns/a', named('ns', 'a')), 'ns/a', { namespace: 'ns', name: 'a' }],
      [new DeletedFinalStateUnknown<KubeObject>('ns/a/b', undefined), 'ns/a/b', { namespace: 'ns', name: 'a/b' }],
      [new DeletedFinalStateUnknown<KubeObject>('a', undefined), 'a', { namespace: '', name: 'a' }],
    ] as const) {
      assert.equal(deletionKey<KubeObject>(deleted), key);
      assert.deepEqual(deletionName<KubeObject>(deleted), name);
    }
  });
});

describe('MutationCache', () => {
  const written = (version: string, uid = 'u'): Frozen<KubeObject> =>
    deepFreeze({ metadata: { name: 'a', uid, resourceVersion: version, labels: { x: 'web' } } });
  const scene = (options: { readonly includeAdds?: boolean } = {}) => {
    let nowMs = 0;
    const store = new Store<KubeObject>({ indexers: { label: byLabels } });
    const cache = new MutationCache<KubeObject>({ clock: { monotonic: () => nowMs }, indexer: store, ...options });
    return { store, cache, advance: (ms: number) => (nowMs += ms) };
  };
  const version = (item: Frozen<KubeObject> | undefined): string | undefined => item?.metadata.resourceVersion;

  test('gives the newer of what was seen and what was written, compared as numbers', () => {
    const { store, cache } = scene();
    store.add(written('9'));
    cache.mutation(written('10'));
    assert.equal(version(cache.getByKey('a')), '10');
    assert.deepEqual(cache.byIndex('label', 'web').map(version), ['10']);
    cache.mutation(written('8'));
    assert.equal(version(cache.getByKey('a')), '10');
    store.update(written('10'));
    assert.equal(cache.getByKey('a'), store.getByKey('a'));
    store.update(written('11'));
    assert.equal(version(cache.getByKey('a')), '11');
  });

  test('forgets a write when the informer has caught up, and after its time', () => {
    for (const [seen, expected] of [
      ['5', '4'],
      ['6', '4'],
      ['3', '5'],
    ] as const) {
      const { store, cache } = scene();
      store.add(written('4'));
      cache.mutation(written('5'));
      cache.onAddOrUpdate(written(seen));
      assert.equal(version(cache.getByKey('a')), expected, `seen ${seen}`);
    }
    const { store, cache, advance } = scene();
    store.add(written('4'));
    cache.mutation(written('5'));
    advance(300_000);
    assert.equal(version(cache.getByKey('a')), '4');
  });

  test('gives created objects only where that is asked for', () => {
    assert.equal(scene().cache.getByKey('a'), undefined);
    const without = scene();
    without.cache.mutation(written('5'));
    assert.equal(without.cache.getByKey('a'), undefined);
    assert.deepEqual(without.cache.byIndex('label', 'web'), []);
    const { cache } = scene({ includeAdds: true });
    cache.mutation(written('5'));
    assert.equal(version(cache.getByKey('a')), '5');
    assert.deepEqual(cache.byIndex('label', 'web').map(version), ['5']);
    assert.deepEqual(cache.byIndex('label', 'other'), []);
  });

  test('a deletion clears what was written before, and a late answer does not bring the object back', () => {
    const { cache } = scene({ includeAdds: true });
    cache.mutation(written('5'));
    cache.onDelete(written('6'));
    assert.equal(cache.getByKey('a'), undefined);
    assert.deepEqual(cache.byIndex('label', 'web'), []);
    for (const late of ['5', '6', '7']) {
      cache.mutation(written(late));
      assert.equal(cache.getByKey('a'), undefined, late);
    }
  });

  test('a deletion of the same object counts whatever its version; one of an older object does not clear a newer one', () => {
    const same = scene({ includeAdds: true }).cache;
    same.mutation(written('5'));
    same.onDelete(written('4'));
    assert.equal(same.getByKey('a'), undefined);
    const other = scene({ includeAdds: true }).cache;
    other.mutation(written('5', 'new'));
    other.onDelete(written('4', 'old'));
    assert.equal(version(other.getByKey('a')), '5');
  });

  test('an object made anew after a deletion is seen again', () => {
    const { cache } = scene({ includeAdds: true });
    cache.onDelete(written('6', 'old'));
    cache.mutation(written('7', 'new'));
    assert.equal(version(cache.getByKey('a')), '7');
  });
});

describe('withoutManagedFields()', () => {
  test('drops them and nothing else, and leaves what has none as it is', () => {
    const managedFields = [{ manager: 'm', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: {} }];
    const whole = deepFreeze({ ...object('a'), data: { k: 'v' } });
    const managed = deepFreeze({ ...whole, metadata: { ...whole.metadata, managedFields } });
    assert.deepEqual(withoutManagedFields(managed), whole);
    assert.ok(Object.isFrozen(withoutManagedFields(managed).metadata));
    assert.equal(managed.metadata.managedFields.length, 1);
    assert.equal(withoutManagedFields(whole), whole);
  });
});
