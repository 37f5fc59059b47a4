import type { Process } from '@coracle/kernel';
import { describeMessage, type HardState, type InstallSnapshot, type Message, type NodeId, nobody, type SoftState } from '@coracle/raft';
import { ConsensusError } from '../cluster-view.ts';
import { StoreStopped } from '../directory/errors.ts';
import { nodeIdOf } from '../directory/identity.ts';
import type { MetaFile } from '../directory/meta-file.ts';
import type { Disk } from '../disk/disk.ts';
import type { GrantedLease } from '../mvcc/mvcc.ts';
import { LeaseNotFoundError } from '../mvcc/refusals.ts';
import type { LeaseId, TxnResult } from '../mvcc/types.ts';
import { Malformed } from '../wal/binary.ts';
import type { Entry } from '../wal/entry.ts';
import type { Log } from '../wal/log.ts';
import type { LogWindow } from './log-window.ts';
import { LeaderRequests } from './leader-requests.ts';
import { LinearizableReads } from './linearizable-reads.ts';
import { Member } from './member.ts';
import type { MemberInfo } from './members.ts';
import type { ClusterDescription, Envelope, PeerMessage, PeerReceiver, PeerTransport } from './peer-transport.ts';
import type { Replica } from './replica.ts';
import { SnapshotExchange } from './snapshot-exchange.ts';
import type { HashOfInterval } from './state-hash.ts';

export interface GroupTiming {
  /** Time between heartbeats of a leader. Default 100 ms, as etcd's. */
  readonly tickMs?: number;
  /** Ticks without a leader before an election. Default 10, as etcd's. */
  readonly electionTicks?: number;
}

export interface GroupParts extends GroupTiming {
  readonly process: Process;
  readonly disk: Disk;
  readonly meta: MetaFile;
  readonly hardState: HardState;
  readonly log: Log;
  readonly window: LogWindow;
  readonly replica: Replica;
  /** Undefined: this member is alone. */
  readonly transport: PeerTransport | undefined;
  /** As in GroupOptions. */
  readonly findMembers?: () => Promise<readonly MemberInfo[] | undefined>;
  /** How often what is left of leases is made known; undefined: never, as is etcd's default. */
  readonly checkpointLeasesMs?: number | undefined;
  /** So many bytes of the log became durable. */
  readonly logged: (bytes: number) => void;
  /** There is no room for another segment of the log. */
  readonly noSpace: () => void;
}

/** One message that this member sent or got, for people who look on. */
export interface SeenMessage {
  readonly atMs: number;
  readonly direction: 'sent' | 'received';
  readonly peer: NodeId;
  readonly text: string;
}

/** What a member knows and does at the moment. */
export interface MemberView {
  readonly id: NodeId;
  readonly name: string;
  readonly term: number;
  readonly role: 'leader' | 'follower' | 'candidate' | 'pre-candidate' | 'learner' | 'stopped';
  /** 0 while nobody is known to lead. */
  readonly leader: NodeId;
  /** Who took this member for one that lost its directory, and does not listen to it; 0: nobody. */
  readonly refusedBy: NodeId;
  readonly vote: NodeId;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly committed: number;
  readonly applied: number;
  readonly revision: number;
  /** The last entries of the log, oldest first. */
  readonly tail: readonly { readonly index: number; readonly term: number; readonly type: string; readonly bytes: number }[];
  /** How far the others' logs are known to agree with the leader's; empty unless this member leads. */
  readonly matches: readonly { readonly id: NodeId; readonly match: number; readonly state: string; readonly isActive: boolean }[];
  readonly members: readonly { readonly id: NodeId; readonly name: string; readonly isLearner: boolean }[];
  /** Newest last. */
  readonly messages: readonly SeenMessage[];
}

const seenLimit = 64;
const tailLength = 20;
/** etcd's time-out of a request: this and two election time-outs. */
const requestTimeoutMs = 5000;
/** Leases in one checkpoint: etcd's. */
const checkpointBatch = 1000;
/** How long a follower waits for a promotion, in election time-outs: as long as a change of membership may take. */
const promotionElections = 7;
/** A leader that has not ticked for so many ticks may have been paused, and another may lead: etcd's. */
const ticksOfPause = 3;

