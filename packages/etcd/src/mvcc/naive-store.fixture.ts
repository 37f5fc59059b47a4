import type { Alarm, Compare, Operation, RangeRequest, Txn } from './types.ts';

/** One key of the model: plain data, copied for every revision. */
export interface Row {
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
  readonly lease: bigint;
}

type State = ReadonlyMap<string, Row>;

/** A transaction under way: what it found, what it makes of it, and how many changes that took. */
interface Work {
  readonly before: State;
  readonly state: Map<string, Row>;
  changes: number;
}

/** What the store should be, with nothing shared and nothing clever: all states of all revisions. */
export class NaiveStore {
  readonly states: State[] = [new Map(), new Map()];
  readonly leases: Set<bigint> = new Set();
  readonly alarms: Set<Alarm['type']> = new Set();
  compactRevision = 0;

  get revision(): number {
    return this.states.length - 1;
  }

  range(request: RangeRequest, now: State = this.#latest()): unknown {
    const { revision = 0 } = request;
    if (revision > this.revision) return 'FutureRevisionError';
    if (revision > 0 && revision < this.compactRevision) return 'CompactedError';
    return answered(request, revision > 0 ? (this.states[revision] as State) : now);
  }

  txn(txn: Txn): unknown {
    if (this.alarms.has('corrupt') && writes(txn)) return 'CorruptError';
    if (this.alarms.has('nospace') && puts(txn)) return 'SpaceExceededError';
    const before = this.#latest();
    const refusal = this.#refusal(txn, before);
    if (refusal !== undefined) return refusal;
    const work: Work = { before, state: new Map(before), changes: 0 };
    const { succeeded, results } = this.#run(txn, work);
    if (work.changes > 0) this.states.push(work.state);
    return { succeeded, revision: this.revision, changes: work.changes, results };
  }

  compact(at: number): unknown {
    if (this.alarms.has('corrupt')) return 'CorruptError';
    if (at === 0 && this.compactRevision === 0) return undefined;
    if (at <= this.compactRevision) return 'CompactedError';
    if (at > this.revision) return 'FutureRevisionError';
    this.compactRevision = at;
    return undefined;
  }

  grant(id: bigint): unknown {
    if (this.alarms.has('corrupt')) return 'CorruptError';
    if (this.alarms.has('nospace')) return 'SpaceExceededError';
    if (this.leases.has(id)) return 'LeaseExistsError';
    this.leases.add(id);
    return undefined;
  }

  revoke(id: bigint): unknown {
    if (this.alarms.has('corrupt')) return 'CorruptError';
    if (!this.leases.delete(id)) return 'LeaseNotFoundError';
    const rest = new Map([...this.#latest()].filter(([, { lease }]) => lease !== id));
    if (rest.size < this.#latest().size) this.states.push(rest);
    return this.revision;
  }

  alarm({ action, type }: { readonly action: 'activate' | 'deactivate'; readonly type: Alarm['type'] }): unknown {
    if (action === 'activate') this.alarms.add(type);
    else this.alarms.delete(type);
    return [...this.alarms].sort();
  }

  #refusal(txn: Txn, before: State): string | undefined {
    for (const operation of chosen(txn, before)) {
      if (operation.op === 'txn') {
        const refusal = this.#refusal(operation.txn, before);
        if (refusal !== undefined) return refusal;
      } else if (operation.op === 'put') {
        const { lease = 0n, ignoreLease, ignoreValue, key } = operation;
        if (lease !== 0n && !this.leases.has(lease)) return 'LeaseNotFoundError';
        if ((ignoreLease === true || ignoreValue === true) && !before.has(key)) return 'KeyNotFoundError';
      } else if (operation.op === 'range') {
        const refusal = this.range(operation);
        if (typeof refusal === 'string') return refusal;
      }
    }
    return undefined;
  }

  #run(txn: Txn, work: Work): { readonly succeeded: boolean; readonly results: readonly unknown[] } {
    const results = chosen(txn, work.before).map((operation) => this.#apply(operation, work));
    return { succeeded: txn.compares.every((compare) => holds(compare, work.before)), results };
  }

  #apply(operation: Operation, work: Work): unknown {
    const { state } = work;
    const mod = this.revision + 1;
    const seen = (): number => (work.changes > 0 ? mod : this.revision);
    switch (operation.op) {
      case 'txn':
        return this.#run(operation.txn, work);
      case 'range':
        return { revision: seen(), ...(this.range(operation, state) as object) };
      case 'put': {
        const old = state.get(operation.key);
        const value = operation.ignoreValue === true && old !== undefined ? old.value : Buffer.from(operation.value).toString('hex');
        const lease = operation.ignoreLease === true && old !== undefined ? old.lease : (operation.lease ?? 0n);
        state.set(operation.key, { value, create: old?.create ?? mod, mod, version: (old?.version ?? 0) + 1, lease });
        work.changes++;
        return { revision: mod, previous: old };
      }
      case 'delete': {
        const deleted = within(state, operation.key, operation.end);
        for (const [key] of deleted) state.delete(key);
        work.changes += deleted.length;
        return { revision: seen(), deleted };
      }
    }
  }

  #latest(): State {
    return this.states.at(-1) as State;
  }
}

