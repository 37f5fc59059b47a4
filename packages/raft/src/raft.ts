import { allVoters, type Configuration, isMember, isVoter, restoreConfiguration } from './configuration.ts';
import { invariant } from './invariant.ts';
import { logTexts } from './log-texts.ts';
import type { Logger } from './logger.ts';
import {
  type EntryId,
  type HardState,
  isEmptyHardState,
  type LogIndex,
  type Message,
  type NodeId,
  nobody,
  type ReadState,
  type SoftState,
  type Term,
} from './messages.ts';
import { type RaftOptions, type Settings, settingsOf } from './options.ts';
import { PendingReads } from './pending-reads.ts';
import { Progress } from './progress.ts';
import { RaftLog } from './raft-log.ts';

interface Follower {
  readonly state: 'StateFollower';
  lead: NodeId;
}

/** A pre-candidate asks whether it could win; only a candidate has a new term and has voted for itself. */
export interface Candidate {
  readonly state: 'StatePreCandidate' | 'StateCandidate';
  readonly votes: Map<NodeId, boolean>;
}

export interface Leader {
  readonly state: 'StateLeader';
  /** One for each member, in the order of their ids; for itself, too. */
  readonly progress: Map<NodeId, Progress>;
  readonly reads: PendingReads;
  /** Who shall lead next; proposals are dropped meanwhile. */
  transferee: NodeId;
  /** Somebody was told to campaign in this term in spite of leases, so ours is worth nothing any more. */
  gaveLeaseAway: boolean;
  /** No change of membership may be proposed before this index is applied: one at a time. */
  pendingConfIndex: LogIndex;
  /** Bytes of payload in our log that are not applied yet. */
  uncommittedBytes: number;
  /** Ticks since it became leader. */
  ticks: number;
}

export type Role = Follower | Candidate | Leader;

/**
 * One node: what all roles share, and how it goes from one role to the next. What a role does stands in election.ts, follower.ts,
 * replication.ts, reads.ts and membership.ts; step.ts says who gets what. Upstream: raft.go.
 */
export class Raft {
  readonly id: NodeId;
  readonly settings: Settings;
  readonly logger: Logger | undefined;
  readonly log: RaftLog;
  term: Term = 0;
  /** For whom this node voted in `term`. Invariant: changes only from nobody, or with the term. */
  vote: NodeId = nobody;
  configuration: Configuration;
  role: Role = { state: 'StateFollower', lead: nobody };
  /** Ticks since the leader was last heard (follower), since the campaign began (candidate), since the last check (leader). */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  electionTimeout = 0;
  /**
   * Ticks for which this node has promised to vote for nobody else (lease-based reads). After a restart a whole promise holds,
   * since nobody knows how old the one before is.
   */
  promisedTicks = 0;
  /** Messages that may leave at once. */
  outbox: Message[] = [];
  /** Messages that may leave only when the log and hard state of now are durable. */
  afterAppend: Message[] = [];
  readStates: ReadState[] = [];

  constructor(options: RaftOptions) {
    this.settings = settingsOf(options);
    this.id = options.id;
    this.logger = options.logger;
    this.log = new RaftLog(options.storage, options.logger, this.settings.maxCommittedSizePerReady);
    const { hardState, confState } = options.storage.initialState();
    this.configuration = restoreConfiguration(confState);
    if (!isEmptyHardState(hardState)) this.#load(hardState);
    if (options.applied !== undefined && options.applied > 0) this.log.appliedTo(options.applied, 0);
  }