/**
 * A member among others: its clock's ticks, what it sends and gets, who it listens to, reads that the whole group must confirm,
 * snapshots for whoever is too far behind, and leases that only the leader lets end. Alone, none of it is needed, and the member
 * leads at once.
 */
export class Group implements PeerReceiver {
  readonly id: NodeId;
  readonly member: Member;
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly #parts: GroupParts;
  readonly #reads: LinearizableReads;
  readonly #snapshots: SnapshotExchange;
  readonly #seen: { readonly atMs: number; readonly direction: 'sent' | 'received'; readonly peer: NodeId; readonly message: Message }[] =
    [];
  /** Called when entries were applied, or the role changed. */
  readonly #observers = new Set<() => void>();
  readonly #recording = new Set<NodeId>();
  /** Peers that have never heard of this member with another disk. */
  readonly #welcomedBy = new Set<NodeId>();
  /** A new disk must not vote before enough others know that it is no lost one. */
  #isAdmitted: boolean;
  #refusedBy: NodeId = nobody;
  readonly #requests = new LeaderRequests();
  /** Whoever was a member since this one was started: whoever of them is none any more is told so. */
  readonly #known = new Set<NodeId>();
  #isRemoved = false;
  /** Makes a learner vote, as the leader; set by who keeps the membership. */
  promoter: (id: NodeId) => Promise<void> = () => Promise.reject(new ConsensusError('not leader'));
  /** Removes a member and adds it again; set by who keeps the membership. */
  replacer: (member: MemberInfo) => Promise<void> = () => Promise.reject(new ConsensusError('no leader'));
  #hashSentAt = 0;
  #foreignHashes: { readonly from: NodeId; readonly interval: HashOfInterval }[] = [];
  #leaderSeen: NodeId = nobody;
  #leaderLostAt = Number.NEGATIVE_INFINITY;
  #tickedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: GroupParts) {
    this.#parts = parts;
    const { process, disk, meta, hardState, log, window, replica } = parts;
    const { identity, incarnation } = meta.current;
    this.id = nodeIdOf(identity);
    this.tickMs = parts.tickMs ?? 100;
    this.electionTicks = parts.electionTicks ?? 10;
    this.#snapshots = new SnapshotExchange({ disk, meta, replica });
    window.current = () => this.#snapshots.current();
    // Whoever was ever given anything to keep has been admitted.
    this.#isAdmitted = parts.transport === undefined || hardState.term > 1 || log.lastIndex > 1 || replica.confState.voters.length === 1;
    this.member = new Member({
      process,
      id: this.id,
      incarnation,
      hardState,
      log,
      window,
      replica,
      directory: disk.name,
      electionTicks: this.electionTicks,
      events: {
        send: (message) => this.#sendRaft(message),
        logged: parts.logged,
        roleChanged: (state) => this.#roleChanged(state),
        applied: () => this.#applied(),
        install: (snapshot) => this.#snapshots.install(snapshot),
        noSpace: parts.noSpace,
        readAnswered: (context, index) => this.#reads.answered(context, index),
      },
    });
    const timeoutTicks = Math.ceil(requestTimeoutMs / this.tickMs) + 2 * this.electionTicks;
    this.#reads = new LinearizableReads({
      member: this.member,
      replica,
      incarnation,
      retryTicks: Math.ceil(this.electionTicks / 2),
      timeoutTicks,
    });
  }

  /** Begins to take part: alone by an election at once, in a group by listening. */
  start(): void {
    const { transport, process, replica, checkpointLeasesMs } = this.#parts;
    if (checkpointLeasesMs !== undefined) {
      process.spawn('lease checkpoints', (signal) => this.#checkpointLeases(checkpointLeasesMs, signal));
    }
    if (transport === undefined) {
      this.member.campaign();
      return;
    }
    replica.state.lessor.pause();
    transport.start(this);
    this.#setPeers();
    process.spawn('ticks', (signal) => this.#tickUntil(signal));
    const { findMembers } = this.#parts;
    if (findMembers !== undefined) process.spawn('find members', (signal) => this.#find(findMembers, transport, signal));
  }

  close(): void {
    this.member.close();
    if (this.#parts.transport !== undefined) this.#stopWaiting(new StoreStopped());
  }

  /** Nobody will answer those who wait for other members. */
  #stopWaiting(error: Error): void {
    this.#reads.stop(error);
    this.#requests.stop(error);
  }

  /** Resolves once the request is durable on a majority and applied here. Rejects with ConsensusError when that takes too long. */
  propose(request: Entry): Promise<TxnResult | undefined> {
    const isDecision = request.kind === 'expire';
    return this.member.propose(isDecision ? { ...request, term: this.member.hardState.term } : request);
  }

  linearized(): Promise<void> {
    return this.#reads.wait();
  }

  /** Starts the lease's time again, where it is kept. Rejects with LeaseNotFoundError or ConsensusError. */
  async keepAlive(id: LeaseId): Promise<GrantedLease> {
    for (let attempt = 0; ; attempt++) {
      const ttlSeconds = this.member.isSettled ? await this.#renew(id) : await this.#askToKeepAlive(id);
      if (ttlSeconds > 0) return { id, ttlSeconds };
      if (ttlSeconds === 0) throw new LeaseNotFoundError();
      // Whoever was asked does not lead (any more), or lets the lease end: by now the next one may be known, or the end.
      if (attempt === this.electionTicks) throw new ConsensusError(this.member.leader === nobody ? 'no leader' : 'leader changed');
      await this.#parts.process.clock.sleep(this.tickMs, { signal: this.#parts.process.signal });
    }
  }

  /** What the leader, who keeps the time, says is left of the lease; 0 when it has none. Rejects with ConsensusError. */
  async remainingSeconds(id: LeaseId): Promise<number> {
    for (let attempt = 0; ; attempt++) {
      const { leader, isSettled } = this.member;
      if (isSettled) return this.#remainingSeconds(id);
      const untilTick = this.member.ticks + this.electionTicks;
      const answer =
        leader === nobody
          ? undefined
          : await this.#requests.ask(untilTick, (request) => this.#send(leader, { kind: 'timeToLive', request, lease: id.toString() }));
      if (answer?.kind === 'remaining' && answer.ms >= 0) return answer.ms / 1000;
      if (attempt === this.electionTicks) throw new ConsensusError(this.member.leader === nobody ? 'no leader' : 'leader changed');
      await this.#parts.process.clock.sleep(this.tickMs, { signal: this.#parts.process.signal });
    }
  }

  /** Has the leader make a learner vote: empty, or why not, in etcd's words. Rejects with ConsensusError. */
  async askToPromote(id: NodeId): Promise<string> {
    const { leader } = this.member;
    if (leader === nobody) throw new ConsensusError('no leader');
    const untilTick = this.member.ticks + promotionElections * this.electionTicks;
    const answer = await this.#requests.ask(untilTick, (request) => this.#send(leader, { kind: 'promote', request, id }));
    return answer.kind === 'promoted' ? answer.refusal : new ConsensusError('leader changed').message;
  }

  /** This member was one of the cluster and is none any more. */
  get isRemoved(): boolean {
    return this.#isRemoved;
  }

  /** Calls `observer` whenever something was applied or the role changed, until the result is disposed. */
  observe(observer: () => void): Disposable {
    this.#observers.add(observer);
    return { [Symbol.dispose]: () => this.#observers.delete(observer) };
  }

  view(): MemberView {
    const { replica, window } = this.#parts;
    const { raw, failure } = this.member;
    const { term, vote, commit, state, lead, lastIndex } = raw.status();
    const roles = {
      StateLeader: 'leader',
      StateFollower: 'follower',
      StateCandidate: 'candidate',
      StatePreCandidate: 'pre-candidate',
    } as const;
    const isLearner = replica.confState.learners.includes(this.id);
    const entries = raw.entriesFrom(Math.max(window.firstIndex(), lastIndex - tailLength + 1));
    return {
      id: this.id,
      name: replica.members.find(({ id }) => id === this.id)?.name ?? '',
      term,
      role: failure !== undefined ? 'stopped' : isLearner ? 'learner' : roles[state],
      leader: lead,
      refusedBy: this.#refusedBy,
      vote,
      firstIndex: window.firstIndex(),
      lastIndex,
      committed: commit,
      applied: replica.index,
      revision: replica.state.mvcc.revision,
      tail: entries.map(({ index, term: of, type, data }) => ({ index, term: of, type, bytes: data.length })),
      matches: [...raw.matches()].map(([id, progress]) => ({ id, ...progress })),
      members: replica.members.map(({ id, name }) => ({ id, name, isLearner: replica.confState.learners.includes(id) })),
      messages: this.#seen.map(({ message, ...seen }) => ({ ...seen, text: describeMessage(message) })),
    };
  }

  describe(): ClusterDescription {
    const { meta, replica } = this.#parts;
    return { clusterId: meta.current.identity.clusterId, members: replica.members };
  }

  async replace({ clusterId, members: [member] }: ClusterDescription): Promise<string> {
    if (clusterId !== this.#parts.meta.current.identity.clusterId) return 'it belongs to another cluster';
    if (member === undefined || member.id === this.id) return 'it names nobody else';
    try {
      await this.replacer(member);
      return '';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  receive(envelope: Envelope): void {
    const { from, diskId, body } = envelope;
    if (!this.#isForUs(envelope) || this.member.isStopped) return;
    const known = this.#parts.meta.current.disks.get(from);
    if (known === undefined) {
      this.#record(from, diskId, body);
      return;
    }
    if (known !== diskId || body.kind === 'hello') this.#send(from, { kind: 'welcome', knownDisk: known });
    if (known !== diskId) return;
    // It may not have heard of its removal, which nobody tells it once it is no member.
    if (this.#known.has(from) && !this.#isMember(from) && !this.#isRemoved) this.#send(from, { kind: 'removed' });
    this.#handle(from, body);
  }

  async receiveSnapshot(envelope: Envelope, content: AsyncIterable<Uint8Array>): Promise<void> {
    const { from, diskId, body } = envelope;
    const isKnown = this.#isForUs(envelope) && this.#parts.meta.current.disks.get(from) === diskId && this.#isAdmitted;
    if (!isKnown || body.kind !== 'raft' || body.message.type !== 'MsgSnap')
      throw new Malformed('a snapshot from nobody that we listen to');
    await this.#snapshots.receive(body.message.snapshot, content);
    this.#see('received', from, body.message);
    this.member.step(body.message);
  }

  unreachable(peer: NodeId): void {
    if (this.member.isStopped) return;
    this.member.raw.reportUnreachable(peer);
  }

  #isForUs({ clusterId, from, to }: Envelope): boolean {
    return clusterId === this.#parts.meta.current.identity.clusterId && to === this.id && from !== this.id;
  }

  /** Whoever is heard of for the first time is listened to once its disk is remembered for good. */
  #record(from: NodeId, diskId: number, body: PeerMessage): void {
    if (this.#recording.has(from)) return;
    this.#recording.add(from);
    const { meta, process } = this.#parts;
    process.spawn('remember peer', async () => {
      try {
        await meta.update((before) => ({ ...before, disks: new Map([...before.disks, [from, diskId]]) }));
      } catch (error) {
        this.member.fail(error instanceof Error ? error : new Error(String(error)));
        return;
      } finally {
        this.#recording.delete(from);
      }
      if (body.kind === 'hello') this.#send(from, { kind: 'welcome', knownDisk: diskId });
    });
  }

  #handle(from: NodeId, body: PeerMessage): void {
    switch (body.kind) {
      case 'raft':
        // Who joins knows no members to ask before it hears of one.
        if (!this.#isAdmitted && this.#parts.replica.members.length === 0) this.#send(from, { kind: 'hello', isFresh: true });
        if (!this.#isAdmitted || body.message.from !== from || body.message.type === 'MsgSnap') return;
        this.#see('received', from, body.message);
        this.member.step(body.message);
        return;
      case 'welcome':
        this.#welcomed(from, body.knownDisk);
        return;
      case 'keepAlive':
        this.#parts.process.spawn('keep alive', () => this.#keepAliveFor(from, body));
        return;
      case 'timeToLive': {
        const ms = this.member.isSettled ? Math.floor(1000 * this.#remainingSeconds(BigInt(body.lease))) : -1;
        this.#send(from, { kind: 'remaining', request: body.request, ms });
        return;
      }
      case 'keptAlive':
      case 'promoted':
      case 'remaining':
        this.#requests.answered(body);
        return;
      case 'promote':
        this.#promoteFor(from, body);
        return;
      case 'removed':
        if (!this.#isMember(from)) return; // it is one that was removed, and knows no better
        this.#noticeRemoval();
        return;
      case 'hash':
        this.#foreignHashes = [...this.#foreignHashes.slice(-15), { from, interval: body.interval }];
        this.#compareHashes();
        return;
      case 'hello':
        return; // answered
    }
  }

  #promoteFor(from: NodeId, { request, id }: Extract<PeerMessage, { readonly kind: 'promote' }>): void {
    this.#parts.process.spawn('promote', async () => {
      let refusal = '';
      try {
        await this.promoter(id);
      } catch (error) {
        refusal = error instanceof Error ? error.message : String(error);
      }
      this.#send(from, { kind: 'promoted', request, refusal });
    });
  }

  #isMember(id: NodeId): boolean {
    return this.#parts.replica.has(id);
  }

  #noticeRemoval(): void {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    this.#parts.process.log.warn('This member was removed from the cluster', { id: this.id });
    for (const observer of this.#observers) observer();
  }

  /**
   * A majority that holds something without this member has n − q + 1 others or fewer outside of it: once as many have never
   * heard of it with another disk, nothing that it may have promised can be lost.
   */
  #welcomed(from: NodeId, knownDisk: number): void {
    if (knownDisk !== this.#parts.meta.current.diskId) {
      if (this.#refusedBy === nobody) {
        const advice = 'it lost its directory; remove it from the cluster and add it again under a new id';
        this.#parts.process.log.error('Another member knows this one with another disk', { peer: from, advice });
      }
      this.#refusedBy = from;
      return;
    }
    this.#welcomedBy.add(from);
    const voters = this.#parts.replica.confState.voters.length;
    const needed = voters - Math.floor(voters / 2);
    if (this.#welcomedBy.size >= needed && this.#refusedBy === nobody) this.#isAdmitted = true;
  }

  async #tickUntil(signal: AbortSignal): Promise<void> {
    const { process } = this.#parts;
    const { clock } = process;
    while (!signal.aborted && !this.member.isStopped) {
      try {
        await clock.sleep(this.tickMs, { background: true, signal });
      } catch {
        return; // the process stops
      }
      this.#tick();
    }
  }

  #tick(): void {
    const { replica, process } = this.#parts;
    if (this.#isAdmitted) this.member.tick();
    else for (const { id } of replica.members) if (id !== this.id) this.#send(id, { kind: 'hello', isFresh: true });
    this.#reads.tick();
    const nowMs = process.clock.monotonic();
    this.#tickedAtMs = nowMs;
    const timeoutMs = requestTimeoutMs + 2 * this.electionTicks * this.tickMs;
    const lostLeader = this.#leaderLostAt > nowMs - timeoutMs;
    this.member.proposals.expire(nowMs - timeoutMs, () => new ConsensusError(lostLeader ? 'leader failed' : 'timed out'));
    this.#requests.tick(this.member.ticks);
    for (const observer of this.#observers) observer();
  }

  /** Until the log says who the members are, their answers are what there is to answer them by. */
  async #find(findMembers: () => Promise<readonly MemberInfo[] | undefined>, transport: PeerTransport, signal: AbortSignal): Promise<void> {
    const { replica, process } = this.#parts;
    while (replica.members.length === 0 && !this.member.isStopped) {
      const found = await findMembers();
      if (found !== undefined && replica.members.length === 0) transport.setPeers(this.#addresses(found));
      await process.clock.sleep(this.electionTicks * this.tickMs, { background: true, signal });
    }
  }

  #addresses(members: readonly MemberInfo[]): ReadonlyMap<NodeId, readonly string[]> {
    return new Map(members.filter(({ id }) => id !== this.id).map(({ id, peerUrls }) => [id, peerUrls]));
  }

  #roleChanged({ lead }: SoftState): void {
    const { replica, process, transport } = this.#parts;
    if (lead === nobody && this.#leaderSeen !== nobody) this.#leaderLostAt = process.clock.monotonic();
    this.#leaderSeen = lead;
    if (transport !== undefined && replica.state.keepsTime) {
      // Only the leader lets leases end.
      if (this.member.isLeader)
        replica.state.lessor.resume((this.electionTicks * this.tickMs) / 1000, (id) => replica.state.mvcc.leaseRemainder(id));
      else replica.state.lessor.pause();
    }
    const { failure } = this.member;
    if (failure !== undefined) this.#stopWaiting(new StoreStopped({ cause: failure }));
    for (const observer of this.#observers) observer();
  }

  #applied(): void {
    this.#reads.applied();
    for (const observer of this.#observers) observer();
    const { transport, replica } = this.#parts;
    if (transport === undefined) return;
    this.#setPeers();
    const { last } = replica.hash;
    if (last === undefined || last.index === this.#hashSentAt) return;
    this.#hashSentAt = last.index;
    if (this.member.isLeader) this.#compareHashes();
    else if (this.member.leader !== nobody) this.#send(this.member.leader, { kind: 'hash', interval: last });
  }

  /** What the others made of the same entries must be what this member made of them. */
  #compareHashes(): void {
    if (!this.member.isLeader) return;
    const { replica, process } = this.#parts;
    this.#foreignHashes = this.#foreignHashes.filter(({ from, interval }) => {
      const differs = replica.hash.differs(interval);
      if (differs === undefined) return interval.index > (replica.hash.last?.index ?? 0);
      if (!differs) return false;
      process.log.error('Members differ in what they made of the same log', { peer: from, index: interval.index });
      const raised = this.propose({ kind: 'alarm', action: 'activate', alarm: { memberId: BigInt(from), type: 'corrupt' } });
      // It is said again with the next interval.
      raised.catch((error: unknown) => process.log.warn('Cannot raise the alarm', { error: String(error) }));
      return false;
    });
  }

  #sendRaft(message: Message): void {
    const { transport } = this.#parts;
    if (transport === undefined) return;
    this.#see('sent', message.to, message);
    if (message.type === 'MsgSnap') this.#sendSnapshot(transport, message);
    else this.#send(message.to, { kind: 'raft', message });
  }

  #sendSnapshot(transport: PeerTransport, message: InstallSnapshot): void {
    const content = this.#snapshots.content(message);
    this.#parts.process.spawn('send snapshot', async () => {
      const outcome =
        content === undefined ? 'failed' : await transport.sendSnapshot(this.#envelope(message.to, { kind: 'raft', message }), content);
      if (this.member.isStopped) return;
      this.member.raw.reportSnapshot(message.to, outcome);
      this.member.advance();
    });
  }

  #send(to: NodeId, body: PeerMessage): void {
    this.#parts.transport?.send(this.#envelope(to, body));
  }

  #envelope(to: NodeId, body: PeerMessage): Envelope {
    const { identity, diskId } = this.#parts.meta.current;
    return { clusterId: identity.clusterId, from: this.id, to, diskId, body };
  }

  #see(direction: 'sent' | 'received', peer: NodeId, message: Message): void {
    this.#seen.push({ atMs: this.#parts.process.clock.now(), direction, peer, message });
    if (this.#seen.length > seenLimit) this.#seen.shift();
  }

  #remainingSeconds(id: LeaseId): number {
    const { mvcc, lessor } = this.#parts.replica.state;
    return mvcc.leaseTtlSeconds(id) === undefined ? 0 : lessor.remainingSeconds(id);
  }

  /** Seconds that the lease has from now on; 0 when there is none, -1 while that is being decided, or is not this member's to say. */
  async #renew(id: LeaseId): Promise<number> {
    if (!this.member.isSettled) return -1;
    if (this.#mayHaveBeenPaused()) {
      await this.#reads.wait();
      if (!this.member.isSettled) return -1;
    }
    const { mvcc, lessor } = this.#parts.replica.state;
    const ttlSeconds = mvcc.leaseTtlSeconds(id);
    if (ttlSeconds === undefined) return 0;
    if (lessor.isEnding(id)) return -1;
    // Whoever leads next must not think that only so much is left.
    if (mvcc.leaseRemainder(id) !== undefined) {
      await this.propose({ kind: 'checkpoint', leases: [{ id, remainingSeconds: 0 }] });
      return this.#renew(id);
    }
    lessor.renew({ id, ttlSeconds });
    return ttlSeconds;
  }

  /** Then another may lead by now, and have let leases end of which this member believes that it keeps their time (etcd: ensureLeadership). */
  #mayHaveBeenPaused(): boolean {
    const { transport, process } = this.#parts;
    return transport !== undefined && process.clock.monotonic() - this.#tickedAtMs > ticksOfPause * this.tickMs;
  }

  async #keepAliveFor(from: NodeId, { request, lease }: Extract<PeerMessage, { readonly kind: 'keepAlive' }>): Promise<void> {
    let ttlSeconds = -1;
    try {
      ttlSeconds = await this.#renew(BigInt(lease));
    } catch (error) {
      this.#parts.process.log.info('Cannot keep a lease alive for another member', { error: String(error) });
    }
    this.#send(from, { kind: 'keptAlive', request, ttlSeconds });
  }

  /** Says now and then, as the leader, what is left of long leases, so that the next leader need not give them their full time. */
  async #checkpointLeases(intervalMs: number, signal: AbortSignal): Promise<void> {
    const { process, replica } = this.#parts;
    for (;;) {
      await process.clock.sleep(intervalMs, { background: true, signal });
      if (!this.member.isLeader) continue;
      const leases = replica.state.lessor.remainders(intervalMs / 1000);
      try {
        for (let at = 0; at < leases.length; at += checkpointBatch) {
          await this.propose({ kind: 'checkpoint', leases: leases.slice(at, at + checkpointBatch) });
        }
      } catch (error) {
        process.log.warn('Cannot say what is left of leases', { error: error instanceof Error ? error.message : String(error) });
      }
    }
  }

  async #askToKeepAlive(id: LeaseId): Promise<number> {
    const { leader } = this.member;
    if (leader === nobody || leader === this.id) return -1;
    const untilTick = this.member.ticks + this.electionTicks;
    const answer = await this.#requests.ask(untilTick, (request) =>
      this.#send(leader, { kind: 'keepAlive', request, lease: id.toString() }),
    );
    return answer.kind === 'keptAlive' ? answer.ttlSeconds : -1;
  }

  #membersSeen: readonly MemberInfo[] | undefined;
  #setPeers(): void {
    const { transport, replica } = this.#parts;
    const { members } = replica;
    if (transport === undefined || this.#membersSeen === members || members.length === 0) return;
    this.#membersSeen = members;
    transport.setPeers(this.#addresses(members));
    for (const { id } of members) this.#known.add(id);
    // One that is still to join does not know itself yet.
    if (this.#known.has(this.id) && !replica.has(this.id)) this.#noticeRemoval();
  }
}
