import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { txnBytes } from '../mvcc/check-txn.ts';
import type { Compare, Operation } from '../mvcc/types.ts';
import { revision } from '../mvcc/revision.ts';
import { ByteReader, ByteWriter, Malformed } from './binary.ts';
import { type Entry, readEntry, writeEntry } from './entry.ts';
import { readRecord, recordBytes, writeRecord } from './record.ts';
import { type SegmentHeader, scanSegment, segmentHeaderBytes } from './segment.ts';

/** A record like those that are written in code, not one without a prototype. */
function record<T>(model: { readonly [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model as { [K in keyof T]: fc.Arbitrary<T[K]> }, { noNullPrototype: true }) as fc.Arbitrary<T>; // every key is required
}

const count = fc.oneof(fc.nat(300), fc.maxSafeNat());
const key = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 200 }).map((codes) => String.fromCharCode(...codes));
const range = fc.oneof(record({ key }), record({ key, end: key }));
const result = fc.constantFrom('equal' as const, 'notEqual' as const, 'greater' as const, 'less' as const);
const target = fc.constantFrom('version' as const, 'create' as const, 'mod' as const, 'lease' as const);
const byValue = record({ target: fc.constant('value' as const), result, operand: fc.uint8Array() });
const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.tuple(range, record({ target, result, operand: count })).map(([of, rest]) => ({ ...of, ...rest })),
  fc.tuple(range, byValue).map(([of, rest]) => ({ ...of, ...rest })),
);
const reading = record({ op: fc.constant('range' as const), revision: count, limit: count, countOnly: fc.boolean() });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  record({ op: fc.constant('put' as const), key, lease: count, value: fc.uint8Array() }),
  range.map((of) => ({ op: 'delete' as const, ...of })),
  fc.tuple(range, reading).map(([of, rest]) => ({ ...rest, ...of })),
);
const entry: fc.Arbitrary<Entry> = fc.oneof(
  record({
    kind: fc.constant('txn' as const),
    txn: record({
      compares: fc.array(compare, { maxLength: 3 }),
      success: fc.array(operation, { maxLength: 3 }),
      failure: fc.array(operation, { maxLength: 3 }),
    }),
  }),
  record({ kind: fc.constant('grant' as const), id: count, ttlSeconds: count }),
  record({ kind: fc.constant('revoke' as const), id: count }),
  record({ kind: fc.constant('compact' as const), at: count.map(revision) }),
);

function encode(from: Entry): Uint8Array {
  const to = new ByteWriter(1);
  writeEntry(to, from);
  return new Uint8Array(to.view());
}

test('readEntry() gives back what writeEntry() wrote, which is never longer than txnBytes() says', () => {
  fc.assert(
    fc.property(entry, (original) => {
      const bytes = encode(original);
      assert.deepEqual(readEntry(new ByteReader(bytes)), original);
      if (original.kind === 'txn') assert.ok(bytes.length <= txnBytes(original.txn));
    }),
  );
});

test('readEntry() refuses an entry that is cut short, too long, or no entry at all', () => {
  fc.assert(
    fc.property(entry, fc.nat(), (original, at) => {
      const bytes = encode(original);
      assert.throws(() => readEntry(new ByteReader(bytes.subarray(0, at % bytes.length))), Malformed);
      assert.throws(() => readEntry(new ByteReader(Buffer.concat([bytes, Buffer.alloc(1)]))), Malformed);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        readEntry(new ByteReader(bytes));
      } catch (error) {
        assert.ok(error instanceof Malformed);
      }
    }),
  );
});

const header: SegmentHeader = {
  identity: { clusterId: '00'.repeat(8), memberId: '11'.repeat(8) },
  sequence: 1,
  firstIndex: 1,
  nonce: 0xdead_beef,
  previousChecksum: 0,
};

/** A segment with records in batches of the given sizes, and room behind. */
function segment(batches: readonly number[]): { readonly bytes: Buffer; readonly offsets: readonly number[] } {
  const to = new ByteWriter();
  to.zeros(segmentHeaderBytes);
  const offsets: number[] = [];
  let index = 0;
  for (const size of batches) {
    for (let ordinal = 0; ordinal < size; ordinal++) {
      offsets.push(to.length);
      const at = { nonce: header.nonce, offset: to.length };
      writeRecord(to, at, { index: ++index, term: 1, type: 'entry', ordinal }, (payload) => payload.key(`payload ${index}`));
    }
  }
  to.zeros(100);
  return { bytes: Buffer.from(to.view()), offsets };
}

test('scanSegment() calls a bad record torn only when nothing after it can have been written later', () => {
  const { bytes, offsets } = segment([2, 3, 3]);
  for (const [i, offset] of offsets.entries()) {
    for (const fill of [0, 0xff]) {
      const copy = Buffer.from(bytes).fill(fill, offset, offset + 24);
      let read = 0;
      const tail = scanSegment(copy, header, () => {
        read++;
        return undefined;
      });
      assert.deepEqual([tail.kind, tail.offset, read], [i < 5 ? 'damaged' : 'torn', offset, i], `record ${i + 1}`);
    }
  }
  assert.deepEqual(scanSegment(bytes, header, () => undefined), { kind: 'clean', offset: bytes.length - 100 });
});

test('scanSegment() takes no record of an earlier term for one that follows', () => {
  const { bytes, offsets } = segment([1, 1, 1]);
  const to = new ByteWriter();
  const [offset = 0, stale = 0] = offsets;
  writeRecord(to, { nonce: header.nonce, offset }, { index: 1, term: 2, type: 'entry', ordinal: 0 }, (payload) => payload.key('payload 9'));
  bytes.set(to.view(), offset);
  assert.deepEqual(scanSegment(bytes, header, () => undefined), { kind: 'torn', offset: stale });
});

test('readRecord() finds a record only where it was written, and only with its nonce', () => {
  const { bytes, offsets } = segment([1, 1]);
  const [first = 0, second = 0] = offsets;
  const moved = Buffer.concat([bytes.subarray(0, first), bytes.subarray(second)]);
  assert.equal(readRecord(moved, { nonce: header.nonce, offset: first }), 'a record does not match its checksum');
  assert.equal(readRecord(bytes, { nonce: 1, offset: first }), 'a record does not match its checksum');
  const record = readRecord(bytes, { nonce: header.nonce, offset: second });
  assert.ok(typeof record !== 'string' && record.index === 2 && record.end === second + recordBytes(record.payload.length));
});
