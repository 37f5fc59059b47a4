/** A member as clients see it (etcdserverpb.Member). Ids are uint64. */
export interface Member {
  readonly id: bigint;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** What this member knows of consensus now. */
export interface ConsensusStatus {
  readonly term: number;
  /** 0n while there is none. */
  readonly leader: bigint;
  readonly committedIndex: number;
  readonly appliedIndex: number;
  readonly isLearner: boolean;
}

/** The members of a store and their consensus, as the v3 API shows and changes them. */
export interface ClusterView {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  status(): ConsensusStatus;
  /** The members as they were applied here; `linearizable`: as the group has them. */
  members(options: { readonly linearizable: boolean }): Promise<readonly Member[]>;
  /** Each resolves with the members after the change, and rejects with a MembershipError or a ConsensusError. */
  addMember(request: {
    readonly peerUrls: readonly string[];
    readonly isLearner: boolean;
  }): Promise<{ readonly added: Member; readonly members: readonly Member[] }>;
  removeMember(id: bigint): Promise<readonly Member[]>;
  updateMember(id: bigint, peerUrls: readonly string[]): Promise<readonly Member[]>;
  promoteMember(id: bigint): Promise<readonly Member[]>;
  /** Hands leadership over. Rejects with ConsensusError. */
  moveLeader(to: bigint): Promise<void>;
}

const membershipTexts = {
  exists: 'etcdserver: member ID already exist',
  'peer URL exists': 'etcdserver: Peer URLs already exists',
  'not enough started': 'etcdserver: re-configuration failed due to not enough started members',
  'bad URLs': 'etcdserver: given member URLs are invalid',
  'not found': 'etcdserver: member not found',
  'not a learner': 'etcdserver: can only promote a learner member',
  'learner not ready': 'etcdserver: can only promote a learner member which is in sync with leader',
  'too many learners': 'etcdserver: too many learner members in cluster',
} as const;

export type MembershipRefusal = keyof typeof membershipTexts;

/** A change of membership that cannot be done. The texts are etcd's. */
export class MembershipError extends Error {
  override readonly name = 'MembershipError';
  readonly refusal: MembershipRefusal;
  constructor(refusal: MembershipRefusal, options?: ErrorOptions) {
    super(membershipTexts[refusal], options);
    this.refusal = refusal;
  }
}

const consensusTexts = {
  'no leader': 'etcdserver: no leader',
  'not leader': 'etcdserver: not leader',
  'leader changed': 'etcdserver: leader changed',
  'timed out': 'etcdserver: request timed out',
  'leader failed': 'etcdserver: request timed out, possibly due to previous leader failure',
  'connection lost': 'etcdserver: request timed out, possibly due to connection lost',
  unhealthy: 'etcdserver: unhealthy cluster',
  'bad transferee': 'etcdserver: bad leader transferee',
  learner: 'etcdserver: rpc not supported for learner',
} as const;

export type ConsensusRefusal = keyof typeof consensusTexts;

/** The group could not do it, or not in time: after a time-out nobody knows whether it was done. The texts are etcd's. */
export class ConsensusError extends Error {
  override readonly name = 'ConsensusError';
  readonly refusal: ConsensusRefusal;
  constructor(refusal: ConsensusRefusal, options?: ErrorOptions) {
    super(consensusTexts[refusal], options);
    this.refusal = refusal;
  }
}

/** The refusal that another member has told by its text. */
export function refusalOf(text: string): MembershipError | ConsensusError | Error {
  for (const [refusal, said] of Object.entries(membershipTexts))
    if (said === text) return new MembershipError(refusal as MembershipRefusal); // its keys
  for (const [refusal, said] of Object.entries(consensusTexts)) if (said === text) return new ConsensusError(refusal as ConsensusRefusal); // its keys
  return new Error(text);
}
