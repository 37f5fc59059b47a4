import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { CompactedError, FutureRevisionError, LeaseExistsError, LeaseNotFoundError } from '../mvcc/refusals.ts';
import { LeaseTtlTooLargeError } from '../lease/lessor.ts';
import { InvalidRequestError } from '../mvcc/check-txn.ts';
import type { Change, Operation } from '../mvcc/types.ts';
import { prefixEnd } from '../watch-hub.ts';
import type { EtcdClient } from './client.ts';
import type { TxnAnswer } from './codec.ts';
import type { EtcdWatch } from './watch-stream.ts';

/** A client of a server that nobody else writes to. */
export interface ClientBench {
  readonly client: EtcdClient;
  /** Of every key of this test. */
  readonly prefix: string;
  drive<T>(work: Promise<T>): Promise<T>;
  /** Lets things happen until `condition` holds; fails when it does not in good time. */
  until(condition: () => boolean): Promise<void>;
}

interface Watched {
  readonly seen: string[];
  readonly ended: Error[];
  readonly watch: EtcdWatch;
}

/** Short names for what the tests do, with revisions counted from where the server was. */
interface Bench extends ClientBench {
  readonly start: number;
  put(key: string, value: string, lease?: bigint): Promise<TxnAnswer>;
  del(key: string): Promise<TxnAnswer>;
  apply(...success: Operation[]): Promise<TxnAnswer>;
  watch(from: number, key?: string): Watched;
  /** "+1 put a" and so on. */
  describe(changes: readonly Change[]): readonly string[];
}

/** What a client does, whichever server it speaks to: what is asserted is the transcript that all of them give. */
export function clientContract(name: string, open: (t: TestContext) => Promise<ClientBench>): void {
  const bench = async (t: TestContext): Promise<Bench> => {
    const opened = await open(t);
    const { client, prefix, drive } = opened;
    const start = (await drive(client.range({ key: prefix }))).revision;
    const apply = (...success: Operation[]): Promise<TxnAnswer> => drive(client.txn({ compares: [], success, failure: [] }));
    const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();
    const describeAll = (changes: readonly Change[]): readonly string[] =>
      changes.map(({ revision, key, current, previous }) => {
        const what = current === undefined ? 'deleted' : `= ${text(current.value)}`;
        return `+${revision - start} ${key.slice(prefix.length)} ${what}${previous === undefined ? '' : `, was ${text(previous.value)}`}`;
      });
    return {
      ...opened,
      start,
      apply,
      describe: describeAll,
      put: (key, value, lease = 0n) => apply({ op: 'put', key: prefix + key, value: Buffer.from(value), lease }),
      del: (key) => apply({ op: 'delete', key: prefix + key }),
      watch(from, key = '') {
        const seen: string[] = [];
        const ended: Error[] = [];
        const range = { key: prefix + key, end: prefixEnd(prefix + key) };
        const sink = {
          changes: (batch: readonly Change[]): void => void seen.push(...describeAll(batch)),
          ended: (error: Error): void => void ended.push(error),
        };
        return { seen, ended, watch: client.watch(range, { from, previous: true }, sink) };
      },
    };
  };
  describe(name, () => {
    reads(bench);
    writes(bench);
    watches(bench);
    leases(bench);
  });
}

type MakeBench = (t: TestContext) => Promise<Bench>;

