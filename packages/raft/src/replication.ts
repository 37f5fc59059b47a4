import { describeProgress } from './describe.ts';
import { invariant } from './invariant.ts';
import { logTexts, hex } from './log-texts.ts';
import {
  type AppendResponse,
  type Entry,
  type HeartbeatResponse,
  type LogIndex,
  type NodeId,
  nobody,
  type Proposal,
  payloadBytes,
} from './messages.ts';
import type { Progress } from './progress.ts';
import { jointIndex } from './quorum.ts';
import type { Leader, Raft } from './raft.ts';
import { releaseWaitingReads } from './reads.ts';

/** Gives proposals term and index. False when they would pass the limit of uncommitted bytes: refused, not lost. */
export function appendProposals(raft: Raft, leader: Leader, proposals: readonly Proposal[]): boolean {
  const bytes = payloadBytes(proposals);
  // Empty entries always pass: leaders begin and configurations are left with them. The first one passes whatever its size.
  if (leader.uncommittedBytes > 0 && bytes > 0 && leader.uncommittedBytes + bytes > raft.settings.maxUncommittedEntriesSize) {
    raft.logger?.warning(logTexts.uncommittedLimit(raft.id));
    return false;
  }
  leader.uncommittedBytes += bytes;
  let index = raft.log.lastIndex();
  const entries = proposals.map(({ type, data }): Entry => {
    index += 1;
    return { term: raft.term, index, type, data };
  });
  raft.log.append(entries);
  // The leader counts itself only when the entries are durable here: it may send them before.
  raft.send({ type: 'MsgAppResp', from: raft.id, to: raft.id, term: raft.term, index, reject: false });
  return true;
}

export function broadcastAppend(raft: Raft, leader: Leader): void {
  for (const [to, progress] of leader.progress) if (to !== raft.id) sendAppend(raft, to, progress);
}

/** Sends what is next, or an empty append, which tells the commit index and finds out where the logs agree. */
function sendAppend(raft: Raft, to: NodeId, progress: Progress): void {
  maybeSendAppend(raft, to, progress, true);
}

/** False when nothing was sent: the flow is paused, or there is nothing to send and `evenEmpty` is not set. */
export function maybeSendAppend(raft: Raft, to: NodeId, progress: Progress, evenEmpty: boolean): boolean {
  if (progress.isPaused()) return false;
  const { log } = raft;
  const index = progress.next - 1;
  const logTerm = log.term(index);
  if (typeof logTerm === 'string') return maybeSendSnapshot(raft, to, progress);
  const entries = progress.mayCarryEntries() ? log.entries(progress.next, raft.settings.maxSizePerMsg) : [];
  if (entries.length === 0 && !evenEmpty) return false;
  if (typeof entries === 'string') return maybeSendSnapshot(raft, to, progress);
  const commit = log.committed;
  raft.outbox.push({ type: 'MsgApp', from: raft.id, to, term: raft.term, logTerm, index, entries, commit });
  progress.sentEntries(entries.length, payloadBytes(entries));
  progress.sentCommit = commit;
  return true;
}

function maybeSendSnapshot(raft: Raft, to: NodeId, progress: Progress): boolean {
  const { id, log, logger } = raft;
  if (!progress.recentActive) {
    logger?.debug(logTexts.snapshotToInactive(to));
    return false;
  }
  const snapshot = log.snapshot();
  if (snapshot === undefined) {
    logger?.debug(logTexts.snapshotUnavailable(id, to));
    return false;
  }
  invariant(snapshot.index > 0, 'need non-empty snapshot');
  if (logger !== undefined) {
    const target = `${hex(to)} [${describe(raft, to, progress)}]`;
    logger.debug(logTexts.sentSnapshot({ id, first: log.firstIndex(), commit: log.committed }, snapshot, target));
  }
  progress.becomeSnapshot(snapshot.index);
  logger?.debug(logTexts.pausedForSnapshot(id, to, describe(raft, to, progress)));
  raft.send({ type: 'MsgSnap', from: id, to, term: raft.term, snapshot });
  return true;
}

/** Commits what a majority has, but only up to an entry of our own term (paper, figure 8). */
export function maybeCommit(raft: Raft, leader: Leader): boolean {
  const { voters, votersOutgoing } = raft.configuration;
  const index = jointIndex(voters, votersOutgoing, (id) => leader.progress.get(id)?.match);
  return raft.log.maybeCommit({ term: raft.term, index });
}

export function handleAppendResponse(raft: Raft, leader: Leader, progress: Progress, response: AppendResponse): void {
  progress.recentActive = true;
  if (response.reject) handleRejection(raft, progress, response);
  else handleAcceptance(raft, leader, progress, response.from, response.index);
}

