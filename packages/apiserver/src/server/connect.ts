import {
  type ApiRequest,
  type ApiResponse,
  deepFreeze,
  type ExchangeOptions,
  joinedHeaders,
  newNotImplemented,
  type Transport,
  TransportError,
  type WatchFrame,
} from '@coracle/apimachinery';
import { abortReason, type Process, unlessAborted } from '@coracle/kernel';
import { authenticated, type UserInfo } from '../authentication/user.ts';
import type { ApiServer } from './api-server.ts';

export interface ConnectOptions {
  /** The caller: its lanes carry the requests, its end ends them. */
  readonly process: Process;
  /** Given, not proved: whoever composes a cluster says who its parts are. They are authorized like anyone. */
  readonly user: UserInfo;
  readonly userAgent: string;
}

/**
 * A Transport to a server in the same process, for one caller. A request and its answer are a step each, in the lane of a free
 * slot, so that calls at the same time may overtake each other; a batch of watch events is a step in the lane of its watch.
 */
export function connect(server: ApiServer, options: ConnectOptions): Transport {
  const { process } = options;
  const user = authenticated(options.user);
  const slots: boolean[] = [];
  let watches = 0;

  const takeSlot = (): number => {
    const free = slots.indexOf(false);
    const slot = free < 0 ? slots.length : free;
    slots[slot] = true;
    return slot;
  };

  const exchange = async (request: ApiRequest, { signal }: ExchangeOptions = {}): Promise<ApiResponse> => {
    throwIfAborted(signal);
    using _busy = process.busy(`${request.method} ${request.path}`);
    const slot = takeSlot();
    const lane = `call/${slot}`;
    const call = new AbortController();
    const onAbort = (): void => call.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const sent = asSent(request, options.userAgent);
      const answer = process.step({ lane, op: request.method, key: request.path }, () =>
        server.handle(sent, { user, form: 'object', signal: call.signal }),
      );
      // The server goes on with a request whose caller went away, as over a connection that is cut.
      const response = await unlessAborted(answer, signal);
      const arrived = await process.step({ lane, op: `< ${request.method}`, key: request.path }, () => response);
      throwIfAborted(signal);
      if (!('events' in arrived)) {
        const { body } = arrived;
        if (body.form === 'stream') return { ...arrived, body: { ...body, chunks: untilLeft(body.chunks, { call, signal, onAbort }) } };
        signal?.removeEventListener('abort', onAbort);
        return arrived;
      }
      const events = deliver(arrived.events, { process, lane: `watch/${watches++}`, key: request.path, call, signal, onAbort });
      return { status: arrived.status, headers: arrived.headers, events };
    } finally {
      slots[slot] = false;
    }
  };

  return {
    exchange,
    async upgrade(request) {
      throw new TransportError('Cannot upgrade the connection', {
        executed: 'no',
        cause: newNotImplemented(`${request.method} ${request.path}`),
      });
    },
  };
}

interface Delivery {
  readonly process: Process;
  readonly lane: string;
  readonly key: string;
  readonly call: AbortController;
  readonly signal: AbortSignal | undefined;
  onAbort(): void;
}

async function* deliver(
  events: AsyncIterable<readonly WatchFrame[]>,
  delivery: Delivery,
): AsyncGenerator<readonly WatchFrame[], void, undefined> {
  const { process, lane, key, call, signal, onAbort } = delivery;
  try {
    for await (const batch of events) {
      yield await process.step({ lane, op: 'events', key }, () => deepFreezeFrames(batch));
      throwIfAborted(signal);
    }
    throwIfAborted(signal);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    call.abort(new Error('The watch was left'));
  }
}

/** An answer without an end, as a followed log: it ends with the caller's signal, and with the caller's reading. */
async function* untilLeft(
  chunks: AsyncIterable<Uint8Array>,
  { call, signal, onAbort }: Pick<Delivery, 'call' | 'signal' | 'onAbort'>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* chunks;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    call.abort(new Error('The stream was left'));
  }
}

function deepFreezeFrames(batch: readonly WatchFrame[]): readonly WatchFrame[] {
  for (const frame of batch) Object.freeze(frame);
  return Object.freeze(batch);
}

function asSent(request: ApiRequest, userAgent: string): ApiRequest {
  const headers = { 'user-agent': userAgent, ...joinedHeaders(request) };
  const { body } = request;
  if (body?.form !== 'object') return { ...request, headers };
  return { ...request, headers, body: { form: 'object', object: deepFreeze(body.object) } };
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortReason(signal);
}
