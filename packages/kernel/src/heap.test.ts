import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Heap } from './heap.ts';

type Command = { readonly push: number } | 'pop' | { readonly retainBelow: number };

test('Heap gives what a sorted list gives', () => {
  const command: fc.Arbitrary<Command> = fc.oneof(
    { arbitrary: fc.record({ push: fc.integer({ min: -50, max: 50 }) }), weight: 6 },
    { arbitrary: fc.constant('pop' as const), weight: 3 },
    { arbitrary: fc.record({ retainBelow: fc.integer({ min: -50, max: 50 }) }), weight: 1 },
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const heap = new Heap<number>((a, b) => a < b);
      let sorted: number[] = [];
      for (const next of commands) {
        if (next === 'pop') assert.equal(heap.pop(), sorted.shift());
        else if ('push' in next) {
          heap.push(next.push);
          sorted = [...sorted, next.push].sort((a, b) => a - b);
        } else {
          heap.retain((item) => item < next.retainBelow);
          sorted = sorted.filter((item) => item < next.retainBelow);
        }
        assert.equal(heap.peek(), sorted[0]);
        assert.equal(heap.size, sorted.length);
      }
    }),
  );
});
