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
          each.forEach(from, end, (value) => visited.push(value) > 0);
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

/** A value of the tree as a store has them: what was there before stays below. */
interface Version {
  readonly at: number;
  readonly exists: boolean;
  readonly older: Version | undefined;
}

const existedAt =
  (at: number) =>
  (version: Version): boolean => {
    let seen: Version | undefined = version;
    while (seen !== undefined && seen.at > at) seen = seen.older;
    return seen?.exists === true;
  };

test('Tree.count() counts what existed at any revision, in any range, of every snapshot', () => {
  const manyKeys = fc.integer({ min: 0, max: 300 }).map((i) => String(i).padStart(3, '0'));
  const act = fc.record({ op: fc.constantFrom('put', 'put', 'put', 'bury', 'remove', 'snapshot'), key: manyKeys });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 900, size: 'max' }), manyKeys, manyKeys, fc.nat(900), (acts, from, to, at) => {
      const tree = new Tree<Version>({ exists: ({ exists }) => exists, revisionOf: (version) => version.at });
      const trees = [tree];
      for (const [i, { op, key }] of acts.entries()) {
        if (op === 'remove') tree.delete(key);
        else if (op !== 'snapshot') tree.set(key, { at: i, exists: op === 'put', older: tree.get(key) });
        else if (trees.length < 5) trees.push(tree.snapshot());
      }
      for (const each of trees) {
        for (const end of [to, undefined]) {
          for (const then of [at, acts.length]) {
            const wanted = [...each.entries(from, end)].filter(([, version]) => existedAt(then)(version)).length;
            assert.equal(each.count({ from, to: end }, then, existedAt(then)), wanted);
          }
        }
        assert.equal(
          each.count({ from: '', to: undefined }, acts.length, () => assert.fail('whole nodes are enough')),
          [...each.entries('', undefined)].filter(([, { exists }]) => exists).length,
        );
      }
    }),
    { numRuns: 60 },
  );
});

test('Tree.forEach() ends where it is told to', () => {
  const tree = new Tree<number>();
  for (let i = 0; i < 1000; i++) tree.set(String(i).padStart(4, '0'), i);
  const visited: number[] = [];
  tree.forEach('0100', undefined, (value) => visited.push(value) < 100);
  assert.deepEqual(
    visited,
    Array.from({ length: 100 }, (_, i) => 100 + i),
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
