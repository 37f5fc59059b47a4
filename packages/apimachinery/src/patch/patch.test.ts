import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';

const parse = (text: string): unknown => JSON.parse(text);

for (const { name, document, patch, want } of [
  { name: 'replaces members and removes nulls', document: { a: 1, b: { c: 2, d: 3 } }, patch: { a: null, b: { c: 4 } }, want: { b: { c: 4, d: 3 } } },
  { name: 'replaces lists as a whole', document: { a: [1, 2] }, patch: { a: [3] }, want: { a: [3] } },
  { name: 'drops nulls below what it adds', document: {}, patch: { a: { b: null, c: 1 } }, want: { a: { c: 1 } } },
]) {
  test(`applyMergePatch ${name}`, () => assert.deepEqual(applyMergePatch(document, patch), want));
}

test('applyMergePatch sets own members whatever their names', () => {
  const merged = applyMergePatch({}, parse('{"__proto__":{"a":1}}')) as object;
  assert.ok(Object.hasOwn(merged, '__proto__'));
  assert.equal(Object.getPrototypeOf(merged), Object.prototype);
});

for (const { patch, want } of [
  { patch: [{ op: 'add', path: '/list/-', value: 3 }], want: { list: [1, 2, 3], map: { 'a/b': 'x' } } },
  { patch: [{ op: 'add', path: '/list/0', value: 0 }], want: { list: [0, 1, 2], map: { 'a/b': 'x' } } },
  { patch: [{ op: 'replace', path: '/map/a~1b', value: 'y' }], want: { list: [1, 2], map: { 'a/b': 'y' } } },
  { patch: [{ op: 'remove', path: '/map' }], want: { list: [1, 2] } },
  { patch: [{ op: 'move', from: '/list/0', path: '/list/1' }], want: { list: [2, 1], map: { 'a/b': 'x' } } },
  { patch: [{ op: 'test', path: '/list/1', value: 2 }], want: { list: [1, 2], map: { 'a/b': 'x' } } },
]) {
  test(`applyJsonPatch ${JSON.stringify(patch)}`, () => {
    assert.deepEqual(applyJsonPatch(Object.freeze({ list: [1, 2], map: { 'a/b': 'x' } }), patch), want);
  });
}

for (const patch of [
  [{ op: 'remove', path: '/none' }],
  [{ op: 'add', path: '/none/x', value: 1 }],
  [{ op: 'replace', path: '/none', value: 1 }],
  [{ op: 'test', path: '/list/1', value: 1 }],
  [{ op: 'add', path: '/list/9', value: 1 }],
  [{ op: 'add', path: 'list', value: 1 }],
  [{ path: '/list' }],
]) {
  test(`applyJsonPatch refuses ${JSON.stringify(patch)}`, () => {
    assert.throws(() => applyJsonPatch({ list: [1, 2] }, patch), { code: 422 });
  });
}

test('applyJsonPatch refuses what is no list, and too many operations', () => {
  assert.throws(() => applyJsonPatch({}, { op: 'add' }), { code: 400 });
  const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '', value: {} }));
  assert.throws(() => applyJsonPatch({}, many), { code: 413 });
});