function reads(bench: MakeBench): void {
  test('EtcdClient.range() tells the revision, also of an absent key and of the past', async (t) => {
    const { client, prefix, drive, put, start } = await bench(t);
    await put('a', '1');
    await put('a', '2');
    const absent = await drive(client.range({ key: `${prefix}z` }));
    assert.deepEqual([absent.revision - start, absent.kvs, absent.count], [2, [], 0]);
    const past = await drive(client.range({ key: `${prefix}a`, revision: start + 1 }));
    assert.deepEqual([past.revision - start, Buffer.from(past.kvs[0]?.value ?? []).toString()], [2, '1']);
    const [kv] = (await drive(client.range({ key: `${prefix}a` }))).kvs;
    assert.deepEqual([(kv?.createRevision ?? 0) - start, (kv?.modRevision ?? 0) - start, kv?.version, kv?.lease], [1, 2, 2, 0n]);
  });

  test('EtcdClient.range() pages at one revision while there are writes', async (t) => {
    const { client, prefix, drive, put, del } = await bench(t);
    for (let i = 0; i < 10; i++) await put(`k${i}`, `${i}`);
    const end = prefixEnd(prefix);
    const first = await drive(client.range({ key: prefix, end, limit: 4 }));
    await del('k7');
    await put('k75', 'new');
    const next = await drive(client.range({ key: `${first.kvs.at(-1)?.key}\0`, end, limit: 4, revision: first.revision }));
    const last = await drive(client.range({ key: `${next.kvs.at(-1)?.key}\0`, end, limit: 4, revision: first.revision }));
    assert.deepEqual(
      [first, next, last].map(({ kvs, more, count }) => [kvs.map(({ key }) => key.slice(prefix.length)).join(' '), more, count]),
      [
        ['k0 k1 k2 k3', true, 10],
        ['k4 k5 k6 k7', true, 6],
        ['k8 k9', false, 2],
      ],
    );
  });

  test('EtcdClient.range() counts, leaves values out, sorts and filters as it is asked', async (t) => {
    const { client, prefix, drive, put, start } = await bench(t);
    for (const [key, value] of [
      ['a', '3'],
      ['b', '1'],
      ['c', '2'],
    ] as const)
      await put(key, value);
    const range = { key: prefix, end: prefixEnd(prefix) };
    const counted = await drive(client.range({ ...range, countOnly: true }));
    assert.deepEqual([counted.kvs.length, counted.count], [0, 3]);
    const keys = await drive(client.range({ ...range, keysOnly: true }));
    assert.deepEqual(
      keys.kvs.map(({ value, modRevision }) => [value.length, modRevision - start]),
      [
        [0, 1],
        [0, 2],
        [0, 3],
      ],
    );
    const sorted = await drive(client.range({ ...range, sort: { target: 'value', descending: true }, limit: 2 }));
    assert.deepEqual(
      sorted.kvs.map(({ value }) => Buffer.from(value).toString()),
      ['3', '2'],
    );
    const fresh = await drive(client.range({ ...range, minModRevision: start + 2, maxModRevision: start + 2 }));
    assert.deepEqual([fresh.kvs.map(({ key }) => key.slice(prefix.length)), fresh.count], [['b'], 3]);
  });

  test('EtcdClient.rangeStream() answers what range() does, of many keys and of none', async (t) => {
    const { client, prefix, drive, apply, start } = await bench(t);
    const value = Buffer.alloc(10_000, 'v');
    for (let i = 0; i < 10; i++) {
      await apply(...Array.from({ length: 50 }, (_, n): Operation => ({ op: 'put', key: `${prefix}${i}-${n}`, value })).slice(0, 100));
    }
    const range = { key: prefix, end: prefixEnd(prefix) };
    const streamed = await drive(client.rangeStream(range));
    assert.deepEqual(streamed, await drive(client.range(range)));
    assert.deepEqual([streamed.kvs.length, streamed.count, streamed.more, streamed.revision - start], [500, 500, false, 10]);
    const none = await drive(client.rangeStream({ key: `${prefix}none`, end: prefixEnd(`${prefix}none`) }));
    assert.deepEqual([none.kvs.length, none.count, none.revision - start], [0, 0, 10]);
  });

  test('EtcdClient.range() refuses revisions that are compacted or have not happened', async (t) => {
    const { client, prefix, drive, put, start } = await bench(t);
    await put('a', '1');
    await put('a', '2');
    await put('a', '3');
    await drive(client.compact(start + 2));
    await assert.rejects(drive(client.range({ key: `${prefix}a`, revision: start + 1 })), CompactedError);
    assert.equal((await drive(client.range({ key: `${prefix}a`, revision: start + 2 }))).count, 1);
    await assert.rejects(drive(client.range({ key: `${prefix}a`, revision: start + 9 })), FutureRevisionError);
    await assert.rejects(drive(client.rangeStream({ key: `${prefix}a`, revision: start + 1 })), CompactedError);
    await assert.rejects(drive(client.compact(start + 2)), CompactedError);
    await assert.rejects(drive(client.compact(start + 9)), FutureRevisionError);
  });
}

