import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as invariant, AssertionError, unreachable } from './assert.ts';
import { loggerFor, type LogRecord } from './log.ts';
import { type Random, randomFrom } from './random.ts';

test('assert throws when the condition is false', () => {
  invariant(true, 'fine');
  assert.throws(() => invariant(0, 'applied ≤ committed'), new AssertionError('applied ≤ committed'));
  assert.throws(() => unreachable('x' as never, 'Unknown phase'), { name: 'AssertionError', message: 'Unknown phase: x' });
});

test('loggerFor stamps lines with the process and its clock', () => {
  const lines: LogRecord[] = [];
  const log = loggerFor('web', () => 5, (line) => lines.push(line));
  log.warn('Slow', { ms: 3 });
  log.debug('Quiet');
  assert.deepEqual(lines, [
    { atMs: 5, level: 'warn', process: 'web', message: 'Slow', fields: { ms: 3 } },
    { atMs: 5, level: 'debug', process: 'web', message: 'Quiet', fields: {} },
  ]);
});

test('randomFrom derives each draw from words alone', () => {
  const from = (...words: readonly number[]): Random => {
    const rest = [...words];
    const random: Random = randomFrom(() => rest.shift() ?? 0, () => random);
    return random;
  };
  assert.equal(from(0xffff_ffff).below(10), 9);
  assert.equal(from(0).below(10), 0);
  assert.equal(from(0x8000_0000).float(), 0.5);
  assert.deepEqual([...from(0x0403_0201, 0x0605).bytes(6)], [1, 2, 3, 4, 5, 6]);
  assert.equal(from(0, 0xffff_ffff, 0, 0xffff_ffff).uuid(), '00000000-ffff-4fff-8000-0000ffffffff');
  assert.equal(from(0, 0xffff_ffff).suffix(2), 'b9');
});
