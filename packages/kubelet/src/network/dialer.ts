import { type ByteDuplex, type Dialer, DialError, type DialRequest, type DialResponse, type Process, unlessAborted } from '@coracle/kernel';
import { duplexPair } from './duplex-pair.ts';
import type { Listener } from './network.ts';

/** Who calls: a pod. */
export interface Caller {
  readonly ip: string;
  readonly namespace: string;
  /** The pod's /etc/hosts. */
  readonly hosts: ReadonlyMap<string, string>;
}

export interface Route {
  readonly listener: Listener;
  /** The answer is to be lost with this code. */
  readonly lost: DialError['code'] | undefined;
}

interface DialerOptions {
  readonly process: Process;
  /** Throws DialError. */
  route(host: string, port: number): Route;
}

/**
 * Calls over the virtual network. Each is a pair of steps in the lane of a free slot: the arrival, which the server's process
 * runs, and the answer, which the caller's does. A server that ends cuts what is under way (ECONNRESET); one whose process
 * was killed without notice never answers.
 */
export function dialerFor({ process, route }: DialerOptions): Dialer {
  const slots: boolean[] = [];
  const inSlot = async <T>(run: (lane: string) => Promise<T>): Promise<T> => {
    const free = slots.indexOf(false);
    const slot = free < 0 ? slots.length : free;
    slots[slot] = true;
    try {
      return await run(`dial/${slot}`);
    } finally {
      slots[slot] = false;
    }
  };
  const arrive = async <T>(
    target: Target,
    lane: string,
    op: string,
    serve: (listener: Listener) => T,
  ): Promise<{ readonly served: T; readonly route: Route }> => {
    let found: Route;
    try {
      found = route(target.host, target.port);
    } catch (error) {
      return process.step({ lane, op, key: target.key }, () => {
        throw error;
      });
    }
    const { listener } = found;
    const at = { lane: `serve ${lane} of ${process.name}`, op, key: target.key };
    const served = await cutWith(
      listener,
      listener.process.step(at, () => serve(listener)),
    );
    return { served, route: found };
  };

  const request = (url: URL, init: DialRequest): Promise<DialResponse> =>
    inSlot(async (lane) => {
      const target = targetOf(url);
      const exchange = async (): Promise<DialResponse> => {
        const { served, route: taken } = await arrive(target, lane, init.method, (listener) => ({
          answer: serveRequest(listener, url, init),
        }));
        const answer = await cutWith(taken.listener, served.answer);
        return process.step({ lane, op: `< ${init.method}`, key: target.key }, () => {
          if (taken.lost !== undefined) throw new DialError(taken.lost, `read tcp ${target.key}: ${taken.lost} (fault)`);
          return answer;
        });
      };
      return unlessAborted(exchange(), init.signal);
    });

  const connect = (host: string, port: number, options: { readonly signal?: AbortSignal } = {}): Promise<ByteDuplex> =>
    inSlot(async (lane) => {
      const key = `${host}:${port}`;
      const open = async (): Promise<ByteDuplex> => {
        const { served } = await arrive({ host, port, key }, lane, 'connect', acceptConnection);
        return process.step({ lane, op: '< connect', key }, () => served);
      };
      return unlessAborted(open(), options.signal);
    });

  return { request, connect };
}

interface Target {
  readonly host: string;
  readonly port: number;
  readonly key: string;
}

function targetOf(url: URL): Target {
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return { host: url.hostname, port, key: `${url.hostname}:${port}${url.pathname}` };
}

/** A throw of the handler is a 500, as of any server. */
async function serveRequest({ handler, closed, ip, port }: Listener, url: URL, init: DialRequest): Promise<DialResponse> {
  if (handler === undefined) throw new DialError('ECONNRESET', `read tcp ${ip}:${port}: the peer does not speak HTTP`);
  try {
    return await handler({ method: init.method, url, headers: init.headers ?? {}, body: init.body ?? new Uint8Array(), signal: closed });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { status: 500, headers: { 'content-type': 'text/plain' }, body: new TextEncoder().encode(`${text}\n`) };
  }
}

function acceptConnection({ accept, closed }: Listener): ByteDuplex {
  const [mine, theirs] = duplexPair();
  if (accept === undefined) {
    // A server of HTTP, or of nothing: the connection stands, and ends without a byte.
    theirs.close();
    return mine;
  }
  const cut = (): void => theirs.close(new DialError('ECONNRESET', 'connection reset by peer'));
  closed.addEventListener('abort', cut, { once: true });
  const closing = (side: ByteDuplex): ByteDuplex => ({
    ...side,
    close: (reason) => {
      closed.removeEventListener('abort', cut);
      side.close(reason);
    },
  });
  accept(closing(theirs));
  return closing(mine);
}

/** `work` of a server that may end meanwhile. */
async function cutWith<T>({ closed, ip, port }: Listener, work: Promise<T>): Promise<T> {
  const cut = Promise.withResolvers<never>();
  const onClosed = (): void => cut.reject(new DialError('ECONNRESET', `read tcp ${ip}:${port}: connection reset by peer`));
  if (closed.aborted) onClosed();
  else closed.addEventListener('abort', onClosed, { once: true });
  try {
    return await Promise.race([work, cut.promise]);
  } finally {
    closed.removeEventListener('abort', onClosed);
  }
}
