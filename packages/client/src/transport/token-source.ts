import type { Clock, Process } from '@coracle/kernel';
import type { Host } from '../rest/host.ts';

/** A bearer token and until when it is good, in milliseconds since the epoch. */
export interface Token {
  readonly value: string;
  readonly expiresAtMs: number;
}

const fileIsGoodForMs = 60_000;
const fileLeewayMs = 10_000;

/**
 * A token that is asked for again when it is about to expire; when that fails the old one is used on (client-go transport
 * cachingTokenSource). Callers at the same time share one question.
 */
export class CachingTokenSource {
  readonly #clock: Clock;
  readonly #log: Process['log'];
  readonly #ask: () => Promise<Token>;
  readonly #leewayMs: number;
  #token: Token | undefined;
  #gotAtMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<Token> | undefined;

  constructor(options: { readonly process: Process; readonly ask: () => Promise<Token>; readonly leewayMs?: number }) {
    this.#clock = options.process.clock;
    this.#log = options.process.log;
    this.#ask = options.ask;
    this.#leewayMs = options.leewayMs ?? 0;
  }

  /** Rejects when there is no token yet and none can be had. */
  async token(): Promise<string> {
    const known = this.#token;
    if (known !== undefined && known.expiresAtMs - this.#leewayMs > this.#clock.now()) return known.value;
    this.#asking ??= this.#renew().finally(() => {
      this.#asking = undefined;
    });
    return (await this.#asking).value;
  }

  /** Forgets a token that was got before `atMs`: a server refused it. */
  resetOlderThan(atMs: number): void {
    if (this.#gotAtMs >= atMs) return;
    this.#token = undefined;
    this.#gotAtMs = Number.NEGATIVE_INFINITY;
  }

  async #renew(): Promise<Token> {
    try {
      const token = await this.#ask();
      this.#token = token;
      this.#gotAtMs = this.#clock.now();
      return token;
    } catch (error) {
      if (this.#token === undefined) throw error;
      this.#log.error('Unable to rotate token', { err: error instanceof Error ? error.message : String(error) });
      return this.#token;
    }
  }
}

/** The token of a file, read again each minute (client-go transport.NewCachedFileTokenSource). */
export function fileTokenSource(process: Process, host: Pick<Host, 'readFile'>, path: string): CachingTokenSource {
  const ask = async (): Promise<Token> => {
    let text: string;
    try {
      text = host.readFile(path).trim();
    } catch (error) {
      throw new Error(`failed to read token file "${path}": ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
    if (text === '') throw new Error(`read empty token from file "${path}"`);
    return { value: text, expiresAtMs: process.clock.now() + fileIsGoodForMs };
  };
  return new CachingTokenSource({ process, ask, leewayMs: fileLeewayMs });
}
