import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { ConsensusError } from '../cluster-view.ts';
import { maxRequestBytes } from '../mvcc/check-txn.ts';
import * as m from './messages.ts';
import { apiVersion } from './maintenance-service.ts';
import { clusterId, memberId, V3Bench } from './v3-bench.fixture.ts';

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();
const keys = ({ kvs }: m.WireRangeResponse): readonly (string | undefined)[] => kvs.map(({ key }) => key);
const header = (revision: number): m.ResponseHeader => ({ clusterId, memberId, revision, raftTerm: 2 });

describe('KV', () => {
  test('an empty store is at revision 1 and the first put answers 2, with the header of the member', async () => {
    const bench = new V3Bench();
    assert.deepEqual((await bench.range({ key: 'a' })).header, header(1));
    assert.deepEqual((await bench.put('a', '1')).header, header(2));
    const { kvs, count, more, header: head } = await bench.range({ key: 'a' });
    assert.deepEqual([kvs.length, count, more, head?.revision], [1, 1, false, 2]);
    assert.deepEqual(
      { ...kvs[0], value: text(kvs[0]?.value) },
      { key: 'a', createRevision: 2, modRevision: 2, version: 1, value: '1', lease: 0n },
    );
  });

  test('a get at an old revision carries the current one', async () => {
    const bench = new V3Bench();
    await bench.put('a', '1');
    await bench.put('a', '2');
    const { header: head, kvs } = await bench.range({ key: 'a', revision: 2 });
    assert.deepEqual([head?.revision, text(kvs[0]?.value)], [3, '1']);
  });

  test('prev_kv of put and delete is the state just before, and only when it is asked for', async () => {
    const bench = new V3Bench();
    assert.equal((await bench.put('a', '1', { prevKv: true })).prevKv, undefined);
    assert.equal(text((await bench.put('a', '2', { prevKv: true })).prevKv?.value), '1');
    assert.equal((await bench.put('a', '3')).prevKv, undefined);
    await bench.put('b', '4');
    const { deleted, prevKvs } = await bench.remove({ key: 'a', rangeEnd: '\0', prevKv: true });
    assert.deepEqual([deleted, prevKvs.map(({ value }) => text(value))], [2, ['3', '4']]);
    assert.deepEqual((await bench.remove({ key: 'a' })).header, header(6));
  });

  test('ignore_value and ignore_lease keep what the key has; on an absent key they are refused', async () => {
    const bench = new V3Bench();
    const { id } = await bench.call('etcdserverpb.Lease/LeaseGrant', m.leaseGrantRequest, { ttl: 60 }, m.leaseGrantResponse);
    await bench.put('a', '1', { lease: id });
    await bench.call('etcdserverpb.KV/Put', m.putRequest, { key: 'a', ignoreValue: true, lease: id }, m.putResponse);
    await bench.put('a', '2', { ignoreLease: true });
    const [kv] = (await bench.range({ key: 'a' })).kvs;
    assert.deepEqual([text(kv?.value), kv?.lease, kv?.version], ['2', id, 3]);
    const refused = (value: Partial<m.WirePutRequest>): Promise<unknown> => bench.refusal('etcdserverpb.KV/Put', m.putRequest, value);
    assert.deepEqual(await refused({ key: 'b', ignoreValue: true }), { code: 3, message: 'etcdserver: key not found' });
    assert.deepEqual(await refused({ key: 'a', ignoreValue: true, value: Buffer.from('x') }), {
      code: 3,
      message: 'etcdserver: value is provided',
    });
    assert.deepEqual(await refused({ key: 'a', ignoreLease: true, lease: id }), { code: 3, message: 'etcdserver: lease is provided' });
  });

  test('sorts before it limits; without an order, limits before it sorts', async () => {
    const bench = new V3Bench();
    for (const [key, value] of [
      ['a', '1'],
      ['b', '3'],
      ['c', '2'],
      ['d', '4'],
    ] as const)
      await bench.put(key, value);
    const all = { key: '\0', rangeEnd: '\0' };
    const descending = await bench.range({ ...all, limit: 2, sortTarget: 4, sortOrder: 2 });
    assert.deepEqual([keys(descending), descending.more, descending.count], [['d', 'b'], true, 4]);
    assert.deepEqual(keys(await bench.range({ ...all, limit: 2, sortTarget: 4 })), ['a', 'c']);
    assert.deepEqual(keys(await bench.range({ ...all, sortTarget: 4, sortOrder: 1 })), ['a', 'c', 'b', 'd']);
  });

  test('filters shrink the keys and not the count; keys only have no values; count only has no keys', async () => {
    const bench = new V3Bench();
    for (const key of ['a', 'b', 'c']) await bench.put(key, '1');
    const all = { key: '\0', rangeEnd: '\0' };
    const filtered = await bench.range({ ...all, minModRevision: 3, maxCreateRevision: 3 });
    assert.deepEqual([keys(filtered), filtered.count, filtered.more], [['b'], 3, false]);
    const bare = await bench.range({ ...all, keysOnly: true });
    assert.deepEqual(
      [keys(bare), bare.kvs.map(({ value }) => text(value))],
      [
        ['a', 'b', 'c'],
        ['', '', ''],
      ],
    );
    const counted = await bench.range({ ...all, countOnly: true, revision: 3 });
    assert.deepEqual([counted.kvs, counted.count, counted.header?.revision], [[], 2, 4]);
  });

  test('a nested transaction takes its branch by the state before, and answers in the shape of the request', async () => {
    const bench = new V3Bench();
    await bench.put('a', '1');
    const put = (key: string): m.WireRequestOp => ({
      requestPut: { key, value: Buffer.from('x'), prevKv: true },
      requestRange: undefined,
      requestDeleteRange: undefined,
      requestTxn: undefined,
    });
    const {
      succeeded,
      responses,
      header: head,
    } = await bench.txn({
      compare: [{ target: 2, key: 'a', modRevision: 2 }],
      success: [
        put('a'),
        { requestTxn: { compare: [{ target: 0, key: 'a', version: 1 }], success: [put('b')], failure: [put('c')] } },
        { requestRange: { key: 'a', rangeEnd: 'z' } },
        { requestDeleteRange: { key: 'nothing' } },
      ],
    });
    assert.deepEqual([succeeded, head?.revision, responses.length], [true, 3, 4]);
    assert.equal(text(responses[0]?.responsePut?.prevKv?.value), '1');
    assert.equal(responses[1]?.responseTxn?.succeeded, true);
    assert.deepEqual(
      responses[2]?.responseRange?.kvs?.map(({ key }) => key),
      ['a', 'b'],
    );
    assert.deepEqual(responses[3]?.responseDeleteRange?.header?.revision, 3);
  });

  test('a compaction at 0 is taken before any other, and changes nothing', async () => {
    const bench = new V3Bench();
    await bench.compact(0);
    await bench.put('a', '1');
    assert.equal((await bench.range({ key: 'a', revision: 1 })).count, 0);
    await bench.compact(1);
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/Compact', m.compactionRequest, { revision: 0 }), {
      code: 11,
      message: 'etcdserver: mvcc: required revision has been compacted',
    });
  });

  test('compaction serves its revision, refuses those below and twice, and what is to come', async () => {
    const bench = new V3Bench();
    for (const value of ['1', '2', '3']) await bench.put('a', value);
    await bench.compact(3);
    assert.equal(text((await bench.range({ key: 'a', revision: 3 })).kvs[0]?.value), '2');
    const compacted = { code: 11, message: 'etcdserver: mvcc: required revision has been compacted' };
    const future = { code: 11, message: 'etcdserver: mvcc: required revision is a future revision' };
    const compaction = (revision: number): Promise<unknown> => bench.refusal('etcdserverpb.KV/Compact', m.compactionRequest, { revision });
    const reading = (revision: number): Promise<unknown> => bench.refusal('etcdserverpb.KV/Range', m.rangeRequest, { key: 'a', revision });
    assert.deepEqual([await reading(2), await reading(5)], [compacted, future]);
    assert.deepEqual(
      [await compaction(3), await compaction(-1), await compaction(5), await compaction(2 ** 53 - 1)],
      [compacted, compacted, future, future],
    );
  });

  const op = (value: Partial<m.WireRequestOp>): m.WireRequestOp => ({
    requestRange: undefined,
    requestPut: undefined,
    requestDeleteRange: undefined,
    requestTxn: undefined,
    ...value,
  });
  const put = (key: string): m.WireRequestOp => op({ requestPut: { key } });
  const txnRefusals: Readonly<Record<string, { readonly txn: Partial<m.WireTxnRequest>; readonly message: string }>> = {
    'two puts of one key': { txn: { success: [put('a'), put('a')] }, message: 'duplicate key given in txn request' },
    'a put into a deleted range': {
      txn: { success: [put('b'), op({ requestDeleteRange: { key: 'a', rangeEnd: 'c' } })] },
      message: 'duplicate key given in txn request',
    },
    'a put that a nested branch makes too': {
      txn: { success: [put('a'), op({ requestTxn: { failure: [put('a')] } })] },
      message: 'duplicate key given in txn request',
    },
    '129 operations': {
      txn: { success: Array.from({ length: 129 }, (_, i) => put(`k${i}`)) },
      message: 'too many operations in txn request',
    },
    'more operations than the outer one leaves': {
      txn: {
        success: [
          ...Array.from({ length: 100 }, (_, i) => put(`k${i}`)),
          op({ requestTxn: { success: Array.from({ length: 29 }, (_, i) => put(`l${i}`)) } }),
        ],
      },
      message: 'too many operations in txn request',
    },
    'no key': { txn: { success: [put('')] }, message: 'key is not provided' },
    'no key in a compare': { txn: { compare: [{ target: 0 }] }, message: 'key is not provided' },
    'no operation': { txn: { failure: [op({})] }, message: 'key not found' },
    'a sort that is none': { txn: { success: [op({ requestRange: { key: 'a', sortTarget: 9 } })] }, message: 'invalid sort option' },
  };
  for (const [what, { txn, message }] of Object.entries(txnRefusals)) {
    test(`a transaction with ${what} is refused and changes nothing`, async () => {
      const bench = new V3Bench();
      assert.deepEqual(await bench.refusal('etcdserverpb.KV/Txn', m.txnRequest, txn), { code: 3, message: `etcdserver: ${message}` });
      assert.equal(bench.store.revision, 1);
    });
  }

  test('then and else of one nested transaction may put the same key; 128 operations and overlapping deletes are taken', async () => {
    const bench = new V3Bench();
    const both = { requestTxn: { success: [put('a')], failure: [put('a')] } };
    assert.equal((await bench.txn({ success: [op(both)] })).succeeded, true);
    const many = [
      op({ requestDeleteRange: { key: 'x', rangeEnd: 'z' } }),
      op({ requestDeleteRange: { key: 'y' } }),
      ...Array.from({ length: 126 }, (_, i) => put(`k${i}`)),
    ];
    assert.equal((await bench.txn({ success: many })).responses.length, 128);
  });

  test('a request of more than 1.5 MiB is refused, one of more than 2 MiB is not even read', async () => {
    const bench = new V3Bench();
    const put = (bytes: number): Promise<unknown> =>
      bench.refusal('etcdserverpb.KV/Put', m.putRequest, { key: 'a', value: Buffer.alloc(bytes) });
    assert.deepEqual(await put(maxRequestBytes), { code: 3, message: 'etcdserver: request is too large' });
    assert.deepEqual(await put(maxRequestBytes + 512 * 1024), {
      code: 8,
      message: 'grpc: received message larger than max (2097160 vs. 2097152)',
    });
    await bench.call('etcdserverpb.KV/Put', m.putRequest, { key: 'a', value: Buffer.alloc(maxRequestBytes - 100) }, m.putResponse);
  });

  test('RangeStream: the chunks are the range; header, more and count are in the last', async () => {
    const bench = new V3Bench();
    for (let i = 0; i < 60; i++) await bench.put(`k${i}`, 'v'.repeat(50_000));
    const stream = async (request: Partial<m.WireRangeRequest>): Promise<readonly (Partial<m.WireRangeResponse> | undefined)[]> =>
      (await bench.stream('etcdserverpb.KV/RangeStream', m.rangeRequest, request, m.rangeStreamResponse)).map(
        ({ rangeResponse }) => rangeResponse,
      );
    for (const request of [
      { key: 'k', rangeEnd: 'l' },
      { key: 'k', rangeEnd: 'l', limit: 25 },
      { key: 'k', rangeEnd: 'l', revision: 30 },
    ]) {
      const chunks = await stream(request);
      const whole = await bench.range(request);
      assert.ok(chunks.length > 1);
      assert.deepEqual(
        chunks.flatMap((chunk) => chunk?.kvs?.map(({ key }) => key)),
        keys(whole),
      );
      for (const chunk of chunks.slice(0, -1)) assert.deepEqual([chunk?.header, chunk?.more, chunk?.count], [undefined, false, 0]);
      const last = chunks.at(-1);
      assert.deepEqual([last?.header, last?.more, last?.count], [whole.header, whole.more, whole.count]);
    }
    const [empty, ...none] = await stream({ key: 'absent' });
    assert.deepEqual([empty?.header, empty?.kvs, none], [header(61), [], []]);
    const [counted] = await stream({ key: 'k', rangeEnd: 'l', countOnly: true });
    assert.deepEqual([counted?.count, counted?.kvs], [60, []]);
  });

  test('RangeStream keeps its revision while writes go on, and fails when that is compacted', async () => {
    const bench = new V3Bench();
    for (let i = 0; i < 80; i++) await bench.put(`k${String(i).padStart(2, '0')}`, 'v'.repeat(100_000));
    const open = async (): Promise<ReturnType<V3Bench['open']>> => {
      const stream = bench.open('etcdserverpb.KV/RangeStream');
      stream.roomBytes = 0;
      stream.request(m.rangeRequest.encode({ key: 'k', rangeEnd: 'l' }));
      await bench.runtime.settle();
      assert.equal(stream.ending, undefined);
      return stream;
    };
    const reader = await open();
    for (let i = 0; i < 100; i++) await bench.put(`k${i}x`, '1');
    reader.makeRoom(Number.POSITIVE_INFINITY);
    await bench.runtime.settle();
    const chunks = reader.messages.map((each) => m.rangeStreamResponse.decode(each).rangeResponse);
    assert.deepEqual([chunks.flatMap((chunk) => chunk?.kvs ?? []).length, chunks.at(-1)?.header?.revision], [80, 81]);
    const late = await open();
    const { revision } = bench.store;
    await bench.put('k', '1');
    await bench.compact(revision + 1);
    late.makeRoom(Number.POSITIVE_INFINITY);
    await bench.runtime.settle();
    assert.deepEqual(late.ending, { code: 11, message: 'etcdserver: mvcc: required revision has been compacted' });
  });

  test('RangeStream with a sort or with bounds is unimplemented', async () => {
    const bench = new V3Bench();
    const refusal = (request: Partial<m.WireRangeRequest>): Promise<unknown> =>
      bench.refusal('etcdserverpb.KV/RangeStream', m.rangeRequest, request);
    assert.deepEqual(await refusal({ key: 'a', sortOrder: 2 }), { code: 12, message: 'RangeStream does not support custom sort orders' });
    assert.deepEqual(await refusal({ key: 'a', minModRevision: 1 }), {
      code: 12,
      message: 'RangeStream does not support revision filters',
    });
    assert.deepEqual(await refusal({}), { code: 3, message: 'etcdserver: key is not provided' });
  });

  test('the quota raises the NOSPACE alarm: what puts is refused, deletes and compactions are not, and disarming helps', async () => {
    const bench = new V3Bench({ quotaBytes: 3000 });
    const full = { code: 8, message: 'etcdserver: mvcc: database space exceeded' };
    for (let i = 0; i < 3; i++) await bench.put('a', 'v'.repeat(500));
    const putting = (): Promise<unknown> => bench.refusal('etcdserverpb.KV/Put', m.putRequest, { key: 'b', value: Buffer.alloc(900) });
    assert.deepEqual(await putting(), full);
    const small = { requestPut: { key: 'b' } };
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/Txn', m.txnRequest, { failure: [op(small)] }), full);
    assert.deepEqual(await bench.refusal('etcdserverpb.Lease/LeaseGrant', m.leaseGrantRequest, { ttl: 9 }), full);
    const alarms = (request: Partial<m.AlarmRequest>): Promise<m.AlarmResponse> =>
      bench.call('etcdserverpb.Maintenance/Alarm', m.alarmRequest, request, m.alarmResponse);
    assert.deepEqual((await alarms({})).alarms, [{ memberId, alarm: 1 }]);
    const status = await bench.call('etcdserverpb.Maintenance/Status', m.empty, {}, m.statusResponse);
    assert.deepEqual([status.errors, status.dbSizeQuota], [[`memberID:${memberId} alarm:NOSPACE `], 3000]);
    await bench.remove({ key: 'a' });
    await bench.compact(bench.store.revision);
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/Put', m.putRequest, { key: 'b' }), full);
    assert.deepEqual((await alarms({ action: 2, memberId, alarm: 1 })).alarms, [{ memberId, alarm: 1 }]);
    assert.deepEqual((await alarms({})).alarms, []);
    await bench.put('b', '1');
  });

  test('the CORRUPT alarm refuses every change and no read', async () => {
    const bench = new V3Bench();
    await bench.call('etcdserverpb.Maintenance/Alarm', m.alarmRequest, { action: 1, memberId: 7n, alarm: 2 }, m.alarmResponse);
    const corrupt = { code: 15, message: 'etcdserver: corrupt cluster' };
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/Put', m.putRequest, { key: 'a' }), corrupt);
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/DeleteRange', m.deleteRangeRequest, { key: 'a' }), corrupt);
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/Compact', m.compactionRequest, { revision: 1 }), corrupt);
    assert.equal((await bench.range({ key: 'a' })).count, 0);
  });
});

