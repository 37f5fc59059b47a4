import { type ConfChange, type ConfChangeSingle, confChangeProposal, confChangeV1Proposal } from './conf-change.ts';
import { type Configuration, isMember } from './configuration.ts';
import { describeConfiguration, describeProgress } from './describe.ts';
import { startElection } from './election.ts';
import { invariant } from './invariant.ts';
import { logTexts } from './log-texts.ts';
import { applyConfChange } from './membership.ts';
import { refusalOf } from './message-check.ts';
import {
  appendWorker,
  applyWorker,
  type ConfState,
  type Entry,
  type HardState,
  type LogIndex,
  type Message,
  type NodeId,
  nobody,
  type Proposal,
  type SoftState,
  type StorageAppendResponse,
  type StorageApplyResponse,
  type Term,
} from './messages.ts';
import type { RaftOptions } from './options.ts';
import { Raft } from './raft.ts';
import { forwardRead, startRead } from './reads.ts';
import type { Ready } from './ready.ts';
import { handleSnapshotStatus, handleUnreachable } from './replication.ts';
import { forgetLeader, propose, step, tick, transferLeadership } from './step.ts';
import type { Progress, ProgressStateName } from './progress.ts';

/** What became of a proposal. `dropped`: it is in nobody's log; the client may try again. */
export type ProposeResult = 'accepted' | 'dropped';

/**
 * What became of a message. `unknown peer`: an answer from somebody who is not a member. `misdirected`: not for this node, or
 * from one of its workers although it is not theirs to send. `malformed`: no node sends such a message.
 */
export type StepResult = 'accepted' | 'dropped' | 'unknown peer' | 'misdirected' | 'malformed';

/** What a node is at the moment, for monitoring and tests. */
export interface Status extends SoftState, HardState {
  readonly id: NodeId;
  readonly applied: LogIndex;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  readonly configuration: Configuration;
  /** Who is to lead next, while a transfer is under way. */
  readonly transferee: NodeId;
}

/**
 * A member of a Raft group, without clock, disk and network. The application calls tick(), step() and propose(), and after each
 * of them does what ready() asks for. Upstream: rawnode.go.
 */
export class RawNode {
  readonly #raft: Raft;
  readonly #async: boolean;
  #previousSoftState: SoftState;
  #previousHardState: HardState;
  // Messages of this node to itself which wait for advance(); undefined when no Ready is out.
  #onAdvance: Message[] | undefined;

  /** Throws RangeError for options that no node can work with, RaftInvariantError for a storage that contradicts itself. */
  constructor(options: RaftOptions) {
    const raft = new Raft(options);
    this.#raft = raft;
    this.#async = raft.settings.asyncStorageWrites;
    raft.logger?.info(logTexts.switched(raft.id, describeConfiguration(raft.configuration)));
    raft.becomeFollower(raft.term, nobody);
    raft.logger?.info(
      logTexts.started({
        id: raft.id,
        term: raft.term,
        commit: raft.commit,
        last: raft.last,
        applied: raft.log.applied,
        voters: votersOf(raft),
      }),
    );
    this.#previousSoftState = raft.softState();
    this.#previousHardState = raft.hardState();
  }

  get id(): NodeId {
    return this.#raft.id;
  }