  #load({ term, vote, commit }: HardState): void {
    const last = this.log.lastIndex();
    invariant(
      commit >= this.log.committed && commit <= last,
      `${this.id} state.commit ${commit} is out of range [${this.log.committed}, ${last}]`,
    );
    this.log.committed = commit;
    this.term = term;
    this.vote = vote;
    if (this.settings.readOnlyOption === 'lease-based') this.promisedTicks = this.settings.electionTick;
  }

  get lead(): NodeId {
    if (this.role.state === 'StateFollower') return this.role.lead;
    return this.role.state === 'StateLeader' ? this.id : nobody;
  }

  /** The end of the log. */
  get last(): EntryId {
    return this.log.lastEntryId();
  }

  get commit(): LogIndex {
    return this.log.committed;
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  softState(): SoftState {
    return { lead: this.lead, state: this.role.state };
  }

  /** Whether this node may win an election. One that waits for a snapshot does not know yet who may. */
  isPromotable(): boolean {
    return isVoter(this.configuration, this.id) && !this.log.hasPendingSnapshot();
  }

  isSingleVoter(): boolean {
    const voters = allVoters(this.configuration);
    return voters.length === 1 && voters[0] === this.id;
  }

  /** Queues a message. Answers that promise something (an append, a vote) wait until what they promise is durable. */
  send(message: Message): void {
    switch (message.type) {
      case 'MsgAppResp':
      case 'MsgVoteResp':
      case 'MsgPreVoteResp':
        this.afterAppend.push(message);
        break;
      default:
        invariant(message.to !== this.id, `message should not be self-addressed when sending ${message.type}`);
        this.outbox.push(message);
    }
  }

  becomeFollower(term: Term, lead: NodeId): void {
    this.#enterTerm(term);
    this.role = { state: 'StateFollower', lead };
    this.logger?.info(logTexts.becameFollower(this));
  }

  /** Changes neither term nor vote: whoever hears of it loses nothing. */
  becomePreCandidate(): void {
    invariant(this.role.state !== 'StateLeader', 'invalid transition [leader -> pre-candidate]');
    this.role = { state: 'StatePreCandidate', votes: new Map() };
    this.logger?.info(logTexts.becamePreCandidate(this));
  }

  becomeCandidate(): void {
    invariant(this.role.state !== 'StateLeader', 'invalid transition [leader -> candidate]');
    this.#enterTerm(this.term + 1);
    this.vote = this.id;
    this.role = { state: 'StateCandidate', votes: new Map() };
    this.logger?.info(logTexts.becameCandidate(this));
  }

  /** The caller then appends an empty entry: only with an entry of its own term can a leader commit (paper, 5.4.2). */
  becomeLeader(): Leader {
    invariant(this.role.state !== 'StateFollower', 'invalid transition [follower -> leader]');
    this.#enterTerm(this.term);
    const lastIndex = this.log.lastIndex();
    const leader: Leader = {
      state: 'StateLeader',
      progress: new Map(),
      reads: new PendingReads(),
      transferee: nobody,
      gaveLeaseAway: false,
      // A change may stand in the log that we have taken over, and we have not looked.
      pendingConfIndex: lastIndex,
      uncommittedBytes: 0,
      ticks: 0,
    };
    this.role = leader;
    this.followMembers(leader, (id) => {
      const self = id === this.id;
      const progress = this.newProgress({ match: self ? lastIndex : 0, next: lastIndex + 1, recentActive: self });
      if (self) progress.becomeReplicate();
      return progress;
    });
    return leader;
  }

  /** Makes the leader's progress follow the configuration: those who left are forgotten, those who came begin as `begin` says. */
  followMembers(leader: Leader, begin: (id: NodeId) => Progress): void {
    const { voters, votersOutgoing, learners } = this.configuration;
    for (const id of leader.progress.keys()) if (!isMember(this.configuration, id)) leader.progress.delete(id);
    for (const id of [...voters, ...votersOutgoing, ...learners]) if (!leader.progress.has(id)) leader.progress.set(id, begin(id));
    // In the order of ids, in which everybody is visited.
    const sorted = [...leader.progress].sort(([a], [b]) => a - b);
    leader.progress.clear();
    for (const [id, progress] of sorted) leader.progress.set(id, progress);
  }

  newProgress(start: { readonly match: LogIndex; readonly next: LogIndex; readonly recentActive: boolean }): Progress {
    const { maxInflightMsgs, maxInflightBytes } = this.settings;
    return new Progress({ maxInflightMessages: maxInflightMsgs, maxInflightBytes }, start);
  }

  #enterTerm(term: Term): void {
    invariant(term >= this.term, `term falls from ${this.term} to ${term}`);
    if (term !== this.term) {
      this.term = term;
      this.vote = nobody;
    }
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    const { electionTick, random } = this.settings;
    this.electionTimeout = electionTick + random(electionTick);
  }
}
