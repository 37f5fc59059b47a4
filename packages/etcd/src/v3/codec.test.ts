import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { revision } from '../mvcc/revision.ts';
import type { Change, KeyValue, Operation, OperationResult, Txn } from '../mvcc/types.ts';
import { frameHeaderBytes } from './grpc/frame.ts';
import { decodeDeleteRange, decodePut, decodeRange, decodeTxn } from './kv-requests.ts';
import { eventBlock, rangeResponse, rangeStreamResponse, ResponseHeaders, txnResponse, watchResponse } from './kv-responses.ts';
import type { Message } from './message.ts';
import * as messages from './messages.ts';
import { PiecePool } from './grpc/piece-pool.ts';
import { InvalidProtobuf, maxMessageDepth, ProtobufWriter } from './protobuf.ts';

interface Golden {
  readonly message: string;
  readonly value: Readonly<Record<string, unknown>>;
  readonly hex: string;
}

/** Made by Go's protobuf of etcd's own messages, with values chosen at random. */
const goldens = JSON.parse(readFileSync(new URL('./testdata/messages.json', import.meta.url), 'utf8')) as readonly Golden[];

const byName: Readonly<Record<string, unknown>> = {
  ...messages,
  CompactionResponse: messages.headerOnly,
  LeaseRevokeRequest: messages.leaseId,
  MemberRemoveRequest: messages.memberId,
  MoveLeaderRequest: messages.memberId,
  MemberListResponse: messages.membersResponse,
};

function described(name: string): Message<object> {
  const wanted = name.toLowerCase();
  const found = Object.entries(byName).find(([key]) => key.toLowerCase() === wanted)?.[1];
  assert.ok(found !== undefined, name);
  return found as Message<object>; // the module exports descriptions only
}

/** A decoded message in the golden's form: what is the default is left out, and names are in lower case. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value === 0n ? undefined : String(value);
  if (value instanceof Uint8Array) return value.length === 0 ? undefined : Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((each) => plain(each) ?? '');
  if (typeof value === 'object' && value !== null) {
    if ('hex' in value) return value.hex === '' ? undefined : value.hex;
    const entries = Object.entries(value).map(([name, of]) => [name.toLowerCase(), plain(of)] as const);
    return Object.fromEntries(entries.filter(([, of]) => of !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  return value === 0 || value === '' || value === false || value === '0' ? undefined : value;
}

/** MoveLeaderRequest has a name of its own for what is a member id. */
function renamed(value: Golden['value']): Golden['value'] {
  return 'targetID' in value ? { ID: value['targetID'] } : value;
}

const keyFields = new Set(['key', 'rangeend', 'keys']);

/** Keys are binary strings here and bytes there. */
function withHexKeys(value: unknown, name = ''): unknown {
  if (typeof value === 'string' && keyFields.has(name)) return { hex: Buffer.from(value, 'latin1').toString('hex') };
  if (Array.isArray(value)) return value.map((each) => withHexKeys(each, name));
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([field, of]) => [field, withHexKeys(of, field.toLowerCase())]));
}

