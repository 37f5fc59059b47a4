import type { Process } from '@coracle/kernel';
import { GrpcError, grpcCode } from '../v3/grpc/status.ts';
import type { Balancer } from './balancer.ts';
import type { CallEnd, Connection } from './connection.ts';
import { CallLostError, errorOfEnd, EtcdError, isTokenRefusal } from './errors.ts';
import { exchange } from './exchange.ts';
import type { Token } from './token.ts';

/** As etcd's client: a pause once a majority of the servers was tried. */
const pauseMs = 25;
const jitter = 0.1;

export interface CallerOptions {
  readonly process: Process;
  readonly balancer: Balancer;
  /** How long a call may take with all that is tried again. */
  readonly timeoutMs: number;
  readonly token?: Token;
}

/**
 * `read`: may be tried again whatever happened. `write`: only when it was surely not begun (clientv3/retry_interceptor.go), so
 * that nothing is done twice; after any other failure the caller does not know whether it was done.
 */
export type CallKind = 'read' | 'write';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Takes the messages of one attempt; a later attempt gets a new one. */
export interface Collector<T> {
  message(bytes: Buffer): void;
  /** Called when the call ended well. Throws EtcdError when what came is not an answer. */
  result(): T;
}

/** Calls that end: over any server that is there, again where that is safe, within their time. */
export class Caller {
  readonly #options: CallerOptions;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  /** One request, one answer. Rejects with what `errorOfStatus` makes of a status, CallLostError, or EtcdError 4 when time is up. */
  unary<T>(path: string, kind: CallKind, frame: Buffer, decode: (answer: Buffer) => T, options: CallOptions = {}): Promise<T> {
    return this.collect(path, kind, frame, () => lastMessage(decode), options);
  }

  /** One request, any number of answers. */
  async collect<T>(path: string, kind: CallKind, frame: Buffer, collector: () => Collector<T>, options: CallOptions = {}): Promise<T> {
    const { process, balancer, timeoutMs } = this.#options;
    using deadline = process.clock.deadline(timeoutMs, { signal: options.signal });
    const { signal } = deadline;
    const majority = Math.floor(balancer.size / 2) + 1;
    let last: CallEnd | undefined;
    let isOut = false;
    try {
      for (let attempt = 1; ; attempt++) {
        isOut = false;
        const connection = await balancer.connection(signal);
        isOut = true;
        const into = collector();
        last = await this.#attempt(connection, path, frame, into, signal);
        if (last.is === 'status' && last.code === grpcCode.ok) return into.result();
        const isRefused = isTokenRefusal(last) && this.#options.token !== undefined;
        if (isRefused) this.#options.token?.forget();
        if (!isRefused && !mayTryAgain(kind, last)) throw errorOfEnd(last);
        if (isRefused || attempt % majority === 0) await this.#pause(signal);
      }
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error;
      if (options.signal?.aborted) throw error;
      throw this.#late(kind, isOut, last);
    }
  }

  /** What every call of this client says of itself. */
  async metadata(connection: Connection, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const token = await this.#options.token?.value(connection, signal);
    return token === undefined ? {} : { token };
  }

  async #attempt(
    connection: Connection,
    path: string,
    frame: Buffer,
    into: { message(bytes: Buffer): void },
    signal: AbortSignal,
  ): Promise<CallEnd> {
    let metadata: Readonly<Record<string, string>>;
    try {
      metadata = await this.metadata(connection, signal);
    } catch (error) {
      if (error instanceof CallLostError) return { is: 'lost', sent: false, reason: error }; // nothing but the login was sent
      throw error;
    }
    return exchange(connection, { path, metadata }, frame, into, signal);
  }

  #pause(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options.process;
    return clock.sleep(pauseMs * (1 + jitter * (2 * random.float() - 1)), { signal });
  }

  /** The time is up: while waiting for a server, or for its answer. */
  #late(kind: CallKind, isOut: boolean, last: CallEnd | undefined): Error {
    const { balancer, timeoutMs } = this.#options;
    const cause = last === undefined ? undefined : errorOfEnd(last);
    const text = `no answer of etcd within ${timeoutMs} ms${isOut ? '' : `: ${balancer.trouble}`}`;
    if (kind === 'write' && !isOut) return new CallLostError(false, text, { cause });
    return new EtcdError(grpcCode.deadlineExceeded, text, { cause });
  }
}

function mayTryAgain(kind: CallKind, end: CallEnd): boolean {
  if (end.is === 'lost') return !end.sent || kind === 'read';
  return kind === 'read' && end.code === grpcCode.unavailable;
}

function lastMessage<T>(decode: (answer: Buffer) => T): Collector<T> {
  let answer: { readonly value: T } | undefined;
  return {
    message(bytes) {
      if (answer !== undefined) throw new GrpcError(grpcCode.internal, 'received more than one answer of a unary call');
      answer = { value: decode(bytes) };
    },
    result() {
      if (answer === undefined) throw new EtcdError(grpcCode.internal, 'received no answer of a unary call');
      return answer.value;
    },
  };
}
