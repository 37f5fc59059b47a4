import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, type KubeObject } from '@coracle/apimachinery';
import { hasFinalizer, withFinalizer, withoutFinalizer } from './finalizers.ts';
import {
  AlreadyOwnedError,
  hasControllerReference,
  hasOwnerReference,
  setControllerReference,
  setOwnerReference,
  withoutControllerReference,
  withoutOwnerReference,
} from './ownership.ts';

const kind = { group: 'example.com', version: 'v1', kind: 'Foo' };
const object: KubeObject = deepFreeze({ metadata: { name: 'x', namespace: 'a' } });
const owner: KubeObject = { metadata: { name: 'foo', namespace: 'a', uid: 'u1' } };
const other: KubeObject = { metadata: { name: 'bar', namespace: 'a', uid: 'u2' } };
/** Of `owner`, without control. */
const plain = { apiVersion: 'example.com/v1', kind: 'Foo', name: 'foo', uid: 'u1' };

describe('setControllerReference', () => {
  test('returns a copy with one reference, however often', () => {
    const once = setControllerReference(owner, kind, object);
    const twice = setControllerReference(owner, kind, deepFreeze(once));
    assert.equal(object.metadata.ownerReferences, undefined);
    assert.deepEqual(twice.metadata.ownerReferences, [{ ...plain, controller: true, blockOwnerDeletion: true }]);
  });

  test('refuses an object that somebody else manages', () => {
    const owned = setControllerReference(other, kind, object);
    assert.throws(
      () => setControllerReference(owner, kind, owned),
      (error) => error instanceof AlreadyOwnedError && error.owner.name === 'bar',
    );
  });

  test('takes the place of what was there of the same owner: another version, another uid, without control', () => {
    const owned = setOwnerReference(other, kind, setOwnerReference(owner, { ...kind, version: 'v1beta1' }, object));
    const made: KubeObject = { metadata: { ...owner.metadata, uid: 'u9' } };
    const references = setControllerReference(made, kind, owned).metadata.ownerReferences ?? [];
    assert.deepEqual(
      references.map(({ name, uid, apiVersion, controller }) => [name, uid, apiVersion, controller]),
      [
        ['foo', 'u9', 'example.com/v1', true],
        ['bar', 'u2', 'example.com/v1', undefined],
      ],
    );
  });

  test('refuses an owner that the garbage collector would not find', () => {
    for (const set of [setControllerReference, setOwnerReference]) {
      assert.throws(() => set(owner, kind, { metadata: { name: 'x', namespace: 'b' } }), /^RangeError: cross-namespace owner .* a, .* b$/);
      assert.throws(() => set(owner, kind, { metadata: { name: 'x' } }), /^RangeError: cluster-scoped resource must not have/);
      assert.equal(set({ metadata: { name: 'foo', uid: 'u' } }, kind, object).metadata.ownerReferences?.length, 1);
    }
  });
});

describe('setOwnerReference, hasOwnerReference, withoutOwnerReference', () => {
  test('one of several owners comes and goes, on copies', () => {
    const both = setOwnerReference(other, kind, setOwnerReference(owner, kind, object));
    assert.deepEqual(both.metadata.ownerReferences, [plain, { ...plain, name: 'bar', uid: 'u2' }]);
    assert.ok(hasOwnerReference(owner, { ...kind, version: 'v9' }, both) && hasOwnerReference(other, kind, both));
    assert.ok(!hasOwnerReference(owner, { ...kind, group: 'other.com' }, both) && !hasOwnerReference(owner, kind, object));
    const one = withoutOwnerReference(owner, kind, both);
    assert.deepEqual([hasOwnerReference(owner, kind, one), hasOwnerReference(other, kind, one)], [false, true]);
    assert.equal(withoutOwnerReference(owner, kind, one), one);
  });

  test('an owner is one reference, however often it is set, and of what it was set as last', () => {
    const before = setOwnerReference({ metadata: { ...owner.metadata, uid: 'u0' } }, { ...kind, version: 'v1beta1' }, object);
    const after = setOwnerReference(owner, kind, setOwnerReference(owner, kind, deepFreeze(before)));
    assert.deepEqual(after.metadata.ownerReferences, [plain]);
    assert.deepEqual(withoutOwnerReference(owner, { ...kind, version: 'v9' }, after).metadata.ownerReferences, []);
  });

  test('an owner whose version is none is another', () => {
    const owned: KubeObject = { metadata: { ...object.metadata, ownerReferences: [{ ...plain, apiVersion: 'example.com/v1/beta' }] } };
    assert.ok(!hasOwnerReference(owner, kind, owned));
    assert.equal(setOwnerReference(owner, kind, owned).metadata.ownerReferences?.length, 2);
  });

  test('what was set as a controller goes too, and what is not there leaves the object as it is', () => {
    const managed = setControllerReference(owner, kind, object);
    assert.deepEqual(withoutOwnerReference(owner, kind, managed).metadata.ownerReferences, []);
    assert.equal(withoutOwnerReference(owner, kind, object), object);
    assert.equal(withoutOwnerReference(other, kind, managed), managed);
  });
});

