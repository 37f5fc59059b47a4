import { assert } from '@coracle/kernel';
import {
  changeConfiguration,
  type ConfChange,
  type ConfState,
  type Entry as LogEntry,
  type LogIndex,
  type NodeId,
  parseConfChange,
  type Term,
} from '@coracle/raft';
import { AppliedState } from '../applied-state.ts';
import { ConsensusError } from '../cluster-view.ts';
import { Mvcc, type Retention } from '../mvcc/mvcc.ts';
import { isRefusal } from '../mvcc/refusals.ts';
import type { TxnResult } from '../mvcc/types.ts';
import type { Snapshot } from '../snapshot/snapshot-file.ts';
import { type BatchName, readBatchName, readRequests } from '../wal/batch.ts';
import { ByteReader, Malformed } from '../wal/binary.ts';
import type { Entry } from '../wal/entry.ts';
import { decodeMembers, encodeMembers, type MemberInfo } from './members.ts';
import { Sessions } from './sessions.ts';
import { StateHash } from './state-hash.ts';

/** What became of one request: its result, or why the state machine refused it. */
export type Outcome = { readonly result: TxnResult | undefined } | { readonly refusal: Error };

/** Somebody on this member who waits for a batch: its requests as they were proposed, and whom to tell. */
export interface Waiting {
  readonly requests: readonly Entry[];
  answer(position: number, outcome: Outcome): void;
}

/**
 * All that the log says, up to `index`: the store's content, who the members are, and which batches were applied. The same
 * entries give the same replica on every member.
 */
export class Replica {
  readonly state: AppliedState;
  readonly hash: StateHash = new StateHash();
  readonly #retention: { readonly retention?: Retention };
  #index: LogIndex;
  #term: Term;
  #confState: ConfState;
  #members: ReadonlyMap<NodeId, MemberInfo>;
  #listed: readonly MemberInfo[] | undefined;
  #sessions = new Sessions();

  /** The replica before the first entry, or that of a snapshot. Throws Malformed. */
  constructor(from: Omit<Snapshot, 'image' | 'sessions'> | Snapshot, options: { readonly retention?: Retention }) {
    this.#retention = options;
    this.#index = from.index;
    this.#term = from.term;
    this.#confState = from.confState;
    this.#members = membersByName(from.members);
    if ('sessions' in from) this.#sessions = Sessions.restore(from.sessions);
    this.state = new AppliedState('image' in from ? Mvcc.restore(from.image, options) : new Mvcc(options));
  }

  get index(): LogIndex {
    return this.#index;
  }

  get term(): Term {
    return this.#term;
  }

  get confState(): ConfState {
    return this.#confState;
  }

  /** By id; another list whenever something of it is another. */
  get members(): readonly MemberInfo[] {
    this.#listed ??= [...this.#members.values()].sort((a, b) => a.id - b.id);
    return this.#listed;
  }

  has(id: NodeId): boolean {
    return this.#members.has(id);
  }

  /** A snapshot of now, whatever is applied while it is written. */
  snapshot(): Snapshot {
    const { mvcc } = this.state;
    const members = encodeMembers(this.#members.values());
    const sessions = this.#sessions.image();
    return { index: this.#index, term: this.#term, confState: this.#confState, members, sessions, image: mvcc.fork().image() };
  }

  /**
   * Applies the entry after `index`; gives the change of membership that it was, if it was one. Throws Malformed, having changed
   * nothing, for an entry that no member writes.
   */
  apply(entry: LogEntry, waitingFor: (name: BatchName) => Waiting | undefined): ConfChange | undefined {
    assert(entry.index === this.#index + 1, `entry ${entry.index} is applied after ${this.#index}`);
    let change: ConfChange | undefined;
    if (entry.type === 'EntryNormal') this.#applyBatch(entry, waitingFor);
    else change = this.#changeMembership(entry);
    this.#index = entry.index;
    this.#term = entry.term;
    this.hash.applied(entry.index, this.#confState.voters.length > 1);
    return change;
  }

  /** Takes the state of a leader's snapshot. */
  install(snapshot: Snapshot): void {
    this.#index = snapshot.index;
    this.#term = snapshot.term;
    this.#confState = snapshot.confState;
    this.#members = membersByName(snapshot.members);
    this.#listed = undefined;
    this.#sessions = Sessions.restore(snapshot.sessions);
    this.hash.restart();
    this.state.restore(Mvcc.restore(snapshot.image, this.#retention));
  }

  #applyBatch({ data, term }: LogEntry, waitingFor: (name: BatchName) => Waiting | undefined): void {
    if (data.length === 0) return; // how a leader begins
    const from = new ByteReader(data);
    const name = readBatchName(from);
    const waiting = waitingFor(name);
    // Those of this member need not be decoded: they are what was encoded.
    const requests = waiting?.requests ?? readRequests(from);
    if (!this.#sessions.admit(name)) {
      // It came into the state by a leader's snapshot, which does not tell what was answered.
      for (const position of requests.keys()) waiting?.answer(position, { refusal: new ConsensusError('timed out') });
      return;
    }
    for (const [position, request] of requests.entries()) {
      const outcome = request.kind === 'expire' && request.term !== term ? overtaken : this.#applyRequest(request);
      waiting?.answer(position, outcome);
    }
  }

  #applyRequest(request: Entry): Outcome {
    try {
      const result = this.state.apply(request);
      if (result !== undefined) this.hash.changed(result.changes);
      return { result };
    } catch (error) {
      if (isRefusal(error)) return { refusal: error };
      throw error;
    }
  }

  #changeMembership(entry: LogEntry): ConfChange {
    const change = confChangeOf(entry);
    const changed = changeConfiguration(this.#confState, change);
    if (!changed.ok) throw new Malformed(`entry ${entry.index} changes the membership in a way that cannot be: ${changed.reason}`);
    this.#confState = changed.configuration;
    const members = new Map(this.#members);
    for (const member of decodeMembers(Buffer.from(change.context).toString('latin1'))) members.set(member.id, member);
    for (const { type, nodeId } of change.changes) {
      if (type !== 'ConfChangeRemoveNode') continue;
      members.delete(nodeId);
      this.#sessions.forget(nodeId);
    }
    this.#members = members;
    this.#listed = undefined;
    return change;
  }
}

const overtaken: Outcome = { refusal: new ConsensusError('leader changed') };

function membersByName(text: string): Map<NodeId, MemberInfo> {
  return new Map(decodeMembers(text).map((member) => [member.id, member]));
}

function confChangeOf(entry: LogEntry): ConfChange {
  try {
    const change = parseConfChange(entry);
    assert(change !== undefined, 'it is a change of membership');
    return change;
  } catch (error) {
    if (error instanceof SyntaxError) throw new Malformed(error.message);
    throw error;
  }
}
