import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFieldSelector } from './fields.ts';

for (const { text, want } of [
  { text: '', want: [] },
  { text: ',', want: [] },
  { text: 'a=1', want: [{ field: 'a', operator: '=', value: '1' }] },
  { text: 'a==1', want: [{ field: 'a', operator: '=', value: '1' }] },
  { text: 'a!=1,b=', want: [{ field: 'a', operator: '!=', value: '1' }, { field: 'b', operator: '=', value: '' }] },
  { text: 'a=x\\,y\\=z\\\\', want: [{ field: 'a', operator: '=', value: 'x,y=z\\' }] },
  { text: 'a!b=1', want: [{ field: 'a!b', operator: '=', value: '1' }] },
  { text: '=1', want: [{ field: '', operator: '=', value: '1' }] },
] as const) {
  test(`parseFieldSelector "${text}"`, () => assert.deepEqual(parseFieldSelector(text), want));
}

for (const { text, message } of [
  { text: 'x', message: "invalid selector: 'x'; can't understand 'x'" },
  { text: 'a=1,b', message: "invalid selector: 'a=1,b'; can't understand 'b'" },
  { text: 'metadata.name in (a)', message: "invalid selector: 'metadata.name in (a)'; can't understand 'metadata.name in (a)'" },
  { text: 'a=b=c', message: 'invalid field selector: unescaped character in value: 61' },
  { text: 'a=\\b', message: 'invalid field selector: invalid escape sequence: \\b' },
  { text: 'a=b\\', message: 'invalid field selector: invalid escape sequence: \\' },
]) {
  test(`parseFieldSelector refuses "${text}"`, () => assert.throws(() => parseFieldSelector(text), { code: 400, message }));
}
