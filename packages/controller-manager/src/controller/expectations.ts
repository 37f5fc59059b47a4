import type { Clock } from '@coracle/kernel';

/** After so long an expectation is given up: an event must have been lost (pkg/controller ExpectationsTimeout). */
const timeoutMs = 5 * 60_000;

interface Expected {
  creations: number;
  /** Keys of the objects whose deletion was asked for, so that an object seen to go twice counts once. */
  readonly deletions: Set<string>;
  readonly sinceMs: number;
}

/**
 * What a controller has asked the server for and not yet seen in its cache (pkg/controller UIDTrackingControllerExpectations).
 * While something is outstanding the cache is behind the controller's own writes, and deciding by it would do them again.
 */
export class Expectations {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #expected = new Map<string, Expected>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Nothing is outstanding for the owner `key`, or it is so long ago that it will not come any more. */
  satisfied(key: string): boolean {
    const expected = this.#expected.get(key);
    if (expected === undefined) return true;
    return (expected.creations <= 0 && expected.deletions.size === 0) || this.#clock.monotonic() - expected.sinceMs > timeoutMs;
  }

  expectCreations(key: string, count: number): void {
    this.#expected.set(key, { creations: count, deletions: new Set(), sinceMs: this.#clock.monotonic() });
  }

  expectDeletions(key: string, objects: readonly string[]): void {
    this.#expected.set(key, { creations: 0, deletions: new Set(objects), sinceMs: this.#clock.monotonic() });
  }

  creationObserved(key: string): void {
    const expected = this.#expected.get(key);
    if (expected !== undefined) expected.creations--;
  }

  deletionObserved(key: string, object: string): void {
    this.#expected.get(key)?.deletions.delete(object);
  }

  /** The owner is gone. */
  forget(key: string): void {
    this.#expected.delete(key);
  }
}