  tick(): void {
    tick(this.#raft);
  }

  /** Starts an election now. */
  campaign(): void {
    startElection(this.#raft, 'timeout');
  }

  propose(data: Uint8Array): ProposeResult {
    return this.#propose({ type: 'EntryNormal', data });
  }

  /** Proposes a change of membership. It takes effect where applyConfChange() is called with the committed entry. */
  proposeConfChange(change: ConfChange): ProposeResult {
    return this.#propose(confChangeProposal(change));
  }

  /** The same in the encoding of old, which names one member. */
  proposeConfChangeV1(change: ConfChangeSingle): ProposeResult {
    return this.#propose(confChangeV1Proposal(change));
  }

  #propose(proposal: Proposal): ProposeResult {
    return propose(this.#raft, [proposal]) ? 'accepted' : 'dropped';
  }

  /** A committed change is applied now. Gives the members from here on, which snapshots must carry. */
  applyConfChange(change: ConfChange): ConfState {
    applyConfChange(this.#raft, change);
    return this.#raft.configuration;
  }

  /** A message arrived from another member, or from a worker of this node. */
  step(message: Message): StepResult {
    const refusal = refusalOf(this.#raft, message);
    if (refusal !== undefined) return refusal;
    if (message.type === 'MsgProp') return propose(this.#raft, message.entries) ? 'accepted' : 'dropped';
    step(this.#raft, message);
    return 'accepted';
  }

  /** Asks for the index that a linearizable read must wait for. The answer is a ReadState with the same context, or nothing. */
  readIndex(context: Uint8Array): void {
    const { role } = this.#raft;
    if (role.state === 'StateLeader') startRead(this.#raft, role, { from: this.#raft.id, context });
    else forwardRead(this.#raft, context);
  }

  transferLeadership(to: NodeId): void {
    transferLeadership(this.#raft, to);
  }

  forgetLeader(): void {
    forgetLeader(this.#raft);
  }

  /** The last message to `to` could not be sent. */
  reportUnreachable(to: NodeId): void {
    this.#withProgress(to, (progress) => handleUnreachable(this.#raft, to, progress));
  }

  /** What became of the snapshot that was to be sent to `to`. Without a report the leader waits for ever. */
  reportSnapshot(to: NodeId, outcome: 'finished' | 'failed'): void {
    this.#withProgress(to, (progress) => handleSnapshotStatus(this.#raft, to, progress, outcome === 'finished'));
  }

  #withProgress(of: NodeId, run: (progress: Progress) => void): void {
    const { role } = this.#raft;
    const progress = role.state === 'StateLeader' ? role.progress.get(of) : undefined;
    if (progress !== undefined) run(progress);
  }

  hasReady(): boolean {
    const { log, outbox, afterAppend, readStates } = this.#raft;
    return (
      outbox.length > 0 ||
      afterAppend.length > 0 ||
      log.unstable.hasNextEntries() ||
      log.unstable.nextSnapshot() !== undefined ||
      log.hasNextCommittedEntries(!this.#async) ||
      readStates.length > 0 ||
      this.#changedHardState() !== undefined ||
      this.#changedSoftState() !== undefined
    );
  }

  /**
   * What is to be done now. It is given once: do it, and then (without asynchronous storage writes) call advance().
   * Throws RaftInvariantError when the one before was not advanced.
   */
  ready(): Ready {
    invariant(this.#onAdvance === undefined, 'two accepted Ready structs without call to Advance');
    const raft = this.#raft;
    const { log, outbox, afterAppend } = raft;
    const softState = this.#changedSoftState();
    const hardState = this.#changedHardState();
    const entries = log.nextUnstableEntries();
    const snapshot = log.unstable.nextSnapshot();
    const committedEntries = log.nextCommittedEntries(!this.#async);
    const { readStates } = raft;
    const mustSync =
      entries.length > 0 ||
      (hardState !== undefined && (hardState.term !== this.#previousHardState.term || hardState.vote !== this.#previousHardState.vote));
    let messages: Message[] = outbox;
    const stored = log.hasUnstableEntries() || snapshot !== undefined ? this.#storageAppendResponse(snapshot) : undefined;
    const applied = committedEntries.length > 0 ? this.#storageApplyResponse(committedEntries) : undefined;
    if (this.#async) {
      if (entries.length > 0 || hardState !== undefined || snapshot !== undefined || afterAppend.length > 0) {
        const responses = stored === undefined ? afterAppend : [...afterAppend, stored];
        messages.push({
          type: 'MsgStorageAppend',
          from: raft.id,
          to: appendWorker,
          term: raft.term,
          entries,
          hardState,
          snapshot,
          responses,
        });
      }
      if (applied !== undefined) {
        messages.push({
          type: 'MsgStorageApply',
          from: raft.id,
          to: applyWorker,
          term: 0,
          entries: committedEntries,
          responses: [applied],
        });
      }
    } else {
      this.#onAdvance = afterAppend.filter(({ to }) => to === raft.id);
      if (stored !== undefined) this.#onAdvance.push(stored);
      if (applied !== undefined) this.#onAdvance.push(applied);
      messages = afterAppend.length === 0 ? outbox : [...outbox, ...afterAppend.filter(({ to }) => to !== raft.id)];
    }
    this.#previousSoftState = softState ?? this.#previousSoftState;
    this.#previousHardState = hardState ?? this.#previousHardState;
    raft.outbox = [];
    raft.afterAppend = [];
    raft.readStates = [];
    log.acceptUnstable();
    log.acceptApplying(committedEntries, !this.#async);
    return { softState, hardState, readStates, entries, snapshot, committedEntries, messages, mustSync };
  }

  /** The last Ready is done. Throws RaftInvariantError with asynchronous storage writes, whose responses say that. */
  advance(): void {
    invariant(!this.#async, 'Advance must not be called when using AsyncStorageWrites');
    const messages = this.#onAdvance ?? [];
    this.#onAdvance = undefined;
    for (const message of messages) this.step(message);
  }

  status(): Status {
    const raft = this.#raft;
    const { role, configuration, last } = raft;
    return {
      id: raft.id,
      ...raft.hardState(),
      ...raft.softState(),
      applied: raft.log.applied,
      lastIndex: last.index,
      lastTerm: last.term,
      configuration,
      transferee: role.state === 'StateLeader' ? role.transferee : nobody,
    };
  }

  /** How the leader sends to each member, in words; empty unless it leads. */
  progress(): ReadonlyMap<NodeId, string> {
    const { role, configuration } = this.#raft;
    const progress = new Map<NodeId, string>();
    if (role.state === 'StateLeader') {
      for (const [id, each] of role.progress) progress.set(id, describeProgress(each, configuration.learners.includes(id)));
    }
    return progress;
  }

  /** How far each member's log is known to agree with the leader's; empty unless it leads. */
  matches(): ReadonlyMap<NodeId, { readonly match: LogIndex; readonly state: ProgressStateName; readonly isActive: boolean }> {
    const { role } = this.#raft;
    if (role.state !== 'StateLeader') return new Map();
    return new Map([...role.progress].map(([id, { match, state, recentActive }]) => [id, { match, state, isActive: recentActive }]));
  }

  /** Entries that are in the log, durable or not, from `from` on. */
  entriesFrom(from: LogIndex): readonly Entry[] {
    const entries = this.#raft.log.entries(Math.max(from, this.#raft.log.firstIndex()), Number.POSITIVE_INFINITY);
    return typeof entries === 'string' ? [] : entries;
  }

  /** Overrides the random election timeout until the next term: scripts do that. Throws RangeError for less than a tick. */
  setElectionTimeout(ticks: number): void {
    if (!(ticks >= 1)) throw new RangeError(`Cannot set an election timeout of ${ticks} ticks`);
    this.#raft.electionTimeout = ticks;
  }

  #changedSoftState(): SoftState | undefined {
    const { lead, role } = this.#raft;
    return lead === this.#previousSoftState.lead && role.state === this.#previousSoftState.state ? undefined : { lead, state: role.state };
  }

  #changedHardState(): HardState | undefined {
    const { term, vote, commit } = this.#raft;
    const previous = this.#previousHardState;
    return term === previous.term && vote === previous.vote && commit === previous.commit ? undefined : { term, vote, commit };
  }

  /**
   * Says that the log is durable up to its end of now. It also goes out with a write that has no entries while others are on
   * their way: a change of term makes the answers to those worthless, and this one takes their place.
   */
  #storageAppendResponse(snapshot: Ready['snapshot']): StorageAppendResponse {
    const { id, term, log } = this.#raft;
    const { index, term: logTerm } = log.hasUnstableEntries() ? log.lastEntryId() : { index: 0, term: 0 };
    return { type: 'MsgStorageAppendResp', from: appendWorker, to: id, term, index, logTerm, snapshot };
  }

  #storageApplyResponse(entries: readonly Entry[]): StorageApplyResponse {
    return { type: 'MsgStorageApplyResp', from: applyWorker, to: this.#raft.id, term: 0, entries };
  }
}

function votersOf(raft: Raft): readonly NodeId[] {
  const { voters, votersOutgoing } = raft.configuration;
  return [...new Set([...voters, ...votersOutgoing])].sort((a, b) => a - b).filter((id) => isMember(raft.configuration, id));
}
