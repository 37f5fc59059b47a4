import type { Process } from '@coracle/kernel';

/** How the waits of a `KeyedBackoff` grow. Times are in milliseconds. */
export interface KeyedBackoffOptions {
  readonly process: Process;
  readonly initialMs: number;
  readonly maxMs: number;
  /** Each wait is made longer by up to this fraction of the one before. Default 0. */
  readonly jitter?: number;
  /** Whether an entry counts no more, so long after its last failure. Default: after twice `maxMs`. */
  readonly hasExpired?: (quietMs: number, maxMs: number) => boolean;
}

interface Entry {
  waitMs: number;
  updatedMs: number;
}

/**
 * A growing wait for each of many things that fail by themselves (client-go util/flowcontrol Backoff). Nothing waits here: it is asked
 * whether one is still waiting. Times are those of the process's monotonic clock.
 */
export class KeyedBackoff {
  readonly #options: KeyedBackoffOptions;
  readonly #process: Process;
  readonly #entries = new Map<string, Entry>();

  constructor(options: KeyedBackoffOptions) {
    this.#options = options;
    this.#process = options.process;
  }

  /** Entries that are kept, expired ones included. */
  get size(): number {
    return this.#entries.size;
  }

  /** The wait of `id` in milliseconds; 0 for what has not failed. */
  get(id: string): number {
    return this.#entries.get(id)?.waitMs ?? 0;
  }

  /** `id` failed at `eventMs`: its wait doubles, or is the first again after a long quiet time. */
  next(id: string, eventMs: number = this.#process.clock.monotonic()): void {
    const { initialMs, maxMs } = this.#options;
    const known = this.#entries.get(id);
    const updatedMs = this.#process.clock.monotonic();
    if (known === undefined || this.#hasExpired(known, eventMs)) {
      this.#entries.set(id, { waitMs: initialMs + this.#jitter(initialMs), updatedMs });
      return;
    }
    known.waitMs = Math.min(known.waitMs * 2 + this.#jitter(known.waitMs), maxMs);
    known.updatedMs = updatedMs;
  }

  /** `id` works again. */
  reset(id: string): void {
    this.#entries.delete(id);
  }

  /** It is too early to try `id` again after what happened at `eventMs`. */
  isInBackoffSince(id: string, eventMs: number): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined || this.#hasExpired(entry, eventMs)) return false;
    return this.#process.clock.monotonic() - eventMs < entry.waitMs;
  }

  /** `eventMs` is too early after the last failure of `id`. */
  isInBackoffSinceUpdate(id: string, eventMs: number): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined || this.#hasExpired(entry, eventMs)) return false;
    return eventMs - entry.updatedMs < entry.waitMs;
  }

  /** Forgets what has expired; call it now and then, where ids come and go. */
  collect(): void {
    const nowMs = this.#process.clock.monotonic();
    for (const [id, entry] of this.#entries) if (this.#hasExpired(entry, nowMs)) this.#entries.delete(id);
  }

  #jitter(ms: number): number {
    const { jitter = 0 } = this.#options;
    return jitter === 0 ? 0 : this.#process.random.float() * jitter * ms;
  }

  #hasExpired({ updatedMs }: Entry, eventMs: number): boolean {
    const { maxMs, hasExpired = (quietMs, most) => quietMs > 2 * most } = this.#options;
    return hasExpired(eventMs - updatedMs, maxMs);
  }
}
