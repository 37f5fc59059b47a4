import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import type { Process } from '@coracle/kernel';
import { InvalidRequestError } from '../mvcc/check-txn.ts';
import { CompactedError, FutureRevisionError, LeaseExistsError, LeaseNotFoundError } from '../mvcc/refusals.ts';
import type { Change, Operation, TxnResult } from '../mvcc/types.ts';
import { LeaseTtlTooLargeError } from '../lease/lessor.ts';
import type { Store } from '../store.ts';
import { prefixEnd } from '../watch-hub.ts';

/** A store in a simulation, and short names for what the tests do with it. */
interface Bench {
  readonly runtime: SimRuntime;
  readonly store: Store;
  put(key: string, value: string, lease?: bigint): Promise<TxnResult>;
  del(key: string, end?: string): Promise<TxnResult>;
  apply(...success: Operation[]): Promise<TxnResult>;
  drive<T>(work: Promise<T>): Promise<T>;
  keys(revision?: number): readonly string[];
  watch(from: number, key?: string, end?: string): readonly (readonly Change[])[];
}

/** What every Store does, whatever keeps it durable. `open` makes an empty one. */
export function storeContract(name: string, open: (process: Process, runtime: SimRuntime) => Promise<Store>): void {
  const bench = async (): Promise<Bench> => {
    const runtime = new SimRuntime({ seed: 7 });
    const store = await runtime.drive(open(runtime.process('store'), runtime));
    const apply = (...success: Operation[]): Promise<TxnResult> => runtime.drive(store.txn({ compares: [], success, failure: [] }));
    return {
      runtime,
      store,
      apply,
      put: (key, value, lease = 0n) => apply({ op: 'put', key, value: Buffer.from(value), lease }),
      del: (key, end) => apply({ op: 'delete', key, end }),
      drive: (work) => runtime.drive(work),
      keys: (revision = 0) => store.range({ key: '\0', end: '\0', revision }).kvs.map(({ key }) => key),
      watch(from, key = '\0', end = '\0') {
        const batches: (readonly Change[])[] = [];
        store.watch({ key, end }, from, (batch) => batches.push(batch));
        return batches;
      },
    };
  };
  describe(name, () => {
    revisions(bench);
    transactions(bench);
    refusals(bench);
    watches(bench);
    compaction(bench);
    leases(bench);
    forks(bench);
  });
}

type MakeBench = () => Promise<Bench>;

