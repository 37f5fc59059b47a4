import { logTexts } from './log-texts.ts';
import { type LogIndex, nobody } from './messages.ts';
import type { ReadRequest } from './pending-reads.ts';
import type { Leader, Raft } from './raft.ts';

/** A round of heartbeats: keeps followers quiet, tells the commit index, and confirms the reads that wait. */
export function broadcastHeartbeat(raft: Raft, leader: Leader): void {
  const readPosition = leader.reads.nextRound(leader.ticks, leader.ticks - raft.settings.electionTick);
  for (const [to, progress] of leader.progress) {
    if (to === raft.id) continue;
    // Only what the member surely has may be committed there: a commit index is trusted without a look at the log.
    const commit = Math.min(progress.match, raft.log.committed);
    raft.send({ type: 'MsgHeartbeat', from: raft.id, to, term: raft.term, commit, readPosition });
    progress.sentCommit = Math.max(progress.sentCommit, commit);
  }
}

/** Passes a read on to the leader, or drops it: the client asks again. */
export function forwardRead(raft: Raft, context: Uint8Array): void {
  if (raft.lead === nobody) raft.logger?.info(logTexts.readWithoutLeader(raft));
  else raft.send({ type: 'MsgReadIndex', from: raft.id, to: raft.lead, term: 0, context });
}

/** A leader answers with its commit index once it is sure to lead, so that the reader sees all that was acknowledged before. */
export function startRead(raft: Raft, leader: Leader, request: ReadRequest): void {
  if (raft.log.termOrZero(raft.log.committed) !== raft.term) {
    leader.reads.waiting.push(request);
  } else if (raft.isSingleVoter() || hasLease(raft, leader)) {
    answerRead(raft, request, raft.log.committed);
  } else {
    leader.reads.add({ from: request.from, context: request.context, index: raft.log.committed });
    broadcastHeartbeat(raft, leader);
  }
}

/**
 * Whether a majority has promised, by answering a heartbeat that was sent at most an election timeout ago, not to vote for
 * anybody else yet. Stricter than upstream, which goes by the last check of the quorum: up to two election timeouts old.
 */
function hasLease(raft: Raft, leader: Leader): boolean {
  const { readOnlyOption, electionTick } = raft.settings;
  if (readOnlyOption !== 'lease-based' || leader.gaveLeaseAway) return false;
  // One tick less than promised, since the ticks of two nodes do not begin together.
  return leader.ticks - leader.reads.confirmedTick(raft.configuration, raft.id) < electionTick - 1;
}

/** The leader has committed in its term: reads that waited for that may start. */
export function releaseWaitingReads(raft: Raft, leader: Leader): void {
  if (leader.reads.waiting.length === 0 || raft.log.termOrZero(raft.log.committed) !== raft.term) return;
  const { waiting } = leader.reads;
  leader.reads.waiting = [];
  for (const request of waiting) startRead(raft, leader, request);
}

export function answerConfirmedReads(raft: Raft, leader: Leader): void {
  for (const read of leader.reads.takeConfirmed(raft.configuration, raft.id)) answerRead(raft, read, read.index);
}

function answerRead(raft: Raft, { from, context }: ReadRequest, index: LogIndex): void {
  if (from === nobody || from === raft.id) raft.readStates.push({ index, context });
  else raft.send({ type: 'MsgReadIndexResp', from: raft.id, to: from, term: raft.term, index, context });
}