describe('Lease', () => {
  const grant = (bench: V3Bench, request: Partial<m.LeaseGrantRequest>): Promise<m.LeaseGrantResponse> =>
    bench.call('etcdserverpb.Lease/LeaseGrant', m.leaseGrantRequest, request, m.leaseGrantResponse);
  const timeToLive = (bench: V3Bench, id: bigint): Promise<m.LeaseTimeToLiveResponse> =>
    bench.call('etcdserverpb.Lease/LeaseTimeToLive', m.leaseTimeToLiveRequest, { id, keys: true }, m.leaseTimeToLiveResponse);

  test('grants what it is asked for: the minimum for less, an id of 63 bits for none', async () => {
    const bench = new V3Bench();
    const { id, ttl } = await grant(bench, { ttl: 1 });
    assert.ok(id > 1n << 40n && id < 1n << 63n);
    assert.equal(ttl, 2);
    assert.deepEqual(
      [(await grant(bench, { ttl: 60, id: -5n })).id, (await grant(bench, { ttl: 60, id: (1n << 63n) - 1n })).id],
      [-5n, (1n << 63n) - 1n],
    );
  });

  test('refuses what etcd refuses, in its words', async () => {
    const bench = new V3Bench();
    await grant(bench, { ttl: 60, id: 5n });
    const refused = (request: Partial<m.LeaseGrantRequest>): Promise<unknown> =>
      bench.refusal('etcdserverpb.Lease/LeaseGrant', m.leaseGrantRequest, request);
    assert.deepEqual(await refused({ ttl: 9, id: 5n }), { code: 9, message: 'etcdserver: lease already exists' });
    assert.deepEqual(await refused({ ttl: 9_000_000_001 }), { code: 11, message: 'etcdserver: too large lease TTL' });
    const unknown = { code: 5, message: 'etcdserver: requested lease not found' };
    assert.deepEqual(await bench.refusal('etcdserverpb.Lease/LeaseRevoke', m.leaseId, { id: 6n }), unknown);
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/Put', m.putRequest, { key: 'a', lease: 6n }), unknown);
    assert.equal(bench.store.revision, 1);
  });

  test('keeps alive in the order asked, with 0 for a lease that is not there; its time to live is -1', async () => {
    const bench = new V3Bench();
    const { id } = await grant(bench, { ttl: 10 });
    await bench.put('b', '1', { lease: id });
    await bench.put('a', '1', { lease: id });
    await bench.runtime.advance(6_000);
    assert.deepEqual(await timeToLive(bench, id), { header: header(3), id, ttl: 4, grantedTtl: 10, keys: ['a', 'b'] });
    const stream = bench.open('etcdserverpb.Lease/LeaseKeepAlive');
    for (const asked of [id, 99n, id]) stream.request(m.leaseId.encode({ id: asked }));
    await bench.runtime.settle();
    const answers = stream.messages.map((each) => m.leaseKeepAliveResponse.decode(each));
    assert.deepEqual(
      answers.map((answer) => [answer.id, answer.ttl]),
      [
        [id, 10],
        [99n, 0],
        [id, 10],
      ],
    );
    stream.endRequests();
    await bench.runtime.settle();
    assert.deepEqual(stream.ending, { code: 0, message: '' });
    await bench.runtime.advance(6_000);
    assert.equal((await bench.range({ key: 'a' })).count, 1);
    await bench.runtime.advance(5_000);
    assert.equal((await bench.range({ key: 'a' })).count, 0);
    assert.deepEqual(await timeToLive(bench, id), { header: header(4), id, ttl: -1, grantedTtl: 0, keys: [] });
  });

  test('lists leases by what is left of them', async () => {
    const bench = new V3Bench();
    for (const [id, ttl] of [
      [1n, 30],
      [2n, 10],
      [3n, 20],
    ] as const)
      await grant(bench, { id, ttl });
    const { leases } = await bench.call('etcdserverpb.Lease/LeaseLeases', m.empty, {}, m.leaseLeasesResponse);
    assert.deepEqual(
      leases.map(({ id }) => id),
      [2n, 3n, 1n],
    );
  });

  test('a thousand keys of one lease end together, in one revision, in order', async () => {
    const bench = new V3Bench();
    const { id } = await grant(bench, { ttl: 5 });
    for (let i = 0; i < 1000; i++) {
      await bench.store.txn({
        compares: [],
        success: [{ op: 'put', key: `k${1000 + i}`, value: Buffer.alloc(0), lease: id }],
        failure: [],
      });
    }
    const watching = bench.watch({ createRequest: { key: 'k', rangeEnd: 'l' } });
    await bench.runtime.advance(6_000);
    const [, deletion, ...more] = await watching.responses();
    assert.deepEqual(
      [deletion?.events.length, deletion?.events[0]?.kv?.key, deletion?.header?.revision, more.length],
      [1000, 'k1000', 1002, 0],
    );
  });
});