function revisions(bench: MakeBench): void {
  test('Store.revision of an empty store is 1 and the first write is 2', async () => {
    const { store, put } = await bench();
    assert.equal(store.revision, 1);
    assert.equal((await put('a', '1')).revision, 2);
    assert.equal(store.revision, 2);
  });

  test('Store.txn() copies the bytes that it is given, and what was read of it stays as it is', async () => {
    const { apply, store } = await bench();
    const value = Buffer.from('bytes');
    await apply({ op: 'put', key: 'a', value });
    const read = store.range({ key: 'a' }).kvs[0]?.value;
    value.fill('x');
    await apply({ op: 'put', key: 'a', value });
    assert.equal(Buffer.from(read ?? []).toString(), 'bytes');
    assert.equal(Buffer.from(store.range({ key: 'a' }).kvs[0]?.value ?? []).toString(), 'xxxxx');
  });

  test('Store.txn() counts versions from the creation, and starts anew after a delete', async () => {
    const { put, del, store } = await bench();
    await put('a', '1');
    await put('a', '2');
    const { createRevision, modRevision, version } = store.range({ key: 'a' }).kvs[0] ?? {};
    assert.deepEqual({ createRevision, modRevision, version }, { createRevision: 2, modRevision: 3, version: 2 });
    assert.equal((await del('a')).revision, 4);
    await put('a', '3');
    const again = store.range({ key: 'a' }).kvs[0];
    assert.deepEqual([again?.createRevision, again?.version], [5, 1]);
  });

  test('Store.txn() that changes nothing leaves the revision alone', async () => {
    const { del, put, drive, store } = await bench();
    await put('a', '1');
    assert.equal((await del('absent')).revision, 2);
    const refused = store.txn({
      compares: [{ key: 'a', target: 'mod', result: 'equal', operand: 0 }],
      success: [{ op: 'put', key: 'a', value: Buffer.from('2') }],
      failure: [{ op: 'range', key: 'a' }],
    });
    const { succeeded, revision, results } = await drive(refused);
    assert.deepEqual([succeeded, revision, results.length], [false, 2, 1]);
  });

  test('Store.range() at a revision answers what existed then', async () => {
    const { put, del, keys, store } = await bench();
    await put('a', '1');
    await put('b', '1');
    await del('a');
    assert.deepEqual([keys(1), keys(2), keys(3), keys(4), keys()], [[], ['a'], ['a', 'b'], ['b'], ['b']]);
    assert.throws(() => store.range({ key: 'a', revision: 5 }), FutureRevisionError);
  });

  test('Store.range() understands the four forms of an end, limits and counts', async () => {
    const { put, store } = await bench();
    for (const key of ['a', 'a\0', 'b', 'c', '\xff\xff']) await put(key, key);
    const found = (key: string, end?: string): readonly string[] => store.range({ key, end }).kvs.map((kv) => kv.key);
    assert.deepEqual(found('a'), ['a']);
    assert.deepEqual(found('b', '\0'), ['b', 'c', '\xff\xff']);
    assert.deepEqual(found('a', prefixEnd('a')), ['a', 'a\0']);
    assert.deepEqual(found('c', 'a'), []);
    const { kvs, more, count } = store.range({ key: 'a', end: '\0', limit: 2 });
    assert.deepEqual([kvs.length, more, count], [2, true, 5]);
    const counted = store.range({ key: 'a', end: '\0', countOnly: true });
    assert.deepEqual([counted.kvs.length, counted.more, counted.count], [0, false, 5]);
  });
}

function transactions(bench: MakeBench): void {
  test('Store.txn() of several puts is one revision and one batch of changes in their order', async () => {
    const { apply, watch } = await bench();
    const seen = watch(0);
    const puts = ['b', 'a', 'c'].map((key): Operation => ({ op: 'put', key, value: Buffer.from(key) }));
    assert.equal((await apply(...puts)).revision, 2);
    assert.deepEqual(
      seen.map((batch) => batch.map(({ key, revision }) => [key, revision])),
      [
        [
          ['b', 2],
          ['a', 2],
          ['c', 2],
        ],
      ],
    );
  });

  test('Store.txn() lets a range see the operations before it', async () => {
    const { apply } = await bench();
    const { results } = await apply({ op: 'put', key: 'a', value: Buffer.from('1') }, { op: 'range', key: 'a' });
    assert.equal(results[1]?.op === 'range' && results[1].kvs[0]?.modRevision, 2);
  });

  test('Store.txn() compares an absent key as 0, and never by value', async () => {
    const { drive, store } = await bench();
    for (const target of ['mod', 'create', 'version', 'lease'] as const) {
      const absent = { key: 'absent', result: 'equal' } as const;
      const compares = [target === 'lease' ? { ...absent, target, operand: 0n } : { ...absent, target, operand: 0 }];
      assert.equal((await drive(store.txn({ compares, success: [], failure: [] }))).succeeded, true, target);
    }
    for (const result of ['equal', 'notEqual', 'greater', 'less'] as const) {
      const compares = [{ key: 'absent', target: 'value', result, operand: Buffer.alloc(0) }] as const;
      assert.equal((await drive(store.txn({ compares, success: [], failure: [] }))).succeeded, false, result);
    }
  });

  test('Store.txn() compares a range by each of its keys', async () => {
    const { drive, put, store } = await bench();
    await put('p/a', '1');
    await put('p/b', '1');
    const holds = async (operand: number): Promise<boolean> => {
      const compares = [{ key: 'p/', end: prefixEnd('p/'), target: 'mod', result: 'greater', operand }] as const;
      return (await drive(store.txn({ compares, success: [], failure: [] }))).succeeded;
    };
    assert.deepEqual([await holds(1), await holds(2)], [true, false]);
  });

  test('Store.txn() answers what it replaced and deleted', async () => {
    const { put, del } = await bench();
    await put('a', '1');
    const [replaced] = (await put('a', '2')).results;
    assert.equal(replaced?.op === 'put' && Buffer.from(replaced.previous?.value ?? []).toString(), '1');
    const [deleted] = (await del('a', '\0')).results;
    assert.deepEqual(deleted?.op === 'delete' && deleted.deleted.map(({ modRevision }) => modRevision), [3]);
  });

  test('Store.txn() of concurrent writers answers in order of revision', async () => {
    const { runtime, store } = await bench();
    const order: number[] = [];
    const write = async (key: string): Promise<void> => {
      const result = await store.txn({ compares: [], success: [{ op: 'put', key, value: Buffer.from(key) }], failure: [] });
      order.push(result.revision);
    };
    await runtime.drive(Promise.all(Array.from({ length: 50 }, (_, i) => write(`k${i}`))));
    assert.deepEqual(
      order,
      Array.from({ length: 50 }, (_, i) => i + 2),
    );
  });
}

