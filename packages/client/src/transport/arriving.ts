import type { Readable } from 'node:stream';
import { type ApiRequest, TransportError, type WireHeaders } from '@coracle/apimachinery';

/** An answer whose head has come. */
export interface Arriving {
  readonly request: ApiRequest;
  readonly status: number;
  readonly headers: WireHeaders;
  readonly signal: AbortSignal | undefined;
  /** The rest of it. */
  readonly stream: Readable;
  /** Of a stream that has ended: nothing is missing. */
  readonly isWhole: () => boolean;
  /** Lets go of what still comes. */
  readonly cancel: () => void;
}

/** The cause of a TransportError when the connection broke after the request was sent: reads may be tried again. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
}

/** No answer, or a part of one. */
export function connectionLost(request: ApiRequest, error: unknown, executed: 'no' | 'unknown' = 'unknown'): TransportError {
  const why = error instanceof Error && error.message !== '' ? error.message : 'the stream was closed';
  return new TransportError(`No answer to ${request.method} ${request.path}: ${why}`, {
    executed,
    cause: new ConnectionLostError(why, { cause: error }),
  });
}
