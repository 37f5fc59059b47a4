import type { Entry, HardState, LogIndex, Snapshot, Term } from './messages.ts';
import { type ConfState, limitBytes, nobody } from './messages.ts';
import { invariant } from './invariant.ts';

/** Why a part of the log cannot be read: it went into a snapshot, or it does not exist. */
export type LogGap = 'compacted' | 'unavailable';

/**
 * The durable part of the log as the core reads it. The application writes it: what a Ready asks for, in its order.
 * All answers are synchronous, so an implementation keeps in memory (or can read at once) what is not compacted.
 */
export interface Storage {
  /** What was durable when the node started. The commit index is not below that of the snapshot: whoever stores one sees to it. */
  initialState(): { readonly hardState: HardState; readonly confState: ConfState };
  /** The first index that `entries` can give: one after the last snapshot's. */
  firstIndex(): LogIndex;
  lastIndex(): LogIndex;
  /** Also known for firstIndex() - 1, whose entry itself is gone: followers compare it. */
  term(index: LogIndex): Term | LogGap;
  /** Entries of [from, to), cut after `maxBytes` but never empty. */
  entries(from: LogIndex, to: LogIndex, maxBytes: number): readonly Entry[] | LogGap;
  /**
   * A snapshot of what is applied now, for a follower that is too far behind; undefined while none can be had. One that is older
   * than the member it is sent to is refused there, again and again.
   */
  snapshot(): Snapshot | undefined;
}

const emptyConfState: ConfState = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

/** A log in memory. For tests and simulations, and for applications that make it durable beside. */
export class MemoryStorage implements Storage {
  #hardState: HardState = { term: 0, vote: nobody, commit: 0 };
  #snapshot: Snapshot;
  // Invariant: #entries[i].index === #compacted.index + 1 + i.
  #entries: Entry[] = [];
  #compacted: { index: LogIndex; term: Term };

  /** Starts from `snapshot`: its index, its members. Without one it is the log of a node that knows nobody. */
  constructor(snapshot: Partial<Snapshot> = {}) {
    this.#snapshot = { index: 0, term: 0, confState: emptyConfState, data: new Uint8Array(0), ...snapshot };
    this.#compacted = { index: this.#snapshot.index, term: this.#snapshot.term };
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#snapshot.confState };
  }

  firstIndex(): LogIndex {
    return this.#compacted.index + 1;
  }

  lastIndex(): LogIndex {
    return this.#compacted.index + this.#entries.length;
  }

  term(index: LogIndex): Term | LogGap {
    if (index < this.#compacted.index) return 'compacted';
    if (index === this.#compacted.index) return this.#compacted.term;
    return this.#entries[index - this.firstIndex()]?.term ?? 'unavailable';
  }

  entries(from: LogIndex, to: LogIndex, maxBytes: number): readonly Entry[] | LogGap {
    if (from < this.firstIndex()) return 'compacted';
    if (to > this.lastIndex() + 1) return 'unavailable';
    return limitBytes(this.#entries.slice(from - this.firstIndex(), to - this.firstIndex()), maxBytes);
  }

  snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /** Replaces what stands from the first of `entries` on. Entries that a snapshot already holds are passed over. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const skipped = Math.max(0, this.firstIndex() - first.index);
    if (skipped >= entries.length) return;
    const keep = first.index + skipped - this.firstIndex();
    invariant(keep <= this.#entries.length, `missing log entry [last: ${this.lastIndex()}, append at: ${first.index}]`);
    this.#entries.length = keep;
    for (const entry of skipped === 0 ? entries : entries.slice(skipped)) this.#entries.push(entry);
  }

  /** Starts anew from a snapshot that the leader sent. An older one than we have is refused. */
  applySnapshot(snapshot: Snapshot): 'applied' | 'out of date' {
    if (snapshot.index <= this.#snapshot.index) return 'out of date';
    this.#snapshot = snapshot;
    this.#compacted = { index: snapshot.index, term: snapshot.term };
    this.#entries = [];
    return 'applied';
  }

  /** Keeps a snapshot of our own for followers. The log stays until compact(). Throws RangeError for an index that is not in it. */
  createSnapshot(index: LogIndex, confState: ConfState, data: Uint8Array): Snapshot {
    const term = this.term(index);
    if (typeof term === 'string' || index <= this.#snapshot.index)
      throw new RangeError(`Cannot take a snapshot at ${index}: ${String(term)}`);
    this.#snapshot = { index, term, confState, data };
    return this.#snapshot;
  }

  /** Forgets the entries up to and including `index`. Throws RangeError when there are none to forget. */
  compact(index: LogIndex): void {
    const term = this.term(index);
    if (typeof term === 'string' || index === this.#compacted.index) {
      throw new RangeError(`Cannot compact to ${index}: the log is [${this.firstIndex()}, ${this.lastIndex()}]`);
    }
    this.#entries = this.#entries.slice(index - this.#compacted.index);
    this.#compacted = { index, term };
  }
}
