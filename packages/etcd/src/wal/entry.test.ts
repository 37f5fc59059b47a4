import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { txnBytes } from '../mvcc/check-txn.ts';
import type { Compare, Operation, Txn } from '../mvcc/types.ts';
import { revision } from '../mvcc/revision.ts';
import { ByteReader, ByteWriter, Malformed } from './binary.ts';
import { type Entry, type EntryAsUser, readEntry, writeEntry } from './entry.ts';
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
const target = fc.constantFrom('version' as const, 'create' as const, 'mod' as const);
const lease = fc.oneof(fc.constant(0n), fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }));
const operand = fc.oneof(fc.constant(-1), count);
const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.tuple(range, record({ target, result, operand })).map(([of, rest]) => ({ ...of, ...rest })),
  fc.tuple(range, record({ target: fc.constant('lease' as const), result, operand: lease })).map(([of, rest]) => ({ ...of, ...rest })),
  fc
    .tuple(range, record({ target: fc.constant('value' as const), result, operand: fc.uint8Array() }))
    .map(([of, rest]) => ({ ...of, ...rest })),
);
const sorted = record({
  sort: fc.oneof(
    fc.constant({ target: 'mod' as const, descending: false, limitFirst: true }),
    record({
      target: fc.constantFrom('key' as const, 'version' as const, 'create' as const, 'mod' as const, 'value' as const),
      descending: fc.boolean(),
    }),
  ),
});
const bound = fc.oneof(fc.constant(-1), fc.constant(0), fc.nat());
const bounded = record({ minModRevision: bound, maxModRevision: bound, minCreateRevision: bound, maxCreateRevision: bound }).filter(
  (bounds) => Object.values(bounds).some((each) => each !== 0),
);
const reading = fc
  .tuple(
    record({ op: fc.constant('range' as const), revision: count, limit: count, countOnly: fc.boolean() }),
    fc.oneof(fc.constant({}), sorted),
    fc.oneof(fc.constant({}), bounded),
    fc.oneof(fc.constant({}), fc.constant({ keysOnly: true })),
  )
  .map(([of, ...rest]) => Object.assign({}, of, ...rest) as typeof of);
