import { assert } from '@coracle/kernel';
import type { ConfState, Entry, HardState, LogGap, LogIndex, Snapshot, Storage, Term } from '@coracle/raft';

/** How much of what is applied stays, for members that are a little behind: whoever is further gets a snapshot. */
export interface WindowBounds {
  readonly entries: number;
  readonly bytes: number;
}

/**
 * The part of the durable log that Raft may ask for, in memory: entries that are not applied, and as many of those before
 * as the bounds allow. The file has more, for recovery only.
 */
export class LogWindow implements Storage {
  readonly #initial: { readonly hardState: HardState; readonly confState: ConfState };
  readonly #bounds: WindowBounds;
  /** The entry before the first: only its name is known. */
  #before: { index: LogIndex; term: Term };
  // Invariant: #entries[i].index === #before.index + 1 + i, from #start on; what is before #start is forgotten.
  #entries: (Entry | undefined)[] = [];
  #start = 0;
  #bytes = 0;
  /** A snapshot of what is applied now; set by who has the state. */
  current: () => Snapshot | undefined = () => undefined;

  constructor(options: {
    readonly hardState: HardState;
    readonly confState: ConfState;
    /** The entry before the first that is kept. Of `entries`, those up to it are passed over. */
    readonly before: { readonly index: LogIndex; readonly term: Term };
    readonly entries: readonly Entry[];
    readonly bounds: WindowBounds;
  }) {
    this.#initial = { hardState: options.hardState, confState: options.confState };
    this.#before = { index: options.before.index, term: options.before.term };
    this.#bounds = options.bounds;
    this.append(options.entries);
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return this.#initial;
  }

  firstIndex(): LogIndex {
    return this.#before.index + 1;
  }

  lastIndex(): LogIndex {
    return this.#before.index + this.#entries.length - this.#start;
  }

  term(index: LogIndex): Term | LogGap {
    if (index < this.#before.index) return 'compacted';
    if (index === this.#before.index) return this.#before.term;
    return this.#at(index)?.term ?? 'unavailable';
  }

  entries(from: LogIndex, to: LogIndex, maxBytes: number): readonly Entry[] | LogGap {
    if (from < this.firstIndex()) return 'compacted';
    if (to > this.lastIndex() + 1) return 'unavailable';
    const found: Entry[] = [];
    let bytes = 0;
    for (let index = from; index < to; index++) {
      const entry = this.#at(index);
      assert(entry !== undefined, `entry ${index} is in the window`);
      bytes += entry.data.length + overhead;
      if (bytes > maxBytes && found.length > 0) break;
      found.push(entry);
    }
    return found;
  }

  snapshot(): Snapshot | undefined {
    return this.current();
  }

  /** Replaces what stands from the first of `entries` on. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const place = this.#start + entry.index - this.firstIndex();
      if (place < this.#start) continue; // a snapshot holds it
      assert(place <= this.#entries.length, `entry ${entry.index} leaves a gap after ${this.lastIndex()}`);
      while (this.#entries.length > place) this.#bytes -= this.#entries.pop()?.data.length ?? 0;
      this.#entries.push(entry);
      this.#bytes += entry.data.length;
    }
  }

  /** Starts anew behind a snapshot of the leader. */
  restore({ index, term }: { readonly index: LogIndex; readonly term: Term }): void {
    this.#before = { index, term };
    this.#entries = [];
    this.#start = 0;
    this.#bytes = 0;
  }

  /** Forgets entries up to `applied` that are beyond the bounds. */
  trim(applied: LogIndex): void {
    while (this.#before.index < applied && this.#isTooLarge()) {
      const first = this.#entries[this.#start];
      assert(first !== undefined, 'there is an entry before what is applied');
      this.#entries[this.#start] = undefined;
      this.#start++;
      this.#bytes -= first.data.length;
      this.#before = { index: first.index, term: first.term };
    }
    if (this.#start < 1024 || this.#start < this.#entries.length / 2) return;
    this.#entries = this.#entries.slice(this.#start);
    this.#start = 0;
  }

  #isTooLarge(): boolean {
    return this.#entries.length - this.#start > this.#bounds.entries || this.#bytes > this.#bounds.bytes;
  }

  #at(index: LogIndex): Entry | undefined {
    const place = this.#start + index - this.firstIndex();
    return place < this.#start ? undefined : this.#entries[place];
  }
}

/** Term, index and type of an entry, roughly. */
const overhead = 16;
