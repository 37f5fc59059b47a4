import { type ClusterView, ConsensusError, type ConsensusStatus, type Member, MembershipError } from '../cluster-view.ts';

export interface SingleMemberOptions {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly term: number;
  /** The index of the last entry that was applied. */
  readonly appliedIndex: () => number;
}

/** A store of one member, which leads itself. There is no transport to others, so others cannot be added. */
export class SingleMember implements ClusterView {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly #options: SingleMemberOptions;

  constructor(options: SingleMemberOptions) {
    this.clusterId = options.clusterId;
    this.memberId = options.memberId;
    this.#options = options;
  }

  status(): ConsensusStatus {
    const index = this.#options.appliedIndex();
    return { term: this.#options.term, leader: this.memberId, committedIndex: index, appliedIndex: index, isLearner: false };
  }

  async members(): Promise<readonly Member[]> {
    const { name, peerUrls, clientUrls } = this.#options;
    return [{ id: this.memberId, name, peerUrls, clientUrls, isLearner: false }];
  }

  async addMember({ peerUrls }: { readonly peerUrls: readonly string[] }): Promise<never> {
    if (peerUrls.some((url) => this.#options.peerUrls.includes(url))) throw new MembershipError('peer URL exists');
    throw new ConsensusError('unhealthy');
  }

  /** Of the only member etcd says that too few would be left. */
  async removeMember(id: bigint): Promise<never> {
    throw new MembershipError(id === this.memberId ? 'not enough started' : 'not found');
  }

  async updateMember(id: bigint): Promise<never> {
    throw id === this.memberId ? new ConsensusError('unhealthy') : new MembershipError('not found');
  }

  async promoteMember(id: bigint): Promise<never> {
    throw new MembershipError(id === this.memberId ? 'not a learner' : 'not found');
  }

  async moveLeader(to: bigint): Promise<void> {
    if (to !== this.memberId) throw new ConsensusError('bad transferee');
  }
}
