/** A member of the group: an integer ≥ 1. 0 means nobody; the negative ids below name the workers of this node's own disk. */
export type NodeId = number;
/** Counts elections. Never falls on a node, not even over a crash. */
export type Term = number;
/** Position in the log; the first entry has 1. */
export type LogIndex = number;

export const nobody: NodeId = 0;
/** Address of the worker that makes entries and hard state durable (asynchronous storage writes). */
export const appendWorker: NodeId = -1;
/** Address of the worker that applies committed entries (asynchronous storage writes). */
export const applyWorker: NodeId = -2;

export type EntryType = 'EntryNormal' | 'EntryConfChange' | 'EntryConfChangeV2';

/** What a client wants in the log; the leader gives it term and index. */
export interface Proposal {
  readonly type: EntryType;
  readonly data: Uint8Array;
}

export interface Entry extends Proposal {
  readonly term: Term;
  readonly index: LogIndex;
}

/** The name of an entry: two logs that hold the same id hold the same entries up to it (log matching). */
export interface EntryId {
  readonly term: Term;
  readonly index: LogIndex;
}

/** What must be durable before any message that follows from it leaves the node. */
export interface HardState {
  readonly term: Term;
  /** Whom this node voted for in `term`. */
  readonly vote: NodeId;
  readonly commit: LogIndex;
}

export type StateName = 'StateFollower' | 'StatePreCandidate' | 'StateCandidate' | 'StateLeader';

/** What is interesting but need not be durable. */
export interface SoftState {
  readonly lead: NodeId;
  readonly state: StateName;
}

/** The members as snapshots carry them; `votersOutgoing` is empty unless the group is between two configurations. */
export interface ConfState {
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** Outgoing voters that become learners when the joint configuration is left. */
  readonly learnersNext: readonly NodeId[];
  readonly autoLeave: boolean;
}

export interface Snapshot {
  readonly index: LogIndex;
  readonly term: Term;
  readonly confState: ConfState;
  readonly data: Uint8Array;
}

/** A read that may be served once index `index` is applied. */
export interface ReadState {
  readonly index: LogIndex;
  readonly context: Uint8Array;
}

/** Every message has a sender, a receiver and the sender's term (0: none, the message is local or forwarded). */
interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
}

/** Entries after `index`, whose own entry has term `logTerm`, and how far the leader has committed. */
export interface Append extends Envelope {
  readonly type: 'MsgApp';
  readonly logTerm: Term;
  readonly index: LogIndex;
  readonly entries: readonly Entry[];
  readonly commit: LogIndex;
}

/** `index` is durable here; or the append after `index` does not fit, and the log agrees at most up to `rejectHint`. */
export type AppendResponse = Envelope & { readonly type: 'MsgAppResp'; readonly index: LogIndex } & (
    | { readonly reject: false }
    | { readonly reject: true; readonly rejectHint: LogIndex; readonly logTerm: Term }
  );

/** The end of the candidate's log; `transfer` (upstream: the context CampaignTransfer) passes the leader's lease. */
export interface VoteRequest extends Envelope {
  readonly type: 'MsgVote' | 'MsgPreVote';
  readonly logTerm: Term;
  readonly index: LogIndex;
  readonly transfer: boolean;
}

export interface VoteResponse extends Envelope {
  readonly type: 'MsgVoteResp' | 'MsgPreVoteResp';
  readonly reject: boolean;
}

export interface InstallSnapshot extends Envelope {
  readonly type: 'MsgSnap';
  readonly snapshot: Snapshot;
}

/** `readPosition` counts the leader's rounds of heartbeats in its term; see pending-reads.ts. */
export interface Heartbeat extends Envelope {
  readonly type: 'MsgHeartbeat';
  readonly commit: LogIndex;
  readonly readPosition: number;
}

export interface HeartbeatResponse extends Envelope {
  readonly type: 'MsgHeartbeatResp';
  readonly readPosition: number;
}

