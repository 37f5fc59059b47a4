import { type ApiRequest, type Body, TransportError, type WatchFrame, type WireHeaders } from '@coracle/apimachinery';
import { abortReason, type Process } from '@coracle/kernel';
import { type Arriving, connectionLost } from './arriving.ts';
import { WatchFrames } from './watch-frames.ts';

/** A larger answer is refused: nothing that a server of ours or upstream's gives comes near. */
const maxAnswerBytes = 1 << 30;

export type Content = { readonly body: Body } | { readonly events: AsyncIterable<readonly WatchFrame[]> };

/** What follows the head of an answer: events for a watch, a stream for logs that are followed, else all of its bytes, unzipped. */
export async function readContent(
  arriving: Arriving,
  { process, bigints }: { readonly process: Process; readonly bigints: boolean | undefined },
): Promise<Content> {
  const { request, status, headers, signal } = arriving;
  const contentType = headers['content-type'] ?? '';
  const isZipped = headers['content-encoding'] === 'gzip';
  const asks = (name: string): boolean => request.query.some(([key, value]) => key === name && (value === 'true' || value === '1'));
  const plain = (): Arriving => (isZipped ? unzipping(arriving) : arriving);
  if (status === 200 && asks('watch')) return { events: new WatchFrames(plain(), { process, path: request.path, bigints }) };
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
  return { body: { form: 'bytes', contentType, bytes: isZipped ? await unzipped(bytes, request) : bytes } };
}

/** The rest of an answer. Ends quietly when `signal` cancelled the request; throws TransportError when it was cut. */
async function* chunksOf({ stream, request, signal, isWhole, cancel }: Arriving): AsyncGenerator<Uint8Array, void, undefined> {
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

/**
 * With the plain bytes of a stream, each as soon as it can be known: a server zips a watch that begins with a list, each flush of it by
 * itself (apiserver pkg/endpoints/handlers/watch.go).
 */
function unzipping(arriving: Arriving): Arriving {
  const { constants, createGunzip } = globalThis.process.getBuiltinModule('node:zlib');
  const { pipeline } = globalThis.process.getBuiltinModule('node:stream');
  const stream = createGunzip({ flush: constants.Z_SYNC_FLUSH });
  pipeline(arriving.stream, stream, () => undefined); // `stream` tells of what goes wrong with either
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
