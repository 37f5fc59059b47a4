import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, type KubeObject } from '@coracle/apimachinery';
import { hasFinalizer, withFinalizer, withoutFinalizer } from './finalizers.ts';
import { AlreadyOwnedError, setControllerReference } from './ownership.ts';

const kind = { group: 'example.com', version: 'v1', kind: 'Foo' };
const object: KubeObject = deepFreeze({ metadata: { name: 'x', namespace: 'a' } });
const owner: KubeObject = { metadata: { name: 'foo', uid: 'u1' } };

describe('setControllerReference', () => {
  test('returns a copy with one reference, however often', () => {
    const once = setControllerReference(owner, kind, object);
    const twice = setControllerReference(owner, kind, deepFreeze(once));
    assert.equal(object.metadata.ownerReferences, undefined);
    assert.deepEqual(twice.metadata.ownerReferences, [
      { apiVersion: 'example.com/v1', kind: 'Foo', name: 'foo', uid: 'u1', controller: true, blockOwnerDeletion: true },
    ]);
  });

  test('refuses an object that somebody else manages', () => {
    const owned = setControllerReference({ metadata: { name: 'other', uid: 'u2' } }, kind, object);
    assert.throws(() => setControllerReference(owner, kind, owned), AlreadyOwnedError);
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