describe('messages', () => {
  test('every golden message reads as Go wrote it, and writes as the same bytes', () => {
    assert.ok(goldens.length > 150);
    for (const { message, value, hex } of goldens) {
      const of = described(message);
      const decoded = of.decode(Buffer.from(hex, 'hex'));
      assert.deepEqual(plain(withHexKeys(decoded)), plain(renamed(value)), `${message} ${hex}`);
      // The members of a union that are set to their default are written by Go, not by a description.
      if (!['Compare', 'RequestOp', 'ResponseOp', 'TxnRequest', 'TxnResponse'].includes(message)) {
        assert.equal(of.encode(decoded).toString('hex'), hex, message);
      }
    }
  });

  test('every golden message that is cut short is refused or read, and nothing else', () => {
    for (const { message, hex } of goldens) {
      const bytes = Buffer.from(hex, 'hex');
      for (let length = 0; length < bytes.length; length++) {
        try {
          described(message).decode(bytes.subarray(0, length));
        } catch (error) {
          assert.ok(error instanceof InvalidProtobuf, `${message} ${length}`);
        }
      }
    }
  });

  test('numbers at the edges of 64 bits', () => {
    for (const id of [0n, 1n, -1n, (1n << 63n) - 1n, -(1n << 63n), 1n << 32n, 1n << 53n]) {
      assert.equal(messages.leaseId.decode(messages.leaseId.encode({ id })).id, id);
    }
    for (const id of [(1n << 64n) - 1n, 1n << 63n]) assert.equal(messages.memberId.decode(messages.memberId.encode({ id })).id, id);
    const revisionOf = (value: bigint): number => {
      const to = new ProtobufWriter();
      to.int64Field(8, value);
      return messages.compactionRequest.decode(to.finish()).revision;
    };
    assert.deepEqual([(1n << 53n) - 1n, 1n << 53n, (1n << 63n) - 1n, -1n, -(1n << 53n), -(1n << 63n)].map(revisionOf), [
      2 ** 53 - 1,
      2 ** 53 - 1,
      2 ** 53 - 1,
      -1,
      1 - 2 ** 53,
      1 - 2 ** 53,
    ]);
  });

  test('unknown fields of every wire type are passed over, also in hot decoders, and known ones of another type', () => {
    const unknown = Buffer.from('a00601a1060102030405060708a206020909a3060801a406a50601020304', 'hex');
    const put = messages.putRequest.encode({ key: 'k', value: Buffer.from('v') });
    for (const bytes of [Buffer.concat([unknown, put]), Buffer.concat([put, unknown]), Buffer.concat([Buffer.from([0x08, 1]), put])]) {
      assert.equal(messages.putRequest.decode(bytes).key, 'k');
      assert.equal(decodePut(bytes).key, 'k');
    }
  });

  test('what is no protobuf is refused', () => {
    const refused: Readonly<Record<string, string>> = {
      'a number of eleven bytes': '08ffffffffffffffffffff01',
      'a number beyond 64 bits': '08ffffffffffffffffff02',
      'a length beyond the message': '0a05aa',
      'a length beyond 32 bits': '0a8080808010',
      'field number 0': '0001',
      'a group without an end': '0b',
      'an end without a group': '0c',
      'a group that another one ends': '0b14',
      'wire type 7': '0f',
    };
    for (const [what, hex] of Object.entries(refused)) {
      assert.throws(() => decodePut(Buffer.from(hex, 'hex')), InvalidProtobuf, what);
      assert.throws(() => messages.putRequest.decode(Buffer.from(hex, 'hex')), InvalidProtobuf, what);
    }
  });

  test('transactions and groups are nested to a depth, not deeper', () => {
    let bytes: Buffer = Buffer.alloc(0);
    for (let depth = 0; depth < maxMessageDepth; depth++) {
      const op = new ProtobufWriter(bytes.length + 8);
      op.blockField(34, bytes);
      const txn = new ProtobufWriter(bytes.length + 16);
      txn.blockField(18, op.finish());
      bytes = txn.finish();
    }
    assert.throws(() => decodeTxn(bytes), InvalidProtobuf);
    assert.throws(() => decodePut(Buffer.alloc(1000, 0x0b)), InvalidProtobuf);
  });

  test('a transaction of a million operations is refused before it is read, and a long list is read in one go', () => {
    const bytes = Buffer.alloc(1_400_000);
    for (let i = 0; i < bytes.length; i += 2) bytes[i] = 0x0a;
    assert.throws(() => decodeTxn(bytes), { message: 'etcdserver: too many operations in txn request' });
    assert.equal(messages.leaseLeasesResponse.decode(Buffer.alloc(100_000).map((_, i) => (i % 2 === 0 ? 0x12 : 0))).leases.length, 50_000);
  });
});

const key = fc.uint8Array({ minLength: 1, maxLength: 5 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const number = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const kv: fc.Arbitrary<KeyValue> = fc.record({
  key,
  value: fc.uint8Array({ maxLength: 200 }),
  createRevision: number.map(revision),
  modRevision: number.map(revision),
  version: number,
  lease: fc.oneof(fc.constant(0n), fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n })),
});
const headers = new ResponseHeaders(0xcdf818194e3a8c32n, 0x8e9e05c52164694dn);
const header = { clusterId: 0xcdf818194e3a8c32n, memberId: 0x8e9e05c52164694dn };

function unframed(bytes: Buffer): Buffer {
  return bytes.subarray(frameHeaderBytes);
}

function wireKv({ key: of, value, createRevision, modRevision, version, lease }: KeyValue): messages.WireKeyValue {
  return { key: of, createRevision, modRevision, version, value: new Uint8Array(value), lease };
}

/** Everything that is decoded, so that values compare by their bytes. */
function comparable(value: unknown): unknown {
  return plain(withHexKeys(value));
}

