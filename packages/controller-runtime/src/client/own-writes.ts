import type { Frozen, KubeObject } from '@coracle/apimachinery';
import { metaNamespaceKey, metaOf } from '@coracle/client';

/** The cache that own writes are laid over: an informer's, which may be behind. */
export interface CacheView<T> {
  getByKey(key: string): Frozen<T> | undefined;
  /** The version up to which the cache is complete; '' before the first list. */
  readonly lastStoreSyncResourceVersion: string;
}

/** What is remembered of a key. */
interface OwnWrite<T> {
  /** The answer to the newest write; undefined: the object is gone by it, or is not among those that the cache holds. */
  readonly object: Frozen<T> | undefined;
  /** States of the cache up to this version are older than the write. */
  readonly version: bigint;
  /** Uids of objects that this client deleted and that the cache has not seen go. */
  readonly gone: readonly string[];
  /** A cache of this version has seen the write: without the object, that it is gone. */
  readonly passedAt: bigint;
}

/** What the answer to a delete tells; `version` is one that the object had. */
export interface DeletedObject {
  readonly uid: string;
  readonly version?: string;
}

/** How many writes of a kind are remembered while its cache is behind. */
const defaultLimit = 1_000;

/**
 * What one client wrote of one kind and its cache has not seen yet, so that a read after a write is never older than that write: of the
 * cache's state and the answer to the write, the newer counts (client-go tools/cache MutationCache, java-operator-sdk's temporary cache;
 * upstream's controller-runtime has none). Versions are compared as integers (KEP-5504); where they are none, the cache counts.
 *
 * At most `limit` writes are remembered. Beyond that, and for a kind that has no cache yet, only how far the cache has to come is
 * known: until then `isBehind`, and reads have to ask the server.
 */
export class OwnWrites<T extends KubeObject> {
  readonly #limit: number;
  readonly #writes = new Map<string, OwnWrite<T>>();
  #cache: CacheView<T> | undefined;
  // The cache says nothing before it has this version; 'unknown': before it has what the server has now.
  #barrier: bigint | 'unknown' | undefined;
  // Counts what made the barrier unknown, so that an answer of the server from before does not lift it.
  #unknowns = 0;

  constructor(options: { readonly limit?: number } = {}) {
    this.#limit = options.limit ?? defaultLimit;
  }

  /** How many writes are remembered. */
  get size(): number {
    return this.#writes.size;
  }

  /** From here on writes are laid over `cache`, whose events come to `seen` and `seenGone`. */
  attach(cache: CacheView<T>): void {
    this.#cache = cache;
  }

  get isAttached(): boolean {
    return this.#cache !== undefined;
  }