function refusals(bench: MakeBench): void {
  const put = (key: string, lease = 0n): Operation => ({ op: 'put', key, lease, value: Buffer.from('v') });
  const many = (count: number): Operation[] => Array.from({ length: count }, (_, i) => put(`k${i}`));
  const cases: readonly { readonly what: string; readonly operations: readonly Operation[]; readonly error: object }[] = [
    {
      what: 'two puts of one key',
      operations: [put('a'), put('a')],
      error: { name: 'InvalidRequestError', message: 'etcdserver: duplicate key given in txn request' },
    },
    {
      what: 'a put into a deleted range',
      operations: [put('b'), { op: 'delete', key: 'a', end: 'c' }],
      error: { message: 'etcdserver: duplicate key given in txn request' },
    },
    { what: '129 operations', operations: many(129), error: { message: 'etcdserver: too many operations in txn request' } },
    { what: 'no key', operations: [put('')], error: { message: 'etcdserver: key is not provided' } },
    {
      what: 'more than 1.5 MiB',
      operations: [{ op: 'put', key: 'a', value: Buffer.alloc(1.5 * 1024 * 1024) }],
      error: { message: 'etcdserver: request is too large' },
    },
    { what: 'an unknown lease', operations: [put('a', 5n)], error: LeaseNotFoundError },
    { what: 'a range in the future', operations: [put('a'), { op: 'range', key: 'a', revision: 9 }], error: FutureRevisionError },
    { what: 'a key that is not bytes', operations: [put('\u0142')], error: RangeError },
    { what: 'a limit that is no number', operations: [put('a'), { op: 'range', key: 'a', limit: Number.NaN }], error: RangeError },
  ];
  for (const { what, operations, error } of cases) {
    test(`Store.txn() refuses ${what} and changes nothing`, async () => {
      const { apply, store, keys } = await bench();
      await assert.rejects(apply(...operations), error);
      assert.deepEqual([store.revision, keys()], [1, []]);
    });
  }

  test('Store.txn() takes 128 operations, overlapping deletes, and keys like those of Object.prototype', async () => {
    const { apply, keys } = await bench();
    await apply(...many(128));
    await apply({ op: 'delete', key: 'k', end: 'l' }, { op: 'delete', key: 'k1' }, put('__proto__'), put('constructor'), put('\x01'));
    assert.deepEqual(keys(), ['\x01', '__proto__', 'constructor']);
  });

  test('Store.txn() refuses a compare with an operand that is no number', async () => {
    const { drive, store } = await bench();
    const compares = [{ key: 'a', target: 'mod', result: 'equal', operand: Number.NaN }] as const;
    await assert.rejects(drive(store.txn({ compares, success: [put('a')], failure: [] })), RangeError);
    await assert.rejects(drive(store.txn({ compares: [], success: [], failure: many(129) })), InvalidRequestError);
  });
}

