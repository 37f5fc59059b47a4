import type { Process } from '@coracle/kernel';
import { unlessAborted } from '@coracle/kernel';
import { type Connection, type Connector, type Endpoint, endpointText } from './connection.ts';

/** As etcd's client: how long one attempt may take, and the pause after a failed one, which grows to its largest. */
const dialTimeoutMs = 20_000;
const backoff = { initialMs: 100, factor: 1.6, largestMs: 3000, jitter: 0.2 } as const;

/** A connection on which nothing has come for a while is asked whether it is still there (upstream's etcd3 factory). */
export interface KeepAlive {
  readonly everyMs: number;
  readonly timeoutMs: number;
}
export const defaultKeepAlive: KeepAlive = { everyMs: 30_000, timeoutMs: 10_000 };

export interface BalancerOptions {
  readonly process: Process;
  readonly connector: Connector;
  readonly endpoints: readonly Endpoint[];
  readonly keepAlive?: KeepAlive;
}

/**
 * One connection to each server, kept up, and calls spread over those that are there in turn. A server that does not answer is
 * left out until it does.
 */
export class Balancer {
  readonly #process: Process;
  readonly #connector: Connector;
  readonly #keepAlive: KeepAlive;
  #servers: readonly Server[];
  #turn = 0;
  #hasStarted = false;
  #closed: Error | undefined;
  #waiting: ((connection: Connection) => void)[] = [];

  constructor(options: BalancerOptions) {
    this.#process = options.process;
    this.#connector = options.connector;
    this.#keepAlive = options.keepAlive ?? defaultKeepAlive;
    this.#servers = options.endpoints.map((endpoint) => new Server(endpoint));
  }

  get size(): number {
    return this.#servers.length;
  }

  /** Why there is no connection, for messages. */
  get trouble(): string {
    const of = this.#servers.map((server) => `"${endpointText(server.endpoint)}": ${server.trouble ?? 'no answer yet'}`);
    return of.join(', ');
  }

  /** The next connection in turn; waits for the first when there is none. Rejects with the reason of `signal`. */
  async connection(signal: AbortSignal): Promise<Connection> {
    this.#start();
    const next = this.#next();
    if (next !== undefined) return next;
    if (this.#closed !== undefined) throw this.#closed;
    const { promise, resolve } = Promise.withResolvers<Connection>();
    this.#waiting.push(resolve);
    try {
      return await unlessAborted(promise, signal);
    } finally {
      this.#waiting = this.#waiting.filter((each) => each !== resolve);
    }
  }

  /** Calls go to these from now on; those that run on another connection may finish there. */
  use(endpoints: readonly Endpoint[]): void {
    const texts = new Set(endpoints.map(endpointText));
    const kept = this.#servers.filter(({ endpoint }) => texts.has(endpointText(endpoint)));
    const known = new Set(kept.map(({ endpoint }) => endpointText(endpoint)));
    const added = endpoints.filter((endpoint) => !known.has(endpointText(endpoint))).map((endpoint) => new Server(endpoint));
    for (const server of this.#servers) if (!kept.includes(server)) server.leave(new Error('the server is no member any more'));
    this.#servers = [...kept, ...added];
    if (this.#hasStarted) for (const server of added) this.#keepUp(server);
  }

  /** Ends every connection; whoever waits for one goes on waiting for its own signal. */
  close(reason: Error): void {
    this.#closed ??= reason;
    for (const server of this.#servers) server.leave(reason);
  }

  #start(): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    for (const server of this.#servers) this.#keepUp(server);
  }

  #next(): Connection | undefined {
    const { length } = this.#servers;
    for (let i = 0; i < length; i++) {
      const server = this.#servers[(this.#turn + i) % length];
      if (server?.connection === undefined) continue;
      this.#turn = (this.#turn + i + 1) % length;
      return server.connection;
    }
    return undefined;
  }

  #keepUp(server: Server): void {
    this.#process.spawn(`etcd ${endpointText(server.endpoint)}`, async (signal) => {
      const onAbort = (): void => server.leave(new Error('the process is stopping'));
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        for (let pauseMs: number = backoff.initialMs; !server.signal.aborted; ) {
          const wasThere = await this.#connectOnce(server);
          pauseMs = wasThere ? backoff.initialMs : Math.min(backoff.largestMs, pauseMs * backoff.factor);
          await this.#pause(pauseMs, server.signal);
        }
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    });
  }

  /** Resolves once there is no connection, with whether there was one. */
  async #connectOnce(server: Server): Promise<boolean> {
    const { promise: closed, resolve: onClosed } = Promise.withResolvers<Error>();
    using deadline = this.#process.clock.deadline(dialTimeoutMs, { signal: server.signal, background: true });
    let connection: Connection;
    try {
      connection = await this.#connector.connect(server.endpoint, { onClosed, signal: deadline.signal });
    } catch (error) {
      server.trouble = error instanceof Error ? error.message : String(error);
      return false;
    }
    deadline[Symbol.dispose]();
    server.connection = connection;
    server.trouble = undefined;
    if (server.signal.aborted) connection.close(new Error('the server is not wanted any more'));
    const pings = this.#ping(connection);
    for (const take of this.#waiting.splice(0)) take(connection);
    const reason = await closed;
    server.connection = undefined;
    server.trouble = reason.message;
    pings[Symbol.dispose]();
    return true;
  }

  #ping(connection: Connection): Disposable {
    const { clock } = this.#process;
    const { everyMs, timeoutMs } = this.#keepAlive;
    let timer: Disposable | undefined;
    let isOver = false;
    const next = (): void => {
      if (isOver) return;
      const ask = (): void => {
        const silence = (): void => connection.close(new Error(`no answer to a ping within ${timeoutMs} ms`));
        const overdue = clock.timer(timeoutMs, silence, { background: true });
        timer = overdue;
        connection.ping(() => {
          overdue[Symbol.dispose]();
          next();
        });
      };
      timer = clock.timer(everyMs, ask, { background: true });
    };
    next();
    return {
      [Symbol.dispose]() {
        isOver = true;
        timer?.[Symbol.dispose]();
      },
    };
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#process;
    const spread = 1 + backoff.jitter * (2 * random.float() - 1);
    try {
      // While somebody waits for it, a simulation has something to wait for.
      await clock.sleep(ms * spread, { signal, background: this.#waiting.length === 0 });
    } catch (error) {
      if (!signal.aborted) throw error; // not wanted any more: the loop sees it
    }
  }
}

class Server {
  readonly endpoint: Endpoint;
  connection: Connection | undefined;
  /** Why there is no connection. */
  trouble: string | undefined;
  readonly #left = new AbortController();

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  /** Aborts when the server is not wanted any more. */
  get signal(): AbortSignal {
    return this.#left.signal;
  }

  leave(reason: Error): void {
    this.#left.abort(reason);
    this.connection?.close(reason);
  }
}
