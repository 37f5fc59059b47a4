import type { NodeId } from '@coracle/raft';
import { Malformed } from '../wal/binary.ts';

/** What the cluster knows of a member beside its vote (etcd server/etcdserver/api/membership). */
export interface MemberInfo {
  /** On the wire it is etcd's uint64; here it fits a safe integer. */
  readonly id: NodeId;
  /** Empty until the member has started. */
  readonly name: string;
  /** Where other members reach it. */
  readonly peerUrls: readonly string[];
  /** Where clients reach it; empty until it has started. */
  readonly clientUrls: readonly string[];
}

/** As text of one byte per char, for META, snapshots and changes of membership. */
export function encodeMembers(members: Iterable<MemberInfo>): string {
  return Buffer.from(JSON.stringify([...members]), 'utf8').toString('latin1');
}

/** Throws Malformed. */
export function decodeMembers(text: string): readonly MemberInfo[] {
  if (text === '') return [];
  let list: unknown;
  try {
    list = JSON.parse(Buffer.from(text, 'latin1').toString('utf8'));
  } catch {
    throw new Malformed('the list of members is not JSON');
  }
  if (!Array.isArray(list)) throw new Malformed('the list of members is no list');
  return list.map(memberOf);
}

function memberOf(value: unknown): MemberInfo {
  if (typeof value !== 'object' || value === null) throw new Malformed('a member is no object');
  const { id, name, peerUrls, clientUrls } = value as Record<string, unknown>; // any object may be read so
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id <= 0) throw new Malformed('a member has no id');
  if (typeof name !== 'string' || !isTexts(peerUrls) || !isTexts(clientUrls)) throw new Malformed(`member ${id} is incomplete`);
  return { id, name, peerUrls, clientUrls };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
