import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, electionTick, entriesOf, ofType, PaperNode } from './fixtures/paper-node.ts';

// "In Search of an Understandable Consensus Algorithm", sections 5.1 to 5.4: one statement, one test.

const nothing = { term: 0, index: 0 };

for (const role of ['follower', 'candidate', 'leader'] as const) {
  test(`5.1: a ${role} that sees a larger term takes it`, () => {
    const node = new PaperNode();
    if (role !== 'follower') node.raw.campaign();
    if (role === 'leader') node.receive(node.vote(2));
    node.receive(node.append(2, 5, nothing));
    assert.equal(node.term, 5);
    assert.equal(node.state, 'StateFollower');
  });
}

test('5.1: a message of an older term is refused', () => {
  const node = new PaperNode({ hardState: { term: 4 } });
  assert.deepEqual(node.receive(node.append(2, 3, nothing, entriesOf(3))), []);
  assert.deepEqual(node.log, []);
});

test('5.2: a node begins as a follower', () => assert.equal(new PaperNode().state, 'StateFollower'));

test('5.2: a leader sends heartbeats to all followers, again and again', () => {
  const node = new PaperNode();
  node.lead(2);
  for (let beat = 0; beat < 3; beat += 1) {
    assert.deepEqual(
      ofType(node.tick(), 'MsgHeartbeat').map(({ to }) => to),
      [2, 3],
    );
  }
});

for (const role of ['follower', 'candidate'] as const) {
  test(`5.2: a ${role} that hears nothing for an election timeout begins an election in a new term`, () => {
    const node = new PaperNode({ hardState: { term: 1 } });
    if (role === 'candidate') node.raw.campaign();
    node.work();
    const term = node.term;
    const sent = ofType(node.tick(electionTick), 'MsgVote');
    assert.equal(node.term, term + 1);
    assert.equal(node.state, 'StateCandidate');
    assert.equal(node.raw.status().vote, 1, 'it votes for itself');
    assert.deepEqual(
      sent.map(({ to, term: of }) => [to, of]),
      [
        [2, term + 1],
        [3, term + 1],
      ],
    );
  });
}

for (const { size, granted, rejected, state } of [
  { size: 1, granted: [], rejected: [], state: 'StateLeader' },
  { size: 3, granted: [2, 3], rejected: [], state: 'StateLeader' },
  { size: 3, granted: [2], rejected: [], state: 'StateLeader' },
  { size: 5, granted: [2, 3, 4, 5], rejected: [], state: 'StateLeader' },
  { size: 5, granted: [2, 3], rejected: [], state: 'StateLeader' },
  { size: 3, granted: [], rejected: [2, 3], state: 'StateFollower' },
  { size: 5, granted: [2], rejected: [3, 4, 5], state: 'StateFollower' },
  { size: 3, granted: [], rejected: [2], state: 'StateCandidate' },
  { size: 5, granted: [2], rejected: [], state: 'StateCandidate' },
]) {
  test(`5.2: with votes of ${granted} and refusals of ${rejected} among ${size}, a candidate is ${state}`, () => {
    const node = new PaperNode({ voters: Array.from({ length: size }, (_, at) => at + 1) });
    node.raw.campaign();
    node.work();
    node.receive(...granted.map((id) => node.vote(id)), ...rejected.map((id) => node.vote(id, true)));
    assert.equal(node.state, state);
  });
}

for (const { vote, from, granted } of [
  { vote: 0, from: 2, granted: true },
  { vote: 0, from: 3, granted: true },
  { vote: 2, from: 2, granted: true },
  { vote: 3, from: 3, granted: true },
  { vote: 2, from: 3, granted: false },
  { vote: 3, from: 2, granted: false },
]) {
  test(`5.2: a follower votes once in a term, first come first served: ${from} asks after a vote for ${vote}`, () => {
    const node = new PaperNode({ hardState: { term: 1, vote } });
    const [answer] = ofType(node.receive(node.voteRequest(from, 1, nothing)), 'MsgVoteResp');
    assert.equal(answer?.reject, !granted);
  });
}

test('5.2: a vote is not forgotten over a restart', () => {
  const node = new PaperNode();
  node.receive(node.voteRequest(2, 3, nothing));
  const again = new PaperNode({ hardState: node.storage.initialState().hardState });
  assert.equal(ofType(again.receive(again.voteRequest(3, 3, nothing)), 'MsgVoteResp')[0]?.reject, true);
});

