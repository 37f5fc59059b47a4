import { Heap, type Process } from '@coracle/kernel';
import type { GrantedLease } from '../mvcc/mvcc.ts';
import { LeaseNotFoundError } from '../mvcc/refusals.ts';
import { type LeaseId, noLease } from '../mvcc/types.ts';

/** The lease would outlive every clock. The text is etcd's. */
export class LeaseTtlTooLargeError extends Error {
  override readonly name = 'LeaseTtlTooLargeError';
  constructor() {
    super('etcdserver: too large lease TTL');
  }
}

/** etcd's lower bound with its default timing: one and a half election time-outs, rounded up to seconds. */
export const minLeaseTtlSeconds = 2;
export const maxLeaseTtlSeconds = 9_000_000_000;

/** How long to wait before expiring a lease again when the store could not. */
const retryMs = 1000;

interface Deadline {
  readonly id: LeaseId;
  readonly atMs: number;
  readonly ttlSeconds: number;
}

/**
 * The clock of the leases (etcd server/lease/lessor.go): when each ends, and that `expire` is asked for it, in order of
 * deadline, until it is `forget`-ed. Which leases there are is the state machine's to know.
 */
export class Lessor {
  readonly #process: Process;
  readonly #expire: (id: LeaseId) => Promise<void>;
  readonly #deadlines = new Map<LeaseId, Deadline>();
  // May hold deadlines that were put off or forgotten: they are skipped when they come up.
  #queue = newQueue();
  /** Leases whose end was asked for: it may come at any time from then on, whatever became of the question. */
  readonly #ending = new Set<LeaseId>();
  #timer: Disposable | undefined;
  #expiring = false;
  #stopped = false;
  #isPaused = false;

  constructor(options: { readonly process: Process; readonly expire: (id: LeaseId) => Promise<void> }) {
    this.#process = options.process;
    this.#expire = options.expire;
  }

  /** The request as etcd grants it: an id where none was given, the TTL raised to the minimum. Throws LeaseTtlTooLargeError. */
  terms(request: { readonly id?: LeaseId; readonly ttlSeconds: number }, isTaken: (id: LeaseId) => boolean): GrantedLease {
    if (request.ttlSeconds > maxLeaseTtlSeconds) throw new LeaseTtlTooLargeError();
    if (!Number.isSafeInteger(request.ttlSeconds)) throw new RangeError(`Not a TTL in seconds: ${request.ttlSeconds}`);
    let id = request.id ?? noLease;
    if (BigInt.asIntN(64, id) !== id) throw new RangeError(`Not a lease id: ${id}`);
    const { random } = this.#process;
    // As etcd's, of 63 bits.
    if (id === noLease)
      do id = (BigInt(random.u32() >>> 1) << 32n) | BigInt(random.u32());
      while (id === noLease || isTaken(id));
    return { id, ttlSeconds: Math.max(request.ttlSeconds, minLeaseTtlSeconds) };
  }

  /** Starts the lease's time, or starts it again. */
  renew({ id, ttlSeconds }: GrantedLease, remainingSeconds: number = ttlSeconds): void {
    if (this.#stopped) return;
    const deadline = { id, ttlSeconds, atMs: this.#process.clock.monotonic() + remainingSeconds * 1000 };
    this.#deadlines.set(id, deadline);
    this.#queue.push(deadline);
    if (this.#queue.size > 64 && this.#queue.size > 2 * this.#deadlines.size) this.#rebuild();
    this.#arm();
  }

  /** Whether its time was over, and it is about to end: renewing it would promise what cannot be kept. */
  isEnding(id: LeaseId): boolean {
    return this.#ending.has(id);
  }

  forget(id: LeaseId): void {
    this.#ending.delete(id);
    this.#deadlines.delete(id);
  }

  /** Seconds until it ends, fractions included. Throws LeaseNotFoundError. */
  remainingSeconds(id: LeaseId): number {
    const deadline = this.#deadlines.get(id);
    if (deadline === undefined) throw new LeaseNotFoundError();
    return Math.max(0, (deadline.atMs - this.#process.clock.monotonic()) / 1000);
  }

  /** Lets no lease end until `resume`: another member's clock decides. */
  pause(): void {
    this.#isPaused = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  /**
   * This clock decides from now on: every lease starts anew with what its checkpoint left of it, else with its full time, and
   * `extraSeconds`, since the member that decided before may have put some off without telling.
   */
  resume(extraSeconds: number, leftOf: (id: LeaseId) => number | undefined): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#ending.clear(); // what was asked for before counts no more
    for (const { id, ttlSeconds } of [...this.#deadlines.values()]) {
      this.renew({ id, ttlSeconds }, (leftOf(id) ?? ttlSeconds) + extraSeconds);
    }
  }

  /** What is left of those that were granted for longer than so many seconds, in whole seconds. */
  remainders(longerThanSeconds: number): readonly { readonly id: LeaseId; readonly remainingSeconds: number }[] {
    const long = [...this.#deadlines.values()].filter(({ id, ttlSeconds }) => ttlSeconds > longerThanSeconds && !this.isEnding(id));
    return long
      .map(({ id }) => ({ id, remainingSeconds: Math.ceil(this.remainingSeconds(id)) }))
      .filter((left) => left.remainingSeconds > 0);
  }

  /** The leases are others from now on: those of a snapshot. */
  reset(leases: readonly GrantedLease[]): void {
    this.#deadlines.clear();
    this.#ending.clear();
    this.#queue = newQueue();
    for (const lease of leases) this.renew(lease);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.[Symbol.dispose]();
  }

  /** One timer, for the first deadline. Background: a lease that runs out is nobody's goal. */
  #arm(): void {
    if (this.#expiring || this.#stopped || this.#isPaused) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    const first = this.#first();
    if (first === undefined) return;
    this.#startTimer(first.atMs - this.#process.clock.monotonic());
  }

  #startTimer(ms: number): void {
    this.#timer = this.#process.clock.timer(
      ms,
      () => {
        this.#timer = undefined;
        this.#expiring = true;
        this.#process.spawn('lease expiry', () => this.#expireDue());
      },
      { background: true },
    );
  }

  async #expireDue(): Promise<void> {
    const now = this.#process.clock.monotonic();
    try {
      for (
        let first = this.#first();
        first !== undefined && first.atMs <= now && !this.#stopped && !this.#isPaused;
        first = this.#first()
      ) {
        this.#ending.add(first.id);
        await this.#expire(first.id);
        this.forget(first.id);
      }
    } catch (error) {
      this.#process.log.warn('Cannot expire lease', { error: error instanceof Error ? error.message : String(error) });
      this.#expiring = false;
      if (!this.#stopped && !this.#isPaused) this.#startTimer(retryMs);
      return;
    }
    this.#expiring = false;
    this.#arm();
  }

  #first(): Deadline | undefined {
    for (;;) {
      const first = this.#queue.peek();
      if (first === undefined || this.#deadlines.get(first.id) === first) return first;
      this.#queue.pop();
    }
  }

  #rebuild(): void {
    this.#queue = newQueue();
    for (const deadline of this.#deadlines.values()) this.#queue.push(deadline);
  }
}

function newQueue(): Heap<Deadline> {
  return new Heap<Deadline>((a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.id < b.id));
}