function watches(bench: MakeBench): void {
  test('Store.watch() from the past sees what one from the start saw', async () => {
    const { put, del, watch } = await bench();
    const live = watch(1);
    await put('a', '1');
    await put('b', '1');
    await del('a');
    const late = watch(1);
    assert.deepEqual(late.flat(), live.flat());
    assert.deepEqual(watch(3).flat(), live.flat().slice(1));
    await put('c', '1');
    assert.deepEqual(late.flat(), live.flat());
  });

  test('Store.watch() tells the value before of updates and deletes', async () => {
    const { put, del, watch } = await bench();
    const seen = watch(0);
    await put('a', '1');
    await put('a', '2');
    await del('a');
    const values = seen.flat().map(({ previous, current }) => [previous, current].map((kv) => kv && Buffer.from(kv.value).toString()));
    assert.deepEqual(values, [
      [undefined, '1'],
      ['1', '2'],
      ['2', undefined],
    ]);
  });

  test('Store.watch() of a key, a prefix and a range gets only those', async () => {
    const { put, watch, store } = await bench();
    const key: string[] = [];
    store.watch({ key: 'p/a' }, 0, (batch) => key.push(...batch.map((change) => change.key)));
    const prefix = watch(0, 'p/', prefixEnd('p/'));
    const range = watch(0, 'p/b', 'q');
    for (const each of ['o', 'p/a', 'p/b', 'q']) await put(each, '1');
    assert.deepEqual(key, ['p/a']);
    assert.deepEqual(
      prefix.flat().map((change) => change.key),
      ['p/a', 'p/b'],
    );
    assert.deepEqual(
      range.flat().map((change) => change.key),
      ['p/b'],
    );
  });

  test('Store.watch() in the future is silent until then', async () => {
    const { put, watch } = await bench();
    const seen = watch(4);
    for (const key of ['a', 'b', 'c']) await put(key, '1');
    assert.deepEqual(
      seen.flat().map(({ key, revision }) => [key, revision]),
      [['c', 4]],
    );
  });

  test('Store.watch() that was disposed gets nothing more', async () => {
    const { put, store } = await bench();
    let changes = 0;
    const watch = store.watch({ key: 'a' }, 0, (batch) => (changes += batch.length));
    await put('a', '1');
    watch[Symbol.dispose]();
    watch[Symbol.dispose]();
    await put('a', '2');
    assert.equal(changes, 1);
  });

  test('Store.watch() that another watcher ends gets nothing more, not even of the same transaction', async () => {
    const { apply, put, store } = await bench();
    const seen: string[] = [];
    const watches: Disposable[] = [];
    const once = (name: string): void => {
      seen.push(name);
      for (const watch of watches) watch[Symbol.dispose]();
    };
    const start = (): void => void watches.push(...['one', 'two'].map((name) => store.watch({ key: 'a', end: 'c' }, 0, () => once(name))));
    start();
    await put('a', '1');
    assert.deepEqual(seen, ['one']);
    start();
    await apply(...['a', 'b'].map((key): Operation => ({ op: 'put', key, value: Buffer.from('2') })));
    assert.deepEqual(seen, ['one', 'one']);
  });
}

