import { ByteReader, ByteWriter, Malformed } from './binary.ts';
import { type Entry, readEntry, writeEntry } from './entry.ts';

/** Who proposed a batch: what is proposed twice, because nobody knew whether it was lost, is applied once. */
export interface BatchName {
  /** The member. 0: a batch that is only ever proposed once. */
  readonly proposer: number;
  /** The opening of its directory. */
  readonly incarnation: number;
  /** 1, 2, … within the incarnation. */
  readonly sequence: number;
  /** Batches below it will not be proposed again. */
  readonly settledBelow: number;
}

/** The requests of one entry of the Raft log: they share the cost of agreeing on it. */
export interface Batch extends BatchName {
  readonly requests: readonly Entry[];
}

const kind = 1; // of what an entry holds: what comes later has another number

export function encodeBatch(to: ByteWriter, { proposer, incarnation, sequence, settledBelow, requests }: Batch): Uint8Array {
  to.clear();
  to.u8(kind);
  to.varint(proposer);
  to.varint(incarnation);
  to.varint(sequence);
  to.varint(settledBelow);
  to.varint(requests.length);
  for (const request of requests) {
    const at = to.length;
    to.u32(0);
    writeEntry(to, request);
    to.setU32(at, to.length - at - 4);
  }
  // Small ones share pieces of memory: entries are forgotten in the order in which they came.
  const data = Buffer.allocUnsafe(to.length);
  data.set(to.view());
  return data;
}

/** A request as format 1 logged it, as the batch that it would be today. */
export function batchOfOne(request: Uint8Array): Uint8Array {
  const to = new ByteWriter(request.length + 16);
  to.u8(kind);
  for (let i = 0; i < 4; i++) to.varint(0);
  to.varint(1);
  to.u32(request.length);
  to.raw(request);
  return to.view();
}

/** Who proposed it; the requests are not looked at. Throws Malformed. */
export function readBatchName(from: ByteReader): BatchName {
  const found = from.u8();
  if (found !== kind) throw new Malformed(`an entry of unknown kind ${found}`);
  return { proposer: from.varint(), incarnation: from.varint(), sequence: from.varint(), settledBelow: from.varint() };
}

/** The requests behind the name. Throws Malformed. */
export function readRequests(from: ByteReader): readonly Entry[] {
  const requests: Entry[] = [];
  // Every request takes bytes, so a wrong count ends at the end of the entry, whatever it claims.
  for (let left = from.varint(); left > 0; left--) requests.push(readEntry(new ByteReader(from.raw(from.u32()))));
  from.end();
  return requests;
}