describe('blockOwnerDeletion', () => {
  test('is true of a controller, absent of another owner, and what was asked for of both', () => {
    const blocks = (owned: KubeObject): unknown => owned.metadata.ownerReferences?.map(({ blockOwnerDeletion }) => blockOwnerDeletion);
    assert.deepEqual(blocks(setControllerReference(owner, kind, object)), [true]);
    assert.deepEqual(blocks(setOwnerReference(owner, kind, object)), [undefined]);
    for (const blockOwnerDeletion of [true, false]) {
      assert.deepEqual(blocks(setControllerReference(owner, kind, object, { blockOwnerDeletion })), [blockOwnerDeletion]);
      assert.deepEqual(blocks(setOwnerReference(owner, kind, object, { blockOwnerDeletion })), [blockOwnerDeletion]);
    }
  });
});

describe('hasControllerReference, withoutControllerReference', () => {
  test('a controller is known and goes', () => {
    const managed = setOwnerReference(other, kind, setControllerReference(owner, kind, object));
    const left = withoutControllerReference(owner, { ...kind, version: 'v9' }, managed);
    assert.deepEqual([object, managed, left].map(hasControllerReference), [false, true, false]);
    assert.deepEqual(
      left.metadata.ownerReferences?.map(({ name }) => name),
      ['bar'],
    );
  });

  test('an owner that does not control the object goes on to own it', () => {
    const owned = setOwnerReference(owner, kind, object);
    assert.ok(!hasControllerReference(owned));
    assert.equal(withoutControllerReference(owner, kind, owned), owned);
    const managed = setOwnerReference(other, kind, setControllerReference(owner, kind, object));
    assert.equal(withoutControllerReference(other, kind, managed), managed);
    assert.equal(withoutControllerReference(owner, { ...kind, group: 'other.com' }, managed), managed);
  });
});

describe('finalizers', () => {
  test('are added once, behind those of others, on copies', () => {
    const held = withFinalizer(object, 'example.com/a');
    assert.deepEqual(held.metadata.finalizers, ['example.com/a']);
    assert.equal(withFinalizer(held, 'example.com/a'), held);
    assert.deepEqual(withFinalizer(deepFreeze(held), 'example.com/b').metadata.finalizers, ['example.com/a', 'example.com/b']);
    assert.ok(hasFinalizer(held, 'example.com/a') && !hasFinalizer(object, 'example.com/a') && !hasFinalizer(held, 'example.com/b'));
  });

  test('are removed however often they are there, on copies', () => {
    const held: KubeObject = deepFreeze({ metadata: { finalizers: ['example.com/a', 'example.com/b', 'example.com/a'] } });
    const left = withoutFinalizer(held, 'example.com/a');
    assert.deepEqual(left.metadata.finalizers, ['example.com/b']);
    assert.ok(!hasFinalizer(left, 'example.com/a'));
    assert.deepEqual(withoutFinalizer(left, 'example.com/b').metadata.finalizers, []);
    assert.equal(withoutFinalizer(left, 'example.com/a'), left);
    assert.equal(withoutFinalizer(object, 'example.com/a'), object);
  });
});
