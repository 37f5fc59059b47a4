import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deepFreeze } from '../frozen.ts';
import { applyJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';

const parse = (text: string): unknown => JSON.parse(text);

for (const { name, document, patch, want } of [
  { name: 'replaces members and removes nulls', document: { a: 1, b: { c: 2, d: 3 } }, patch: { a: null, b: { c: 4 } }, want: { b: { c: 4, d: 3 } } },
  { name: 'replaces lists as a whole', document: { a: [1, 2] }, patch: { a: [3] }, want: { a: [3] } },
  { name: 'drops nulls below what it adds', document: {}, patch: { a: { b: null, c: 1 } }, want: { a: { c: 1 } } },
  { name: 'makes an object of what was none', document: 'text', patch: { a: 1 }, want: { a: 1 } },
  { name: 'replaces the document by what is no object', document: { a: 1 }, patch: [1], want: [1] },
]) {
  test(`applyMergePatch ${name}`, () => assert.deepEqual(applyMergePatch(deepFreeze(document), patch), want));
}

test('applyMergePatch sets own members whatever their names', () => {
  const merged = applyMergePatch({}, parse('{"__proto__":{"a":1}}')) as object;
  assert.ok(Object.hasOwn(merged, '__proto__'));
  assert.equal(Object.getPrototypeOf(merged), Object.prototype);
});

const document = deepFreeze({ list: [1, 2], map: { 'a/b': 'x', none: null } });

for (const { patch, want } of [
  { patch: [{ op: 'add', path: '/list/-', value: 3 }], want: { list: [1, 2, 3] } },
  { patch: [{ op: 'add', path: '/list/0', value: 0 }], want: { list: [0, 1, 2] } },
  { patch: [{ op: 'add', path: '/list/-1', value: 3 }], want: { list: [1, 2, 3] } },
  { patch: [{ op: 'add', path: '/list/-3', value: 0 }], want: { list: [0, 1, 2] } },
  { patch: [{ op: 'add', path: '/list/+01', value: 0 }], want: { list: [1, 0, 2] } },
  { patch: [{ op: 'remove', path: '/list/-1' }], want: { list: [1] } },
  { patch: [{ op: 'replace', path: '/list/-2', value: 5 }], want: { list: [5, 2] } },
  { patch: [{ op: 'add', path: 'ignored/list', value: 'y' }], want: { list: 'y' } },
  { patch: [{ op: 'replace', path: '/map/a~1b', value: 'y' }], want: { map: { 'a/b': 'y', none: null } } },
  { patch: [{ op: 'replace', path: '/map/new', value: 'y' }], want: { map: { 'a/b': 'x', none: null, new: 'y' } } },
  { patch: [{ op: 'add', path: '/map/', value: 'y' }], want: { map: { 'a/b': 'x', none: null, '': 'y' } } },
  { patch: [{ op: 'add', path: '/map/~01', value: 'y' }], want: { map: { 'a/b': 'x', none: null, '~1': 'y' } } },
  { patch: [{ op: 'add', path: '/map' }], want: { map: null } },
  { patch: [{ op: 'move', from: '/list/0', path: '/list/1' }], want: { list: [2, 1] } },
  { patch: [{ op: 'copy', from: '/list', path: '/map' }], want: { map: [1, 2] } },
  { patch: [{ op: 'copy', from: '/map/absent', path: '/list' }], want: { list: null } },
  { patch: [{ op: 'test', path: '/list/1', value: 2 }], want: {} },
  { patch: [{ op: 'test', path: '/map/absent', value: null }, { op: 'test', path: '/map/none', value: null }], want: {} },
  { patch: [{ op: 'test', path: '', value: { list: [1, 2], map: { none: null, 'a/b': 'x' } } }], want: {} },
  { patch: [], want: {} },
  { patch: null, want: {} },
]) {
  test(`applyJsonPatch ${JSON.stringify(patch)}`, () => {
    assert.deepEqual(applyJsonPatch(document, patch), { ...document, ...want });
  });
}

test('applyJsonPatch replaces the whole document', () => {
  assert.deepEqual(applyJsonPatch(document, [{ op: 'replace', path: '', value: { w: 1 } }]), { w: 1 });
});

test('applyJsonPatch takes any name for a member', () => {
  const patched = applyJsonPatch({}, [
    { op: 'add', path: '/__proto__', value: {} },
    { op: 'add', path: '/__proto__/constructor', value: 1 },
    { op: 'add', path: '/gone', value: 1 },
    { op: 'remove', path: '/gone' },
  ]);
  assert.deepEqual(patched, parse('{"__proto__":{"constructor":1}}'));
  assert.throws(() => applyJsonPatch({}, [{ op: 'add', path: '/toString/x', value: 1 }]), { code: 422 });
});

for (const patch of [
  [{ op: 'remove', path: '/none' }],
  [{ op: 'remove', path: '' }],
  [{ op: 'remove', path: '/list/2' }],
  [{ op: 'remove', path: '/list/-3' }],
  [{ op: 'add', path: '/none/x', value: 1 }],
  [{ op: 'add', path: '/map/none/x', value: 1 }],
  [{ op: 'add', path: '', value: {} }],
  [{ op: 'add', path: 'list', value: 1 }],
  [{ op: 'add', path: '/list/3', value: 1 }],
  [{ op: 'add', path: '/list/1e0', value: 1 }],
  [{ op: 'add', path: '/list/0/x', value: 1 }],
  [{ op: 'add', value: 1 }],
  [{ op: 'add', path: null, value: 1 }],
  [{ op: 'replace', path: '/list/2', value: 1 }],
  [{ op: 'replace', path: '', value: 1 }],
  [{ op: 'move', from: '/none', path: '/list' }],
  [{ op: 'move', path: '/list' }],
  [{ op: 'move', from: '/list', path: '/list/0' }],
  [{ op: 'copy', path: '/list' }],
  [{ op: 'test', path: '/list/1', value: 1 }],
  [{ op: 'test', path: '/list/-', value: 1 }],
  [{ op: 'test', path: '/map', value: { 'a/b': 'x' } }],
  [{ op: 'test', path: '/map', value: [] }],
  [{ op: 'Add', path: '/x', value: 1 }],
  [{ path: '/list' }],
  [null],
]) {
  test(`applyJsonPatch refuses ${JSON.stringify(patch)}`, () => {
    assert.throws(() => applyJsonPatch(document, patch), {
      code: 422,
      reason: 'Invalid',
      message: 'the server rejected our request due to an error in our request',
    });
  });
}

for (const { patch, fault } of [
  { patch: { op: 'add' }, fault: 'object into Go value of type []handlers.jsonPatchOp' },
  { patch: true, fault: 'bool into Go value of type []handlers.jsonPatchOp' },
  { patch: ['x'], fault: 'string into Go value of type handlers.jsonPatchOp' },
  { patch: [[]], fault: 'array into Go value of type handlers.jsonPatchOp' },
  { patch: [{ op: 'add', path: 5 }], fault: 'number into Go struct field jsonPatchOp.path of type string' },
]) {
  test(`applyJsonPatch cannot decode ${JSON.stringify(patch)}`, () => {
    assert.throws(() => applyJsonPatch({}, patch), { code: 400, message: `error decoding patch: json: cannot unmarshal ${fault}` });
  });
}

test('applyJsonPatch limits the number of operations', () => {
  const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '', value: {} }));
  assert.deepEqual(applyJsonPatch({}, many.slice(1)), {});
  assert.throws(() => applyJsonPatch({}, many), {
    code: 413,
    message: 'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
  });
});

test('applyJsonPatch limits what its copies would print', () => {
  const doubling = Array.from({ length: 40 }, (_, i) => ({ op: 'copy', from: '/a', path: `/a/${i}` }));
  assert.throws(() => applyJsonPatch({ a: {} }, doubling), { code: 422 });
});

test('applyJsonPatch: what was added is found, and removing it gives the document back', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), fc.jsonValue(), (map, key, value) => {
      fc.pre(!Object.hasOwn(map, key));
      const path = `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      const added = [{ op: 'add', path, value }, { op: 'test', path, value }];
      assert.deepEqual(applyJsonPatch(deepFreeze(map), [...added, { op: 'remove', path }]), { ...map });
    }),
  );
});
