import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from './messages.ts';
import { jointIndex, jointVote, majorityIndex, majorityVote } from './quorum.ts';

const acked = (indexes: Readonly<Record<NodeId, number>>) => (id: NodeId) => indexes[id];
const votes = (yes: readonly NodeId[], no: readonly NodeId[] = []): ReadonlyMap<NodeId, boolean> =>
  new Map([...yes.map((id): [NodeId, boolean] => [id, true]), ...no.map((id): [NodeId, boolean] => [id, false])]);

for (const { voters, indexes, want } of [
  { voters: [], indexes: {}, want: Number.POSITIVE_INFINITY },
  { voters: [1], indexes: {}, want: 0 },
  { voters: [1], indexes: { 1: 5 }, want: 5 },
  { voters: [1, 2], indexes: { 1: 5, 2: 3 }, want: 3 },
  { voters: [1, 2, 3], indexes: { 1: 5, 2: 3 }, want: 3 },
  { voters: [1, 2, 3, 4], indexes: { 1: 5, 2: 4, 3: 3, 4: 2 }, want: 3 },
  { voters: [1, 2, 3], indexes: { 1: 5, 9: 9 }, want: 0 },
]) {
  test(`majorityIndex() of ${JSON.stringify(indexes)} among [${voters}] is ${want}`, () => {
    assert.equal(majorityIndex(voters, acked(indexes)), want);
  });
}

for (const { voters, yes, no, want } of [
  { voters: [], yes: [], no: [], want: 'VoteWon' },
  { voters: [1, 2, 3], yes: [1], no: [], want: 'VotePending' },
  { voters: [1, 2, 3], yes: [1, 2], no: [], want: 'VoteWon' },
  { voters: [1, 2, 3], yes: [1], no: [2, 3], want: 'VoteLost' },
  { voters: [1, 2, 3, 4], yes: [1, 2], no: [], want: 'VotePending' },
  { voters: [1, 2, 3, 4], yes: [1, 2], no: [3, 4], want: 'VoteLost' },
  { voters: [1, 2, 3], yes: [7, 8, 9], no: [], want: 'VotePending' },
]) {
  test(`majorityVote() of ${yes} for and ${no} against among [${voters}] is ${want}`, () => {
    assert.equal(majorityVote(voters, votes(yes, no)), want);
  });
}

test('jointIndex() is what both majorities have', () => {
  assert.equal(jointIndex([1, 2], [3, 4], acked({ 1: 50, 2: 48, 3: 49, 4: 47 })), 47);
  assert.equal(jointIndex([1, 2], [], acked({ 1: 50, 2: 48 })), 48, 'a half without members decides nothing');
});

test('jointVote() needs both majorities, and is lost with one', () => {
  assert.equal(jointVote([1, 2, 3], [3, 4, 5], votes([1, 2])), 'VotePending', 'the new majority alone does not win');
  assert.equal(jointVote([1, 2, 3], [3, 4, 5], votes([4, 5])), 'VotePending', 'nor does the old one');
  assert.equal(jointVote([1, 2, 3], [3, 4, 5], votes([1, 3, 4])), 'VoteWon');
  assert.equal(jointVote([1, 2, 3], [3, 4, 5], votes([1, 2], [4, 5])), 'VoteLost');
});
