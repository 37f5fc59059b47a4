import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, entriesOf, ofType, PaperNode } from './fixtures/paper-node.ts';
import { RaftInvariantError } from './invariant.ts';
import { appendWorker, applyWorker, type ConfState, type Message } from './messages.ts';
import type { RaftOptions } from './options.ts';
import { RawNode } from './raw-node.ts';
import { MemoryStorage } from './storage.ts';

const nothing = { term: 0, index: 0 };

function leader(): PaperNode {
  const node = new PaperNode();
  node.lead(2);
  return node;
}

for (const [name, message, result] of [
  ['for somebody else', { type: 'MsgHeartbeat', from: 2, to: 3, term: 1, commit: 0, readPosition: 0 }, 'misdirected'],
  [
    'of a worker that is not its own',
    { type: 'MsgHeartbeat', from: appendWorker, to: 1, term: 1, commit: 0, readPosition: 0 },
    'misdirected',
  ],
  [
    'that a worker alone may send',
    { type: 'MsgStorageAppendResp', from: 2, to: 1, term: 1, index: 1, logTerm: 1, snapshot: undefined },
    'misdirected',
  ],
  ['of the other worker', { type: 'MsgStorageApplyResp', from: appendWorker, to: 1, term: 0, entries: [] }, 'misdirected'],
  ['for a worker', { type: 'MsgStorageApply', from: 1, to: 1, term: 0, entries: [], responses: [] }, 'misdirected'],
  ['that answers, of a stranger', { type: 'MsgAppResp', from: 9, to: 1, term: 1, index: 1, reject: false }, 'unknown peer'],
  ['that votes, of a stranger', { type: 'MsgVoteResp', from: 9, to: 1, term: 1, reject: false }, 'unknown peer'],
  ['of nobody', { type: 'MsgHeartbeat', from: 0, to: 1, term: 1, commit: 0, readPosition: 0 }, 'malformed'],
  ['without a term', { type: 'MsgHeartbeat', from: 2, to: 1, term: 0, commit: 0, readPosition: 0 }, 'malformed'],
  ['of a negative term', { type: 'MsgVote', from: 2, to: 1, term: -1, logTerm: 0, index: 0, transfer: false }, 'malformed'],
  ['of half a term', { type: 'MsgVote', from: 2, to: 1, term: 1.5, logTerm: 0, index: 0, transfer: false }, 'malformed'],
  ['with a negative commit index', { type: 'MsgHeartbeat', from: 2, to: 1, term: 1, commit: -1, readPosition: 0 }, 'malformed'],
  ['that proposes nothing', { type: 'MsgProp', from: 2, to: 1, term: 0, entries: [] }, 'malformed'],
] as const satisfies readonly (readonly [string, Message, string])[]) {
  test(`RawNode.step() refuses a message ${name}: ${result}`, () => {
    const node = leader();
    const before = node.raw.status();
    assert.equal(node.raw.step(message), result);
    assert.deepEqual(node.raw.status(), before);
    assert.equal(node.raw.hasReady(), false);
  });
}

for (const [name, previous, entries] of [
  ['a gap', nothing, [{ ...entriesOf(1)[0], index: 2 }]],
  ['falling terms', { term: 3, index: 1 }, [{ ...entriesOf(2)[0], index: 2 }]],
  ['an entry of a term to come', nothing, entriesOf(9)],
] as const) {
  test(`RawNode.step() refuses an append with ${name}`, () => {
    const node = new PaperNode();
    const append = node.append(2, 4, previous, entries as never);
    assert.equal(node.raw.step(append), 'malformed');
    assert.deepEqual(node.log, []);
  });
}

test('RawNode.step() refuses a snapshot of nothing and one of a term to come', () => {
  const node = new PaperNode();
  const confState = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  for (const [index, term] of [
    [0, 0],
    [5, 9],
  ] as const) {
    const snapshot = { index, term, confState, data: bytes('') };
    assert.equal(node.raw.step({ type: 'MsgSnap', from: 2, to: 1, term: 1, snapshot }), 'malformed');
  }
});