for (const term of [1, 2]) {
  test(`5.2: a candidate of term 1 that hears from a leader of term ${term} follows it`, () => {
    const node = new PaperNode();
    node.raw.campaign();
    node.work();
    node.receive(node.append(2, term, nothing));
    assert.deepEqual([node.state, node.term, node.raw.status().lead], ['StateFollower', term, 2]);
  });
}

for (const role of ['follower', 'candidate'] as const) {
  test(`5.2: the election timeout of a ${role} is drawn anew each time from [t, 2t)`, () => {
    const drawn = new Set<number>();
    for (let draw = 0; draw < electionTick; draw += 1) {
      const node = new PaperNode({ options: { random: () => draw } });
      if (role === 'candidate') node.raw.campaign();
      node.work();
      const { term } = node;
      let ticks = 0;
      for (; node.term === term; ticks += 1) node.tick();
      drawn.add(ticks);
    }
    assert.deepEqual(
      [...drawn],
      Array.from({ length: electionTick }, (_, at) => electionTick + at),
    );
  });
}

for (const role of ['follower', 'candidate'] as const) {
  test(`5.2: of two ${role}s whose timeouts differ one begins an election alone`, () => {
    const [first, second] = [3, 7].map((draw) => {
      const node = new PaperNode({ options: { random: () => draw } });
      if (role === 'candidate') node.raw.campaign();
      node.work();
      const before = node.term;
      node.tick(electionTick + 3);
      return node.term - before;
    });
    assert.deepEqual([first, second], [1, 0]);
  });
}

test('5.3: a leader appends a proposal and sends it to all followers at once', () => {
  const node = new PaperNode();
  node.lead(2);
  node.receive(node.acknowledge(2, 1), node.acknowledge(3, 1));
  node.raw.propose(bytes('x'));
  const sent = ofType(node.work(), 'MsgApp');
  assert.deepEqual(node.log, ['1/1', '1/2']);
  assert.deepEqual(
    sent.map(({ to, index, logTerm, entries }) => [to, index, logTerm, entries.map((each) => each.index)]),
    [
      [2, 1, 1, [2]],
      [3, 1, 1, [2]],
    ],
  );
});

for (const { size, acknowledged, committed } of [
  { size: 1, acknowledged: [], committed: true },
  { size: 3, acknowledged: [], committed: false },
  { size: 3, acknowledged: [2], committed: true },
  { size: 3, acknowledged: [2, 3], committed: true },
  { size: 5, acknowledged: [2], committed: false },
  { size: 5, acknowledged: [2, 3], committed: true },
  { size: 5, acknowledged: [2, 3, 4, 5], committed: true },
]) {
  test(`5.3: of ${size} nodes, acknowledgements of ${acknowledged} ${committed ? '' : 'do not '}commit an entry`, () => {
    const node = new PaperNode({ voters: Array.from({ length: size }, (_, at) => at + 1) });
    node.lead(...Array.from({ length: size - 1 }, (_, at) => at + 2));
    node.receive(...acknowledged.map((id) => node.acknowledge(id, 1)));
    assert.equal(node.applied.length === 1, committed);
  });
}

test('5.3: a committed entry is applied, and followers learn the commit index with the next append', () => {
  const node = new PaperNode();
  node.lead(2);
  const sent = ofType(node.receive(node.acknowledge(2, 1)), 'MsgApp');
  assert.deepEqual(
    node.applied.map(({ index }) => index),
    [1],
  );
  assert.deepEqual(
    sent.map(({ commit }) => commit),
    [1],
    '3 is still being probed',
  );
});

test('5.3: committing an entry commits all before it, also those of other leaders', () => {
  const node = new PaperNode({ entries: entriesOf(1, 2), hardState: { term: 2 } });
  node.lead(2);
  node.receive(node.acknowledge(2, 3));
  assert.deepEqual(
    node.applied.map(({ term }) => term),
    [1, 2, 3],
  );
});

test('5.3: a follower applies what the leader says is committed, in order', () => {
  const node = new PaperNode();
  node.receive(node.append(2, 1, nothing, entriesOf(1, 1, 1), 2));
  assert.deepEqual(
    node.applied.map(({ index }) => index),
    [1, 2],
  );
});

