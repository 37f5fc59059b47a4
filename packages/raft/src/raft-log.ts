import { invariant } from './invariant.ts';
import { logTexts } from './log-texts.ts';
import type { Logger } from './logger.ts';
import { type Entry, type EntryId, encodedBytes, type LogIndex, limitBytes, type Snapshot, type Term } from './messages.ts';
import type { LogGap, Storage } from './storage.ts';
import { UnstableLog } from './unstable-log.ts';

/**
 * The log as one: what the storage has, and over it what is not durable yet. Three marks move through it:
 * applied ≤ applying ≤ committed ≤ lastIndex(). Upstream: log.go.
 */
export class RaftLog {
  readonly #storage: Storage;
  readonly #logger: Logger | undefined;
  readonly unstable: UnstableLog;
  /** The highest index known to be on a majority. Never falls. */
  committed: LogIndex;
  /** Handed to the application. */
  applying: LogIndex;
  /** Known to be applied. */
  applied: LogIndex;
  readonly #maxApplyingBytes: number;
  #applyingBytes = 0;
  // The application has as much as it may have, or the last batch was cut: the rest waits until some of it is applied.
  #applyingPaused = false;

  constructor(storage: Storage, logger: Logger | undefined, maxApplyingBytes: number) {
    this.#storage = storage;
    this.#logger = logger;
    this.#maxApplyingBytes = maxApplyingBytes;
    const first = storage.firstIndex();
    this.unstable = new UnstableLog(storage.lastIndex() + 1);
    this.committed = first - 1;
    this.applying = first - 1;
    this.applied = first - 1;
  }

  firstIndex(): LogIndex {
    const { snapshot } = this.unstable;
    return snapshot === undefined ? this.#storage.firstIndex() : snapshot.index + 1;
  }

  lastIndex(): LogIndex {
    return this.unstable.lastIndex() ?? this.#storage.lastIndex();
  }

  lastEntryId(): EntryId {
    const index = this.lastIndex();
    return { index, term: this.knownTerm(index) };
  }

  term(index: LogIndex): Term | LogGap {
    const unstable = this.unstable.term(index);
    if (unstable !== undefined) return unstable;
    if (index + 1 < this.firstIndex()) return 'compacted';
    if (index > this.lastIndex()) return 'unavailable';
    return this.#storage.term(index);
  }

  /** 0 for an index whose term is not known. */
  termOrZero(index: LogIndex): Term {
    const term = this.term(index);
    return typeof term === 'number' ? term : 0;
  }

  /** The term of an index that must be there. */
  knownTerm(index: LogIndex): Term {
    const term = this.term(index);
    invariant(typeof term === 'number', `the term of index ${index} is ${String(term)}`);
    return term;
  }

  matches(id: EntryId): boolean {
    return this.term(id.index) === id.term;
  }

  /** Election restriction (paper, 5.4.1): the later last term wins, at equal terms the longer log. */
  isUpToDate(other: EntryId): boolean {
    const ours = this.lastEntryId();
    return other.term > ours.term || (other.term === ours.term && other.index >= ours.index);
  }

  /** Entries of [from, to), at most `maxBytes` of them but at least one. */
  slice(from: LogIndex, to: LogIndex, maxBytes: number): readonly Entry[] | LogGap {
    if (from >= to) return [];
    if (from < this.firstIndex()) return 'compacted';
    if (to > this.lastIndex() + 1) return 'unavailable';
    const { offset } = this.unstable;
    if (from >= offset) return limitBytes(this.unstable.slice(from, to), maxBytes);
    const cut = Math.min(to, offset);
    const stable = this.#storage.entries(from, cut, maxBytes);
    if (typeof stable === 'string' || cut === to) return stable;
    const bytes = stable.length < cut - from ? maxBytes : encodedBytes(stable);
    if (bytes >= maxBytes) return stable;
    return limitBytes([...stable, ...this.unstable.slice(offset, to)], maxBytes);
  }

  /** Everything from `from` on, at most `maxBytes`. */
  entries(from: LogIndex, maxBytes: number): readonly Entry[] | LogGap {
    return this.slice(from, this.lastIndex() + 1, maxBytes);
  }

  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    invariant(first.index > this.committed, `after(${first.index - 1}) is out of range [committed(${this.committed})]`);
    const did = this.unstable.append(entries);
    if (this.#logger === undefined || did === 'appended') return;
    this.#logger.info(did === 'replaced' ? logTexts.replacedUnstable(first.index) : logTexts.truncatedUnstable(first.index));
  }

