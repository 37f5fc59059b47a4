import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, type KubeObject } from '@coracle/apimachinery';
import { hasFinalizer, withFinalizer, withoutFinalizer } from './finalizers.ts';
import { AlreadyOwnedError, hasOwnerReference, setControllerReference, setOwnerReference, withoutOwnerReference } from './ownership.ts';

const kind = { group: 'example.com', version: 'v1', kind: 'Foo' };
const object: KubeObject = deepFreeze({ metadata: { name: 'x', namespace: 'a' } });
const owner: KubeObject = { metadata: { name: 'foo', namespace: 'a', uid: 'u1' } };
const other: KubeObject = { metadata: { name: 'bar', namespace: 'a', uid: 'u2' } };
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
});

describe('finalizers', () => {
  test('are added once and removed, on copies', () => {
    const held = withFinalizer(object, 'example.com/a');
    assert.equal(withFinalizer(held, 'example.com/a'), held);
    assert.ok(hasFinalizer(held, 'example.com/a') && !hasFinalizer(object, 'example.com/a'));
    assert.deepEqual(withoutFinalizer(held, 'example.com/a').metadata.finalizers, []);
    assert.equal(withoutFinalizer(object, 'example.com/a'), object);
  });
});