for (const { previous, accepted, hint } of [
  { previous: { term: 0, index: 0 }, accepted: true, hint: undefined },
  { previous: { term: 1, index: 1 }, accepted: true, hint: undefined },
  { previous: { term: 2, index: 2 }, accepted: true, hint: undefined },
  { previous: { term: 1, index: 2 }, accepted: false, hint: 1 },
  { previous: { term: 3, index: 3 }, accepted: false, hint: 2 },
]) {
  test(`5.3: a follower with terms [1 2] ${accepted ? 'takes' : 'refuses'} an append after ${previous.term}/${previous.index}`, () => {
    const node = new PaperNode({ entries: entriesOf(1, 2), hardState: { term: 3 } });
    const [answer] = ofType(node.receive(node.append(2, 3, previous)), 'MsgAppResp');
    assert.equal(answer?.reject, !accepted);
    assert.equal(answer?.reject === true ? answer.rejectHint : undefined, hint);
  });
}

for (const { from, entries, log } of [
  { from: { term: 2, index: 2 }, entries: [3], log: ['1/1', '2/2', '3/3'] },
  { from: { term: 1, index: 1 }, entries: [3, 4], log: ['1/1', '3/2', '4/3'] },
  { from: nothing, entries: [1], log: ['1/1', '2/2'] },
  { from: nothing, entries: [3], log: ['3/1'] },
]) {
  test(`5.3: a follower with terms [1 2] that gets ${entries} after ${from.term}/${from.index} has ${log}`, () => {
    const node = new PaperNode({ entries: entriesOf(1, 2), hardState: { term: 2 } });
    const sent = entries.map((term, at) => ({ term, index: from.index + 1 + at, type: 'EntryNormal' as const, data: bytes('') }));
    node.receive(node.append(2, 4, from, sent));
    assert.deepEqual(node.log, log);
  });
}

// Figure 7: the leader of term 8 makes every follower's log its own.
const leaderTerms = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
for (const [name, terms] of Object.entries({
  a: [1, 1, 1, 4, 4, 5, 5, 6, 6],
  b: [1, 1, 1, 4],
  c: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
  d: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
  e: [1, 1, 1, 4, 4, 4, 4],
  f: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
})) {
  test(`5.3, figure 7: the leader brings follower (${name}) to its own log`, () => {
    const leader = new PaperNode({ entries: entriesOf(...leaderTerms), hardState: { term: 7 } });
    const follower = new PaperNode({ id: 2, entries: entriesOf(...terms), hardState: { term: 7 } });
    let sent = leader.lead(3);
    for (let trips = 0; sent.length > 0; trips += 1) {
      assert.ok(trips < 10, 'conflicts are skipped a term at a time');
      const answers = sent.filter(({ to }) => to === 2).flatMap((message) => follower.receive(message));
      sent = leader.receive(...answers);
    }
    assert.deepEqual(follower.log, leader.log);
  });
}

test('5.4.1: a candidate says where its log ends', () => {
  const node = new PaperNode({ entries: entriesOf(1, 2), hardState: { term: 2 } });
  node.raw.campaign();
  assert.deepEqual(
    ofType(node.work(), 'MsgVote').map(({ logTerm, index }) => [logTerm, index]),
    [
      [2, 2],
      [2, 2],
    ],
  );
});

for (const { terms, last, granted } of [
  { terms: [1], last: { term: 1, index: 1 }, granted: true },
  { terms: [1], last: { term: 1, index: 2 }, granted: true },
  { terms: [1, 1], last: { term: 1, index: 1 }, granted: false },
  { terms: [1], last: { term: 2, index: 1 }, granted: true },
  { terms: [1, 1], last: { term: 2, index: 1 }, granted: true },
  { terms: [2], last: { term: 1, index: 1 }, granted: false },
  { terms: [2], last: { term: 1, index: 2 }, granted: false },
]) {
  test(`5.4.1: a voter with terms [${terms}] ${granted ? 'votes for' : 'refuses'} a log that ends in ${last.term}/${last.index}`, () => {
    const node = new PaperNode({ entries: entriesOf(...terms), hardState: { term: 2 } });
    assert.equal(ofType(node.receive(node.voteRequest(2, 3, last)), 'MsgVoteResp')[0]?.reject, !granted);
  });
}

test('5.4.2, figure 8: a leader does not commit entries of older terms by counting', () => {
  const node = new PaperNode({ entries: entriesOf(1, 2), hardState: { term: 2 } });
  node.lead(2);
  node.receive(node.acknowledge(2, 2));
  assert.deepEqual(node.applied, [], 'a majority has 2/2, and still another leader could replace it');
  node.receive(node.acknowledge(2, 3));
  assert.deepEqual(node.log, ['1/1', '2/2', '3/3']);
  assert.equal(node.applied.length, 3, 'an entry of its own term commits them with it');
});
