// The texts here are facts: the scripts of go.etcd.io/raft compare what a node logs byte for byte, and operators search for
// these lines. So they are spelled as there and stand in this one file. Ids are hexadecimal, as everywhere in upstream's output.
import type { EntryId, LogIndex, MessageType, NodeId, Snapshot, StateName, Term, VoteRequest } from './messages.ts';

/** The part of a node that most lines begin with. */
interface Node {
  readonly id: NodeId;
  readonly term: Term;
}

interface Voter extends Node {
  readonly vote: NodeId;
  readonly last: EntryId;
}

interface LogMarks {
  readonly committed: LogIndex;
  readonly applied: LogIndex;
  readonly applying: LogIndex;
  readonly offset: LogIndex;
  readonly offsetInProgress: LogIndex;
  readonly length: number;
}

interface LogEnds {
  readonly id: NodeId;
  readonly commit: LogIndex;
  readonly last: EntryId;
}

export function hex(id: NodeId): string {
  return id.toString(16);
}

/** A vote request and what this node makes of it. */
function onVoteRequest(node: Voter, did: string, request: VoteRequest): string {
  const ours = `[logterm: ${node.last.term}, index: ${node.last.index}, vote: ${hex(node.vote)}]`;
  const theirs = `[logterm: ${request.logTerm}, index: ${request.index}]`;
  return `${hex(node.id)} ${ours} ${did} ${request.type} ${did === 'cast' ? 'for' : 'from'} ${hex(request.from)} ${theirs} at term ${node.term}`;
}

