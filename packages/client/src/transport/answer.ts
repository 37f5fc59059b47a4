import type { Readable } from 'node:stream';
import { type ApiRequest, type Body, TransportError, type WatchFrame, type WireHeaders } from '@coracle/apimachinery';
import { abortReason } from '@coracle/kernel';
import { decodeWatch } from './watch-decoder.ts';

/** A larger answer is refused: nothing that a server of ours or upstream's gives comes near. */
const maxAnswerBytes = 1 << 30;

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

export type Content = { readonly body: Body } | { readonly events: AsyncIterable<readonly WatchFrame[]> };

/** What follows the head of an answer: events for a watch, a stream for logs that are followed, else all of its bytes, unzipped. */
export async function readContent(
  chunks: AsyncIterable<Uint8Array>,
  {
    request,
    status,
    headers,
    signal,
  }: { readonly request: ApiRequest; readonly status: number; readonly headers: WireHeaders; readonly signal: AbortSignal | undefined },
): Promise<Content> {
  const contentType = headers['content-type'] ?? '';
  const asks = (name: string): boolean => request.query.some(([key, value]) => key === name && (value === 'true' || value === '1'));
  if (status === 200 && asks('watch')) return { events: decodeWatch(chunks, request.path) };
  if (status === 200 && asks('follow')) return { body: { form: 'stream', contentType, chunks } };
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    length += chunk.length;
    if (length > maxAnswerBytes) throw tooLarge(request);
  }
  if (signal?.aborted) throw abortReason(signal); // what came may be a part
  const [first] = parts;
  const bytes = parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
  return { body: { form: 'bytes', contentType, bytes: headers['content-encoding'] === 'gzip' ? await unzipped(bytes, request) : bytes } };
}

/** The rest of an answer. Ends quietly when `signal` cancelled the request; throws TransportError when it was cut. */
export async function* chunksOf(
  stream: Readable,
  request: ApiRequest,
  signal: AbortSignal | undefined,
  isWhole: () => boolean,
  cancel: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of stream) yield chunk as Uint8Array; // no encoding is set
    if (!isWhole() && signal?.aborted !== true) throw connectionLost(request, undefined);
  } catch (error) {
    if (signal?.aborted) return;
    throw error instanceof TransportError ? error : connectionLost(request, error);
  } finally {
    cancel();
  }
}

/** Without what was only of the connection, as net/http drops it too. */
export function withoutEncoding(headers: WireHeaders): WireHeaders {
  if (headers['content-encoding'] !== 'gzip') return headers;
  const { 'content-encoding': _, 'content-length': _length, ...others } = headers;
  return others;
}

function unzipped(bytes: Uint8Array, request: ApiRequest): Promise<Uint8Array> {
  const { gunzip } = globalThis.process.getBuiltinModule('node:zlib');
  return new Promise((resolve, reject) => {
    gunzip(bytes, { maxOutputLength: maxAnswerBytes }, (error, plain) => {
      if (error === null) resolve(plain);
      else if ('code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') reject(tooLarge(request));
      else
        reject(
          new TransportError(`Cannot read the answer to ${request.method} ${request.path}: ${error.message}`, {
            executed: 'unknown',
            cause: error,
          }),
        );
    });
  });
}

function tooLarge(request: ApiRequest): TransportError {
  return new TransportError(`Answer to ${request.method} ${request.path} is larger than ${maxAnswerBytes} bytes`, { executed: 'unknown' });
}
