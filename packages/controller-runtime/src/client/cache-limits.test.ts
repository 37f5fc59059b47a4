import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KubeObject } from '@coracle/apimachinery';
import { onlyMetadata, type ResourceHandle, resources } from '@coracle/client';
import { type CacheLimits, cacheOf, checkLimits, holderOf, narrowed, partsOf } from './cache-limits.ts';

const { configMaps, nodes, secrets } = resources.core.v1;

/** The parts without what they have by default. */
function shown(handle: ResourceHandle<KubeObject>, limits: CacheLimits): readonly unknown[] {
  return partsOf(handle, limits).map((part) => Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined)));
}

const everything = { namespace: '', labelSelector: '', fieldSelector: '' };
const same = <T>(value: T): T => value;
const other = <T>(value: T): T => value;

describe('partsOf()', () => {
  test('is one part without limits', () => assert.deepEqual(shown(configMaps, {}), [everything]));

  test('takes what the kind says before a namespace, and that before the rest', () => {
    const limits: CacheLimits = {
      labelSelector: 'rest',
      fieldSelector: 'f=rest',
      transform: same,
      namespaces: { a: { labelSelector: 'ns', fieldSelector: 'f=ns' }, b: {} },
      kinds: [cacheOf(configMaps, { labelSelector: 'kind' })],
    };
    assert.deepEqual(shown(configMaps, limits), [
      { namespace: 'a', labelSelector: 'kind', fieldSelector: 'f=ns', transform: same },
      { namespace: 'b', labelSelector: 'kind', fieldSelector: 'f=rest', transform: same },
    ]);
    assert.deepEqual(shown(secrets, limits), [
      { namespace: 'a', labelSelector: 'ns', fieldSelector: 'f=ns', transform: same },
      { namespace: 'b', labelSelector: 'rest', fieldSelector: 'f=rest', transform: same },
    ]);
    assert.deepEqual(shown(nodes, limits), [{ namespace: '', labelSelector: 'rest', fieldSelector: 'f=rest', transform: same }]);
  });

  test('an empty text is a selector of everything, and no namespaces are all of them', () => {
    const limits: CacheLimits = {
      labelSelector: 'rest',
      namespaces: { a: {} },
      kinds: [cacheOf(configMaps, { namespaces: {}, labelSelector: '' }), cacheOf(secrets, { namespaces: { b: { labelSelector: '' } } })],
    };
    assert.deepEqual(shown(configMaps, limits), [everything]);
    assert.deepEqual(shown(secrets, limits), [{ ...everything, namespace: 'b' }]);
  });

  test('all other namespaces are those without a part of their own', () => {
    const kinds = [cacheOf(configMaps, { fieldSelector: 'metadata.name=x', namespaces: { b: {}, '': {}, a: { labelSelector: 'l' } } })];
    assert.deepEqual(shown(configMaps, { kinds }), [
      { namespace: '', labelSelector: '', fieldSelector: 'metadata.namespace!=a,metadata.namespace!=b,metadata.name=x' },
      { namespace: 'a', labelSelector: 'l', fieldSelector: 'metadata.name=x' },
      { namespace: 'b', labelSelector: '', fieldSelector: 'metadata.name=x' },
    ]);
  });

  test('the metadata of a kind has its selectors and not its transforms, or limits of its own', () => {
    const config = { labelSelector: 'kind', transform: same, namespaces: { a: { transform: same } } };
    const metadata = onlyMetadata(configMaps) as typeof configMaps;
    assert.deepEqual(shown(metadata, { transform: other, kinds: [cacheOf(configMaps, config)] }), [
      { namespace: 'a', labelSelector: 'kind', fieldSelector: '', transform: other },
    ]);
    const kinds = [cacheOf(configMaps, config), cacheOf(metadata, { labelSelector: 'own' })];
    assert.deepEqual(shown(metadata, { kinds }), [{ ...everything, labelSelector: 'own' }]);
  });
});

describe('checkLimits()', () => {
  const cases: readonly (readonly [limits: CacheLimits, message: string])[] = [
    [{ kinds: [cacheOf(nodes, { namespaces: { a: {} } })] }, 'Cannot limit the cache of Node to namespaces: it has none'],
    [{ labelSelector: 'a=(' }, 'Cannot limit a cache by labels "a=(" and fields ""'],
    [{ namespaces: { a: { fieldSelector: 'a' } } }, 'Cannot limit a cache by labels "" and fields "a"'],
    [{ kinds: [cacheOf(configMaps, { labelSelector: '!' })] }, 'Cannot limit a cache by labels "!" and fields ""'],
  ];
  for (const [limits, message] of cases) {
    test(`refuses: ${message}`, () =>
      assert.throws(
        () => checkLimits(limits),
        (error) => error instanceof TypeError && error.message === message,
      ));
  }
  test('takes what partsOf() takes', () =>
    checkLimits({ labelSelector: 'a', namespaces: { a: { fieldSelector: 'a=b' } }, kinds: [cacheOf(nodes, {})] }));
});

describe('narrowed()', () => {
  test('adds to what is asked for', () => {
    const part = { namespace: '', labelSelector: 'a=b', fieldSelector: 'c=d' };
    assert.deepEqual(narrowed(part, { limit: 5 }), { limit: 5, labelSelector: 'a=b', fieldSelector: 'c=d' });
    assert.deepEqual(narrowed(part, { labelSelector: 'x', fieldSelector: 'y=z' }), { labelSelector: 'x,a=b', fieldSelector: 'y=z,c=d' });
    assert.deepEqual(narrowed(everything, { limit: 5 }), { limit: 5 });
  });
});

describe('holderOf()', () => {
  const object = { metadata: { name: 'n', namespace: 's', labels: { a: 'b' } } };
  const cases: readonly (readonly [labelSelector: string, fieldSelector: string, holds: boolean | undefined])[] = [
    ['', '', true],
    ['a=b', '', true],
    ['a!=b', '', false],
    ['', 'metadata.name=n,metadata.namespace!=t', true],
    ['', 'metadata.namespace!=s', false],
    ['', 'metadata.name=m', false],
    ['', 'type=Opaque', undefined],
    ['a=c', 'type=Opaque', false],
    ['', 'type=Opaque,metadata.name=m', false],
  ];
  for (const [labelSelector, fieldSelector, holds] of cases) {
    test(`"${labelSelector}" and "${fieldSelector}": ${holds}`, () =>
      assert.equal(holderOf({ namespace: '', labelSelector, fieldSelector })(object), holds));
  }
});
