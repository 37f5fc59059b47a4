import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { mutants, mutated } from '../tools/mutants.ts';

// The mutants themselves run with tools/mutants.ts; here, only that each still has its place in the store.
for (const mutant of mutants) {
  test(`the mutant "${mutant.name}" can be made`, () => {
    assert.ok(mutated(mutant).size > 0);
    assert.ok(existsSync(path.join(import.meta.dirname, mutant.caughtBy ?? 'fixtures/store-simulation.ts')));
  });
}