  /**
   * `object` is the server's answer to a write: `there`, as the cache will hold it; `outside` of what the cache holds, so that it has to
   * come past the write without the object; or `gone`.
   */
  wrote(object: Frozen<T>, where: 'there' | 'outside' | 'gone' = isGone(object) ? 'gone' : 'there'): void {
    const { key, uid, version } = identityOf(object);
    if (version === 0n) return;
    const known = this.#writes.get(key);
    if (known !== undefined && (version < known.version || known.gone.includes(uid))) return; // a late answer
    const gone = known?.gone ?? [];
    this.#remember(key, {
      object: where === 'there' ? object : undefined,
      version,
      gone: where === 'gone' ? [...gone, uid] : gone,
      passedAt: version,
    });
  }

  /** Call before a delete of `key` is sent, and with its answer what comes back; not for one that failed. */
  deleting(key: string): (answer: DeletedObject) => void {
    const before = this.#writes.get(key);
    // What the cache holds when the delete is sent cannot be newer than what is deleted.
    const cached = this.#cache?.getByKey(key);
    return (answer) => this.#deleted(key, answer, before, cached === undefined ? undefined : identityOf(cached));
  }

  /** Something was written at `version` that is not known in full; '' or no integer: as `wroteUnknown`. */
  wroteAt(version: string): void {
    const reached = integerOf(version);
    if (reached === 0n) this.wroteUnknown();
    else this.#raiseBarrier(reached);
  }

  /** Something was written that no answer tells: the cache has to come up to the server's present state. */
  wroteUnknown(): void {
    this.#barrier = 'unknown';
    this.#unknowns++;
  }

  /** The cache has `object`. */
  seen(object: Frozen<T>): void {
    if (this.#writes.size === 0) return;
    const { key, uid, version } = identityOf(object);
    const known = this.#writes.get(key);
    if (known !== undefined && version >= known.version && !known.gone.includes(uid)) this.#writes.delete(key);
  }

  /** The cache has seen that an object is gone; `object` is its last known state. */
  seenGone(key: string, object: Frozen<T> | undefined): void {
    const known = this.#writes.get(key);
    if (known === undefined || object === undefined) return;
    const { uid, version } = identityOf(object);
    const gone = known.gone.filter((other) => other !== uid);
    const isOutside = known.object === undefined && known.gone.length === 0;
    // What left the cache before the write may come back before it.
    if (isOutside && version < known.version) return;
    const isDone = known.object === undefined ? gone.length === 0 : identityOf(known.object).uid === uid;
    if (isDone) this.#writes.delete(key);
    else if (gone.length < known.gone.length) this.#writes.set(key, { ...known, gone });
  }

  /** The cache cannot be read yet: ask the server. */
  isBehind(): boolean {
    if (this.#barrier === undefined) return false;
    if (this.#barrier === 'unknown' || this.#cacheVersion() < this.#barrier) return true;
    this.#barrier = undefined;
    return false;
  }

  /** Lets `versionOf` ask for the server's present version, where that is what is missing. */
  async findBarrier(versionOf: () => Promise<string>): Promise<void> {
    if (this.#barrier !== 'unknown') return;
    const unknowns = this.#unknowns;
    const version = integerOf(await versionOf());
    // What was written meanwhile may be newer than that.
    if (this.#barrier === 'unknown' && this.#unknowns === unknowns) this.#barrier = version;
  }

  /** The newest known state of `key`. */
  get(key: string): Frozen<T> | undefined {
    return this.#newest(key, this.#cache?.getByKey(key));
  }

  /** The newest states of `candidates`, which the cache gave, and of own writes that it has not seen, as far as they match. */
  list(candidates: readonly Frozen<T>[], matches: (object: Frozen<T>) => boolean): readonly Frozen<T>[] {
    if (this.#writes.size === 0) return candidates.filter(matches);
    const others = new Set(this.#writes.keys());
    const objects: Frozen<T>[] = [];
    const take = (object: Frozen<T> | undefined): void => {
      if (object !== undefined && matches(object)) objects.push(object);
    };
    for (const candidate of candidates) {
      const key = metaNamespaceKey({ metadata: metaOf(candidate) });
      others.delete(key);
      take(this.#newest(key, candidate));
    }
    for (const key of others) take(this.get(key));
    return objects;
  }

  #deleted(key: string, answer: DeletedObject, before: OwnWrite<T> | undefined, cached: Identity | undefined): void {
    const { uid } = answer;
    const known = this.#writes.get(key);
    const gone = [...(known?.gone.filter((other) => other !== uid) ?? []), uid];
    if (known !== before && known?.object !== undefined && identityOf(known.object).uid !== uid) {
      // Written while the delete was on its way, and not what was deleted: it came after.
      this.#writes.set(key, { ...known, gone });
      return;
    }
    const ofDeleted = [integerOf(answer.version ?? '')];
    if (before?.object !== undefined && identityOf(before.object).uid === uid) ofDeleted.push(before.version);
    if (cached?.uid === uid) ofDeleted.push(cached.version);
    const passedAt = max(...ofDeleted);
    // Of an object that neither the cache nor a write has shown, no version says when the cache has come past it.
    if (passedAt === 0n) this.wroteUnknown();
    else this.#remember(key, { object: undefined, version: max(passedAt, before?.version ?? 0n, cached?.version ?? 0n), gone, passedAt });
  }

  #newest(key: string, cached: Frozen<T> | undefined): Frozen<T> | undefined {
    const known = this.#writes.get(key);
    if (known === undefined) return cached;
    if (cached === undefined) return this.#isPassed(known, undefined) ? undefined : known.object;
    const { uid, version } = identityOf(cached);
    const isNewer = known.object === undefined ? version > known.version : version >= known.version;
    return isNewer && !known.gone.includes(uid) ? cached : known.object;
  }

  /** The cache has come past the write: what it holds is newer. */
  #isPassed({ gone, passedAt }: OwnWrite<T>, cached: Frozen<T> | undefined): boolean {
    if (this.#cacheVersion() < passedAt) return false;
    return cached === undefined || !gone.includes(identityOf(cached).uid);
  }

  #remember(key: string, write: OwnWrite<T>): void {
    if (this.#cache === undefined) {
      this.#leaveToBarrier(write);
      return;
    }
    if (this.#isPassed(write, this.#cache.getByKey(key))) {
      this.#writes.delete(key);
      return;
    }
    this.#writes.set(key, write);
    if (this.#writes.size > this.#limit) this.#makeRoom();
  }

  #makeRoom(): void {
    for (const [key, write] of this.#writes) if (this.#isPassed(write, this.#cache?.getByKey(key))) this.#writes.delete(key);
    if (this.#writes.size <= this.#limit) return;
    for (const write of this.#writes.values()) this.#leaveToBarrier(write);
    this.#writes.clear();
  }

  #leaveToBarrier({ object, version, gone }: OwnWrite<T>): void {
    // Nobody says at which version a deletion happened.
    if (object === undefined && gone.length > 0) this.wroteUnknown();
    else this.#raiseBarrier(version);
  }

  #raiseBarrier(version: bigint): void {
    if (this.#barrier !== 'unknown') this.#barrier = max(this.#barrier ?? 0n, version);
  }

  #cacheVersion(): bigint {
    return integerOf(this.#cache?.lastStoreSyncResourceVersion ?? '');
  }
}

/** Whether what a write answered with is no longer there: the last finalizer of a deleted object went with it. */
export function isGone(object: unknown): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = metaOf(object);
  if (deletionTimestamp === undefined || finalizers.length > 0 || deletionGracePeriodSeconds > 0) return false;
  // Namespaces are held by finalizers of their own.
  const { spec } = object as { readonly spec?: { readonly finalizers?: readonly unknown[] } };
  return (spec?.finalizers ?? []).length === 0;
}

interface Identity {
  readonly key: string;
  readonly uid: string;
  readonly version: bigint;
}

function identityOf(object: unknown): Identity {
  const metadata = metaOf(object);
  return { key: metaNamespaceKey({ metadata }), uid: metadata.uid ?? '', version: integerOf(metadata.resourceVersion ?? '') };
}

/** 0 for what is no integer. */
function integerOf(version: string): bigint {
  return /^\d+$/.test(version) ? BigInt(version) : 0n;
}

function max(...versions: readonly bigint[]): bigint {
  let highest = 0n;
  for (const version of versions) if (version > highest) highest = version;
  return highest;
}