function writes(bench: MakeBench): void {
  test('EtcdClient.txn() creates, changes and deletes as an API server does', async (t) => {
    const { client, prefix, drive, start } = await bench(t);
    const key = `${prefix}a`;
    const create = (value: string): Promise<TxnAnswer> =>
      drive(
        client.txn({
          compares: [{ key, target: 'mod', result: 'equal', operand: 0 }],
          success: [{ op: 'put', key, value: Buffer.from(value) }],
          failure: [],
        }),
      );
    const made = await create('1');
    assert.deepEqual([made.succeeded, made.revision - start], [true, 1]);
    assert.deepEqual(await create('again'), { succeeded: false, revision: made.revision, results: [] });
    const change = (expect: number): Promise<TxnAnswer> =>
      drive(
        client.txn({
          compares: [{ key, target: 'mod', result: 'equal', operand: expect }],
          success: [{ op: 'put', key, value: Buffer.from('2'), prevKv: true }],
          failure: [{ op: 'range', key }],
        }),
      );
    const [changed] = (await change(made.revision)).results;
    assert.equal(changed?.op === 'put' && Buffer.from(changed.previous?.value ?? []).toString(), '1');
    const stale = await change(made.revision);
    const [found] = stale.results;
    assert.deepEqual([stale.succeeded, found?.op === 'range' && (found.kvs[0]?.modRevision ?? 0) - start], [false, 2]);
    const gone = await drive(
      client.txn({
        compares: [{ key, target: 'version', result: 'equal', operand: 2 }],
        success: [{ op: 'delete', key, prevKv: true }],
        failure: [],
      }),
    );
    const [deleted] = gone.results;
    assert.deepEqual([gone.revision - start, deleted?.op === 'delete' && deleted.previous.map(({ version }) => version)], [3, [2]]);
  });

  test('EtcdClient.txn() compares everything that there is, in ranges too, and nests', async (t) => {
    const { client, prefix, drive, put, start } = await bench(t);
    await put('p/a', '1');
    await put('p/b', '2');
    const key = `${prefix}p/a`;
    const nested: Operation = {
      op: 'txn',
      txn: {
        compares: [
          { key, target: 'value', result: 'less', operand: Buffer.from('2') },
          { key, target: 'create', result: 'greater', operand: start },
          { key, target: 'lease', result: 'equal', operand: 0n },
          { key: `${prefix}p/`, end: prefixEnd(`${prefix}p/`), target: 'version', result: 'notEqual', operand: 2 },
        ],
        success: [{ op: 'range', key, end: prefixEnd(`${prefix}p/`) }],
        failure: [],
      },
    };
    const { results, revision } = await drive(client.txn({ compares: [], success: [nested], failure: [] }));
    const [outer] = results;
    assert.ok(outer?.op === 'txn' && outer.succeeded);
    const [inner] = outer.results;
    assert.deepEqual([inner?.op === 'range' && inner.count, revision - start], [2, 2]);
  });

  test("EtcdClient.txn() is refused in etcd's words, and nothing is changed", async (t) => {
    const { client, prefix, drive, start, apply } = await bench(t);
    const put = (key: string, lease = 0n): Operation => ({
      op: 'put',
      key: key === '' ? '' : prefix + key,
      lease,
      value: Buffer.from('v'),
    });
    const refused = (operations: readonly Operation[], error: object): Promise<void> => assert.rejects(apply(...operations), error);
    await refused([put('a'), put('a')], { name: 'InvalidRequestError', message: 'etcdserver: duplicate key given in txn request' });
    await refused([put('')], { name: 'InvalidRequestError', message: 'etcdserver: key is not provided' });
    await refused(
      Array.from({ length: 129 }, (_, i) => put(`k${i}`)),
      InvalidRequestError,
    );
    await refused([put('a', 99_999n)], LeaseNotFoundError);
    await refused([{ ...put('absent'), ignoreValue: true, value: new Uint8Array() } as Operation], { name: 'KeyNotFoundError' });
    assert.equal((await drive(client.range({ key: prefix }))).revision, start);
  });
}

