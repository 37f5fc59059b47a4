import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, electionTick, ofType, PaperNode, type Start } from './fixtures/paper-node.ts';
import type { Message } from './messages.ts';

/** A leader of term 1 whose first entry is committed. */
function leaderOf(start: Start = {}): PaperNode {
  const node = new PaperNode(start);
  node.lead(2);
  node.receive(node.acknowledge(2, 1));
  return node;
}

/** Asks for a read; gives the indexes that are answered at once, and the heartbeats. */
function read(node: PaperNode): { readonly answers: readonly number[]; readonly sent: readonly Message[] } {
  node.raw.readIndex(bytes('r'));
  return take(node);
}

function take(node: PaperNode): { readonly answers: readonly number[]; readonly sent: readonly Message[] } {
  const answers: number[] = [];
  const sent: Message[] = [];
  while (node.raw.hasReady()) {
    const ready = node.raw.ready();
    answers.push(...ready.readStates.map(({ index }) => index));
    sent.push(...ready.messages);
    node.storage.append(ready.entries);
    node.raw.advance();
  }
  return { answers, sent };
}

function answer(node: PaperNode, sent: readonly Message[], from: number): readonly number[] {
  for (const { to, term, readPosition } of ofType(sent, 'MsgHeartbeat')) {
    if (to === from) node.raw.step({ type: 'MsgHeartbeatResp', from, to: 1, term, readPosition });
  }
  return take(node).answers;
}

test('RawNode.readIndex() is answered when a majority has answered a heartbeat that was sent after it', () => {
  const node = leaderOf();
  const { answers, sent } = read(node);
  assert.deepEqual(answers, []);
  assert.deepEqual(answer(node, sent, 2), [1]);
});

test('RawNode.readIndex() is not answered by a heartbeat of before', () => {
  const node = leaderOf();
  const before = node.tick();
  read(node);
  assert.deepEqual(answer(node, before, 2), []);
});

test('RawNode.readIndex() of a new leader waits for its first commit', () => {
  const node = new PaperNode();
  node.lead(2);
  const { answers, sent } = read(node);
  assert.deepEqual([answers, ofType(sent, 'MsgHeartbeat')], [[], []]);
  node.raw.step(node.acknowledge(2, 1));
  const later = take(node);
  assert.deepEqual(answer(node, later.sent, 3), [1]);
});

test('RawNode.readIndex() of a follower goes over the leader and comes back', () => {
  const follower = new PaperNode({ id: 2 });
  follower.receive(follower.append(1, 1, { term: 0, index: 0 }));
  follower.raw.readIndex(bytes('r'));
  const [request] = ofType(follower.work(), 'MsgReadIndex');
  assert.equal(request?.to, 1);
  follower.raw.step({ type: 'MsgReadIndexResp', from: 1, to: 2, term: 1, index: 7, context: bytes('r') });
  assert.deepEqual(take(follower).answers, [7]);
});

test('RawNode.readIndex() without a leader is dropped', () => {
  const node = new PaperNode();
  node.raw.readIndex(bytes('r'));
  assert.deepEqual(take(node), { answers: [], sent: [] });
});

test('RawNode.readIndex() of a single voter needs nobody', () => {
  const node = new PaperNode({ voters: [1] });
  node.lead();
  assert.deepEqual(read(node).answers, [1]);
});

const leases = { options: { readOnlyOption: 'lease-based', checkQuorum: true } } as const;

test('a lease-based read is answered at once while a majority has answered lately', () => {
  const node = leaderOf(leases);
  assert.deepEqual(answer(node, node.tick(), 2), []);
  node.tick(electionTick - 2);
  assert.deepEqual(read(node).answers, [1]);
});

test('a lease ends an election timeout after the heartbeat was sent, however late the answer came', () => {
  const node = leaderOf(leases);
  const sent = node.tick();
  node.tick(electionTick - 2);
  answer(node, sent, 2);
  node.tick();
  const late = read(node);
  assert.deepEqual(late.answers, [], 'it asks a majority instead');
  assert.deepEqual(answer(node, late.sent, 3), [1]);
});

test('a leader that began to hand over trusts its lease no more', () => {
  const node = leaderOf(leases);
  answer(node, node.tick(), 2);
  node.raw.transferLeadership(2);
  node.work();
  assert.deepEqual(read(node).answers, []);
});

test('a member that has promised a lease votes for nobody, also after a restart', () => {
  const node = new PaperNode({ ...leases, hardState: { term: 1 } });
  assert.deepEqual(node.receive(node.voteRequest(3, 2, { term: 1, index: 1 })), [], 'it does not know what it has promised');
  node.tick(electionTick - 1);
  node.receive({ type: 'MsgHeartbeat', from: 2, to: 1, term: 1, commit: 0, readPosition: 1 });
  assert.deepEqual(node.receive(node.voteRequest(3, 2, { term: 1, index: 1 })), []);
});
