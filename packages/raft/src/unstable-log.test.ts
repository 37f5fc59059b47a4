import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entriesOf } from './fixtures/paper-node.ts';
import { RaftInvariantError } from './invariant.ts';
import type { Snapshot } from './messages.ts';
import { UnstableLog } from './unstable-log.ts';

/** A log whose stable part ends at 0, with entries of these terms that are on their way to the disk. */
function inProgress(...terms: readonly number[]): UnstableLog {
  const log = new UnstableLog(1);
  log.append(entriesOf(...terms));
  log.accept();
  return log;
}

const snapshot: Snapshot = {
  index: 4,
  term: 1,
  confState: { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
  data: new Uint8Array(0),
};

test('UnstableLog.nextEntries() gives what is not on its way yet', () => {
  const log = inProgress(1, 1);
  assert.deepEqual([log.nextEntries(), log.hasNextEntries()], [[], false]);
  log.append(entriesOf(1, 1, 1).slice(2));
  assert.deepEqual(
    log.nextEntries().map(({ index }) => index),
    [3],
  );
});

test('UnstableLog.append() calls back what it replaces', () => {
  const log = inProgress(1, 1, 1);
  assert.equal(log.append(entriesOf(1, 1, 2).slice(2)), 'truncated');
  assert.deepEqual(
    log.nextEntries().map(({ term, index }) => [term, index]),
    [[2, 3]],
  );
  assert.equal(log.append(entriesOf(3)), 'replaced');
  assert.deepEqual(
    log.nextEntries().map(({ term, index }) => [term, index]),
    [[3, 1]],
  );
});

test('UnstableLog.append() stops at a gap', () => {
  assert.throws(() => inProgress(1).append(entriesOf(1, 1, 1).slice(2)), RaftInvariantError);
});

test('UnstableLog.stableTo() forgets what became durable', () => {
  const log = inProgress(1, 1, 1);
  assert.equal(log.stableTo({ term: 1, index: 2 }), 'forgotten');
  assert.deepEqual([log.offset, log.length, log.term(3)], [3, 1, 1]);
});

test('UnstableLog.stableTo() forgets nothing that has another entry in its place by now (ABA)', () => {
  const log = inProgress(1, 1);
  log.append(entriesOf(1, 2).slice(1));
  assert.deepEqual(log.stableTo({ term: 1, index: 2 }), { replacedBy: 2 });
  assert.equal(log.length, 2);
});

test('UnstableLog.stableTo() says when there is nothing to forget', () => {
  const log = inProgress(1);
  assert.equal(log.stableTo({ term: 1, index: 9 }), 'missing');
  log.restore(snapshot);
  assert.equal(log.stableTo({ term: 1, index: 4 }), 'in snapshot');
});

test('UnstableLog.restore() drops entries, and the snapshot is given once', () => {
  const log = inProgress(1, 1);
  log.restore(snapshot);
  assert.deepEqual([log.length, log.lastIndex(), log.nextSnapshot()], [0, 4, snapshot]);
  log.accept();
  assert.equal(log.nextSnapshot(), undefined);
  log.stableSnapshotTo(3);
  assert.equal(log.snapshot, snapshot, 'another one than is held');
  log.stableSnapshotTo(4);
  assert.equal(log.snapshot, undefined);
});