function compaction(bench: MakeBench): void {
  test('Store.compact() refuses reads and watches below, serves those at the revision', async () => {
    const { put, drive, store, keys, watch } = await bench();
    for (const value of ['1', '2', '3']) await put('a', value);
    await drive(store.compact(3));
    assert.equal(store.compactRevision, 3);
    assert.throws(() => keys(2), { name: 'CompactedError', message: 'etcdserver: mvcc: required revision has been compacted' });
    assert.deepEqual(keys(3), ['a']);
    assert.throws(() => watch(2), CompactedError);
    assert.deepEqual(
      watch(3)
        .flat()
        .map(({ revision }) => revision),
      [3, 4],
    );
    assert.equal(store.revision, 4);
  });

  test('Store.compact() refuses the same revision again and one that has not happened', async () => {
    const { put, drive, store } = await bench();
    await put('a', '1');
    await drive(store.compact(2));
    await assert.rejects(drive(store.compact(2)), CompactedError);
    await assert.rejects(drive(store.compact(3)), FutureRevisionError);
    await assert.rejects(drive(store.compact(-1)), RangeError);
  });

  test('Store.history() reads below the served horizon, down to the retained one', async () => {
    const { put, del, drive, store } = await bench();
    await put('a', '1');
    await del('a');
    await drive(store.compact(3));
    assert.equal(store.history({ key: 'a', revision: 2 }).count, 1);
    assert.ok(store.retainedRevision <= 2);
    assert.throws(() => store.history({ key: 'a', revision: 9 }), FutureRevisionError);
  });
}

function leases(bench: MakeBench): void {
  test('A lease that runs out deletes its keys as one revision, in their order', async () => {
    const { runtime, drive, put, store, watch, keys } = await bench();
    const { id, ttlSeconds } = await drive(store.grantLease({ ttlSeconds: 10 }));
    assert.equal(ttlSeconds, 10);
    for (const key of ['b', 'a', 'c']) await put(key, '1', id);
    await put('other', '1');
    const seen = watch(0);
    await runtime.advance(9_000);
    assert.equal(keys().length, 4);
    await runtime.advance(2_000);
    assert.deepEqual(keys(), ['other']);
    assert.deepEqual(
      seen.map((batch) => batch.map(({ key, revision }) => [key, revision])),
      [
        [
          ['a', 6],
          ['b', 6],
          ['c', 6],
        ],
      ],
    );
    assert.equal(store.lease(id), undefined);
  });

  test('A put without the lease detaches the key from it', async () => {
    const { runtime, drive, put, store, keys } = await bench();
    const { id } = await drive(store.grantLease({ ttlSeconds: 5 }));
    await put('a', '1', id);
    await put('b', '1', id);
    await put('a', '2');
    assert.deepEqual(store.lease(id)?.keys, ['b']);
    await runtime.advance(6_000);
    assert.deepEqual(keys(), ['a']);
  });

  test('Store.keepLeaseAlive() starts the time again', async () => {
    const { runtime, drive, put, store, keys } = await bench();
    const { id } = await drive(store.grantLease({ ttlSeconds: 5 }));
    await put('a', '1', id);
    for (let i = 0; i < 5; i++) {
      await runtime.advance(4_000);
      await drive(store.keepLeaseAlive(id));
    }
    assert.equal(store.lease(id)?.remainingSeconds, 5);
    await runtime.advance(4_000);
    assert.deepEqual([keys(), store.lease(id)?.remainingSeconds], [['a'], 1]);
    await runtime.advance(2_000);
    assert.deepEqual(keys(), []);
    await assert.rejects(drive(store.keepLeaseAlive(id)), LeaseNotFoundError);
  });

  test('Store.revokeLease() deletes the keys at once; of an unknown lease it is refused', async () => {
    const { drive, put, store, keys } = await bench();
    const { id } = await drive(store.grantLease({ id: 77n, ttlSeconds: 5 }));
    assert.equal(id, 77n);
    await put('a', '1', id);
    const { revision, changes } = await drive(store.revokeLease(id));
    assert.deepEqual([revision, changes.length, keys()], [3, 1, []]);
    await assert.rejects(drive(store.revokeLease(id)), LeaseNotFoundError);
  });

  test('Store.grantLease() raises a short TTL and refuses a long one, a taken id and nonsense', async () => {
    const { drive, store } = await bench();
    assert.deepEqual(await drive(store.grantLease({ id: 5n, ttlSeconds: 1 })), { id: 5n, ttlSeconds: 2 });
    await assert.rejects(drive(store.grantLease({ ttlSeconds: 9_000_000_001 })), LeaseTtlTooLargeError);
    await assert.rejects(drive(store.grantLease({ id: 5n, ttlSeconds: 9 })), LeaseExistsError);
    await assert.rejects(drive(store.grantLease({ ttlSeconds: Number.NaN })), RangeError);
    await assert.rejects(drive(store.grantLease({ id: 1n << 63n, ttlSeconds: 9 })), RangeError);
    assert.deepEqual(store.leases(), [{ id: 5n, ttlSeconds: 2 }]);
  });

  test('Leases that are overdue together end once each, in order of deadline', async () => {
    const { runtime, drive, put, store, watch } = await bench();
    for (const [id, ttlSeconds] of [
      [1n, 30],
      [2n, 10],
      [3n, 20],
    ] as const) {
      await drive(store.grantLease({ id, ttlSeconds }));
      await put(`k${id}`, '1', id);
    }
    const seen = watch(0);
    await runtime.advance(3_600_000);
    assert.deepEqual(
      seen.flat().map(({ key }) => key),
      ['k2', 'k3', 'k1'],
    );
    assert.deepEqual(store.leases(), []);
  });

  test('A lease does not keep a simulation from settling', async () => {
    const { runtime, drive, store } = await bench();
    await drive(store.grantLease({ ttlSeconds: 3600 }));
    const { virtualMs } = await runtime.settle();
    assert.equal(virtualMs, 0);
  });
}

