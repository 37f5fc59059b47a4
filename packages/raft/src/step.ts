import { confChangeProposal } from './conf-change.ts';
import { isJoint, isMember, voteOf } from './configuration.ts';
import { describeConfiguration } from './describe.ts';
import { answerVoteRequest, countVote, isInLease, startElection } from './election.ts';
import { handleAppend, handleHeartbeat, handleSnapshot } from './follower.ts';
import { invariant } from './invariant.ts';
import { logTexts } from './log-texts.ts';
import { screenConfChanges } from './membership.ts';
import { encodedBytes, type LogIndex, type Message, type NodeId, nobody, type Proposal, payloadBytes, type Snapshot } from './messages.ts';
import type { Candidate, Leader, Raft } from './raft.ts';
import { answerConfirmedReads, broadcastHeartbeat, forwardRead, startRead } from './reads.ts';
import { appendProposals, broadcastAppend, handleAppendResponse, handleHeartbeatResponse, startTransfer } from './replication.ts';

/** A tick passed. Upstream: tickElection, tickHeartbeat. */
export function tick(raft: Raft): void {
  raft.electionElapsed += 1;
  raft.promisedTicks = Math.max(0, raft.promisedTicks - 1);
  const { role } = raft;
  if (role.state === 'StateLeader') {
    tickLeader(raft, role);
    return;
  }
  if (raft.electionElapsed >= raft.electionTimeout && raft.isPromotable()) {
    raft.electionElapsed = 0;
    startElection(raft, 'timeout');
  }
}

function tickLeader(raft: Raft, leader: Leader): void {
  const { electionTick, heartbeatTick, checkQuorum } = raft.settings;
  leader.ticks += 1;
  raft.heartbeatElapsed += 1;
  if (raft.electionElapsed >= electionTick) {
    raft.electionElapsed = 0;
    if (checkQuorum && !keepsQuorum(raft, leader)) return;
    // A transfer that took so long has failed.
    leader.transferee = nobody;
  }
  if (raft.heartbeatElapsed >= heartbeatTick) {
    raft.heartbeatElapsed = 0;
    broadcastHeartbeat(raft, leader);
  }
}

/** Steps down unless a majority was heard from since the last time; then begins to count anew. */
function keepsQuorum(raft: Raft, leader: Leader): boolean {
  const active = new Map([...leader.progress].map(([id, progress]) => [id, id === raft.id || progress.recentActive]));
  if (voteOf(raft.configuration, active) !== 'VoteWon') {
    raft.logger?.warning(logTexts.quorumInactive(raft.id));
    raft.becomeFollower(raft.term, nobody);
    return false;
  }
  for (const [id, progress] of leader.progress) if (id !== raft.id) progress.recentActive = false;
  return true;
}

/** A message has arrived: first what its term says, then what it asks. */
export function step(raft: Raft, message: Message): void {
  // Forwarded and local messages have no term.
  if (message.term !== 0 && message.term !== raft.term && !reconcileTerm(raft, message)) return;
  switch (message.type) {
    case 'MsgVote':
    case 'MsgPreVote':
      answerVoteRequest(raft, message);
      return;
    case 'MsgStorageAppendResp':
      if (message.index !== 0) raft.log.stableTo({ index: message.index, term: message.logTerm });
      if (message.snapshot !== undefined) appliedSnapshot(raft, message.snapshot);
      return;
    case 'MsgStorageApplyResp': {
      const last = message.entries.at(-1);
      if (last === undefined) return;
      appliedTo(raft, last.index, encodedBytes(message.entries));
      if (raft.role.state === 'StateLeader') {
        raft.role.uncommittedBytes = Math.max(0, raft.role.uncommittedBytes - payloadBytes(message.entries));
      }
      return;
    }
    case 'MsgProp':
      propose(raft, message.entries);
      return;
    case 'MsgReadIndex':
      if (raft.role.state === 'StateLeader') startRead(raft, raft.role, message);
      else forwardRead(raft, message.context);
      return;
    case 'MsgTransferLeader':
      transferLeadership(raft, message.from);
      return;
    default:
      stepByRole(raft, message);
      return;
  }
}

/** Makes our term that of the message. False when the message is settled by that. */
function reconcileTerm(raft: Raft, message: Message): boolean {
  return message.term > raft.term ? followHigherTerm(raft, message) : answerLowerTerm(raft, message);
}

