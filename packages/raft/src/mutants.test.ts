import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { mutants, mutated } from '../tools/mutants.ts';

// The mutants themselves run with tools/mutants.ts; here, only that each still has its place in the core.
for (const mutant of mutants) {
  test(`the mutant "${mutant.name}" can be made`, () => {
    assert.notEqual(mutated(mutant), '');
    assert.ok(existsSync(path.join(import.meta.dirname, mutant.caughtBy)));
  });
}

test('mutated() refuses a place that is not there', () => {
  assert.throws(
    () => mutated({ name: 'x', file: 'quorum.ts', from: 'no such text', to: '', caughtBy: '' }),
    /stands 0 times in quorum\.ts/,
  );
});
