import { invariant } from './invariant.ts';
import type { Entry, EntryId, LogIndex, Snapshot, Term } from './messages.ts';

/**
 * What the log holds that is not known to be durable: a snapshot, entries, or both. Each has a part that was handed to the
 * disk and is on its way ("in progress"). Upstream: log_unstable.go.
 */
export class UnstableLog {
  snapshot: Snapshot | undefined;
  snapshotInProgress = false;
  // Invariant: entries[i].index === offset + i. `offset` may lie below the end of the stable log, which it then replaces.
  #entries: Entry[] = [];
  offset: LogIndex;
  /** Entries below this index are on their way to the disk. Invariant: offset ≤ offsetInProgress ≤ offset + length. */
  offsetInProgress: LogIndex;

  constructor(offset: LogIndex) {
    this.offset = offset;
    this.offsetInProgress = offset;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** The last index that this part knows of, if any. */
  lastIndex(): LogIndex | undefined {
    return this.#entries.length > 0 ? this.offset + this.#entries.length - 1 : this.snapshot?.index;
  }

  term(index: LogIndex): Term | undefined {
    if (index >= this.offset) return this.#entries[index - this.offset]?.term;
    return this.snapshot?.index === index ? this.snapshot.term : undefined;
  }

  slice(from: LogIndex, to: LogIndex): readonly Entry[] {
    invariant(from >= this.offset && to <= this.offset + this.#entries.length, `unstable.slice[${from},${to}) out of bound`);
    return this.#entries.slice(from - this.offset, to - this.offset);
  }

  /** Entries that nobody has handed to the disk yet. */
  nextEntries(): readonly Entry[] {
    return this.hasNextEntries() ? this.#entries.slice(this.offsetInProgress - this.offset) : [];
  }

  hasNextEntries(): boolean {
    return this.offsetInProgress < this.offset + this.#entries.length;
  }

  nextSnapshot(): Snapshot | undefined {
    return this.snapshotInProgress ? undefined : this.snapshot;
  }

  /** Everything is on its way to the disk now. */
  accept(): void {
    this.offsetInProgress = this.offset + this.#entries.length;
    this.snapshotInProgress = this.snapshot !== undefined;
  }

  /** Forgets what became durable up to `id`, unless it was replaced meanwhile (ABA: another entry has its index now). */
  stableTo(id: EntryId): 'forgotten' | 'missing' | 'in snapshot' | { readonly replacedBy: Term } {
    const term = this.term(id.index);
    if (term === undefined) return 'missing';
    if (id.index < this.offset) return 'in snapshot';
    if (term !== id.term) return { replacedBy: term };
    this.#entries = this.#entries.slice(id.index + 1 - this.offset);
    this.offset = id.index + 1;
    this.offsetInProgress = Math.max(this.offsetInProgress, this.offset);
    return 'forgotten';
  }

  stableSnapshotTo(index: LogIndex): void {
    if (this.snapshot?.index !== index) return;
    this.snapshot = undefined;
    this.snapshotInProgress = false;
  }

  restore(snapshot: Snapshot): void {
    this.#entries = [];
    this.offset = snapshot.index + 1;
    this.offsetInProgress = this.offset;
    this.snapshot = snapshot;
    this.snapshotInProgress = false;
  }

  /** Adds entries; those of the same indexes and above give way. What gives way is no longer on its way. */
  append(entries: readonly Entry[]): 'appended' | 'replaced' | 'truncated' {
    const from = entries[0]?.index ?? this.offset + this.#entries.length;
    let did: 'appended' | 'replaced' | 'truncated' = 'appended';
    if (from <= this.offset && (from < this.offset || this.#entries.length > 0)) {
      did = 'replaced';
      this.#entries = [];
      this.offset = from;
      this.offsetInProgress = from;
    } else if (from < this.offset + this.#entries.length) {
      did = 'truncated';
      this.#entries.length = from - this.offset;
      this.offsetInProgress = Math.min(this.offsetInProgress, from);
    }
    invariant(from === this.offset + this.#entries.length, `unstable.append at ${from} leaves a gap after ${this.lastIndex()}`);
    for (const entry of entries) this.#entries.push(entry);
    return did;
  }
}