function followHigherTerm(raft: Raft, message: Message): boolean {
  const { type, from, term } = message;
  if (type === 'MsgVote' || type === 'MsgPreVote') {
    if (!message.transfer && isInLease(raft)) {
      const remaining = raft.settings.electionTick - raft.electionElapsed;
      raft.logger?.info(logTexts.ignoredVoteRequest(raft, message, remaining));
      return false;
    }
    if (type === 'MsgPreVote') return true; // asking changes nobody's term
  }
  if (type === 'MsgPreVoteResp' && !message.reject) return true; // of the term that we asked for
  raft.logger?.info(logTexts.higherTerm(raft, type, from, term));
  raft.becomeFollower(term, type === 'MsgApp' || type === 'MsgHeartbeat' || type === 'MsgSnap' ? from : nobody);
  return true;
}

function answerLowerTerm(raft: Raft, message: Message): boolean {
  const { type, from, term } = message;
  const { checkQuorum, preVote } = raft.settings;
  if ((checkQuorum || preVote) && (type === 'MsgHeartbeat' || type === 'MsgApp')) {
    // A leader of the past would never hear of our term otherwise: we are not to disturb it with a campaign.
    raft.send({ type: 'MsgAppResp', from: raft.id, to: from, term: raft.term, index: 0, reject: false });
  } else if (type === 'MsgPreVote') {
    // Lets the candidate know our term, or two nodes with pre-vote could wait for each other.
    raft.logger?.info(logTexts.rejectedVote(raft, message));
    raft.send({ type: 'MsgPreVoteResp', from: raft.id, to: from, term: raft.term, reject: true });
  } else if (type === 'MsgStorageAppendResp') {
    // Entries that were durable in an older term may be overwritten by an append that is still on its way (ABA). A snapshot stays.
    if (message.index !== 0) raft.logger?.info(logTexts.staleStorageResponse(raft, term));
    if (message.snapshot !== undefined) appliedSnapshot(raft, message.snapshot);
  } else {
    raft.logger?.info(logTexts.lowerTerm(raft, type, from, term));
  }
  return false;
}

function stepByRole(raft: Raft, message: Message): void {
  const { role } = raft;
  switch (role.state) {
    case 'StateLeader':
      stepLeader(raft, role, message);
      return;
    case 'StateCandidate':
    case 'StatePreCandidate':
      stepCandidate(raft, role, message);
      return;
    case 'StateFollower':
      stepFollower(raft, message);
      return;
  }
}

function stepFollower(raft: Raft, message: Message): void {
  switch (message.type) {
    case 'MsgApp':
    case 'MsgHeartbeat':
    case 'MsgSnap':
      obey(raft, message);
      return;
    case 'MsgTimeoutNow':
      raft.logger?.info(logTexts.timeoutNow(raft, message.from));
      startElection(raft, 'transfer');
      return;
    case 'MsgReadIndexResp':
      raft.readStates.push({ index: message.index, context: message.context });
      return;
    default:
  }
}

type FromLeader = Extract<Message, { readonly type: 'MsgApp' | 'MsgHeartbeat' | 'MsgSnap' }>;

/** The sender leads our term. */
function obey(raft: Raft, message: FromLeader): void {
  const { role } = raft;
  if (role.state === 'StateFollower') {
    invariant(role.lead === nobody || role.lead === message.from, `${role.lead} and ${message.from} lead term ${raft.term}`);
    role.lead = message.from;
    raft.electionElapsed = 0;
  } else {
    raft.becomeFollower(raft.term, message.from);
  }
  if (message.type === 'MsgApp') handleAppend(raft, message);
  else if (message.type === 'MsgHeartbeat') handleHeartbeat(raft, message);
  else handleSnapshot(raft, message);
}

function stepCandidate(raft: Raft, candidate: Candidate, message: Message): void {
  switch (message.type) {
    case 'MsgApp':
    case 'MsgHeartbeat':
    case 'MsgSnap':
      obey(raft, message);
      return;
    case 'MsgPreVoteResp':
      // Answers to the other kind of campaign are late: they say nothing about this one.
      if (candidate.state === 'StatePreCandidate') countVote(raft, candidate, message);
      return;
    case 'MsgVoteResp':
      if (candidate.state === 'StateCandidate') countVote(raft, candidate, message);
      return;
    case 'MsgTimeoutNow':
      raft.logger?.debug(logTexts.ignoredTimeoutNow(raft, candidate.state, message.from));
      return;
    default:
  }
}

