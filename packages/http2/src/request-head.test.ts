import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeaderField } from './hpack-tables.ts';
import { requestHead, RequestHeadReader } from './request-head.ts';

function field(name: string, value: string, isValid = true): HeaderField {
  return { name, value, isValid };
}

const pseudo = [field(':method', 'GET'), field(':scheme', 'https'), field(':path', '/a')];
const regular = [field('accept', 'application/json'), field('x', '1'), field('x', '2')];
const first = [...pseudo, ...regular];

function withPath(path: HeaderField): readonly HeaderField[] {
  return first.map((one) => (one.name === ':path' ? path : one));
}

test('RequestHeadReader.read() gives the headers of the request before where only the path is another', () => {
  const reader = new RequestHeadReader();
  const before = reader.read(first);
  const after = reader.read(withPath(field(':path', '/b')));
  assert.deepEqual(after, requestHead(withPath(field(':path', '/b'))));
  assert.equal(after?.headers, before?.headers);
  assert.deepEqual(after?.repeatedHeaders?.['x'], ['1', '2']);
});

for (const { name, next } of [
  { name: 'another method', next: [field(':method', 'PUT'), ...first.slice(1)] },
  { name: 'another value', next: [...first.slice(0, -1), field('x', '3')] },
  { name: 'another name', next: [...first.slice(0, -1), field('y', '2')] },
  { name: 'one field less', next: first.slice(0, -1) },
  { name: 'one field more', next: [...first, field('y', '2')] },
  { name: 'a path that is none', next: withPath(field(':path', 'a')) },
  { name: 'a path of bad bytes', next: withPath(field(':path', '/a\0', false)) },
  { name: 'a field in the place of the path', next: withPath(field('z', '/a')) },
  { name: 'a path behind the fields', next: [...first.slice(0, -1), field(':path', '/b')] },
]) {
  test(`RequestHeadReader.read() reads as if nothing was before it: ${name}`, () => {
    const reader = new RequestHeadReader();
    reader.read(first);
    reader.read(first);
    assert.deepEqual(reader.read(next), requestHead(next));
    assert.deepEqual(reader.read(first), requestHead(first));
  });
}
