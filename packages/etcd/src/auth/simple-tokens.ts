import type { Clock } from '@coracle/kernel';

/** etcd's default of --auth-token-ttl. */
export const defaultTokenTtlMs = 300_000;

/**
 * Tokens that mean a user as long as they are used (server/auth/simple_token.go). All members are told of each through the log,
 * and none survives a restart: clients authenticate again.
 */
export class SimpleTokens {
  /** In order of their last use, the oldest first. */
  readonly #tokens = new Map<string, { readonly user: string; readonly usedAtMs: number }>();
  #clock: Clock | undefined;
  #ttlMs = defaultTokenTtlMs;

  /** From now on tokens are taken, and end `ttlMs` after their last use. */
  keepTime(clock: Clock, ttlMs: number = this.#ttlMs): void {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  assign(token: string, user: string): void {
    if (this.#clock === undefined) return;
    this.#forgetOld(this.#clock.monotonic());
    this.#tokens.set(token, { user, usedAtMs: this.#clock.monotonic() });
  }

  /** Whom it means; its time begins again. */
  use(token: string): string | undefined {
    const known = this.#tokens.get(token);
    if (known === undefined || this.#clock === undefined) return undefined;
    const nowMs = this.#clock.monotonic();
    this.#tokens.delete(token);
    if (nowMs - known.usedAtMs > this.#ttlMs) return undefined;
    this.#tokens.set(token, { user: known.user, usedAtMs: nowMs });
    return known.user;
  }

  forgetUser(user: string): void {
    for (const [token, known] of this.#tokens) if (known.user === user) this.#tokens.delete(token);
  }

  clear(): void {
    this.#tokens.clear();
  }

  #forgetOld(nowMs: number): void {
    for (const [token, { usedAtMs }] of this.#tokens) {
      if (nowMs - usedAtMs <= this.#ttlMs) return;
      this.#tokens.delete(token);
    }
  }
}
