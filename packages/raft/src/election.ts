import { allVoters, isVoter, voteOf } from './configuration.ts';
import { logTexts } from './log-texts.ts';
import { nobody, type VoteRequest, type VoteResponse } from './messages.ts';
import type { Candidate, Raft } from './raft.ts';
import { appendProposals, broadcastAppend } from './replication.ts';

/** `transfer`: the leader asks for it, so its lease is no obstacle and asking first is not needed. */
type Campaign = 'pre-election' | 'election' | 'transfer';

/** Starts an election, if this node may win one. Upstream: hup. */
export function startElection(raft: Raft, reason: 'timeout' | 'transfer'): void {
  if (raft.role.state === 'StateLeader') {
    raft.logger?.debug(logTexts.alreadyLeader(raft.id));
  } else if (!raft.isPromotable()) {
    raft.logger?.warning(logTexts.unpromotable(raft.id));
  } else if (hasUnappliedConfChange(raft)) {
    // Who may vote is decided by a change that we know to be committed and do not follow yet.
    raft.logger?.warning(logTexts.pendingConfChange(raft));
  } else {
    raft.logger?.info(logTexts.startingElection(raft));
    campaign(raft, reason === 'transfer' ? 'transfer' : raft.settings.preVote ? 'pre-election' : 'election');
  }
}

const scanBytes = 1024 * 1024;

function hasUnappliedConfChange(raft: Raft): boolean {
  const { log } = raft;
  for (let from = log.applied + 1; from <= log.committed; ) {
    const entries = log.slice(from, log.committed + 1, scanBytes);
    if (typeof entries === 'string') return false; // in a snapshot, and so applied
    if (entries.some((entry) => entry.type !== 'EntryNormal')) return true;
    from += entries.length;
  }
  return false;
}

function campaign(raft: Raft, kind: Campaign): void {
  const pre = kind === 'pre-election';
  if (pre) raft.becomePreCandidate();
  else raft.becomeCandidate();
  const { id: from, last } = raft;
  const term = pre ? raft.term + 1 : raft.term;
  for (const to of allVoters(raft.configuration)) {
    if (to === from) {
      // Even our own vote counts only once it is durable.
      raft.send({ type: pre ? 'MsgPreVoteResp' : 'MsgVoteResp', from, to, term, reject: false });
    } else {
      const type = pre ? 'MsgPreVote' : 'MsgVote';
      raft.logger?.info(logTexts.requestedVote(raft, type, to));
      raft.send({ type, from, to, term, logTerm: last.term, index: last.index, transfer: kind === 'transfer' });
    }
  }
}

/** Whether this node heard from a leader so recently that nobody else shall be elected (leader stickiness). */
export function isInLease(raft: Raft): boolean {
  const { checkQuorum, electionTick } = raft.settings;
  return raft.promisedTicks > 0 || (checkQuorum && raft.lead !== nobody && raft.electionElapsed < electionTick);
}

/** Answers a vote request whose term is ours, or higher for a pre-vote. Learners vote, too: the candidate knows better who may. */
export function answerVoteRequest(raft: Raft, request: VoteRequest): void {
  const pre = request.type === 'MsgPreVote';
  const mayVote = raft.vote === request.from || (raft.vote === nobody && raft.lead === nobody) || (pre && request.term > raft.term);
  const granted = mayVote && raft.log.isUpToDate({ term: request.logTerm, index: request.index });
  raft.logger?.info(granted ? logTexts.castVote(raft, request) : logTexts.rejectedVote(raft, request));
  raft.send({
    type: pre ? 'MsgPreVoteResp' : 'MsgVoteResp',
    from: raft.id,
    to: request.from,
    // A granted pre-vote is of the term it was asked for; a refusal tells the candidate of ours.
    term: granted ? request.term : raft.term,
    reject: !granted,
  });
  if (granted && !pre) {
    raft.electionElapsed = 0;
    raft.vote = request.from;
  }
}

/** Counts an answer to our campaign. */
export function countVote(raft: Raft, candidate: Candidate, response: VoteResponse): void {
  const { from, type } = response;
  raft.logger?.info(logTexts.receivedVote(raft, type, from, !response.reject));
  const { votes } = candidate;
  if (!votes.has(from)) votes.set(from, !response.reject); // the first answer counts, in whatever order they come
  if (raft.logger !== undefined) {
    const counted = [...votes].filter(([id]) => isVoter(raft.configuration, id));
    const granted = counted.filter(([, vote]) => vote).length;
    raft.logger.info(logTexts.countedVotes(raft.id, type, granted, counted.length - granted));
  }
  switch (voteOf(raft.configuration, votes)) {
    case 'VotePending':
      return;
    case 'VoteLost':
      // A pre-candidate goes back in its own term: it never asked in earnest.
      raft.becomeFollower(raft.term, nobody);
      return;
    case 'VoteWon':
      if (candidate.state === 'StatePreCandidate') {
        campaign(raft, 'election');
        return;
      }
      lead(raft);
      return;
  }
}

function lead(raft: Raft): void {
  const leader = raft.becomeLeader();
  appendProposals(raft, leader, [{ type: 'EntryNormal', data: new Uint8Array(0) }]);
  raft.logger?.info(logTexts.becameLeader(raft));
  broadcastAppend(raft, leader);
}
