import { type ApiRequest, type Body, TransportError, type WatchFrame, type WireHeaders } from '@coracle/apimachinery';
import { abortReason, type Process } from '@coracle/kernel';
import { type Arriving, connectionLost } from './arriving.ts';
import { isProtobuf } from './protobuf-forms.ts';
import { WatchDecoder } from './watch-decoder.ts';
import { WatchFrames } from './watch-frames.ts';
import type { WireOptions } from './wire-request.ts';

/** A larger answer is refused: nothing that a server of ours or upstream's gives comes near. */
const maxAnswerBytes = 1 << 30;

export type Content = { readonly body: Body } | { readonly events: AsyncIterable<readonly WatchFrame[]> };

/** What follows the head of an answer: events for a watch, a stream for logs that are followed, else all of its bytes, unzipped. */
export async function readContent(arriving: Arriving, process: Process, options: WireOptions): Promise<Content> {
  const { request, status, headers, signal } = arriving;
  const contentType = headers['content-type'] ?? '';
  const isZipped = headers['content-encoding'] === 'gzip';
  const asks = (name: string): boolean => request.query.some(([key, value]) => key === name && (value === 'true' || value === '1'));
  const plain = (): Arriving => (isZipped ? unzipping(arriving) : arriving);
  const protobuf = isProtobuf(headers) ? options.form : undefined;
  if (status === 200 && asks('watch')) {
    const decoder = protobuf?.decoder() ?? new WatchDecoder({ ...options, path: request.path });
    return { events: new WatchFrames(plain(), { process, decoder }) };
  }
  if (status === 200 && asks('follow')) return { body: { form: 'stream', contentType, chunks: chunksOf(plain()) } };
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunksOf(arriving)) {
    parts.push(chunk);
    length += chunk.length;
    if (length > maxAnswerBytes) throw tooLarge(request);
  }
  if (signal?.aborted) throw abortReason(signal); // what came may be a part
  const [first] = parts;
  const bytes = parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
  const whole = isZipped ? await unzipped(bytes, request) : bytes;
  if (protobuf !== undefined) return { body: { form: 'object', object: protobuf.read(whole) } };
  return { body: { form: 'bytes', contentType, bytes: whole } };
}

/**
 * The rest of an answer. Ends quietly when `signal` cancelled the request; throws TransportError when it was cut. Read by events: Node's
 * iterator takes an HTTP/2 stream that is closed already, with bytes that nobody has read yet, for one that was cut.
 */
async function* chunksOf({ stream, request, signal, isWhole, cancel }: Arriving): AsyncGenerator<Uint8Array, void, undefined> {
  let hasEnded = stream.readableEnded;
  let isOver = hasEnded || stream.destroyed;
  let error: unknown;
  let wake = (): void => undefined;
  const readable = (): void => wake();
  const ended = (): void => {
    hasEnded = true;
    closed();
  };
  const closed = (): void => {
    isOver = true;
    wake();
  };
  const failed = (cause: unknown): void => {
    error = cause;
    closed();
  };
  stream.on('readable', readable).on('end', ended).on('close', closed).on('error', failed);
  try {
    for (;;) {
      const chunk = stream.read() as Uint8Array | null; // no encoding is set
      if (chunk !== null) yield chunk;
      else if (isOver) break;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    if (signal?.aborted === true) return;
    if (error !== undefined) throw error instanceof TransportError ? error : connectionLost(request, error);
    if (!hasEnded || !isWhole()) throw connectionLost(request, undefined);
  } finally {
    stream.off('readable', readable).off('end', ended).off('close', closed);
    cancel(); // an error that follows it has a listener still
  }
}

/** Without what was only of the connection, as net/http drops it too. */
export function withoutEncoding(headers: WireHeaders): WireHeaders {
  if (headers['content-encoding'] !== 'gzip') return headers;
  const { 'content-encoding': _, 'content-length': _length, ...others } = headers;
  return others;
}

/**
 * With the plain bytes of a stream, each as soon as it can be known: a server zips a watch that begins with a list, each flush of it by
 * itself (apiserver pkg/endpoints/handlers/watch.go).
 */
function unzipping(arriving: Arriving): Arriving {
  const { constants, createGunzip } = globalThis.process.getBuiltinModule('node:zlib');
  const stream = createGunzip({ flush: constants.Z_SYNC_FLUSH });
  const source = arriving.stream;
  source.on('error', (error) => stream.destroy(error));
  source.on('close', () => {
    if (!source.readableEnded) stream.destroy(new Error('the stream was closed'));
  });
  if (source.destroyed) stream.destroy(new Error('the stream was closed'));
  source.pipe(stream);
  return { ...arriving, stream };
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