function handleRejection(raft: Raft, progress: Progress, response: AppendResponse & { readonly reject: true }): void {
  const { from, index, rejectHint, logTerm } = response;
  raft.logger?.debug(logTexts.appendRejected(raft.id, { index: rejectHint, term: logTerm }, from, index));
  // The member's log has logTerm at rejectHint: what we have above of higher terms cannot be there.
  const hint = logTerm > 0 ? raft.log.findConflictByTerm(rejectHint, logTerm).index : rejectHint;
  if (!progress.maybeDecrease(index, hint)) return;
  raft.logger?.debug(logTexts.decreasedProgress(raft.id, from, describe(raft, from, progress)));
  if (progress.state === 'StateReplicate') progress.becomeProbe();
  sendAppend(raft, from, progress);
}

function handleAcceptance(raft: Raft, leader: Leader, progress: Progress, from: NodeId, index: LogIndex): void {
  // A probe that is answered with what we knew ends the probing, too.
  if (!progress.maybeUpdate(index) && !(progress.match === index && progress.state === 'StateProbe')) return;
  const { flow } = progress;
  if (flow.state === 'StateProbe') {
    progress.becomeReplicate();
  } else if (flow.state === 'StateReplicate') {
    flow.inflights.freeUpTo(index);
  } else if (progress.match + 1 >= raft.log.firstIndex()) {
    // Even an older snapshot than the one we sent will do, once our log goes on from it.
    raft.logger?.debug(logTexts.recoveredFromSnapshot(raft.id, from, describe(raft, from, progress)));
    progress.becomeProbe();
    progress.becomeReplicate();
  }
  if (maybeCommit(raft, leader)) {
    releaseWaitingReads(raft, leader);
    broadcastAppend(raft, leader);
  } else if (from !== raft.id && progress.canBumpCommit(raft.log.committed)) {
    sendAppend(raft, from, progress);
  }
  // The window has room again: fill it.
  if (from !== raft.id) while (maybeSendAppend(raft, from, progress, false));
  if (from === leader.transferee && progress.match === raft.log.lastIndex()) {
    raft.logger?.info(logTexts.transferCaughtUp(raft.id, from));
    sendTimeoutNow(raft, leader, from);
  }
}

export function handleHeartbeatResponse(raft: Raft, progress: Progress, response: HeartbeatResponse): void {
  progress.recentActive = true;
  progress.resume();
  // It lives, so an append that it has not answered may be lost; or it has not yet told us where its log ends.
  if (progress.match < raft.log.lastIndex() || progress.state === 'StateProbe') sendAppend(raft, response.from, progress);
}

/** The application could not send to `to`: what was on its way is probably lost. */
export function handleUnreachable(raft: Raft, to: NodeId, progress: Progress): void {
  if (progress.state === 'StateReplicate') progress.becomeProbe();
  raft.logger?.debug(logTexts.unreachable(raft.id, to, describe(raft, to, progress)));
}

/** The application says what became of a snapshot. After either answer the next append waits for a sign of life. */
export function handleSnapshotStatus(raft: Raft, to: NodeId, progress: Progress, succeeded: boolean): void {
  if (progress.state !== 'StateSnapshot') return;
  if (succeeded) progress.becomeProbe();
  else progress.snapshotFailed();
  raft.logger?.debug(logTexts.snapshotSent(raft.id, to, succeeded, describe(raft, to, progress)));
  progress.pause();
}

export function startTransfer(raft: Raft, leader: Leader, to: NodeId, progress: Progress): void {
  const { logger } = raft;
  if (raft.configuration.learners.includes(to)) {
    logger?.debug(logTexts.transferToLearner(raft.id));
    return;
  }
  if (leader.transferee === to) {
    logger?.info(logTexts.sameTransfer(raft, to));
    return;
  }
  if (leader.transferee !== nobody) {
    logger?.info(logTexts.abortedTransfer(raft, leader.transferee));
    leader.transferee = nobody;
  }
  if (to === raft.id) {
    logger?.debug(logTexts.transferToSelf(raft.id));
    return;
  }
  logger?.info(logTexts.startsTransfer(raft, to));
  // It should be done within an election timeout, or it is given up.
  raft.electionElapsed = 0;
  leader.transferee = to;
  if (progress.match === raft.log.lastIndex()) {
    sendTimeoutNow(raft, leader, to);
    logger?.info(logTexts.transferAtOnce(raft.id, to));
  } else {
    sendAppend(raft, to, progress);
  }
}

function sendTimeoutNow(raft: Raft, leader: Leader, to: NodeId): void {
  leader.gaveLeaseAway = true;
  raft.send({ type: 'MsgTimeoutNow', from: raft.id, to, term: raft.term });
}

function describe(raft: Raft, of: NodeId, progress: Progress): string {
  return describeProgress(progress, raft.configuration.learners.includes(of));
}
