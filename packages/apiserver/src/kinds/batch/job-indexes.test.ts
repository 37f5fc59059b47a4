import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstCommonIndex, parseIndexes } from './job-indexes.ts';

for (const { text, count } of [
  { text: '', count: 0 },
  { text: '0', count: 1 },
  { text: '0-2,4', count: 4 },
  { text: '1,3-5,7', count: 5 },
]) {
  test(`parseIndexes() counts ${count} in ${JSON.stringify(text)}`, () => assert.equal(parseIndexes(text, 8).count, count));
}

for (const text of ['8', 'x', '3-1', '1,1', '2,0-1', '1-2-3', '1,,2', '-1']) {
  test(`parseIndexes() refuses ${text}`, () => assert.notEqual(parseIndexes(text, 8).fault, undefined));
}

for (const { a, b, want } of [
  { a: '0-2,5', b: '3-4', want: undefined },
  { a: '0-2,5', b: '1,5', want: 1 },
  { a: '', b: '1', want: undefined },
  { a: 'x,4', b: '2-6', want: 4 },
]) {
  test(`firstCommonIndex() of ${a} and ${b} is ${want}`, () => assert.equal(firstCommonIndex(a, b, 8), want));
}
