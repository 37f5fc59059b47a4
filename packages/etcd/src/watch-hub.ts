import type { Change } from './mvcc/types.ts';

/** Receives the changes of the keys it asked for, one batch per transaction, in order of revision. Must not throw. */
export type ChangeSink = (batch: readonly Change[]) => void;

interface Watcher {
  readonly key: string;
  readonly end: string | undefined;
  readonly sink: ChangeSink;
  readonly lost: (() => void) | undefined;
  isActive: boolean;
}

/**
 * Finds the watchers of a change. Nearly all watch a prefix, so those are found by looking up the key's beginnings in
 * one map per length of prefix; other ranges are compared one by one.
 */
export class WatchHub {
  readonly #byPrefix = new Map<number, Map<string, Set<Watcher>>>();
  readonly #others = new Set<Watcher>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** `end` as in KeyRange. Nothing is delivered before this returns. `lost` as in `Store.watch`. */
  add(key: string, end: string | undefined, sink: ChangeSink, lost?: () => void): Disposable {
    const watcher: Watcher = { key, end, sink, lost, isActive: true };
    const set = end !== undefined && end === prefixEnd(key) ? this.#prefixSet(key) : this.#others;
    set.add(watcher);
    this.#size++;
    return {
      [Symbol.dispose]: () => {
        if (!watcher.isActive) return;
        watcher.isActive = false;
        set.delete(watcher);
        this.#size--;
        const sets = this.#byPrefix.get(key.length);
        if (set.size === 0 && sets?.get(key) === set) sets.delete(key);
        if (sets?.size === 0) this.#byPrefix.delete(key.length);
      },
    };
  }

  /** Something has happened that nobody can be told any more: no watch goes on as if it had not. */
  lose(): void {
    const watchers = [...this.#others, ...[...this.#byPrefix.values()].flatMap((sets) => [...sets.values()].flatMap((set) => [...set]))];
    this.#others.clear();
    this.#byPrefix.clear();
    this.#size = 0;
    for (const watcher of watchers) {
      if (!watcher.isActive) continue; // ended by one before it
      watcher.isActive = false;
      watcher.lost?.();
    }
  }

  /** `changes` are those of one transaction. */
  deliver(changes: readonly Change[]): void {
    if (this.#size === 0) return;
    const only = changes.length === 1 ? changes[0] : undefined;
    if (only !== undefined) {
      // A sink may end other watches.
      for (const watcher of this.#watchersOf(only.key)) if (watcher.isActive) watcher.sink(changes);
      return;
    }
    const batches = new Map<Watcher, Change[]>();
    for (const change of changes) {
      for (const watcher of this.#watchersOf(change.key)) {
        const batch = batches.get(watcher);
        if (batch === undefined) batches.set(watcher, [change]);
        else batch.push(change);
      }
    }
    for (const [watcher, batch] of batches) if (watcher.isActive) watcher.sink(batch);
  }

  #watchersOf(key: string): readonly Watcher[] {
    const found: Watcher[] = [];
    for (const [length, sets] of this.#byPrefix) {
      if (length > key.length) continue;
      const set = sets.get(key.slice(0, length));
      if (set !== undefined) found.push(...set);
    }
    for (const watcher of this.#others) if (covers(watcher, key)) found.push(watcher);
    return found;
  }

  #prefixSet(prefix: string): Set<Watcher> {
    let sets = this.#byPrefix.get(prefix.length);
    if (sets === undefined) {
      sets = new Map();
      this.#byPrefix.set(prefix.length, sets);
    }
    let set = sets.get(prefix);
    if (set === undefined) {
      set = new Set();
      sets.set(prefix, set);
    }
    return set;
  }
}

/** The end of the range of all keys that begin with `prefix`; '\0' (no end) when there is none. */
export function prefixEnd(prefix: string): string {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const code = prefix.charCodeAt(i);
    if (code < 0xff) return prefix.slice(0, i) + String.fromCharCode(code + 1);
  }
  return '\0';
}

function covers(watcher: Watcher, key: string): boolean {
  if (watcher.end === undefined) return key === watcher.key;
  return key >= watcher.key && (watcher.end === '\0' || key < watcher.end);
}
