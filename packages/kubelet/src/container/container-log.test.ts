import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ContainerLog, LogFormat, type LogLine } from './container-log.ts';

const textsOf = (lines: readonly LogLine[]): readonly string[] => lines.map(({ text }) => text);

function shown(log: ContainerLog, timestamps = false): string {
  return new LogFormat({ timestamps }).format(log.lines);
}

describe('ContainerLog', () => {
  test('makes lines of what comes in parts, each stream by itself', () => {
    const log = new ContainerLog(() => 0);
    log.write('stdout', 'a');
    log.write('stderr', 'x\ny');
    log.write('stdout', 'b\n\n');
    assert.deepEqual(textsOf(log.lines), ['x', 'ab', '']);
    log.end();
    assert.deepEqual(textsOf(log.lines), ['x', 'ab', '', 'y']);
    log.write('stdout', 'late\n');
    assert.equal(log.lines.length, 4, 'nothing comes after the end');
  });

  for (const { what, cut } of [
    { what: 'with its end', cut: (text: string): readonly string[] => [text] },
    { what: 'in parts', cut: (text: string): readonly string[] => text.split('') },
  ]) {
    test(`keeps a long line in pieces, and shows it whole: written ${what}`, () => {
      const log = new ContainerLog(() => 0);
      const long = 'abcd'.repeat(10_000);
      for (const part of cut(`${long}\n`)) log.write('stdout', part);
      log.write('stdout', 'next\n');
      assert.deepEqual(
        log.lines.map(({ text }) => text.length),
        [16_384, 16_384, 40_000 - 2 * 16_384, 4],
      );
      assert.equal(shown(log), `${long}\nnext\n`);
      assert.equal(shown(log, true).match(/1970-01-01T00:00:00\.000000000Z /g)?.length, 2, 'a time for each line, not for each piece');
    });
  }

  for (const { what, text } of [
    { what: 'empty lines', text: '\n'.repeat(1000) },
    { what: 'short lines', text: 'x\n'.repeat(1000) },
    { what: 'a line without end', text: 'y'.repeat(2000) },
  ]) {
    test(`is bounded in what it keeps: ${what}`, () => {
      const log = new ContainerLog(() => 0);
      for (let i = 0; i < 1000; i++) log.write('stdout', text);
      const chars = log.lines.reduce((sum, line) => sum + line.text.length, 0);
      assert.ok(log.lines.length < 8000, `${log.lines.length} lines`);
      assert.ok(chars < 400 * 1024, `${chars} characters`);
    });
  }

  test('does not hold on to the text that its lines were cut from', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void; // the flag defines it
    const log = new ContainerLog(() => 0);
    collect();
    const before = process.memoryUsage().heapUsed;
    const write = (): void => log.write('stdout', `${'0123456789abcdef'.repeat(16)}\n`.repeat(200_000));
    write(); // not here: the text would be on the stack
    collect();
    const heldMiB = (process.memoryUsage().heapUsed - before) / 2 ** 20;
    assert.ok(heldMiB < 10, `${heldMiB} MiB of 49`);
    assert.ok(log.lines.length > 500);
  });
});