function forks(bench: MakeBench): void {
  test('Store.fork() goes on alone, with the rest of every lease', async () => {
    const { runtime, drive, put, store, keys } = await bench();
    const { id } = await drive(store.grantLease({ ttlSeconds: 10 }));
    await put('leased', '1', id);
    await runtime.advance(8_000);
    const fork = store.fork(runtime.process('fork'));
    assert.equal(fork.lease(id)?.remainingSeconds, 2);
    await drive(fork.txn({ compares: [], success: [{ op: 'put', key: 'mine', value: Buffer.from('1') }], failure: [] }));
    await drive(store.keepLeaseAlive(id));
    await put('yours', '1');
    await runtime.advance(3_000);
    assert.deepEqual(
      fork.range({ key: '\0', end: '\0' }).kvs.map(({ key }) => key),
      ['mine'],
    );
    assert.deepEqual(keys(), ['leased', 'yours']);
    assert.deepEqual([fork.revision, store.revision], [4, 3]);
  });

  test('Store.fork() has the history of before, and neither side sees what the other writes or compacts', async () => {
    const { runtime, drive, put, store } = await bench();
    for (let i = 0; i < 300; i++) await put(`k${i % 3}`, `${i}`);
    const fork = store.fork(runtime.process('fork'));
    const history = (of: Store): readonly string[] => {
      const seen: string[] = [];
      of.watch({ key: '\0', end: '\0' }, of.compactRevision || 1, (batch) =>
        seen.push(...batch.map(({ revision, key }) => `${revision} ${key}`)),
      )[Symbol.dispose]();
      return seen;
    };
    assert.deepEqual(history(fork), history(store));
    await drive(fork.txn({ compares: [], success: [{ op: 'put', key: 'mine', value: Buffer.from('1') }], failure: [] }));
    await put('yours', '1');
    assert.deepEqual([history(fork).at(-1), history(store).at(-1)], ['302 mine', '302 yours']);
    await drive(store.compact(300));
    assert.deepEqual([history(store).length, history(fork).length], [3, 301]);
    assert.equal(fork.range({ key: 'k0', revision: 2 }).count, 1);
  });
}
