import type { Process } from '@coracle/kernel';
import { type ConfChangeType, isVoter, type NodeId } from '@coracle/raft';
import {
  type ClusterView,
  ConsensusError,
  type ConsensusStatus,
  type Member as ClusterMember,
  MembershipError,
  refusalOf,
} from '../cluster-view.ts';
import type { Group } from './group.ts';
import { encodeMembers, type MemberInfo } from './members.ts';
import type { Replica } from './replica.ts';

/** Learners that may be there at once: etcd's default. */
const maxLearners = 1;
/** How far a learner must have come, of what is committed, before it may vote: etcd's. */
const readyPart = 0.9;

/** How long the connections to other members must have held before the membership changes: etcd's. */
const healthMs = 5000;

export interface MembershipOptions {
  readonly process: Process;
  readonly group: Group;
  readonly replica: Replica;
  readonly clusterId: string;
  /** Refuses changes that could leave fewer members than a majority of those that run. Default true, as etcd's. */
  readonly strictReconfigCheck?: boolean | undefined;
  /** Of the transport. */
  readonly connectedSinceMs: (id: NodeId) => number | undefined;
}

/** The members of the group, and how they change: one at a time, each by an entry of the log (etcd server/etcdserver). */
export class Membership implements ClusterView {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly #process: Process;
  readonly #group: Group;
  readonly #replica: Replica;
  readonly #isStrict: boolean;
  readonly #connectedSinceMs: (id: NodeId) => number | undefined;
  #leader = 0n;

  constructor(options: MembershipOptions) {
    this.#process = options.process;
    this.#isStrict = options.strictReconfigCheck ?? true;
    this.#connectedSinceMs = options.connectedSinceMs;
    this.#group = options.group;
    this.#replica = options.replica;
    this.clusterId = BigInt(`0x${options.clusterId}`);
    this.memberId = BigInt(options.group.id);
    this.#group.promoter = (id) => this.#promote(id);
    this.#group.replacer = (member) => this.#replace(member);
  }