export interface Propose extends Envelope {
  readonly type: 'MsgProp';
  readonly entries: readonly Proposal[];
}

/** `from` is the node that should lead. */
export interface TransferLeader extends Envelope {
  readonly type: 'MsgTransferLeader';
}

/** The receiver shall campaign at once. */
export interface TimeoutNow extends Envelope {
  readonly type: 'MsgTimeoutNow';
}

export interface ReadIndex extends Envelope {
  readonly type: 'MsgReadIndex';
  readonly context: Uint8Array;
}

export interface ReadIndexResponse extends Envelope {
  readonly type: 'MsgReadIndexResp';
  readonly index: LogIndex;
  readonly context: Uint8Array;
}

/** Work for the append worker: make all of it durable, then send `responses`. */
export interface StorageAppend extends Envelope {
  readonly type: 'MsgStorageAppend';
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
  readonly snapshot: Snapshot | undefined;
  readonly responses: readonly Message[];
}

/** Up to `index` (0: nothing) of term `logTerm` the log was durable when the append with this response was handled. */
export interface StorageAppendResponse extends Envelope {
  readonly type: 'MsgStorageAppendResp';
  readonly index: LogIndex;
  readonly logTerm: Term;
  readonly snapshot: Snapshot | undefined;
}

/**
 * Work for the apply worker: hand `entries` to the state machine, then send `responses`. A snapshot that was installed meanwhile
 * may have overtaken them: then they are passed over.
 */
export interface StorageApply extends Envelope {
  readonly type: 'MsgStorageApply';
  readonly entries: readonly Entry[];
  readonly responses: readonly Message[];
}

export interface StorageApplyResponse extends Envelope {
  readonly type: 'MsgStorageApplyResp';
  readonly entries: readonly Entry[];
}

/**
 * What travels between nodes, and between a node and the workers of its disk. Upstream's purely local messages (MsgHup,
 * MsgBeat, MsgCheckQuorum, MsgUnreachable, MsgSnapStatus, MsgForgetLeader) are methods of RawNode here: no peer can send them.
 */
export type Message =
  | Append
  | AppendResponse
  | VoteRequest
  | VoteResponse
  | InstallSnapshot
  | Heartbeat
  | HeartbeatResponse
  | Propose
  | TransferLeader
  | TimeoutNow
  | ReadIndex
  | ReadIndexResponse
  | StorageAppend
  | StorageAppendResponse
  | StorageApply
  | StorageApplyResponse;

export type MessageType = Message['type'];

/** Whether `id` names a worker of the node's own disk. */
export function isWorker(id: NodeId): boolean {
  return id === appendWorker || id === applyWorker;
}

/** Nothing has ever been decided: upstream's IsEmptyHardState. */
export function isEmptyHardState(state: HardState): boolean {
  return state.term === 0 && state.vote === nobody && state.commit === 0;
}

/** Bytes of the entries' payloads: what MaxUncommittedEntriesSize and MaxInflightBytes count. */
export function payloadBytes(entries: readonly Proposal[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length;
  return bytes;
}

/** Bytes of the entries in etcd's protobuf encoding: what MaxSizePerMsg and MaxCommittedSizePerReady count. */
export function encodedBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += encodedSize(entry);
  return bytes;
}

/** The longest head of `entries` of at most `maxBytes`, but at least one entry: a large entry must not block the log. */
export function limitBytes(entries: readonly Entry[], maxBytes: number): readonly Entry[] {
  let bytes = 0;
  for (const [count, entry] of entries.entries()) {
    bytes += encodedSize(entry);
    if (bytes > maxBytes && count > 0) return entries.slice(0, count);
  }
  return entries;
}

function encodedSize(entry: Entry): number {
  const length = entry.data.length;
  return (
    (entry.type === 'EntryNormal' ? 0 : 2) +
    (1 + varintSize(entry.term)) +
    (1 + varintSize(entry.index)) +
    (length === 0 ? 0 : 1 + varintSize(length) + length)
  );
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest /= 128) size += 1;
  return size;
}
