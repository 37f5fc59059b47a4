import { type ByteReader, type ByteWriter, Malformed } from '../wal/binary.ts';
import { type LeaseId, noLease } from '../mvcc/types.ts';

const largestNumber = BigInt(Number.MAX_SAFE_INTEGER);

/** int64 as its 64 bits in LEB128: one to ten bytes. Ids below 2^53 take the form of `ByteWriter.varint`. */
export function writeLeaseId(to: ByteWriter, id: LeaseId): void {
  if (id >= 0n && id <= largestNumber) {
    to.varint(Number(id));
    return;
  }
  let rest = BigInt.asUintN(64, id);
  while (rest >= 0x80n) {
    to.u8(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  to.u8(Number(rest));
}

/** Throws Malformed. */
export function readLeaseId(from: ByteReader): LeaseId {
  let low = 0; // 28 bits: most ids of our own making need the slow way, most keys have no lease at all
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = from.u8();
    low |= (byte & 0x7f) << shift;
    if (byte < 0x80) return low === 0 ? noLease : BigInt(low);
  }
  let id = BigInt(low);
  for (let shift = 28n; shift < 70n; shift += 7n) {
    const byte = from.u8();
    id |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (id >> 64n !== 0n) break;
      return BigInt.asIntN(64, id);
    }
  }
  throw new Malformed('lease id beyond 64 bits');
}
