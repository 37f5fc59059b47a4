import type { NodeId } from '@coracle/raft';

/** Whose log it is, so that a file that strayed in from elsewhere is not taken for ours. Sixteen hex digits each. */
export interface Identity {
  readonly clusterId: string;
  readonly memberId: string;
}

/**
 * The format of the whole directory. Raised when a program that knows only the one before could not read it.
 *
 * 1: one member, a record of the log holds one request. 2: the log is Raft's, an entry holds a batch of requests; META and
 * snapshots know the members. 3: the checksum of a block of a snapshot starts from that of the block before. A directory of an older format is
 * read, and is of this one from its next opening on.
 */
export const formatVersion = 3;

export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.clusterId === b.clusterId && a.memberId === b.memberId;
}

/**
 * The number by which Raft knows a member: the lower 53 bits of its id, since Raft counts in safe integers. Ids are chosen
 * with no other bits; those of format 1 have some.
 */
export function nodeIdOf(identity: Identity): NodeId {
  return Number(BigInt(`0x${identity.memberId}`) & 0x1f_ffff_ffff_ffffn) || 1;
}

export function memberIdOf(id: NodeId): string {
  return id.toString(16).padStart(16, '0');
}
