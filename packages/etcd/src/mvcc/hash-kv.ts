import type { Process } from '@coracle/kernel';
import { crc32 } from 'node:zlib';
import { ByteWriter } from '../wal/binary.ts';
import { writeLeaseId } from '../lease/lease-id.ts';
import type { Mvcc } from './mvcc.ts';
import { CompactedError, FutureRevisionError } from './refusals.ts';
import { type Revision, revision } from './revision.ts';
import type { KeyValue } from './types.ts';

/** What members compare with each other to find out that one of them has lost something. */
export interface KvHash {
  readonly hash: number;
  /** The revision that was hashed. */
  readonly revision: Revision;
  /** Where the hash begins: those of two members are comparable only when it is the same. */
  readonly compactRevision: Revision;
}

/** How many versions are hashed before others have their turn. */
const sliceLength = 2_000;

/**
 * CRC-32 of what existed at the compact revision, in order of key, and of every change since up to `at`. etcd's is over the
 * pages of its own engine, so the number differs from etcd's; what it is for does not.
 */
export async function hashKv(mvcc: Mvcc, at: number, process: Process | undefined): Promise<KvHash> {
  const until = at <= 0 ? mvcc.revision : at;
  if (until > mvcc.revision) throw new FutureRevisionError(mvcc.revision);
  if (until < mvcc.compactRevision) throw new CompactedError(mvcc.compactRevision);
  // What is written while others have their turn does not count.
  const frozen = mvcc.fork();
  const { compactRevision } = frozen;
  const bytes = new ByteWriter();
  let hash = 0;
  let count = 0;
  const addVersion = (kv: KeyValue): void => {
    bytes.clear();
    bytes.varint(kv.modRevision);
    bytes.varint(kv.createRevision);
    bytes.varint(kv.version);
    writeLeaseId(bytes, kv.lease);
    bytes.key(kv.key);
    hash = crc32(kv.value, crc32(bytes.view(), hash));
  };
  const turn = async (): Promise<void> => {
    if (++count % sliceLength === 0) await process?.clock.sleep(0);
  };
  for (const kv of frozen.existing(compactRevision)) {
    addVersion(kv);
    await turn();
  }
  for (const change of frozen.changesAfter(compactRevision)) {
    if (change.revision > until) break;
    if (change.current === undefined) {
      bytes.clear();
      bytes.varint(0);
      bytes.varint(change.revision);
      bytes.key(change.key);
      hash = crc32(bytes.view(), hash);
    } else addVersion(change.current);
    await turn();
  }
  return { hash, revision: revision(until), compactRevision };
}