function stepLeader(raft: Raft, leader: Leader, message: Message): void {
  invariant(message.type !== 'MsgApp' && message.type !== 'MsgSnap', `${raft.id} and ${message.from} lead term ${raft.term}`);
  const progress = leader.progress.get(message.from);
  if (progress === undefined) {
    raft.logger?.debug(logTexts.noProgress(raft.id, message.from));
    return;
  }
  switch (message.type) {
    case 'MsgAppResp':
      handleAppendResponse(raft, leader, progress, message);
      return;
    case 'MsgHeartbeatResp':
      handleHeartbeatResponse(raft, progress, message);
      leader.reads.answered(message.from, message.readPosition);
      answerConfirmedReads(raft, leader);
      return;
    default:
  }
}

/** False when the proposal is dropped: no leader, a transfer under way, too much uncommitted. */
export function propose(raft: Raft, proposals: readonly Proposal[]): boolean {
  const { role, logger } = raft;
  if (role.state === 'StateLeader') return proposeToSelf(raft, role, proposals);
  if (raft.lead === nobody) {
    logger?.info(logTexts.noLeader(raft));
    return false;
  }
  if (raft.settings.disableProposalForwarding) {
    logger?.info(logTexts.notForwarding(raft, raft.lead));
    return false;
  }
  raft.send({ type: 'MsgProp', from: raft.id, to: raft.lead, term: 0, entries: proposals });
  return true;
}

function proposeToSelf(raft: Raft, leader: Leader, proposals: readonly Proposal[]): boolean {
  // Who was removed from the group takes nothing any more, although it may still lead.
  if (!isMember(raft.configuration, raft.id)) return false;
  if (leader.transferee !== nobody) {
    raft.logger?.debug(logTexts.transferInProgress(raft, leader.transferee));
    return false;
  }
  if (!appendProposals(raft, leader, screenConfChanges(raft, leader, proposals))) return false;
  broadcastAppend(raft, leader);
  return true;
}

/** `to` shall lead. Followers pass the wish on. */
export function transferLeadership(raft: Raft, to: NodeId): void {
  const { role } = raft;
  if (role.state === 'StateLeader') {
    const progress = role.progress.get(to);
    if (progress === undefined) raft.logger?.debug(logTexts.noProgress(raft.id, to));
    else startTransfer(raft, role, to, progress);
  } else if (role.state === 'StateFollower') {
    if (role.lead === nobody) raft.logger?.info(logTexts.transferWithoutLeader(raft));
    else raft.send({ type: 'MsgTransferLeader', from: to, to: role.lead, term: raft.term });
  }
}

/** Makes a follower free to vote although its leader was heard lately. */
export function forgetLeader(raft: Raft): void {
  const { role } = raft;
  if (role.state !== 'StateFollower') return;
  if (raft.settings.readOnlyOption === 'lease-based') {
    raft.logger?.error(logTexts.forgetLeaderUnsafe);
  } else if (role.lead !== nobody) {
    raft.logger?.info(logTexts.forgettingLeader(raft, role.lead));
    role.lead = nobody;
  }
}

function appliedSnapshot(raft: Raft, snapshot: Snapshot): void {
  raft.log.unstable.stableSnapshotTo(snapshot.index);
  appliedTo(raft, snapshot.index, 0);
}

function appliedTo(raft: Raft, index: LogIndex, bytes: number): void {
  const { log, role, configuration } = raft;
  log.appliedTo(Math.max(index, log.applied), bytes);
  if (role.state !== 'StateLeader' || !isJoint(configuration) || !configuration.autoLeave) return;
  if (log.applied < role.pendingConfIndex) return;
  // The joint configuration is applied: leave it. When that is refused now, the next applied entry tries again.
  const leave = confChangeProposal({ transition: 'ConfChangeTransitionAuto', changes: [], context: new Uint8Array(0) });
  const text = describeConfiguration(configuration);
  if (propose(raft, [leave])) raft.logger?.info(logTexts.leavingJoint(text));
  else raft.logger?.debug(logTexts.notLeavingJoint(text, 'raft proposal dropped'));
}
