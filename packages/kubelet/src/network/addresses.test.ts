import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AddressState, allocate, joinNode, noAddresses, nodeAddress, podCidrPrefix, release } from './addresses.ts';

const one: AddressState = joinNode(noAddresses, 'n1').state;

test('allocate() gives addresses in turn, the same one to the same owner, and does not hurry to use one again', () => {
  const a = allocate(one, 0, 'a');
  const b = allocate(a.state, 0, 'b');
  assert.deepEqual([a.ip, b.ip, allocate(b.state, 0, 'a').ip], ['10.244.0.2', '10.244.0.3', '10.244.0.2']);
  assert.equal(allocate(release(b.state, 0, 'a'), 0, 'c').ip, '10.244.0.4');
});

test('allocate() wraps around and refuses when all 253 are used', () => {
  let state = one;
  for (let i = 0; i < 253; i++) state = allocate(state, 0, `pod-${i}`).state;
  assert.throws(() => allocate(state, 0, 'one more'), RangeError);
  assert.equal(allocate(release(state, 0, 'pod-7'), 0, 'next').ip, '10.244.0.9');
});

test('joinNode() keeps the place of a node', () => {
  const two = joinNode(one, 'n2');
  assert.deepEqual([two.node, joinNode(two.state, 'n1').node], [1, 0]);
});

test('networks of 5,000 nodes are distinct', () => {
  const all = new Set(Array.from({ length: 5000 }, (_, node) => podCidrPrefix(node)));
  assert.equal(all.size, 5000);
  assert.equal(nodeAddress(254), '172.18.1.0');
  assert.throws(() => podCidrPrefix(100_000), RangeError);
});