  status(): ConsensusStatus {
    const { hardState, leader } = this.#group.member;
    const isLearner = this.#replica.confState.learners.includes(this.#group.id);
    // Asked for with every answer to a client.
    if (leader !== Number(this.#leader)) this.#leader = BigInt(leader);
    return { term: hardState.term, leader: this.#leader, committedIndex: hardState.commit, appliedIndex: this.#replica.index, isLearner };
  }

  async members({ linearizable }: { readonly linearizable: boolean }): Promise<readonly ClusterMember[]> {
    if (linearizable) await this.#group.linearized();
    return this.#members();
  }

  async addMember(request: {
    readonly peerUrls: readonly string[];
    readonly isLearner: boolean;
  }): Promise<{ readonly added: ClusterMember; readonly members: readonly ClusterMember[] }> {
    const { peerUrls, isLearner } = request;
    if (peerUrls.length === 0) throw new MembershipError('bad URLs');
    await this.#group.linearized();
    if (this.#replica.members.some((member) => member.peerUrls.some((url) => peerUrls.includes(url))))
      throw new MembershipError('peer URL exists');
    if (isLearner && this.#replica.confState.learners.length >= maxLearners) throw new MembershipError('too many learners');
    this.#mayAdd(isLearner);
    const { random } = this.#process;
    let id: NodeId;
    do id = (random.u32() >>> 11) * 0x1_0000_0000 + random.u32();
    while (id === 0 || this.#has(id));
    const info: MemberInfo = { id, name: '', peerUrls, clientUrls: [] };
    await this.#change(isLearner ? 'ConfChangeAddLearnerNode' : 'ConfChangeAddNode', info, () => this.#has(id));
    const members = this.#members();
    const added = members.find((member) => member.id === BigInt(id));
    if (added === undefined) throw new MembershipError('not found'); // removed again by somebody who was faster
    return { added, members };
  }

  async removeMember(id: bigint): Promise<readonly ClusterMember[]> {
    const info = await this.#find(id);
    this.#mayRemove(info.id);
    await this.#change('ConfChangeRemoveNode', info, () => !this.#has(info.id));
    return this.#members();
  }

  async updateMember(id: bigint, peerUrls: readonly string[]): Promise<readonly ClusterMember[]> {
    if (peerUrls.length === 0) throw new MembershipError('bad URLs');
    const info = await this.#find(id);
    const isTaken = this.#replica.members.some((member) => member.id !== info.id && member.peerUrls.some((url) => peerUrls.includes(url)));
    if (isTaken) throw new MembershipError('peer URL exists');
    const wanted = peerUrls.join(' ');
    const isDone = (): boolean => this.#replica.members.find((member) => member.id === info.id)?.peerUrls.join(' ') === wanted;
    await this.#change('ConfChangeUpdateNode', { ...info, peerUrls }, isDone);
    return this.#members();
  }

  async promoteMember(id: bigint): Promise<readonly ClusterMember[]> {
    const info = await this.#find(id);
    if (!this.#replica.confState.learners.includes(info.id)) throw new MembershipError('not a learner');
    if (this.#group.member.isLeader) await this.#promote(info.id);
    else {
      const text = await this.#group.askToPromote(info.id);
      if (text !== '') throw refusalOf(text);
      await this.#until(() => isVoter(this.#replica.confState, info.id), this.#group.electionTicks);
    }
    return this.#members();
  }

  /** As the leader, who alone knows how far the others have come. */
  async #promote(id: NodeId): Promise<void> {
    const { member } = this.#group;
    const info = this.#replica.members.find((one) => one.id === id);
    if (!member.isLeader) throw new ConsensusError('not leader');
    if (info === undefined) throw new MembershipError('not found');
    if (!this.#replica.confState.learners.includes(id)) throw new MembershipError('not a learner');
    const match = member.raw.matches().get(id)?.match ?? 0;
    if (match < member.raw.status().commit * readyPart) throw new MembershipError('learner not ready');
    await this.#change('ConfChangeAddNode', info, () => isVoter(this.#replica.confState, id));
  }

  /** A member that has lost what it promised goes, and one that knows nothing comes in its place. Begun again, it goes on where it was. */
  async #replace({ id, peerUrls }: MemberInfo): Promise<void> {
    await this.#group.linearized();
    const isAt = (member: MemberInfo): boolean => member.peerUrls.some((url) => peerUrls.includes(url));
    const old = this.#replica.members.find((member) => member.id === id);
    if (old !== undefined) {
      if (!isAt(old)) throw new MembershipError('not found');
      if (this.#replica.confState.learners.some((learner) => learner !== id)) throw new MembershipError('too many learners');
      await this.removeMember(BigInt(id));
    }
    if (!this.#replica.members.some(isAt)) await this.addMember({ peerUrls, isLearner: true });
  }

  async moveLeader(to: bigint): Promise<void> {
    const { member } = this.#group;
    if (!member.isLeader) throw new ConsensusError('not leader');
    const target = Number(to);
    if (!isVoter(this.#replica.confState, target) || BigInt(target) !== to) throw new ConsensusError('bad transferee');
    if (target === this.#group.id) return;
    member.transferLeadership(target);
    await this.#until(() => member.leader === target, 2 * this.#group.electionTicks);
  }

  /** Who has started says its name and where clients find it. */
  async publish(info: Pick<MemberInfo, 'name' | 'clientUrls'>): Promise<void> {
    const own = await this.#find(this.memberId);
    const isDone = (): boolean => {
      const now = this.#replica.members.find(({ id }) => id === own.id);
      return now?.name === info.name && now.clientUrls.join(' ') === info.clientUrls.join(' ');
    };
    if (!isDone()) await this.#change('ConfChangeUpdateNode', { ...own, ...info }, isDone);
  }

  #members(): readonly ClusterMember[] {
    return this.#replica.members.map(({ id, name, peerUrls, clientUrls }) => ({
      id: BigInt(id),
      name,
      peerUrls,
      clientUrls,
      isLearner: this.#replica.confState.learners.includes(id),
    }));
  }

  #has(id: NodeId): boolean {
    return this.#replica.has(id);
  }

  async #find(id: bigint): Promise<MemberInfo> {
    await this.#group.linearized();
    const found = this.#replica.members.find((member) => BigInt(member.id) === id);
    if (found === undefined) throw new MembershipError('not found');
    return found;
  }

  /** As etcd's mayAddMember: the new one is taken for one that does not run. */
  #mayAdd(isLearner: boolean): void {
    if (!this.#isStrict) return;
    if (!isLearner) this.#checkStarted(1);
    const voters = this.#voters();
    if (voters.length > 1 && this.#connected(voters) < majority(voters.length + 1)) throw new ConsensusError('unhealthy');
  }

  /** As etcd's mayRemoveMember: one that does not run may go, for it is no part of a majority. */
  #mayRemove(id: NodeId): void {
    if (!this.#isStrict || !isVoter(this.#replica.confState, id)) return;
    this.#checkStarted(-1, id);
    if (id !== this.#group.id && this.#connectedSinceMs(id) === undefined) return;
    const voters = this.#voters();
    if (this.#connected(voters) - 1 < majority(voters.length - 1)) throw new ConsensusError('unhealthy');
  }

  #voters(): readonly NodeId[] {
    return this.#replica.members.map(({ id }) => id).filter((id) => isVoter(this.#replica.confState, id));
  }

  #connected(voters: readonly NodeId[]): number {
    const sinceMs = this.#process.clock.monotonic() - healthMs;
    return voters.filter((id) => id === this.#group.id || (this.#connectedSinceMs(id) ?? Number.POSITIVE_INFINITY) < sinceMs).length;
  }

  /** The voters that have started must still be a majority after the change. */
  #checkStarted(change: 1 | -1, changed?: NodeId): void {
    const voters = this.#replica.members.filter(({ id }) => isVoter(this.#replica.confState, id));
    if (voters.length === 1 && change === 1) return; // the way to a second member
    const started = voters.filter(({ id, name }) => name !== '' && id !== changed).length;
    if (started < majority(voters.length + change)) throw new MembershipError('not enough started');
  }

  /** Proposes until it is applied: a change that meets another one on its way becomes an empty entry. */
  async #change(type: ConfChangeType, info: MemberInfo, isDone: () => boolean): Promise<void> {
    const context = type === 'ConfChangeRemoveNode' ? new Uint8Array(0) : Buffer.from(encodeMembers([info]), 'latin1');
    const change = { transition: 'ConfChangeTransitionAuto', changes: [{ type, nodeId: info.id }], context } as const;
    let askedAt = Number.NEGATIVE_INFINITY;
    let before: unknown;
    const { member, electionTicks } = this.#group;
    await this.#until(() => {
      if (isDone()) return true;
      const { members } = this.#replica;
      // Another change was applied first, which this one may have met.
      const isOvertaken = members !== before;
      if ((isOvertaken || member.ticks - askedAt >= electionTicks) && member.leader !== 0) {
        askedAt = member.ticks;
        before = members;
        // A step of its own: this may be called amid what Raft has to say.
        this.#process.post({ lane: 'log', op: 'change members' }, () => {
          if (!member.isStopped && !isDone()) member.proposeChange(change);
        });
      }
      return false;
    }, 7 * electionTicks);
  }

  /** Resolves once `isDone`, which is asked whenever something has happened. Rejects with ConsensusError after `ticks`. */
  #until(isDone: () => boolean, ticks: number): Promise<void> {
    const { member } = this.#group;
    const untilTick = member.ticks + ticks;
    if (isDone()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const observing = this.#group.observe(() => {
        const isOver = member.ticks >= untilTick || member.isStopped;
        const done = isDone();
        if (!done && !isOver) return;
        observing[Symbol.dispose]();
        if (done) resolve();
        else reject(new ConsensusError('timed out'));
      });
    });
  }
}

function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}