const { txn } = fc.letrec<{ readonly operation: Operation; readonly txn: Txn }>((tie) => ({
  operation: fc.oneof(
    { maxDepth: 3 },
    record({ op: fc.constant('put' as const), key, lease, value: fc.uint8Array() }),
    record({
      op: fc.constant('put' as const),
      key,
      lease,
      value: fc.uint8Array(),
      ignoreValue: fc.boolean(),
      ignoreLease: fc.constant(true),
    }),
    range.map((of) => ({ op: 'delete' as const, ...of })),
    fc.tuple(range, reading).map(([of, rest]) => ({ ...rest, ...of })),
    record({ op: fc.constant('txn' as const), txn: tie('txn') }),
  ),
  txn: record({
    compares: fc.array(compare, { maxLength: 3 }),
    success: fc.array(tie('operation'), { maxLength: 3 }),
    failure: fc.array(tie('operation'), { maxLength: 3 }),
  }),
}));
const plainEntry: fc.Arbitrary<EntryAsUser['entry']> = fc.oneof(
  record({ kind: fc.constant('txn' as const), txn }),
  record({
    kind: fc.constant('txn' as const),
    txn: txn.map((of) => ({ ...of, success: [...of.success, { op: 'txn' as const, txn: of }] })),
  }),
  record({ kind: fc.constant('grant' as const), id: lease, ttlSeconds: count }),
  record({ kind: fc.constant('revoke' as const), id: lease }),
  record({ kind: fc.constant('expire' as const), id: lease, term: fc.maxSafeNat() }),
  record({ kind: fc.constant('compact' as const), at: count.map(revision) }),
  record({
    kind: fc.constant('alarm' as const),
    action: fc.constantFrom('activate' as const, 'deactivate' as const),
    alarm: record({
      type: fc.constantFrom('nospace' as const, 'corrupt' as const),
      memberId: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    }),
  }),
  record({ kind: fc.constant('checkpoint' as const), leases: fc.array(record({ id: lease, remainingSeconds: count }), { maxLength: 3 }) }),
  record({ kind: fc.constant('auth' as const), change: record({ change: fc.constant('addRole' as const), role: fc.string() }) }),
  record({ kind: fc.constant('token' as const), token: fc.string(), user: fc.string() }),
);
const entry: fc.Arbitrary<Entry> = fc.oneof(
  plainEntry,
  record({ kind: fc.constant('asUser' as const), user: fc.string(), authRevision: count, entry: plainEntry }),
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

test('readEntry() refuses an entry of a user within one of a user', () => {
  const inner = encode({ kind: 'asUser', user: 'a', authRevision: 1, entry: { kind: 'revoke', id: 1n } });
  assert.throws(() => readEntry(new ByteReader(Buffer.concat([inner.subarray(0, 4), inner]))), Malformed);
});

test('readEntry() reads what was written before leases had 64 bits and operations more than their first flags', () => {
  const read = (hex: string): Entry => readEntry(new ByteReader(Buffer.from(hex, 'hex')));
  const value = new Uint8Array([1, 2, 3]);
  assert.deepEqual(
    read('00030201016100ac02040001610101628080808080200302016100030102030201016b8780808080808008030102030201610101000100016100070901'),
    {
      kind: 'txn',
      txn: {
        compares: [
          { key: 'a', target: 'mod', result: 'greater', operand: 300 },
          { key: 'a', end: 'b', target: 'lease', result: 'equal', operand: 1n << 40n },
          { key: 'a', target: 'value', result: 'less', operand: value },
        ],
        success: [
          { op: 'put', key: 'k', value, lease: (1n << 52n) + 7n },
          { op: 'delete', key: 'a', end: '\0' },
        ],
        failure: [{ op: 'range', key: 'a', revision: 7, limit: 9, countOnly: true }],
      },
    },
  );
  assert.deepEqual(read('01ffffffffffffff0f3c'), { kind: 'grant', id: (1n << 53n) - 1n, ttlSeconds: 60 });
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
  version: 2,
  isRecycled: false,
};

/** A segment with records in batches of the given sizes, and room behind. */
function segment(batches: readonly number[]): { readonly bytes: Buffer; readonly offsets: readonly number[] } {
  const to = new ByteWriter();
  to.zeros(segmentHeaderBytes);
  const offsets: number[] = [];
  let index = 0;
  for (const [batch, size] of batches.entries()) {
    for (let ordinal = 0; ordinal < size; ordinal++) {
      offsets.push(to.length);
      const at = { nonce: header.nonce, offset: to.length, batch, isLastOfBatch: ordinal === size - 1 };
      writeRecord(to, at, { index: ++index, term: 1, type: 'entry', payload: Buffer.from(`payload ${index}`) });
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
  assert.deepEqual(
    scanSegment(bytes, header, () => undefined),
    { kind: 'clean', offset: bytes.length - 100 },
  );
});

test('scanSegment() takes nothing of a recycled segment for its own, and sees where a batch was begun', () => {
  const { bytes, offsets } = segment([1, 1, 1, 1]);
  const [, second = 0, third = 0] = offsets;
  const recycled = { ...header, nonce: 77, isRecycled: true };
  const write = (at: { readonly offset: number; readonly batch: number }): number => {
    const to = new ByteWriter();
    writeRecord(to, { ...at, nonce: 77, isLastOfBatch: true }, { index: 9, term: 2, type: 'entry', payload: Buffer.from('new') });
    bytes.set(to.view(), at.offset);
    return to.length;
  };
  const end = segmentHeaderBytes + write({ offset: segmentHeaderBytes, batch: 0 });
  let read = 0;
  const count = (): undefined => {
    read++;
  };
  assert.deepEqual([scanSegment(bytes, recycled, count), read], [{ kind: 'clean', offset: end }, 1]);
  // A later sector of the next batch reached the disk, its first did not.
  write({ offset: second, batch: 1 });
  assert.equal(scanSegment(bytes, recycled, count).kind, 'torn');
  // What comes after that one proves it to have been durable.
  write({ offset: third, batch: 2 });
  assert.equal(scanSegment(bytes, recycled, count).kind, 'damaged');
});

test('scanSegment() calls an end within a batch torn, even if only zeros follow', () => {
  const { bytes, offsets } = segment([1, 3]);
  const [, , third = 0] = offsets;
  assert.deepEqual(
    scanSegment(bytes.fill(0, third), header, () => undefined),
    { kind: 'torn', offset: third },
  );
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
