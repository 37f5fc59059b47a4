import type { Process } from '@coracle/kernel';
import { Mvcc, type Retention } from './mvcc/mvcc.ts';
import { type Revision, revision } from './mvcc/revision.ts';
import type { KeyRange, RangeRequest, RangeResponse, Txn, TxnResult } from './mvcc/types.ts';
import { type ChangeSink, WatchHub } from './watch-hub.ts';

/** What the API server and the v3 API need of a store, whatever keeps it durable. */
export interface Store {
  readonly revision: Revision;
  readonly compactRevision: Revision;
  readonly retainedRevision: Revision;
  /** Reads the applied state. Throws CompactedError or FutureRevisionError. */
  range(request: RangeRequest): RangeResponse;
  /** Like `range`, but down to `retainedRevision`. */
  history(request: RangeRequest): RangeResponse;
  /** Resolves once the transaction is durable and applied; its changes have been delivered to watchers by then. */
  txn(txn: Txn): Promise<TxnResult>;
  /**
   * Delivers every change of the range with a revision ≥ `from`: those of the past in one batch before this returns,
   * then each transaction's as it is applied. Throws CompactedError. `from` 0 means from now on.
   */
  watch(range: KeyRange, from: number, sink: ChangeSink): Disposable;
  compact(at: number): Promise<void>;
  /** An independent in-memory store with the same content and revisions. */
  fork(process: Process): Store;
}

/** A store without a disk: transactions are applied when they are asked for. */
export class MemoryStore implements Store {
  readonly #mvcc: Mvcc;
  readonly #hub = new WatchHub();

  constructor(options: { readonly retention?: Retention; readonly mvcc?: Mvcc } = {}) {
    this.#mvcc = options.mvcc ?? new Mvcc(options);
  }

  get revision(): Revision {
    return this.#mvcc.revision;
  }

  get compactRevision(): Revision {
    return this.#mvcc.compactRevision;
  }

  get retainedRevision(): Revision {
    return this.#mvcc.retainedRevision;
  }

  range(request: RangeRequest): RangeResponse {
    return this.#mvcc.range(request);
  }

  history(request: RangeRequest): RangeResponse {
    return this.#mvcc.history(request);
  }

  async txn(txn: Txn): Promise<TxnResult> {
    const result = this.#mvcc.txn(txn);
    if (result.changes.length > 0) this.#hub.deliver(result.changes);
    return result;
  }

  watch(range: KeyRange, from: number, sink: ChangeSink): Disposable {
    return watchFrom(this.#mvcc, this.#hub, range, from, sink);
  }

  async compact(at: number): Promise<void> {
    this.#mvcc.compact(at);
  }

  fork(_process: Process): Store {
    return new MemoryStore({ mvcc: this.#mvcc.fork() });
  }
}

/** Joins a watcher to the stream of commits: what it missed first, with no gap and nothing twice. */
export function watchFrom(mvcc: Mvcc, hub: WatchHub, range: KeyRange, from: number, sink: ChangeSink): Disposable {
  const { key, end } = range;
  if (from > 0 && from <= mvcc.revision) {
    const missed = mvcc.changesAfter(from - 1).filter((change) => inRange(change.key, key, end));
    if (missed.length > 0) sink(missed);
  }
  const start = revision(from > 0 ? from : mvcc.revision + 1);
  if (start <= mvcc.revision + 1) return hub.add(key, end, sink);
  // A watch may begin in the future: what happens before is not for it.
  return hub.add(key, end, (batch) => {
    const wanted = batch.filter((change) => change.revision >= start);
    if (wanted.length > 0) sink(wanted);
  });
}

function inRange(key: string, from: string, end: string | undefined): boolean {
  if (end === undefined) return key === from;
  return key >= from && (end === '\0' || key < end);
}
