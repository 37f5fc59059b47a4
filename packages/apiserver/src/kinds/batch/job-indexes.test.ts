import assert from 'node:assert/strict';
import { test } from 'node:test';
import { indexCount } from './job-indexes.ts';

for (const { text, count } of [
  { text: '', count: 0 },
  { text: '0', count: 1 },
  { text: '0-2,4', count: 4 },
  { text: '1,3-5,7', count: 5 },
]) {
  test(`indexCount() counts ${count} in ${JSON.stringify(text)}`, () => assert.deepEqual(indexCount(text, 8), { count }));
}

for (const text of ['8', 'x', '3-1', '1,1', '2,0-1', '1-2-3', '1,,2', '-1']) {
  test(`indexCount() refuses ${text}`, () => assert.notEqual(indexCount(text, 8).fault, undefined));
}
