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
 * Finds the watchers of a change. Nearly all watch one key or a folder (a prefix that ends in '/'), so those are looked up: the key
 * itself, and its beginnings up to each '/'. Other ranges are compared one by one.
 */
export class WatchHub {
  readonly #byKey = new Map<string, Set<Watcher>>();
  readonly #byFolder = new Map<string, Set<Watcher>>();
  readonly #others = new Set<Watcher>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** `end` as in KeyRange. Nothing is delivered before this returns. `lost` as in `Store.watch`. */
  add(key: string, end: string | undefined, sink: ChangeSink, lost?: () => void): Disposable {
    const watcher: Watcher = { key, end, sink, lost, isActive: true };
    const map = this.#mapFor(key, end);
    const set = map === undefined ? this.#others : setOf(map, key);
    set.add(watcher);
    this.#size++;
    return {
      [Symbol.dispose]: () => {
        if (!watcher.isActive) return;
        watcher.isActive = false;
        set.delete(watcher);
        this.#size--;
        if (set.size === 0 && map?.get(key) === set) map.delete(key);
      },
    };
  }

  /** Something has happened that nobody can be told any more: no watch goes on as if it had not. */
  lose(): void {
    const watchers = [...this.#others, ...[this.#byKey, this.#byFolder].flatMap((map) => [...map.values()].flatMap((set) => [...set]))];
    this.#others.clear();
    this.#byKey.clear();
    this.#byFolder.clear();
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
    if (this.#byKey.size > 0) addTo(found, this.#byKey.get(key));
    for (let at = key.indexOf('/'); at >= 0; at = key.indexOf('/', at + 1)) addTo(found, this.#byFolder.get(key.slice(0, at + 1)));
    for (const watcher of this.#others) if (covers(watcher, key)) found.push(watcher);
    return found;
  }

  #mapFor(key: string, end: string | undefined): Map<string, Set<Watcher>> | undefined {
    if (end === undefined) return this.#byKey;
    return key.endsWith('/') && end === prefixEnd(key) ? this.#byFolder : undefined;
  }
}

function setOf(map: Map<string, Set<Watcher>>, key: string): Set<Watcher> {
  let set = map.get(key);
  if (set === undefined) {
    set = new Set();
    map.set(key, set);
  }
  return set;
}

function addTo(found: Watcher[], watchers: Iterable<Watcher> = []): void {
  for (const watcher of watchers) found.push(watcher);
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
  const { end } = watcher;
  return end !== undefined && key >= watcher.key && (end === '\0' || key < end);
}