function chosen(txn: Txn, before: State): readonly Operation[] {
  return txn.compares.every((compare) => holds(compare, before)) ? txn.success : txn.failure;
}

function writes({ success, failure }: Txn): boolean {
  return [...success, ...failure].some(({ op }) => op !== 'range');
}

function puts({ success, failure }: Txn): boolean {
  return [...success, ...failure].some((operation) => operation.op === 'put' || (operation.op === 'txn' && puts(operation.txn)));
}

function answered(request: RangeRequest, state: State): unknown {
  const all = within(state, request.key, request.end);
  if (request.countOnly === true) return { kvs: [], count: all.length, more: false };
  const { minModRevision = 0, maxModRevision = 0, minCreateRevision = 0, maxCreateRevision = 0, limit = 0, sort } = request;
  const kept = all
    .filter(([, row]) => maxModRevision === 0 || row.mod <= maxModRevision)
    .filter(([, row]) => minModRevision === 0 || row.mod >= minModRevision)
    .filter(([, row]) => maxCreateRevision === 0 || row.create <= maxCreateRevision)
    .filter(([, row]) => minCreateRevision === 0 || row.create >= minCreateRevision);
  const isBounded = [minModRevision, maxModRevision, minCreateRevision, maxCreateRevision].some((bound) => bound !== 0);
  if (sort?.limitFirst === true && limit > 0 && !isBounded && kept.length > limit + 1) {
    const first = answered({ ...request, sort: { ...sort, limitFirst: false } }, new Map(kept.slice(0, limit + 1))) as object;
    return { ...first, count: all.length };
  }
  if (sort !== undefined) {
    // A stable sort, as the store's is: etcd's order among equal values is any.
    const of = ([key, row]: readonly [string, Row]): string | number => (sort.target === 'key' ? key : row[sort.target]);
    kept.sort((a, b) => (of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : 0) * (sort.descending ? -1 : 1));
  }
  const shown = kept.slice(0, limit > 0 ? limit : undefined);
  const kvs =
    request.keysOnly === true
      ? shown.map(([key, row]) => [key, { ...row, value: '', lease: sort?.target === 'value' ? row.lease : 0n }] as const)
      : shown;
  return { kvs, count: all.length, more: shown.length < kept.length };
}

function within(state: State, from: string, end: string | undefined): readonly (readonly [string, Row])[] {
  const inside = (key: string): boolean => (end === undefined ? key === from : key >= from && (end === '\0' || key < end));
  return [...state].filter(([key]) => inside(key)).sort(([a], [b]) => (a < b ? -1 : 1));
}

function holds(compare: Compare, state: State): boolean {
  const rows = within(state, compare.key, compare.end).map(([, row]) => row);
  const of: readonly (Row | undefined)[] = rows.length === 0 ? [undefined] : rows;
  return of.every((row) => {
    let order: number;
    if (compare.target === 'value') {
      if (row === undefined) return false;
      order = Buffer.compare(Buffer.from(row.value, 'hex'), compare.operand);
    } else order = Number(row?.[compare.target] ?? 0) - Number(compare.operand);
    return { equal: order === 0, notEqual: order !== 0, greater: order > 0, less: order < 0 }[compare.result];
  });
}
