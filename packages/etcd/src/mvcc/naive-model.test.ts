import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Mvcc } from './mvcc.ts';
import type { Compare, Operation, RangeRequest, Txn } from './types.ts';

/** One key of the model: plain data, copied for every revision. */
interface Row {
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
  readonly lease: number;
}

type State = ReadonlyMap<string, Row>;

/** What the store should be, with nothing shared and nothing clever: all states of all revisions. */
class NaiveStore {
  readonly states: State[] = [new Map(), new Map()];
  readonly leases = new Set<number>();
  compactRevision = 0;

  get revision(): number {
    return this.states.length - 1;
  }

  range({ key, end, revision = 0, limit = 0, countOnly = false }: RangeRequest, now: State = this.#latest()): unknown {
    if (revision > this.revision) return 'FutureRevisionError';
    if (revision > 0 && revision < this.compactRevision) return 'CompactedError';
    const all = within(revision > 0 ? (this.states[revision] as State) : now, key, end);
    const shown = countOnly ? [] : all.slice(0, limit > 0 ? limit : undefined);
    return { kvs: shown, count: all.length, more: !countOnly && shown.length < all.length };
  }

  txn({ compares, success, failure }: Txn): unknown {
    const before = this.#latest();
    const succeeded = compares.every((compare) => holds(compare, before));
    const operations = succeeded ? success : failure;
    for (const operation of operations) {
      if (operation.op === 'put' && (operation.lease ?? 0) !== 0 && !this.leases.has(operation.lease ?? 0)) return 'LeaseNotFoundError';
      const refusal = operation.op === 'range' ? this.range(operation) : undefined;
      if (typeof refusal === 'string') return refusal;
    }
    const state = new Map(before);
    let changes = 0;
    const results = operations.map((operation) => {
      if (operation.op === 'range') return this.range(operation, state);
      if (operation.op === 'put') {
        const old = state.get(operation.key);
        const mod = this.revision + 1;
        const value = Buffer.from(operation.value).toString('hex');
        state.set(operation.key, { value, create: old?.create ?? mod, mod, version: (old?.version ?? 0) + 1, lease: operation.lease ?? 0 });
        changes++;
        return old;
      }
      const deleted = within(state, operation.key, operation.end);
      for (const [key] of deleted) state.delete(key);
      changes += deleted.length;
      return deleted;
    });
    if (changes > 0) this.states.push(state);
    return { succeeded, revision: this.revision, changes, results };
  }

  compact(at: number): unknown {
    if (at <= this.compactRevision) return 'CompactedError';
    if (at > this.revision) return 'FutureRevisionError';
    this.compactRevision = at;
    return undefined;
  }

  grant(id: number): unknown {
    if (this.leases.has(id)) return 'LeaseExistsError';
    this.leases.add(id);
    return undefined;
  }

  revoke(id: number): unknown {
    if (!this.leases.delete(id)) return 'LeaseNotFoundError';
    const rest = new Map([...this.#latest()].filter(([, { lease }]) => lease !== id));
    if (rest.size < this.#latest().size) this.states.push(rest);
    return this.revision;
  }

  #latest(): State {
    return this.states.at(-1) as State;
  }
}

function within(state: State, from: string, end: string | undefined): readonly (readonly [string, Row])[] {
  const inside = (key: string): boolean => (end === undefined ? key === from : key >= from && (end === '\0' || key < end));
  return [...state].filter(([key]) => inside(key)).sort(([a], [b]) => (a < b ? -1 : 1));
}

function holds(compare: Compare, state: State): boolean {
  const rows = within(state, compare.key, compare.end).map(([, row]) => row);
  const of: readonly (Row | undefined)[] = compare.end === undefined && rows.length === 0 ? [undefined] : rows;
  return of.every((row) => {
    let order: number;
    if (compare.target === 'value') {
      if (row === undefined) return false;
      order = Buffer.compare(Buffer.from(row.value, 'hex'), compare.operand);
    } else order = (row?.[compare.target] ?? 0) - compare.operand;
    return { equal: order === 0, notEqual: order !== 0, greater: order > 0, less: order < 0 }[compare.result];
  });
}

/** What the Mvcc answers, in the words of the model. */
function shown(mvcc: Mvcc): { readonly [K in 'range' | 'txn' | 'compact' | 'grant' | 'revoke']: (argument: never) => unknown } {
  type Kv = ReturnType<Mvcc['range']>['kvs'][number];
  const row = ({ key, value, createRevision: create, modRevision: mod, version, lease }: Kv): readonly [string, Row] => {
    return [key, { value: Buffer.from(value).toString('hex'), create, mod, version, lease }];
  };
  const range = (request: RangeRequest): unknown => {
    const { kvs, count, more } = mvcc.range(request);
    return { kvs: kvs.map(row), count, more };
  };
  return {
    range,
    txn(txn: Txn) {
      const { succeeded, revision, changes, results } = mvcc.txn(txn);
      const plain = results.map((result) => {
        if (result.op === 'put') return result.previous && row(result.previous)[1];
        if (result.op === 'delete') return result.deleted.map(row);
        return { kvs: result.kvs.map(row), count: result.count, more: result.more };
      });
      return { succeeded, revision, changes: changes.length, results: plain };
    },
    compact: (at: number) => mvcc.compact(at),
    grant: (id: number) => mvcc.grantLease({ id, ttlSeconds: 60 }),
    revoke: (id: number) => mvcc.revokeLease(id).revision,
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
const end = fc.constantFrom(undefined, 'b', 'c', '\0');
const range = fc.record({
  key,
  end,
  revision: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat(30)),
  limit: fc.nat(3),
  countOnly: fc.boolean(),
});
const lease = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 3 }));
const value = fc.uint8Array({ maxLength: 2 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('put' as const), key, value, lease }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('delete' as const), key, end }) },
  { weight: 1, arbitrary: range.map((request) => ({ op: 'range' as const, ...request })) },
);
const result = fc.constantFrom('equal' as const, 'notEqual' as const, 'greater' as const, 'less' as const);
const number = fc.record({
  key,
  end,
  result,
  target: fc.constantFrom('version' as const, 'create' as const, 'mod' as const, 'lease' as const),
  operand: fc.nat(6),
});
const compare: fc.Arbitrary<Compare> = fc.oneof(
  number,
  fc.record({ key, end, result, target: fc.constant('value' as const), operand: value }),
);
const operations = fc.uniqueArray(operation, { maxLength: 3, selector: (each) => (each.op === 'put' ? each.key : {}) });
const command = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({ compares: fc.array(compare, { maxLength: 2 }), success: operations, failure: operations })
      .map((txn) => ['txn', txn] as const),
  },
  { weight: 3, arbitrary: range.map((request) => ['range', request] as const) },
  { weight: 1, arbitrary: fc.nat(30).map((at) => ['compact', at] as const) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }).map((id) => ['grant', id] as const) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }).map((id) => ['revoke', id] as const) },
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
          mvcc = turn === 'fork' ? mvcc.fork() : Mvcc.restore(mvcc.fork().image(), { retention });
        }
      },
    ),
    { numRuns: 300 },
  );
});
