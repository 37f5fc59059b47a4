import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Tree } from './tree.ts';

const key = fc.oneof(fc.string({ maxLength: 2, unit: 'binary-ascii' }), fc.constantFrom('', '__proto__', 'constructor', '10', '2'));
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ op: fc.constant('set' as const), key }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('snapshot' as const), key }) },
);

test('Tree equals a sorted map, and so does every snapshot of it, whatever is written afterwards', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: 'max' }), key, key, (steps, from, to) => {
      const tree = new Tree<number>();
      const model = new Map<string, number>();
      const snapshots: [Tree<number>, Map<string, number>][] = [[tree, model]];
      for (const [i, { op, key }] of steps.entries()) {
        if (op === 'set') {
          tree.set(key, i);
          model.set(key, i);
        } else if (op === 'delete') assert.equal(tree.delete(key), model.delete(key));
        else if (snapshots.length < 5) snapshots.push([tree.snapshot(), new Map(model)]);
      }
      for (const [each, map] of snapshots) {
        const sorted = [...map].sort(([a], [b]) => (a < b ? -1 : 1));
        assert.equal(each.size, map.size);
        assert.deepEqual([...each.entries('', undefined)], sorted);
        assert.deepEqual(
          [...each.entries(from, to)],
          sorted.filter(([k]) => k >= from && k < to),
        );
        assert.equal(each.get(from), map.get(from));
        for (const end of [to, undefined]) {
          const visited: number[] = [];
          each.forEach(from, end, (value) => visited.push(value));
          assert.deepEqual(
            visited,
            [...each.entries(from, end)].map(([, value]) => value),
          );
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('Tree stays in order through thousands of keys in any order', () => {
  for (const order of [(i: number) => i, (i: number) => 4999 - i, (i: number) => (i * 2741) % 5000]) {
    const tree = new Tree<number>();
    for (let i = 0; i < 5000; i++) tree.set(String(order(i)).padStart(4, '0'), order(i));
    assert.deepEqual(
      [...tree.entries('', undefined)].map(([, value]) => value),
      Array.from({ length: 5000 }, (_, i) => i),
    );
    for (let i = 0; i < 5000; i += 2) tree.delete(String(order(i)).padStart(4, '0'));
    assert.equal(tree.size, 2500);
    assert.equal([...tree.entries('', undefined)].length, 2500);
  }
});
