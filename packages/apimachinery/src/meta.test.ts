import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deepFreeze } from './frozen.ts';
import { controllerOf, controllerReference, groupVersion, isControlledBy, parseGroupVersion } from './meta.ts';

const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'web', uid: 'u-1' } };

test('controllerReference is what controllerOf and isControlledBy find', () => {
  const reference = controllerReference(owner, { group: 'apps', version: 'v1', kind: 'ReplicaSet' });
  assert.deepEqual(reference, { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u-1', controller: true, blockOwnerDeletion: true });
  const bystander = { ...reference, uid: 'u-0', controller: false };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', ownerReferences: [bystander, reference] } };
  assert.equal(controllerOf(pod), reference);
  assert.ok(isControlledBy(pod, owner));
  assert.ok(!isControlledBy(pod, { ...owner, metadata: { ...owner.metadata, uid: 'u-2' } }));
  assert.ok(!isControlledBy({ ...pod, metadata: { name: 'b' } }, { ...owner, metadata: { name: 'web' } }));
});

for (const text of ['v1', 'apps/v1', 'a.example.test/v1beta1']) {
  test(`parseGroupVersion ${text} and back`, () => assert.equal(groupVersion(parseGroupVersion(text)), text));
}

test('deepFreeze freezes all below, and stops at what is frozen', () => {
  const shared = Object.freeze({ inner: {} });
  const value = deepFreeze({ list: [{ a: 1 }], shared });
  assert.ok(Object.isFrozen(value.list) && Object.isFrozen(value.list[0]));
  assert.ok(!Object.isFrozen(shared.inner));
  assert.equal(deepFreeze(null), null);
});
