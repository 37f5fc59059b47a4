import assert from 'node:assert/strict';
import { test } from 'node:test';
import { walkthrough } from './index.ts';

test('walkthrough() elects, replicates, partitions, and ends with three equal logs', () => {
  const lines: string[] = [];
  walkthrough((line) => lines.push(line));
  assert.deepEqual(
    lines.filter((line) => line.includes(' leads ')),
    ['  1 leads term 1', '  2 leads term 2'],
  );
  assert.ok(lines.some((line) => line.includes('"lost" (not committed)')));
  assert.ok(!lines.some((line) => line.includes('applies "lost"')), 'what was not committed is never applied');
  const logs = lines.slice(-3).map((line) => line.replace(/^ {2}log of \d: /, ''));
  assert.equal(new Set(logs).size, 1);
  assert.match(logs[0] ?? '', /"a".*"b"/);
});