  /**
   * A leader's entries after `previous`: appended from the first one that we lack or have differently. undefined when we have
   * no such `previous`: then nothing is known to agree (log matching). Gives the last index that agrees now.
   */
  maybeAppend(previous: EntryId, entries: readonly Entry[], leaderCommit: LogIndex): LogIndex | undefined {
    if (!this.matches(previous)) return undefined;
    const last = previous.index + entries.length;
    const conflict = entries.findIndex((entry) => !this.matches(entry));
    const entry = entries[conflict];
    if (entry !== undefined) {
      if (entry.index <= this.lastIndex()) {
        this.#logger?.info(logTexts.foundConflict(entry.index, this.termOrZero(entry.index), entry.term));
      }
      invariant(entry.index > this.committed, `entry ${entry.index} conflict with committed entry [committed(${this.committed})]`);
      this.append(entries.slice(conflict));
    }
    this.commitTo(Math.min(leaderCommit, last));
    return last;
  }

  /**
   * The highest entry at or below `index` whose term is at most `term`: everything above cannot agree with a log that has `term`
   * at `index`. So a probe skips a whole term per round trip. term 0 when the log does not reach that far back.
   */
  findConflictByTerm(index: LogIndex, term: Term): EntryId {
    for (let at = index; at > 0; at -= 1) {
      const ours = this.term(at);
      if (typeof ours === 'string') return { index: at, term: 0 };
      if (ours <= term) return { index: at, term: ours };
    }
    return { index: 0, term: 0 };
  }

  commitTo(index: LogIndex): void {
    if (index <= this.committed) return;
    invariant(
      index <= this.lastIndex(),
      `tocommit(${index}) is out of range [lastIndex(${this.lastIndex()})]. Was the raft log corrupted, truncated, or lost?`,
    );
    this.committed = index;
  }

  /** Commits up to `at` if that is really our entry (paper, 5.4.2: the caller passes its own term). */
  maybeCommit(at: EntryId): boolean {
    if (at.term === 0 || at.index <= this.committed || !this.matches(at)) return false;
    this.commitTo(at.index);
    return true;
  }

  nextUnstableEntries(): readonly Entry[] {
    return this.unstable.nextEntries();
  }

  hasUnstableEntries(): boolean {
    return this.unstable.length > 0;
  }

  hasPendingSnapshot(): boolean {
    return this.unstable.snapshot !== undefined;
  }

  /** What may be applied next. Before the snapshot is durable: nothing. `allowUnstable`: entries that are not durable here, too. */
  nextCommittedEntries(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommittedEntries(allowUnstable)) return [];
    const room = this.#maxApplyingBytes - this.#applyingBytes;
    const entries = this.slice(this.applying + 1, this.#maxAppliable(allowUnstable) + 1, room);
    invariant(typeof entries !== 'string', `committed entries after ${this.applying} are gone`);
    return entries;
  }

  hasNextCommittedEntries(allowUnstable: boolean): boolean {
    return !this.#applyingPaused && !this.hasPendingSnapshot() && this.applying < this.#maxAppliable(allowUnstable);
  }

  acceptUnstable(): void {
    this.unstable.accept();
  }

  acceptApplying(entries: readonly Entry[], allowUnstable: boolean): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    this.applying = last.index;
    this.#applyingBytes += encodedBytes(entries);
    this.#applyingPaused = this.#applyingBytes >= this.#maxApplyingBytes || last.index < this.#maxAppliable(allowUnstable);
  }

  /** `bytes` are those of the entries that were applied. */
  appliedTo(index: LogIndex, bytes: number): void {
    invariant(
      index <= this.committed && index >= this.applied,
      `applied(${index}) is out of range [prevApplied(${this.applied}), committed(${this.committed})]`,
    );
    this.applied = index;
    this.applying = Math.max(this.applying, index);
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes);
    this.#applyingPaused = this.#applyingBytes >= this.#maxApplyingBytes;
  }

  stableTo(id: EntryId): void {
    const outcome = this.unstable.stableTo(id);
    if (this.#logger === undefined || outcome === 'forgotten') return;
    if (outcome === 'missing') this.#logger.info(logTexts.stableEntryMissing(id.index));
    else if (outcome === 'in snapshot') this.#logger.info(logTexts.stableEntryInSnapshot(id.index));
    else this.#logger.info(logTexts.stableEntryReplaced(id, outcome.replacedBy));
  }

  /** Everything before the snapshot is gone; what follows is the leader's to send. */
  restore(snapshot: Snapshot): void {
    this.#logger?.info(logTexts.restoring(this.describe(), snapshot));
    this.committed = snapshot.index;
    this.unstable.restore(snapshot);
  }

  snapshot(): Snapshot | undefined {
    return this.unstable.snapshot ?? this.#storage.snapshot();
  }

  describe(): string {
    const { unstable } = this;
    return logTexts.log({
      ...this.#marks(),
      offset: unstable.offset,
      offsetInProgress: unstable.offsetInProgress,
      length: unstable.length,
    });
  }

  #marks(): { committed: LogIndex; applied: LogIndex; applying: LogIndex } {
    return { committed: this.committed, applied: this.applied, applying: this.applying };
  }

  #maxAppliable(allowUnstable: boolean): LogIndex {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);
  }
}
