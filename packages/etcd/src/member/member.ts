import type { Histogram, Process } from '@coracle/kernel';
import {
  appendWorker,
  applyWorker,
  type ConfChange,
  type Entry as LogEntry,
  type HardState,
  type LogIndex,
  type Message,
  type NodeId,
  nobody,
  RawNode,
  type Ready,
  type Snapshot as RaftSnapshot,
  type SoftState,
  type StorageAppend,
  type StorageApply,
} from '@coracle/raft';
import { DiskFull, StoreStopped } from '../directory/errors.ts';
import { isNoSpace } from '../disk/disk.ts';
import type { TxnResult } from '../mvcc/types.ts';
import { type Entry, freesSpace } from '../wal/entry.ts';
import type { Log, LogWrite } from '../wal/log.ts';
import type { LogWindow } from './log-window.ts';
import { type Proposal, Proposals } from './proposals.ts';
import type { Replica } from './replica.ts';

/** What a member tells those around it; all of it happens within a step of the member. */
export interface MemberEvents {
  /** A message for another member. */
  send(message: Message): void;
  /** So many bytes of the log became durable. */
  logged(bytes: number): void;
  /** The role, or who leads, is another one. */
  roleChanged(state: SoftState): void;
  /** Entries up to the replica's index are applied, or came with a snapshot. */
  applied(): void;
  /** Takes the leader's snapshot that Raft has accepted: durable, and in the replica, once it resolves. */
  install(snapshot: RaftSnapshot): Promise<void>;
  /** There is no room for a spare segment: only what frees space should be written. */
  noSpace(): void;
  /** A read that was asked for with `context` may be done once entry `index` is applied. */
  readAnswered(context: Uint8Array, index: LogIndex): void;
}

export interface MemberOptions {
  readonly process: Process;
  readonly id: NodeId;
  readonly incarnation: number;
  readonly hardState: HardState;
  readonly log: Log;
  readonly window: LogWindow;
  readonly replica: Replica;
  /** For messages. */
  readonly directory: string;
  readonly electionTicks: number;
  readonly events: MemberEvents;
}

/**
 * One member of the group that keeps the store: its clients' requests become batches, a batch is an entry of the Raft log, and
 * what the group has committed is applied and answered. The only way to change the store, with one voter or with many.
 *
 * Requests wait while a sync is in flight and are the next batch. One sync is in flight at most; what several messages want to
 * be durable meanwhile becomes so together. A disk that is full refuses what needs space and takes the rest. Any other error of
 * the disk ends the member for good: a sync that failed has lost what it was to save, so that trying it again would report a lie.
 */
export class Member {
  readonly #options: MemberOptions;
  readonly #raw: RawNode;
  readonly #syncSeconds: Histogram;
  readonly proposals: Proposals;
  readonly #queue: StorageAppend[] = [];
  #soft: SoftState = { lead: nobody, state: 'StateFollower' };
  #hardState: HardState;
  /** What is in the log of that: the rest of the commit index goes with the next batch. */
  #loggedCommit: LogIndex;
  #loggedTerm: Pick<HardState, 'term' | 'vote'>;
  #ticks = 0;
  #isWriting = false;
  #isForwarding = false;
  #wake: (() => void) | undefined;
  #closing = false;
  #failure: Error | undefined;
  #ledWhenItFailed = false;

