import type { Process } from '@coracle/kernel';
import { SimpleTokens } from './auth/simple-tokens.ts';
import { Lessor } from './lease/lessor.ts';
import type { Mvcc } from './mvcc/mvcc.ts';
import { revision } from './mvcc/revision.ts';
import type { Change, KeyRange, LeaseId, TxnResult } from './mvcc/types.ts';
import { type ChangeSink, WatchHub } from './watch-hub.ts';
import { applyEntry, type Entry } from './wal/entry.ts';

/**
 * The state machine with those who follow it: watchers and the clock of leases. What every store serves, whatever comes
 * before an entry is applied.
 */
export class AppliedState {
  #mvcc: Mvcc;
  readonly #hub = new WatchHub();
  /** Of users, when there are any. */
  readonly tokens: SimpleTokens = new SimpleTokens();
  #lessor: Lessor | undefined;

  constructor(mvcc: Mvcc) {
    this.#mvcc = mvcc;
  }

  get mvcc(): Mvcc {
    return this.#mvcc;
  }

  /**
   * Goes on with the state of a snapshot, which is a later one of the same history. Watchers are told of what happened in
   * between, one batch per revision; where that was compacted meanwhile, their watches are lost.
   */
  restore(mvcc: Mvcc): void {
    const from = this.#mvcc.revision;
    this.#mvcc = mvcc;
    this.#lessor?.reset(mvcc.leases());
    this.tokens.clear(); // whether they still mean somebody was not told
    if (mvcc.compactRevision > from + 1) {
      this.#hub.lose();
      return;
    }
    const missed = mvcc.changesAfter(from);
    for (let start = 0; start < missed.length; ) {
      const first = missed[start];
      let end = start + 1;
      while (end < missed.length && missed[end]?.revision === first?.revision) end++;
      this.#hub.deliver(missed.slice(start, end));
      start = end;
    }
  }

  /**
   * Lets leases run out: `expire` is called for each that does. Those that exist start with what their checkpoint left of
   * them, else with their full time.
   */
  keepTime(process: Process, expire: (id: LeaseId) => Promise<void>): void {
    this.#lessor = new Lessor({ process, expire });
    this.tokens.keepTime(process.clock);
    const remainders = new Map(this.mvcc.remainders().map(({ id, remainingSeconds }) => [id, remainingSeconds]));
    for (const lease of this.mvcc.leases()) this.#lessor.renew(lease, remainders.get(lease.id) ?? lease.ttlSeconds);
  }

  /** Throws TypeError when nobody keeps the time. */
  get lessor(): Lessor {
    if (this.#lessor === undefined) throw new TypeError('A store without a process has no leases');
    return this.#lessor;
  }

  get keepsTime(): boolean {
    return this.#lessor !== undefined;
  }

  /** Applies `entry` and tells watchers; throws, having changed nothing, what the state machine refuses. */
  apply(entry: Entry): TxnResult | undefined {
    const result = applyEntry(this.mvcc, entry);
    this.#applied(entry.kind === 'asUser' ? entry.entry : entry);
    if (result !== undefined && result.changes.length > 0) this.#hub.deliver(result.changes);
    return result;
  }

  #applied(entry: Entry): void {
    if (entry.kind === 'grant') this.#lessor?.renew({ id: entry.id, ttlSeconds: entry.ttlSeconds });
    if (entry.kind === 'revoke' || entry.kind === 'expire') this.#lessor?.forget(entry.id);
    if (entry.kind === 'token') this.tokens.assign(entry.token, entry.user);
    if (entry.kind !== 'auth') return;
    const { change } = entry;
    if (change.change === 'deleteUser' || change.change === 'changePassword') this.tokens.forgetUser(change.user);
    if (change.change === 'disable') this.tokens.clear();
  }

  /** Joins a watcher to the stream of commits: what it missed first, with no gap and nothing twice. See `Store.watch`. */
  watch(range: KeyRange, from: number, sink: ChangeSink, lost?: () => void): Disposable {
    const { key, end } = range;
    const { mvcc } = this;
    if (from > 0 && from <= mvcc.revision) {
      const missed = mvcc.changesAfter(from - 1).filter((change) => inRange(change.key, key, end));
      if (missed.length > 0) sink(missed);
    }
    const start = revision(from > 0 ? from : mvcc.revision + 1);
    if (start <= mvcc.revision + 1) return this.#hub.add(key, end, sink, lost);
    // A watch may begin in the future: what happens before is not for it.
    const fromStart = (batch: readonly Change[]): void => {
      const wanted = batch.filter((change) => change.revision >= start);
      if (wanted.length > 0) sink(wanted);
    };
    return this.#hub.add(key, end, fromStart, lost);
  }
}

function inRange(key: string, from: string, end: string | undefined): boolean {
  if (end === undefined) return key === from;
  return key >= from && (end === '\0' || key < end);
}