export const logTexts = {
  // The log itself.
  log: (marks: LogMarks): string =>
    `committed=${marks.committed}, applied=${marks.applied}, applying=${marks.applying}, unstable.offset=${marks.offset}, ` +
    `unstable.offsetInProgress=${marks.offsetInProgress}, len(unstable.Entries)=${marks.length}`,
  replacedUnstable: (index: LogIndex): string => `replace the unstable entries from index ${index}`,
  truncatedUnstable: (index: LogIndex): string => `truncate the unstable entries before index ${index}`,
  foundConflict: (index: LogIndex, existing: Term, conflicting: Term): string =>
    `found conflict at index ${index} [existing term: ${existing}, conflicting term: ${conflicting}]`,
  stableEntryMissing: (index: LogIndex): string => `entry at index ${index} missing from unstable log; ignoring`,
  stableEntryInSnapshot: (index: LogIndex): string => `entry at index ${index} matched unstable snapshot; ignoring`,
  stableEntryReplaced: (id: EntryId, term: Term): string =>
    `entry at (index,term)=(${id.index},${id.term}) mismatched with entry at (${id.index},${term}) in unstable log; ignoring`,
  restoring: (log: string, snapshot: Snapshot): string =>
    `log [${log}] starts to restore snapshot [index: ${snapshot.index}, term: ${snapshot.term}]`,

  // Roles and terms.
  started: (node: Node & LogEnds & { readonly applied: LogIndex; readonly voters: readonly NodeId[] }): string =>
    `newRaft ${hex(node.id)} [peers: [${node.voters.map(hex).join(',')}], term: ${node.term}, commit: ${node.commit}, ` +
    `applied: ${node.applied}, lastindex: ${node.last.index}, lastterm: ${node.last.term}]`,
  becameFollower: (node: Node): string => `${hex(node.id)} became follower at term ${node.term}`,
  becamePreCandidate: (node: Node): string => `${hex(node.id)} became pre-candidate at term ${node.term}`,
  becameCandidate: (node: Node): string => `${hex(node.id)} became candidate at term ${node.term}`,
  becameLeader: (node: Node): string => `${hex(node.id)} became leader at term ${node.term}`,
  quorumInactive: (id: NodeId): string => `${hex(id)} stepped down to follower since quorum is not active`,
  forgettingLeader: (node: Node, lead: NodeId): string => `${hex(node.id)} forgetting leader ${hex(lead)} at term ${node.term}`,
  forgetLeaderUnsafe: 'ignoring MsgForgetLeader due to ReadOnlyLeaseBased',
  higherTerm: (node: Node, type: MessageType, from: NodeId, term: Term): string =>
    `${hex(node.id)} [term: ${node.term}] received a ${type} message with higher term from ${hex(from)} [term: ${term}]`,
  lowerTerm: (node: Node, type: MessageType, from: NodeId, term: Term): string =>
    `${hex(node.id)} [term: ${node.term}] ignored a ${type} message with lower term from ${hex(from)} [term: ${term}]`,
  staleStorageResponse: (node: Node, term: Term): string =>
    `${hex(node.id)} [term: ${node.term}] ignored entry appends from a MsgStorageAppendResp message with lower term [term: ${term}]`,

  // Elections.
  alreadyLeader: (id: NodeId): string => `${hex(id)} ignoring MsgHup because already leader`,
  unpromotable: (id: NodeId): string => `${hex(id)} is unpromotable and can not campaign`,
  pendingConfChange: (node: Node): string =>
    `${hex(node.id)} cannot campaign at term ${node.term} since there are still pending configuration changes to apply`,
  startingElection: (node: Node): string => `${hex(node.id)} is starting a new election at term ${node.term}`,
  requestedVote: (node: Node & { readonly last: EntryId }, type: MessageType, to: NodeId): string =>
    `${hex(node.id)} [logterm: ${node.last.term}, index: ${node.last.index}] sent ${type} request to ${hex(to)} at term ${node.term}`,
  ignoredVoteRequest: (node: Voter, request: VoteRequest, remainingTicks: number): string =>
    `${onVoteRequest(node, 'ignored', request)}: lease is not expired (remaining ticks: ${remainingTicks})`,
  castVote: (node: Voter, request: VoteRequest): string => onVoteRequest(node, 'cast', request),
  rejectedVote: (node: Voter, request: VoteRequest): string => onVoteRequest(node, 'rejected', request),
  receivedVote: (node: Node, type: MessageType, from: NodeId, granted: boolean): string =>
    `${hex(node.id)} received ${type}${granted ? '' : ' rejection'} from ${hex(from)} at term ${node.term}`,
  countedVotes: (id: NodeId, type: MessageType, granted: number, rejected: number): string =>
    `${hex(id)} has received ${granted} ${type} votes and ${rejected} vote rejections`,
  ignoredTimeoutNow: (node: Node, state: StateName, from: NodeId): string =>
    `${hex(node.id)} [term ${node.term} state ${state}] ignored MsgTimeoutNow from ${hex(from)}`,
  timeoutNow: (node: Node, from: NodeId): string =>
    `${hex(node.id)} [term ${node.term}] received MsgTimeoutNow from ${hex(from)} and starts an election to get leadership.`,

  // Proposals.
  noLeader: (node: Node): string => `${hex(node.id)} no leader at term ${node.term}; dropping proposal`,
  notForwarding: (node: Node, lead: NodeId): string =>
    `${hex(node.id)} not forwarding to leader ${hex(lead)} at term ${node.term}; dropping proposal`,
  transferInProgress: (node: Node, to: NodeId): string =>
    `${hex(node.id)} [term ${node.term}] transfer leadership to ${hex(to)} is in progress; dropping proposal`,
  uncommittedLimit: (id: NodeId): string =>
    `${hex(id)} appending new entries to log would exceed uncommitted entry size limit; dropping proposal`,

  // Replication.
  rejectedAppend: (
    id: NodeId,
    ours: EntryId,
    append: { readonly logTerm: Term; readonly index: LogIndex; readonly from: NodeId },
  ): string =>
    `${hex(id)} [logterm: ${ours.term}, index: ${ours.index}] rejected MsgApp [logterm: ${append.logTerm}, index: ${append.index}] ` +
    `from ${hex(append.from)}`,
  appendRejected: (id: NodeId, hint: EntryId, from: NodeId, index: LogIndex): string =>
    `${hex(id)} received MsgAppResp(rejected, hint: (index ${hint.index}, term ${hint.term})) from ${hex(from)} for index ${index}`,
  decreasedProgress: (id: NodeId, of: NodeId, progress: string): string => `${hex(id)} decreased progress of ${hex(of)} to [${progress}]`,
  noProgress: (id: NodeId, from: NodeId): string => `${hex(id)} no progress available for ${hex(from)}`,
  unreachable: (id: NodeId, to: NodeId, progress: string): string =>
    `${hex(id)} failed to send message to ${hex(to)} because it is unreachable [${progress}]`,

  // Snapshots.
  snapshotToInactive: (to: NodeId): string => `ignore sending snapshot to ${hex(to)} since it is not recently active`,
  snapshotUnavailable: (id: NodeId, to: NodeId): string =>
    `${hex(id)} failed to send snapshot to ${hex(to)} because snapshot is temporarily unavailable`,
  sentSnapshot: (
    log: { readonly id: NodeId; readonly first: LogIndex; readonly commit: LogIndex },
    snapshot: Snapshot,
    to: string,
  ): string =>
    `${hex(log.id)} [firstindex: ${log.first}, commit: ${log.commit}] sent snapshot[index: ${snapshot.index}, term: ${snapshot.term}] to ${to}`,
  pausedForSnapshot: (id: NodeId, to: NodeId, progress: string): string =>
    `${hex(id)} paused sending replication messages to ${hex(to)} [${progress}]`,
  recoveredFromSnapshot: (id: NodeId, to: NodeId, progress: string): string =>
    `${hex(id)} recovered from needing snapshot, resumed sending replication messages to ${hex(to)} [${progress}]`,
  snapshotSent: (id: NodeId, to: NodeId, succeeded: boolean, progress: string): string =>
    `${hex(id)} snapshot ${succeeded ? 'succeeded' : 'failed'}, resumed sending replication messages to ${hex(to)} [${progress}]`,
  restoredSnapshot: (node: LogEnds, snapshot: Snapshot): string =>
    `${hex(node.id)} [commit: ${node.commit}, lastindex: ${node.last.index}, lastterm: ${node.last.term}] ` +
    `restored snapshot [index: ${snapshot.index}, term: ${snapshot.term}]`,
  fastForwarded: (node: LogEnds, snapshot: Snapshot): string =>
    `${hex(node.id)} [commit: ${node.commit}, lastindex: ${node.last.index}, lastterm: ${node.last.term}] ` +
    `fast-forwarded commit to snapshot [index: ${snapshot.index}, term: ${snapshot.term}]`,
  handledSnapshot: (id: NodeId, commit: LogIndex, did: 'restored' | 'ignored', snapshot: Snapshot): string =>
    `${hex(id)} [commit: ${commit}] ${did} snapshot [index: ${snapshot.index}, term: ${snapshot.term}]`,
  snapshotWithoutUs: (id: NodeId, confState: string): string =>
    `${hex(id)} attempted to restore snapshot but it is not in the ConfState ${confState}; should never happen`,

  // Membership.
  switched: (id: NodeId, configuration: string): string => `${hex(id)} switched to configuration ${configuration}`,
  ignoredConfChange: (id: NodeId, change: string, configuration: string, reason: string): string =>
    `${hex(id)} ignoring conf change ${change} at config ${configuration}: ${reason}`,
  unappliedConfChange: (index: LogIndex, applied: LogIndex): string =>
    `possible unapplied conf change at index ${index} (applied to ${applied})`,
  mustLeaveJoint: 'must transition out of joint config first',
  notJoint: 'not in joint state; refusing empty conf change',
  leavingJoint: (configuration: string): string => `initiating automatic transition out of joint configuration ${configuration}`,
  notLeavingJoint: (configuration: string, reason: string): string =>
    `not initiating automatic transition out of joint configuration ${configuration}: ${reason}`,

  // Leadership transfer and reads.
  transferToLearner: (id: NodeId): string => `${hex(id)} is learner. Ignored transferring leadership`,
  transferToSelf: (id: NodeId): string => `${hex(id)} is already leader. Ignored transferring leadership to self`,
  sameTransfer: (node: Node, to: NodeId): string =>
    `${hex(node.id)} [term ${node.term}] transfer leadership to ${hex(to)} is in progress, ignores request to same node ${hex(to)}`,
  abortedTransfer: (node: Node, to: NodeId): string =>
    `${hex(node.id)} [term ${node.term}] abort previous transferring leadership to ${hex(to)}`,
  startsTransfer: (node: Node, to: NodeId): string => `${hex(node.id)} [term ${node.term}] starts to transfer leadership to ${hex(to)}`,
  transferAtOnce: (id: NodeId, to: NodeId): string =>
    `${hex(id)} sends MsgTimeoutNow to ${hex(to)} immediately as ${hex(to)} already has up-to-date log`,
  transferCaughtUp: (id: NodeId, to: NodeId): string =>
    `${hex(id)} sent MsgTimeoutNow to ${hex(to)} after received MsgAppResp from ${hex(to)}`,
  transferWithoutLeader: (node: Node): string => `${hex(node.id)} no leader at term ${node.term}; dropping leader transfer msg`,
  readWithoutLeader: (node: Node): string => `${hex(node.id)} no leader at term ${node.term}; dropping index reading msg`,
} as const;