  constructor(options: MemberOptions) {
    this.#options = options;
    const { process, id, incarnation, window, replica, electionTicks, hardState } = options;
    this.#hardState = hardState;
    this.#loggedCommit = hardState.commit;
    this.#loggedTerm = hardState;
    this.proposals = new Proposals({ proposer: id, incarnation });
    this.#syncSeconds = process.metrics.histogram({
      name: 'etcd_disk_wal_fsync_duration_seconds',
      help: 'Time to make one batch of the log durable.',
      bounds: Array.from({ length: 14 }, (_, i) => 0.001 * 2 ** i),
    });
    this.#raw = new RawNode({
      id,
      storage: window,
      electionTick: electionTicks,
      heartbeatTick: 1,
      random: (below) => process.random.below(below),
      applied: replica.index,
      asyncStorageWrites: true,
      maxSizePerMsg: 1024 * 1024,
      maxCommittedSizePerReady: 16 * 1024 * 1024,
      maxUncommittedEntriesSize: 64 * 1024 * 1024,
      maxInflightMsgs: 64,
      maxInflightBytes: 16 * 1024 * 1024,
      checkQuorum: true,
      preVote: true,
      stepDownOnRemoval: true,
    });
  }

  /** Why nothing is written any more. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  get isStopped(): boolean {
    return this.#closing || this.#failure !== undefined;
  }

  get isLeader(): boolean {
    return this.#soft.state === 'StateLeader';
  }

  /** 0 while nobody is known to lead. */
  get leader(): NodeId {
    return this.#soft.lead;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get ticks(): number {
    return this.#ticks;
  }

  get raw(): RawNode {
    return this.#raw;
  }

  /** Whether this member alone decides. */
  get isAlone(): boolean {
    const { voters, votersOutgoing } = this.#options.replica.confState;
    return voters.length === 1 && votersOutgoing.length === 0 && voters[0] === this.#options.id;
  }

  /**
   * Whether what is applied here is all that anybody was ever told of: this member alone decides, and has applied an entry of its
   * own term, before which are all that it acknowledged before it was opened.
   */
  get isSettledAlone(): boolean {
    return this.isAlone && this.isSettled;
  }

  /** Whether it leads, or did when it failed, and has applied all that was decided before it led. */
  get isSettled(): boolean {
    const leads = this.isLeader || this.#ledWhenItFailed;
    return leads && this.#options.replica.term === this.#hardState.term;
  }

  /** Resolves once the request is durable and applied. */
  propose(request: Entry): Promise<TxnResult | undefined> {
    if (this.#failure !== undefined) return Promise.reject(new StoreStopped({ cause: this.#failure }));
    if (this.#closing) return Promise.reject(new StoreStopped());
    const answer = this.proposals.add(request, this.#options.process.clock.monotonic());
    if (this.isLeader) this.#wake?.();
    else this.#forward();
    return answer;
  }

  /** A change of membership takes its place in the log, or is dropped. */
  proposeChange(change: ConfChange): 'accepted' | 'dropped' {
    const result = this.#raw.proposeConfChange(change);
    this.advance();
    return result;
  }

  tick(): void {
    if (this.isStopped) return;
    this.#ticks++;
    this.#raw.tick();
    this.#offerAgain();
    this.advance();
  }

  campaign(): void {
    this.#raw.campaign();
    this.advance();
  }

  /** Asks what a linearizable read must wait for; see `MemberEvents.readAnswered`. It may be lost. */
  readIndex(context: Uint8Array): void {
    if (this.isStopped) return;
    this.#raw.readIndex(context);
    this.advance();
  }

  transferLeadership(to: NodeId): void {
    this.#raw.transferLeadership(to);
    this.advance();
  }

  /** A message from another member. */
  step(message: Message): void {
    if (this.isStopped) return;
    this.#raw.step(message);
    this.advance();
  }

  /** Takes no more requests; `run` settles once those before are done, or, in a group, are given up. */
  close(): void {
    this.#closing = true;
    if (!this.isAlone) this.#rejectAll(() => new StoreStopped());
    this.#wake?.();
  }

  /** Writes what is to be written until the member is closed. */
  async run(): Promise<void> {
    const { process } = this.#options;
    this.advance();
    for (;;) {
      while (!this.#hasWork()) {
        if (this.#closing && (!this.proposals.isWaiting || !this.isAlone)) {
          // Also what was being given a name when the member was closed.
          this.#rejectAll(() => new StoreStopped());
          return;
        }
        await this.#somethingToDo();
      }
      try {
        // Those who were just answered ask again in the microtasks that follow: they belong into this batch.
        await process.step({ lane: 'log', op: 'batch' }, () => {});
        if (this.#canOffer()) await this.#offer();
        this.#isWriting = true;
        while (this.#queue.length > 0 && this.#failure === undefined) await this.#write();
      } catch (error) {
        this.fail(error instanceof Error ? error : new Error(String(error)));
      }
      this.#isWriting = false;
    }
  }

  /** Does what Raft asks for, until it asks for nothing. */
  advance(): void {
    if (this.#failure !== undefined) return;
    try {
      while (this.#raw.hasReady()) this.#handle(this.#raw.ready());
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (!this.#isWriting && this.#hasWork()) this.#wake?.();
  }

  /** Answers nobody with success any more. Answering a request that was answered already changes nothing. */
  fail(failure: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#ledWhenItFailed = this.isLeader;
    this.#soft = { lead: nobody, state: 'StateFollower' };
    this.#queue.length = 0;
    this.#options.process.log.error('The store takes no more writes', { error: failure.message });
    this.#rejectAll(() => new StoreStopped({ cause: failure }));
    this.#options.events.roleChanged(this.#soft);
    this.#wake?.();
  }

  #handle(ready: Ready): void {
    const { events } = this.#options;
    if (ready.hardState !== undefined) this.#hardState = ready.hardState;
    for (const message of ready.messages) {
      if (message.to === appendWorker)
        this.#enqueue(message as StorageAppend); // by its address
      else if (message.to === applyWorker)
        this.#apply(message as StorageApply); // by its address
      else events.send(message);
    }
    if (ready.softState !== undefined) this.#changeRole(ready.softState);
    for (const { context, index } of ready.readStates) events.readAnswered(context, index);
  }

  #changeRole(state: SoftState): void {
    this.#soft = state;
    this.#options.events.roleChanged(state);
    // What was given to the leader before may be lost with it; given twice, it is applied once.
    if (state.lead !== nobody) this.#offerAgain();
    if (this.isLeader) this.#wake?.();
    else this.#forward();
  }

  /** That more is committed need not be written at once: it would be found out again. */
  #enqueue(work: StorageAppend): void {
    const { entries, hardState, snapshot, responses } = work;
    if (entries.length === 0 && snapshot === undefined && responses.length === 0 && hardState !== undefined && !this.#isNews(hardState))
      return;
    this.#queue.push(work);
  }

  #isNews({ term, vote }: HardState): boolean {
    return term !== this.#loggedTerm.term || vote !== this.#loggedTerm.vote;
  }

  #hasWork(): boolean {
    return this.#failure === undefined && (this.#queue.length > 0 || this.#canOffer());
  }

  #canOffer(): boolean {
    return this.isLeader && this.proposals.isWaiting;
  }

  /** Makes a batch of what waits and proposes it, as the leader. */
  async #offer(): Promise<void> {
    const { log } = this.#options;
    const taken = this.proposals.take();
    const bytes = taken.reduce((sum, proposal) => sum + proposal.bytes, 0);
    const admitted = log.hasRoom(bytes) ? taken : await this.#admit(taken, bytes);
    if (admitted.length === 0) return;
    this.#propose(this.proposals.offer(admitted));
    this.advance();
  }

  /** Those of the batch that the disk has room for. Throws the disk's other errors. */
  async #admit(batch: readonly Proposal[], bytes: number): Promise<readonly Proposal[]> {
    const { log, directory, events } = this.#options;
    try {
      await log.makeRoom(bytes);
      return batch;
    } catch (error) {
      if (!isNoSpace(error)) {
        for (const { reject } of batch) reject(new StoreStopped({ cause: error }));
        throw error;
      }
      events.noSpace();
      const admitted: Proposal[] = [];
      let used = 0;
      for (const proposal of batch) {
        if (freesSpace(proposal.request) && log.fits(used + proposal.bytes + batchOverheadBytes)) {
          admitted.push(proposal);
          used += proposal.bytes;
        } else proposal.reject(new DiskFull(directory, { cause: error }));
      }
      return admitted;
    }
  }

  #propose(batch: ReturnType<Proposals['offer']>): void {
    batch.tick = this.#ticks;
    batch.term = this.#raw.propose(batch.data) === 'accepted' ? this.#hardState.term : undefined;
  }

  /** Gives what waits to the leader. */
  #forward(): void {
    if (this.#isForwarding || this.isLeader || this.leader === nobody || !this.proposals.isWaiting) return;
    this.#isForwarding = true;
    this.#options.process.post({ lane: 'log', op: 'forward' }, () => {
      this.#isForwarding = false;
      if (this.isStopped || this.isLeader || this.leader === nobody) return;
      while (this.proposals.isWaiting && this.proposals.offered.size < maxForwarded)
        this.#propose(this.proposals.offer(this.proposals.take()));
      this.advance();
    });
  }

  /** Proposes again what may have been lost: in an earlier term, or on the way to the leader. */
  #offerAgain(): void {
    if (this.leader === nobody) return;
    const { term } = this.#hardState;
    for (const batch of this.proposals.offered.values()) {
      const isLost =
        batch.term === undefined || batch.term !== term || (!this.isLeader && this.#ticks - batch.tick > this.#options.electionTicks);
      if (isLost) this.#propose(batch);
    }
    this.#forward();
  }

  /** Makes what is queued durable by one sync, and tells Raft. */
  async #write(): Promise<void> {
    const { log, process, window, events } = this.#options;
    const works = this.#takeWorks();
    const writes: LogWrite[] = [];
    let restored: RaftSnapshot | undefined;
    for (const { hardState, snapshot, entries } of works) {
      if (snapshot !== undefined) {
        restored = snapshot;
        writes.push({ kind: 'snapshot', index: snapshot.index, term: snapshot.term });
      }
      if (hardState !== undefined && this.#isNews(hardState)) {
        writes.push({ kind: 'hardState', hardState });
        this.#loggedTerm = hardState;
      }
      for (const entry of entries) writes.push({ kind: 'entry', entry });
    }
    if (restored !== undefined) await events.install(restored);
    const { commit, term } = this.#hardState;
    if (writes.length > 0) {
      if (commit > this.#loggedCommit) {
        writes.push({ kind: 'commit', index: commit, term });
        this.#loggedCommit = commit;
      }
      const startMs = process.clock.monotonic();
      const bytes = await log.append(writes);
      this.#syncSeconds.observe((process.clock.monotonic() - startMs) / 1000);
      events.logged(bytes);
    }
    if (this.#failure !== undefined) return;
    for (const { snapshot, entries, responses } of works) {
      if (snapshot !== undefined) window.restore(snapshot);
      window.append(entries);
      for (const response of responses) this.#respond(response);
    }
    // Whoever waits for what is applied need not wait for a next entry, too.
    if (restored !== undefined) events.applied();
    this.advance();
  }

  /** What can become durable together. A snapshot begins a batch of its own. */
  #takeWorks(): readonly StorageAppend[] {
    const next = this.#queue.findIndex(({ snapshot }, i) => i > 0 && snapshot !== undefined);
    return this.#queue.splice(0, next < 0 ? this.#queue.length : next);
  }

  #respond(response: Message): void {
    if (response.to === this.#options.id) this.#raw.step(response);
    else this.#options.events.send(response);
  }

  #apply({ entries, responses }: StorageApply): void {
    const { replica, window, events } = this.#options;
    for (const entry of entries) {
      // A snapshot of the leader may have overtaken it.
      if (entry.index <= replica.index) continue;
      this.#applyEntry(entry);
    }
    for (const response of responses) this.#raw.step(response);
    window.trim(replica.index);
    events.applied();
  }

  #applyEntry(entry: LogEntry): void {
    const change = this.#options.replica.apply(entry, (name) => this.proposals.settle(name));
    if (change !== undefined) this.#raw.applyConfChange(change);
  }

  #rejectAll(error: () => Error): void {
    this.proposals.expire(Number.POSITIVE_INFINITY, error);
  }

  #somethingToDo(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

/** Batches that a follower has on their way to the leader. */
const maxForwarded = 64;
/** The name of a batch, the marks beside it. */
const batchOverheadBytes = 128;
