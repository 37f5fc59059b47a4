import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkTxn, InvalidRequestError } from './check-txn.ts';
import { Mvcc } from './mvcc.ts';
import { NaiveStore, type Row } from './naive-store.fixture.ts';
import type { Alarm, Compare, KeyValue, Operation, OperationResult, RangeRequest, Txn } from './types.ts';

type Shown = { readonly [K in 'range' | 'txn' | 'compact' | 'grant' | 'revoke' | 'alarm']: (argument: never) => unknown };

function row({ key, value, createRevision: create, modRevision: mod, version, lease }: KeyValue): readonly [string, Row] {
  return [key, { value: Buffer.from(value).toString('hex'), create, mod, version, lease }];
}

function plain(result: OperationResult): unknown {
  switch (result.op) {
    case 'put':
      return { revision: result.revision, previous: result.previous && row(result.previous)[1] };
    case 'delete':
      return { revision: result.revision, deleted: result.deleted.map(row) };
    case 'range':
      return { revision: result.revision, kvs: result.kvs.map(row), count: result.count, more: result.more };
    case 'txn':
      return { succeeded: result.succeeded, results: result.results.map(plain) };
  }
}

/** What the Mvcc answers, in the words of the model. */
function shown(mvcc: Mvcc): Shown {
  return {
    range(request: RangeRequest) {
      const { kvs, count, more } = mvcc.range(request);
      return { kvs: kvs.map(row), count, more };
    },
    txn(txn: Txn) {
      const { succeeded, revision, changes, results } = mvcc.txn(txn);
      return { succeeded, revision, changes: changes.length, results: results.map(plain) };
    },
    compact: (at: number) => mvcc.compact(at),
    grant: (id: bigint) => mvcc.grantLease({ id, ttlSeconds: 60 }),
    revoke: (id: bigint) => mvcc.revokeLease(id).revision,
    alarm({ action, type }: { readonly action: 'activate' | 'deactivate'; readonly type: Alarm['type'] }) {
      mvcc.setAlarm(action, { memberId: 1n, type });
      return mvcc.alarms.map((alarm) => alarm.type).sort();
    },
  };
}

function answer(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error instanceof Error ? error.name : error;
  }
}

const key = fc.constantFrom('a', 'b', 'bb', 'c', '__proto__', '\xff');
const end = fc.constantFrom(undefined, undefined, 'b', 'c', '\0');
const bound = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: -1, max: 20 }));
const sort = fc.option(
  fc.record({
    target: fc.constantFrom('key' as const, 'version' as const, 'create' as const, 'mod' as const, 'value' as const),
    descending: fc.boolean(),
    limitFirst: fc.boolean(),
  }),
  { nil: undefined },
);
const range = fc.record({
  key,
  end,
  revision: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat(30)),
  limit: fc.integer({ min: -1, max: 3 }),
  countOnly: fc.boolean(),
  keysOnly: fc.boolean(),
  sort,
  minModRevision: bound,
  maxModRevision: bound,
  minCreateRevision: bound,
  maxCreateRevision: bound,
});
const lease = fc.oneof({ weight: 3, arbitrary: fc.constant(0n) }, fc.constantFrom(1n, 2n, -3n, (1n << 63n) - 1n));
const value = fc.uint8Array({ maxLength: 2 });
const put: fc.Arbitrary<Operation> = fc.record({ op: fc.constant('put' as const), key, value, lease });
const keepingPut: fc.Arbitrary<Operation> = fc
  .record({ key, value, lease, ignoreValue: fc.boolean(), ignoreLease: fc.boolean() })
  .map((of) => ({ op: 'put', ...of, value: of.ignoreValue ? new Uint8Array() : of.value, lease: of.ignoreLease ? 0n : of.lease }));
const result = fc.constantFrom('equal' as const, 'notEqual' as const, 'greater' as const, 'less' as const);
const number = fc.record({
  key,
  end,
  result,
  target: fc.constantFrom('version' as const, 'create' as const, 'mod' as const),
  operand: fc.integer({ min: -2, max: 6 }),
});
const compare: fc.Arbitrary<Compare> = fc.oneof(
  number,
  fc.record({ key, end, result, target: fc.constant('lease' as const), operand: lease }),
  fc.record({ key, end, result, target: fc.constant('value' as const), operand: value }),
);
const { txn } = fc.letrec<{ readonly txn: Txn; readonly operation: Operation }>((tie) => ({
  txn: fc
    .record({
      compares: fc.array(compare, { maxLength: 2 }),
      success: fc.array(tie('operation'), { maxLength: 3 }),
      failure: fc.array(tie('operation'), { maxLength: 3 }),
    })
    .filter(isAllowed),
  operation: fc.oneof(
    { maxDepth: 2 },
    { weight: 4, arbitrary: put },
    { weight: 1, arbitrary: keepingPut },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('delete' as const), key, end }) },
    { weight: 1, arbitrary: range.map((request) => ({ op: 'range' as const, ...request })) },
    { weight: 2, arbitrary: tie('txn').map((nested) => ({ op: 'txn' as const, txn: nested })) },
  ),
}));

/** What is refused before consensus never comes to the state machine. */
function isAllowed(of: Txn): boolean {
  try {
    checkTxn(of);
    return true;
  } catch (error) {
    assert.ok(error instanceof InvalidRequestError);
    return false;
  }
}

const command = fc.oneof(
  { weight: 16, arbitrary: txn.map((of) => ['txn', of] as const) },
  { weight: 6, arbitrary: range.map((request) => ['range', request] as const) },
  { weight: 2, arbitrary: fc.nat(30).map((at) => ['compact', at] as const) },
  { weight: 2, arbitrary: fc.constantFrom(1n, 2n, -3n, (1n << 63n) - 1n).map((id) => ['grant', id] as const) },
  { weight: 2, arbitrary: fc.constantFrom(1n, 2n, -3n).map((id) => ['revoke', id] as const) },
  {
    weight: 1,
    arbitrary: fc
      .record({ action: fc.constantFrom('activate' as const, 'deactivate', 'deactivate'), type: fc.constantFrom('nospace', 'corrupt') })
      .map((of) => ['alarm', of] as const),
  },
);

test('Mvcc answers every command as a naive model does, and so do its forks and what is restored from its image', () => {
  const retention = { revisions: 10, bytes: 12 };
  fc.assert(
    fc.property(
      fc.array(command, { maxLength: 60, size: 'max' }),
      fc.constantFrom('stay' as const, 'fork' as const, 'restore' as const),
      (commands, turn) => {
        let mvcc = new Mvcc({ retention });
        const model = new NaiveStore();
        for (const [i, [name, argument]] of commands.entries()) {
          const of = shown(mvcc);
          assert.deepEqual(
            answer(() => of[name](argument as never)),
            answer(() => model[name](argument as never)),
            name,
          );
          assert.deepEqual([mvcc.revision, mvcc.compactRevision], [model.revision, model.compactRevision]);
          if (i % 10 !== 9 || turn === 'stay') continue;
          const { sizeBytes } = mvcc;
          mvcc = turn === 'fork' ? mvcc.fork() : Mvcc.restore(mvcc.fork().image(), { retention });
          assert.equal(mvcc.sizeBytes, sizeBytes);
        }
        const served = [...Array(model.revision + 1).keys()].filter((at) => at >= Math.max(1, model.compactRevision));
        for (const revision of served) {
          const everything = { key: '\0', end: '\0', revision };
          assert.deepEqual(shown(mvcc).range(everything as never), model.range(everything), `at ${revision}`);
        }
      },
    ),
    { numRuns: 300 },
  );
});
