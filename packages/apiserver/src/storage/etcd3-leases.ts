import type { EtcdClient } from '@coracle/etcd';
import type { Clock } from '@coracle/kernel';

/** A lease serves objects that end at about the same time: within this share of their time, and within a minute. */
const reuse = { share: 0.05, largestSeconds: 60 } as const;
/** More objects than this on one lease would all be deleted at once. */
const maxObjects = 1000;

/**
 * Leases for objects that end by themselves, few for many (apiserver pkg/storage/etcd3/lease_manager.go). A lease is granted for a
 * little longer than is wanted, and serves what is written until the time that is left is less than that.
 */
export class Leases {
  readonly #client: EtcdClient;
  readonly #clock: Clock;
  #lease: bigint | undefined;
  #endsAtMs = 0;
  #objects = 0;

  constructor(client: EtcdClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** A lease that lasts `ttlSeconds` at least. Rejects as a call of the client does. */
  async lease(ttlSeconds: number): Promise<bigint> {
    const nowMs = this.#clock.monotonic();
    const extraSeconds = Math.floor(Math.min(reuse.largestSeconds, ttlSeconds * reuse.share));
    const restSeconds = (this.#endsAtMs - nowMs) / 1000;
    this.#objects++;
    if (
      this.#lease !== undefined &&
      restSeconds > ttlSeconds &&
      restSeconds < ttlSeconds + extraSeconds + 1 &&
      this.#objects <= maxObjects
    ) {
      return this.#lease;
    }
    const { id, ttlSeconds: granted } = await this.#client.grantLease({ ttlSeconds: ttlSeconds + extraSeconds });
    this.#lease = id;
    // From when it was asked for: it does not last longer than is thought.
    this.#endsAtMs = nowMs + granted * 1000;
    this.#objects = 1;
    return id;
  }
}