describe('Maintenance, Cluster and health', () => {
  test('Status is of a version that the API server trusts with progress requests', async () => {
    const bench = new V3Bench();
    await bench.put('a', '1');
    const status = await bench.call('etcdserverpb.Maintenance/Status', m.empty, {}, m.statusResponse);
    assert.ok(/^3\.7\.\d+$/.test(status.version) && status.version === apiVersion);
    assert.deepEqual([status.leader, status.raftTerm, status.isLearner, status.errors], [memberId, 2, false, []]);
    assert.ok(status.dbSize > 0 && status.dbSizeInUse > 0);
  });

  test('HashKV is of the content from the compact revision on, whatever the way to it', async () => {
    const hash = (bench: V3Bench, revision = 0): Promise<m.HashKvResponse> =>
      bench.call('etcdserverpb.Maintenance/HashKV', m.hashKvRequest, { revision }, m.hashKvResponse);
    const [one, two] = [new V3Bench(), new V3Bench()];
    for (const bench of [one, two]) for (const value of ['1', '2', '3']) await bench.put('a', value);
    assert.deepEqual(await hash(one), await hash(two));
    assert.deepEqual([(await hash(one)).compactRevision, (await hash(one)).hashRevision], [-1, 4]);
    assert.notEqual((await hash(one, 3)).hash, (await hash(one)).hash);
    const before = (await hash(two)).hash;
    await two.put('b', '1');
    assert.deepEqual([(await hash(two, 4)).hash, (await hash(two)).hash === before], [before, false]);
    await one.compact(3);
    await two.compact(3);
    assert.equal((await hash(one)).hash, (await hash(two, 4)).hash);
    const refused = (revision: number): Promise<unknown> => one.refusal('etcdserverpb.Maintenance/HashKV', m.hashKvRequest, { revision });
    assert.deepEqual(await refused(2), { code: 11, message: 'etcdserver: mvcc: required revision has been compacted' });
    assert.deepEqual(await refused(5), { code: 11, message: 'etcdserver: mvcc: required revision is a future revision' });
  });

  test('Snapshot sends the copy with what remains of it, then its SHA-256', async () => {
    const parts = [Buffer.alloc(70_000, 1), Buffer.alloc(10_000, 2)];
    const chunks = (async function* (): AsyncGenerator<Uint8Array> {
      yield* parts;
    })();
    const bench = new V3Bench({ files: { defragment: async () => undefined, copy: async () => ({ bytes: 80_000, chunks }) } });
    const sent = await bench.stream('etcdserverpb.Maintenance/Snapshot', m.empty, {}, m.snapshotResponse);
    const all = Buffer.concat(parts);
    assert.deepEqual(
      sent.map(({ remainingBytes, blob }) => [remainingBytes, blob.length]),
      [
        [47_232, 32_768],
        [14_464, 32_768],
        [10_000, 4_464],
        [0, 10_000],
        [0, 32],
      ],
    );
    assert.deepEqual(Buffer.concat(sent.slice(0, -1).map(({ blob }) => blob)), all);
    assert.deepEqual(Buffer.from(sent.at(-1)?.blob ?? []), createHash('sha256').update(all).digest());
  });

  test('MemberList answers for a single member, and changes are refused for what they are', async () => {
    const bench = new V3Bench();
    const { members } = await bench.call('etcdserverpb.Cluster/MemberList', m.memberListRequest, { linearizable: true }, m.membersResponse);
    assert.deepEqual(members, [
      { id: memberId, name: 'only', peerUrls: ['http://127.0.0.1:2380'], clientUrls: ['http://127.0.0.1:2379'], isLearner: false },
    ]);
    const add = (...peerUrls: string[]): Promise<unknown> =>
      bench.refusal('etcdserverpb.Cluster/MemberAdd', m.memberAddRequest, { peerUrls });
    const bad = { code: 3, message: 'etcdserver: given member URLs are invalid' };
    for (const urls of [[], ['nonsense'], ['ftp://a:1'], ['http://a'], ['http://a:1/path'], ['http://a:99999']])
      assert.deepEqual(await add(...urls), bad, `${urls}`);
    assert.deepEqual(await add('http://127.0.0.1:2380'), { code: 9, message: 'etcdserver: Peer URLs already exists' });
    assert.deepEqual(await bench.refusal('etcdserverpb.Cluster/MemberRemove', m.memberId, { id: 9n }), {
      code: 5,
      message: 'etcdserver: member not found',
    });
    assert.deepEqual(await bench.refusal('etcdserverpb.Cluster/MemberPromote', m.memberId, { id: memberId }), {
      code: 9,
      message: 'etcdserver: can only promote a learner member',
    });
    assert.deepEqual(await bench.refusal('etcdserverpb.Maintenance/MoveLeader', m.memberId, { id: 9n }), {
      code: 9,
      message: 'etcdserver: bad leader transferee',
    });
  });

  test('downgrades are unimplemented', async () => {
    const bench = new V3Bench();
    assert.deepEqual(await bench.refusal('etcdserverpb.Maintenance/Downgrade', m.empty, {}), {
      code: 12,
      message: 'unknown method Downgrade for service etcdserverpb.Maintenance',
    });
  });

  test('without a leader, calls that require one are refused, and streams end after three elections', async () => {
    const bench = new V3Bench();
    const required = { hasleader: 'true' };
    const stream = bench.open('etcdserverpb.Watch/Watch', required);
    const patient = bench.open('etcdserverpb.Watch/Watch');
    await bench.runtime.advance(10_000);
    bench.cluster.hasLeader = false;
    const none = { code: 14, message: 'etcdserver: no leader' };
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/Range', m.rangeRequest, { key: 'a' }, required), none);
    assert.equal((await bench.range({ key: 'a' })).count, 0);
    const late = bench.open('etcdserverpb.Watch/Watch', required);
    await bench.runtime.advance(1_900);
    assert.deepEqual([stream.ending, late.ending], [undefined, none]);
    await bench.runtime.advance(1_200);
    assert.deepEqual([stream.ending, patient.ending], [none, undefined]);
  });

  test('health: serving with a leader, not serving without; other services are not known', async () => {
    const bench = new V3Bench();
    const check = (service: string): Promise<m.HealthCheckResponse> =>
      bench.call('grpc.health.v1.Health/Check', m.healthCheckRequest, { service }, m.healthCheckResponse);
    assert.equal((await check('')).status, 1);
    const watch = bench.open('grpc.health.v1.Health/Watch');
    watch.request(m.healthCheckRequest.encode({}));
    await bench.runtime.settle();
    bench.cluster.hasLeader = false;
    assert.equal((await check('')).status, 2);
    await bench.runtime.advance(1_100);
    assert.deepEqual(
      watch.messages.map((each) => m.healthCheckResponse.decode(each).status),
      [1, 2],
    );
    watch.reset();
    await bench.runtime.settle();
    assert.deepEqual(await bench.refusal('grpc.health.v1.Health/Check', m.healthCheckRequest, { service: 'x' }), {
      code: 5,
      message: 'unknown service',
    });
  });

  test('the HTTP side answers probes, version and metrics', async () => {
    const bench = new V3Bench();
    const get = async (url: string, method = 'GET'): Promise<readonly [number, string]> => {
      const { status, body } = await bench.server.http(method, url);
      return [status, body];
    };
    assert.deepEqual(await get('/health'), [200, '{"health":"true","reason":""}']);
    assert.deepEqual(await get('/livez'), [200, 'ok\n']);
    assert.deepEqual(await get('/readyz?verbose'), [
      200,
      '[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n',
    ]);
    assert.deepEqual(await get('/readyz/linearizable_read'), [200, 'ok\n']);
    assert.deepEqual(await get('/version'), [200, `{"etcdserver":"${apiVersion}","etcdcluster":"3.7.0","storage":"3.7.0"}`]);
    await bench.put('a', '1');
    assert.match((await get('/metrics'))[1], /grpc_server_handled_total\{grpc_method="\/etcdserverpb.KV\/Put",grpc_code="0"\} 1\n/);
    assert.deepEqual(
      [(await get('/else'))[0], (await get('/livez/data_corruption'))[0], (await get('/health', 'POST'))[0]],
      [404, 404, 405],
    );
    bench.cluster.hasLeader = false;
    assert.deepEqual(await get('/health'), [503, '{"health":"false","reason":"RAFT NO LEADER"}\n']);
    assert.deepEqual(await get('/health?serializable=true'), [200, '{"health":"true","reason":""}']);
    await bench.store.setAlarm('activate', { memberId: 1n, type: 'corrupt' });
    assert.deepEqual(await get('/health?exclude=NOSPACE'), [503, '{"health":"false","reason":"ALARM CORRUPT"}\n']);
    assert.deepEqual(await get('/readyz/data_corruption'), [503, '[-]data_corruption failed: alarm activated: CORRUPT\n\n']);
    assert.deepEqual(await get('/readyz?exclude=data_corruption'), [200, 'ok\n']);
  });

  test("errors of the group reach clients with etcd's codes", async () => {
    const bench = new V3Bench();
    bench.cluster.moveLeader = () => Promise.reject(new ConsensusError('leader changed'));
    assert.deepEqual(await bench.refusal('etcdserverpb.Maintenance/MoveLeader', m.memberId, { id: 9n }), {
      code: 14,
      message: 'etcdserver: leader changed',
    });
  });
});