describe('hot codecs', () => {
  test('decode requests as their descriptions do', () => {
    fc.assert(
      fc.property(
        key,
        fc.uint8Array(),
        fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
        fc.boolean(),
        number,
        (of, value, lease, flag, n) => {
          const put = decodePut(messages.putRequest.encode({ key: of, value, lease, prevKv: flag, ignoreLease: !flag }));
          assert.deepEqual(
            { ...put, value: Buffer.from(put.value) },
            { op: 'put', key: of, value: Buffer.from(value), lease, prevKv: flag, ignoreValue: false, ignoreLease: !flag },
          );
          const range = decodeRange(
            messages.rangeRequest.encode({
              key: 'k',
              rangeEnd: of,
              limit: n,
              minModRevision: n,
              sortTarget: 3,
              sortOrder: 2,
              serializable: flag,
            }),
          );
          assert.deepEqual(
            [range.key, range.end ?? '', range.limit, range.minModRevision, range.sort, range.serializable],
            ['k', of, n, n, { target: 'mod', descending: true }, flag],
          );
          const deletion = decodeDeleteRange(messages.deleteRangeRequest.encode({ key: 'k', rangeEnd: of, prevKv: flag }));
          assert.deepEqual(deletion, { op: 'delete', key: 'k', end: of === '' ? undefined : of, prevKv: flag });
        },
      ),
    );
  });

  test('decode a transaction with every operation, target and operand', () => {
    const request = messages.txnRequest.encode({
      compare: [
        { result: 0, target: 0, key: 'a', version: 3 },
        { result: 1, target: 1, key: 'a', createRevision: 4, rangeEnd: 'b' },
        { result: 2, target: 2, key: 'a', modRevision: -5 },
        { result: 3, target: 3, key: 'a', value: Buffer.from('v') },
        { result: 0, target: 4, key: 'a', lease: -6n },
        { result: 0, target: 2, key: 'a', version: 7 },
      ],
      success: [
        { requestTxn: { success: [{ requestPut: { key: 'k', value: Buffer.from('v') } }] } },
        { requestRange: { key: 'r', sortTarget: 1, keysOnly: true } },
      ],
      failure: [{ requestDeleteRange: { key: 'd', rangeEnd: '\0', prevKv: true } }],
    });
    const { compares, success, failure } = decodeTxn(request);
    assert.deepEqual(
      compares.map(({ target, result, operand, end }) => [
        target,
        result,
        operand instanceof Uint8Array ? Buffer.from(operand).toString() : operand,
        end,
      ]),
      [
        ['version', 'equal', 3, undefined],
        ['create', 'greater', 4, 'b'],
        ['mod', 'less', -5, undefined],
        ['value', 'notEqual', 'v', undefined],
        ['lease', 'equal', -6n, undefined],
        ['mod', 'equal', 0, undefined],
      ],
    );
    const [nested, range] = success;
    assert.ok(nested?.op === 'txn' && nested.txn.success[0]?.op === 'put');
    assert.ok(range?.op === 'range');
    assert.deepEqual([range.keysOnly, range.sort], [true, { target: 'version', descending: false, limitFirst: true }]);
    assert.deepEqual(failure, [{ op: 'delete', key: 'd', end: '\0', prevKv: true }]);
  });

  test('refuse an operation that is none and numbers that etcd does not know, in its words', () => {
    const refused = (bytes: Uint8Array, text: string): void => assert.throws(() => decodeTxn(bytes), { message: text });
    refused(messages.txnRequest.encode({ success: [{}] }), 'etcdserver: key not found');
    assert.deepEqual(decodeRange(messages.rangeRequest.encode({ key: 'a', sortOrder: 3 })).sort?.isInvalid, true);
    assert.deepEqual(decodeRange(messages.rangeRequest.encode({ key: 'a', sortTarget: 5 })).sort?.isInvalid, true);
    refused(messages.txnRequest.encode({ compare: [{ key: 'a', result: 4 }] }), 'etcdserver: unknown compare result 4');
    refused(messages.txnRequest.encode({ compare: [{ key: 'a', target: 5 }] }), 'etcdserver: unknown compare target 5');
  });

  test('encode responses that their descriptions read back', () => {
    fc.assert(
      fc.property(fc.array(kv, { maxLength: 5 }), fc.boolean(), number, (kvs, more, n) => {
        const block = headers.of(n, 7);
        const wire = { header: { ...header, revision: n, raftTerm: 7 }, kvs: kvs.map(wireKv), more, count: n };
        const response = rangeResponse(block, { kvs, more, count: n }, new PiecePool());
        assert.ok(!('pieces' in response));
        const range = unframed(response);
        assert.deepEqual(comparable(messages.rangeResponse.decode(range)), comparable(wire));
        assert.equal(range.toString('hex'), messages.rangeResponse.encode(wire).toString('hex'));
        const chunk = unframed(rangeStreamResponse(kvs));
        assert.deepEqual(comparable(messages.rangeStreamResponse.decode(chunk)), comparable({ rangeResponse: { kvs: kvs.map(wireKv) } }));
        const last = unframed(rangeStreamResponse(kvs, { header: block, more, count: n }));
        assert.deepEqual(comparable(messages.rangeStreamResponse.decode(last)), comparable({ rangeResponse: wire }));
      }),
    );
  });

  test('encode a long response in pieces, the same as in one, in memory that is used again', () => {
    const pool = new PiecePool();
    for (const sizes of [[200_000], [0, 65_536, 1], [60_000, 5_000, 70_000, 3], Array.from({ length: 3_000 }, (_, i) => i % 100)]) {
      const at = revision(7);
      const kvs = sizes.map((size, i): KeyValue => {
        return { key: `k${i}`, value: Buffer.alloc(size, i), createRevision: at, modRevision: at, version: 1, lease: 9n };
      });
      const response = rangeResponse(headers.of(7, 7), { kvs, more: true, count: 70_000 }, pool);
      assert.ok('pieces' in response);
      const pieces: Buffer[] = [];
      const memory = new Set<ArrayBufferLike>();
      for (const piece of response.pieces()) {
        pieces.push(Buffer.from(piece));
        memory.add(piece.buffer);
        piece.fill(0xee);
        response.sent(piece);
        response.sent(piece); // once more means nothing
      }
      assert.ok(memory.size <= 2 + sizes.filter((size) => size > 65_000).length, `${memory.size} pieces of memory`);
      const wire = { header: { ...header, revision: 7, raftTerm: 7 }, kvs: kvs.map(wireKv), more: true, count: 70_000 };
      const whole = Buffer.concat(pieces);
      assert.ok(whole.equals(messages.rangeResponse.encode(wire)), `${sizes.length} values`);
      assert.equal(response.length, whole.length);
      assert.ok(pieces.every(({ length }) => length <= Math.max(65_536 + 32, Math.max(...sizes) + 64)));
    }
  });

  test('encode the answer of a transaction with the headers that etcd gives', () => {
    const at = revision(5);
    const one: KeyValue = { key: 'k', value: Buffer.from('v'), createRevision: at, modRevision: at, version: 1, lease: 9n };
    const put = (prevKv: boolean): Operation => ({ op: 'put', key: 'k', value: Buffer.from('v'), prevKv });
    const inner: Txn = { compares: [], success: [], failure: [put(true)] };
    const txn: Txn = {
      compares: [],
      success: [put(false), { op: 'delete', key: 'k', prevKv: true }, { op: 'range', key: 'k' }, { op: 'txn', txn: inner }],
      failure: [],
    };
    const results: readonly OperationResult[] = [
      { op: 'put', revision: at, current: one, previous: one },
      { op: 'delete', revision: at, deleted: [one] },
      { op: 'range', revision: at, kvs: [], more: false, count: 0 },
      { op: 'txn', succeeded: false, results: [{ op: 'put', revision: at, current: one, previous: one }] },
    ];
    const bytes = unframed(txnResponse(headers.of(5, 2), txn, { succeeded: true, revision: at, results, changes: [] }));
    const shown = { header: { revision: 5 } };
    assert.deepEqual(
      comparable(messages.txnResponse.decode(bytes)),
      comparable({
        header: { ...header, revision: 5, raftTerm: 2 },
        succeeded: true,
        responses: [
          { responsePut: shown },
          { responseDeleteRange: { ...shown, deleted: 1, prevKvs: [wireKv(one)] } },
          { responseRange: shown },
          { responseTxn: { header: {}, responses: [{ responsePut: { ...shown, prevKv: wireKv(one) } }] } },
        ],
      }),
    );
  });

  test('encode events: a delete has its key and revision only, the one before when it is asked for', () => {
    fc.assert(
      fc.property(kv, kv, fc.boolean(), fc.boolean(), (current, previous, isDelete, withPrevious) => {
        const change: Change = { revision: current.modRevision, key: current.key, current: isDelete ? undefined : current, previous };
        const bytes = unframed(
          Buffer.concat([watchResponse(headers.of(3, 1), -1n, { fragment: true, compactRevision: 4 }), eventBlock(change, withPrevious)]),
        );
        const shown = isDelete ? { key: current.key, modRevision: current.modRevision } : wireKv(current);
        assert.deepEqual(
          comparable(messages.watchResponse.decode(bytes)),
          comparable({
            header: { ...header, revision: 3, raftTerm: 1 },
            watchId: -1n,
            compactRevision: 4,
            fragment: true,
            events: [{ type: isDelete ? 1 : 0, kv: shown, ...(withPrevious ? { prevKv: wireKv(previous) } : {}) }],
          }),
        );
      }),
    );
  });
});
