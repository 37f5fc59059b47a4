import type { LogIndex, NodeId } from './messages.ts';

export type VoteResult = 'VotePending' | 'VoteLost' | 'VoteWon';

/**
 * The highest index that a majority of `voters` has acknowledged; a voter without an answer counts as 0.
 * Nobody to ask means Infinity, so that an absent half of a joint quorum decides nothing. Upstream: quorum/majority.go.
 */
export function majorityIndex(voters: readonly NodeId[], acked: (id: NodeId) => LogIndex | undefined): LogIndex {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const descending = voters.map((id) => acked(id) ?? 0).sort((a, b) => b - a);
  return descending[Math.floor(voters.length / 2)] ?? 0;
}

/** The highest index that both majorities of a joint configuration have acknowledged. */
export function jointIndex(
  incoming: readonly NodeId[],
  outgoing: readonly NodeId[],
  acked: (id: NodeId) => LogIndex | undefined,
): LogIndex {
  return Math.min(majorityIndex(incoming, acked), majorityIndex(outgoing, acked));
}

/** What `votes` decide among `voters`; nobody to ask means won. */
export function majorityVote(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  if (voters.length === 0) return 'VoteWon';
  const needed = Math.floor(voters.length / 2) + 1;
  let granted = 0;
  let open = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === undefined) open += 1;
    else if (vote) granted += 1;
  }
  if (granted >= needed) return 'VoteWon';
  return granted + open >= needed ? 'VotePending' : 'VoteLost';
}

/** A joint vote is won when both halves are won, and lost as soon as one is lost. */
export function jointVote(incoming: readonly NodeId[], outgoing: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const results = [majorityVote(incoming, votes), majorityVote(outgoing, votes)];
  if (results.includes('VoteLost')) return 'VoteLost';
  return results.includes('VotePending') ? 'VotePending' : 'VoteWon';
}