function watches(bench: MakeBench): void {
  test('EtcdClient.watch() tells of the past and of the present, with what was there before', async (t) => {
    const { put, del, watch, until, start } = await bench(t);
    await put('a', '1');
    await put('a', '2');
    const past = watch(start + 1);
    const present = watch(0);
    await until(() => past.seen.length === 2 && present.watch.told > 0);
    await del('a');
    await until(() => past.seen.length === 3 && present.seen.length === 1);
    assert.deepEqual(past.seen, ['+1 a = 1', '+2 a = 2, was 1', '+3 a deleted, was 2']);
    assert.deepEqual(present.seen, ['+3 a deleted, was 2']);
    assert.equal(past.watch.told - start, 3);
  });

  test('EtcdClient.watch() of many on one stream: each is told of its own, and none after it was disposed', async (t) => {
    const { put, watch, until, start } = await bench(t);
    const many = Array.from({ length: 50 }, (_, i) => watch(start + 1, `${i}/`));
    const unwanted = watch(start + 1);
    unwanted.watch[Symbol.dispose]();
    const left = watch(start + 1);
    for (let i = 0; i < 50; i++) await put(`${i}/x`, 'v');
    await until(() => many.every(({ seen }) => seen.length > 0) && left.seen.length === 50);
    left.watch[Symbol.dispose]();
    await put('7/y', 'v');
    await until(() => many[7]?.seen.length === 2);
    assert.deepEqual([many[7]?.seen, unwanted.seen, left.seen.length], [['+8 7/x = v', '+51 7/y = v'], [], 50]);
  });

  test('EtcdClient.watch() of what is compacted ends, with how far it goes', async (t) => {
    const { client, drive, put, watch, until, start } = await bench(t);
    for (const value of ['1', '2', '3']) await put('a', value);
    await drive(client.compact(start + 3));
    const late = watch(start + 1);
    const inTime = watch(start + 3);
    await until(() => late.ended.length === 1 && inTime.seen.length === 1);
    assert.ok(late.ended[0] instanceof CompactedError);
    assert.equal(late.ended[0].compactRevision, start + 3);
    assert.deepEqual([late.seen, inTime.ended], [[], []]);
  });

  test('EtcdClient.requestProgress() tells every watch that is up to date how far it is', async (t) => {
    const { client, apply, prefix, put, watch, until, start } = await bench(t);
    const quiet = watch(start + 1, 'quiet/');
    const lively = watch(start + 1, 'lively/');
    await put('lively/a', '1');
    await until(() => lively.seen.length === 1);
    await apply({ op: 'put', key: `${prefix}elsewhere`, value: Buffer.from('1') });
    client.requestProgress();
    await until(() => quiet.watch.told >= start + 2 && lively.watch.told >= start + 2);
    assert.deepEqual([quiet.seen, lively.seen], [[], ['+1 lively/a = 1']]);
    assert.equal([...client.watches].length, 2);
  });
}

function leases(bench: MakeBench): void {
  test('EtcdClient.grantLease() deletes the keys of a lease when its time is up, all at once', async (t) => {
    const { client, drive, put, watch, until, start } = await bench(t);
    const { id, ttlSeconds } = await drive(client.grantLease({ ttlSeconds: 2 }));
    assert.equal(ttlSeconds, 2);
    const seen = watch(start + 1);
    await put('b', '1', id);
    await put('a', '1', id);
    await until(() => seen.seen.length === 4);
    assert.deepEqual(seen.seen.slice(2), ['+3 a deleted, was 1', '+3 b deleted, was 1']);
    assert.equal(await drive(client.lease(id)), undefined);
  });

  test('EtcdClient leases are kept alive, shown and revoked; what is unknown, taken or too long is refused', async (t) => {
    const { client, prefix, drive, put } = await bench(t);
    const { id } = await drive(client.grantLease({ ttlSeconds: 60 }));
    await put('a', '1', id);
    assert.deepEqual(await drive(client.keepLeaseAlive(id)), { id, ttlSeconds: 60 });
    assert.deepEqual((await drive(client.lease(id)))?.keys, [`${prefix}a`]);
    await assert.rejects(drive(client.grantLease({ id, ttlSeconds: 60 })), LeaseExistsError);
    await assert.rejects(drive(client.grantLease({ ttlSeconds: 9_000_000_001 })), LeaseTtlTooLargeError);
    await drive(client.revokeLease(id));
    assert.equal((await drive(client.range({ key: `${prefix}a` }))).count, 0);
    await assert.rejects(drive(client.revokeLease(id)), LeaseNotFoundError);
    await assert.rejects(drive(client.keepLeaseAlive(id)), LeaseNotFoundError);
  });

  test('EtcdClient.status() and members() tell of the server', async (t) => {
    const { client, drive } = await bench(t);
    const { version, leader, errors } = await drive(client.status());
    assert.match(version, /^3\.7\./);
    assert.deepEqual([leader > 0n, errors], [true, []]);
    const [member] = await drive(client.members());
    assert.equal(member?.isLearner, false);
  });
}