test('a snapshot in which this node is no member is ignored', () => {
  const node = new PaperNode();
  const confState = { voters: [2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const sent = node.receive({ type: 'MsgSnap', from: 2, to: 1, term: 1, snapshot: { index: 5, term: 1, confState, data: bytes('') } });
  assert.equal(ofType(sent, 'MsgAppResp')[0]?.index, 0);
  assert.equal(node.raw.status().commit, 0);
});

test('an old snapshot is answered with what is committed', () => {
  const node = new PaperNode({ entries: entriesOf(1, 1), hardState: { term: 1, commit: 2 } });
  const confState = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const sent = node.receive({ type: 'MsgSnap', from: 2, to: 1, term: 1, snapshot: { index: 1, term: 1, confState, data: bytes('') } });
  assert.equal(ofType(sent, 'MsgAppResp')[0]?.index, 2);
});

test('a change of membership is passed over when a snapshot has overtaken it', () => {
  const node = new PaperNode();
  const confState = { voters: [1, 2], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  node.raw.step({ type: 'MsgSnap', from: 2, to: 1, term: 1, snapshot: { index: 5, term: 1, confState, data: bytes('') } });
  const change = {
    transition: 'ConfChangeTransitionAuto',
    changes: [{ type: 'ConfChangeAddNode', nodeId: 4 }],
    context: bytes(''),
  } as const;
  assert.deepEqual(node.raw.applyConfChange(change).voters, [1, 2]);
});

test('the same append twice, and an old one, change nothing', () => {
  const node = new PaperNode();
  const first = node.append(2, 1, nothing, entriesOf(1, 1, 1), 2);
  node.receive(first);
  const [again] = ofType(node.receive(first), 'MsgAppResp');
  assert.equal(again?.index, 2, 'what is committed agrees already');
  node.receive(node.append(2, 1, nothing, entriesOf(1), 0));
  assert.deepEqual(node.log, ['1/1', '1/2', '1/3']);
  assert.equal(node.raw.status().commit, 2);
});

test('a shorter append of before, which comes late, cuts nothing off', () => {
  const node = new PaperNode();
  node.receive(node.append(2, 1, nothing, entriesOf(1, 1, 1)), node.append(2, 1, nothing, entriesOf(1)));
  assert.deepEqual(node.log, ['1/1', '1/2', '1/3']);
});

test('an old snapshot after a newer one restores nothing', () => {
  const node = new PaperNode();
  const confState = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  for (const index of [5, 3]) {
    const sent = node.receive({ type: 'MsgSnap', from: 2, to: 1, term: 1, snapshot: { index, term: 1, confState, data: bytes('') } });
    assert.equal(ofType(sent, 'MsgAppResp')[0]?.index, 5);
  }
  assert.equal(node.raw.status().commit, 5);
});

test('the same vote twice counts once', () => {
  const node = new PaperNode({ voters: [1, 2, 3, 4, 5] });
  node.raw.campaign();
  node.work();
  node.receive(node.vote(2), node.vote(2), node.vote(2));
  assert.equal(node.state, 'StateCandidate');
});

test('votes of a term that is over count for nothing', () => {
  const node = new PaperNode();
  node.raw.campaign();
  node.work();
  const old = node.vote(2);
  node.raw.campaign();
  node.work();
  node.receive(old);
  assert.equal(node.state, 'StateCandidate');
});

for (const [name, run] of [
  [
    'a commit index beyond the log',
    (node: PaperNode) => node.receive({ type: 'MsgHeartbeat', from: 2, to: 1, term: 2, commit: 9, readPosition: 0 }),
  ],
  [
    'two leaders of a term',
    (node: PaperNode) => node.receive(node.append(2, 2, { term: 1, index: 2 }), node.append(3, 2, { term: 1, index: 2 })),
  ],
] as const) {
  test(`a node stops at ${name}`, () => {
    const node = new PaperNode({ entries: entriesOf(1, 1), hardState: { term: 1, commit: 2 } });
    assert.throws(() => run(node), RaftInvariantError);
  });
}

test('an append that contradicts what is committed is answered with the commit index and changes nothing', () => {
  const node = new PaperNode({ entries: entriesOf(1, 1), hardState: { term: 1, commit: 2 } });
  const [answer] = ofType(node.receive(node.append(2, 2, nothing, entriesOf(2, 2))), 'MsgAppResp');
  assert.equal(answer?.index, 2);
  assert.deepEqual(node.log, ['1/1', '1/2']);
});

const good: RaftOptions = { id: 1, storage: new MemoryStorage(), electionTick: 10, heartbeatTick: 1, random: () => 0 };

for (const [name, options] of Object.entries({
  'id 0 is not a positive integer': { id: 0 },
  'id -1 is not a positive integer': { id: applyWorker + 1 },
  'heartbeatTick 0 is not a positive integer': { heartbeatTick: 0 },
  'electionTick 1 is not an integer above heartbeatTick 1': { electionTick: 1 },
  'maxInflightMsgs 0 is not a positive integer': { maxInflightMsgs: 0 },
  'maxInflightBytes 5 is below maxSizePerMsg 10': { maxInflightBytes: 5, maxSizePerMsg: 10 },
  'maxSizePerMsg -1 is negative': { maxSizePerMsg: -1 },
  'maxUncommittedEntriesSize 0 is not positive': { maxUncommittedEntriesSize: 0 },
  'maxCommittedSizePerReady 0 is not positive': { maxCommittedSizePerReady: 0 },
  'lease-based reads need checkQuorum': { readOnlyOption: 'lease-based' },
} satisfies Record<string, Partial<RaftOptions>>)) {
  test(`RawNode refuses options: ${name}`, () => {
    assert.throws(() => new RawNode({ ...good, ...options }), { name: 'RangeError', message: `Cannot start a node: ${name}` });
  });
}

test('RawNode refuses a storage whose commit index is not in its log', () => {
  const storage = new MemoryStorage();
  storage.setHardState({ term: 1, vote: 0, commit: 4 });
  assert.throws(() => new RawNode({ ...good, storage }), /state.commit 4 is out of range \[0, 0\]/);
});

for (const [reason, state] of Object.entries({
  'voters names a member twice': { voters: [1, 1] },
  'learners has an id that is no positive integer': { voters: [1], learners: [0] },
  'removed all voters': { learners: [1] },
  'a learner is a voter': { voters: [1], learners: [1] },
  'a next learner is not an outgoing voter': { voters: [1], votersOutgoing: [1], learnersNext: [2] },
  'AutoLeave must be false when not joint': { voters: [1], autoLeave: true },
} satisfies Record<string, Partial<ConfState>>)) {
  test(`RawNode refuses members that no change produces: ${reason}`, () => {
    const confState = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false, ...state };
    assert.throws(() => new RawNode({ ...good, storage: new MemoryStorage({ confState }) }), {
      name: 'RaftInvariantError',
      message: `unable to restore config: ${reason}`,
    });
  });
}

test('RawNode.ready() twice without advance() is a bug of the application', () => {
  const { raw } = new PaperNode();
  raw.campaign();
  raw.ready();
  assert.throws(() => raw.ready(), /two accepted Ready structs/);
});

test('RawNode.advance() with asynchronous storage writes is a bug of the application', () => {
  assert.throws(() => new PaperNode({ options: { asyncStorageWrites: true } }).raw.advance(), /must not be called/);
});

test('RawNode.applyConfChange() stops at a change that does not fit', () => {
  const { raw } = new PaperNode({ voters: [1] });
  const change = {
    transition: 'ConfChangeTransitionAuto',
    changes: [{ type: 'ConfChangeRemoveNode', nodeId: 1 }],
    context: bytes(''),
  } as const;
  assert.throws(() => raw.applyConfChange(change), { name: 'RaftInvariantError', message: 'removed all voters' });
});

test('reports about strangers, and to followers, do nothing', () => {
  const node = leader();
  for (const raw of [node.raw, new PaperNode().raw]) {
    raw.reportUnreachable(9);
    raw.reportSnapshot(9, 'failed');
    raw.transferLeadership(9);
    assert.equal(raw.hasReady(), false);
  }
});

test('MemoryStorage refuses what does not fit its log', () => {
  const storage = new MemoryStorage();
  storage.append(entriesOf(1, 1));
  assert.throws(() => storage.append([{ term: 1, index: 9, type: 'EntryNormal', data: bytes('') }]), RaftInvariantError);
  assert.throws(() => storage.compact(0), RangeError);
  assert.throws(() => storage.compact(3), RangeError);
  const { confState } = storage.initialState();
  assert.throws(() => storage.createSnapshot(3, confState, bytes('')), RangeError);
  storage.createSnapshot(2, confState, bytes(''));
  storage.compact(1);
  assert.deepEqual([storage.term(0), storage.term(1), storage.term(3)], ['compacted', 1, 'unavailable']);
  assert.deepEqual([storage.entries(1, 2, 1), storage.entries(2, 4, 1)], ['compacted', 'unavailable']);
  assert.equal(storage.applySnapshot({ index: 1, term: 1, confState, data: bytes('') }), 'out of date');
});
