import { deepFreeze, type Frozen, TransportError, type WatchFrame } from '@coracle/apimachinery';

const newline = 0x0a;
const maxFrameBytes = 64 << 20;
const types: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

/**
 * Events of a watch from newline-delimited JSON; all that one chunk completes is one batch. Throws TransportError for what
 * is no event, and for one of more than 64 MiB. A torn last line is dropped: the connection was cut.
 */
export async function* decodeWatch(
  chunks: AsyncIterable<Uint8Array>,
  path: string,
): AsyncGenerator<readonly WatchFrame[], void, undefined> {
  let torn: Uint8Array[] = []; // parts of a line whose end has not come
  let tornLength = 0;
  for await (const chunk of chunks) {
    const batch: WatchFrame[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const tail = chunk.subarray(start, end);
      const line = torn.length === 0 ? tail : Buffer.concat([...torn, tail]);
      torn = [];
      tornLength = 0;
      start = end + 1;
      if (line.length > 0) batch.push(decodeFrame(line, path));
    }
    if (start < chunk.length) {
      torn.push(chunk.subarray(start));
      tornLength += chunk.length - start;
      if (tornLength > maxFrameBytes)
        throw new TransportError(`Cannot watch "${path}": an event is larger than ${maxFrameBytes} bytes`, { executed: 'unknown' });
    }
    if (batch.length > 0) yield batch;
  }
}

// A byte order mark is no JSON; invalid sequences become U+FFFD.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * By the native parser alone, which takes half the time of our own reader: what that one finds besides (keys that come twice, integers
 * beyond 2^53) is of no use here.
 */
function decodeFrame(line: Uint8Array, path: string): WatchFrame {
  let frame: unknown;
  try {
    frame = JSON.parse(utf8.decode(line));
  } catch (error) {
    throw new TransportError(`Cannot watch "${path}": an event is not JSON`, { executed: 'unknown', cause: error });
  }
  if (!isFrame(frame)) throw new TransportError(`Cannot watch "${path}": what came is no event`, { executed: 'unknown' });
  try {
    return { type: frame.type, object: deepFreeze(frame.object) };
  } catch (error) {
    // The parser has no bound, and whoever walks the object would end like this.
    throw new TransportError(`Cannot watch "${path}": an event is nested too deeply`, { executed: 'unknown', cause: error });
  }
}

function isFrame(value: unknown): value is { readonly type: WatchFrame['type']; readonly object: Frozen<unknown> } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    types.has(value.type) &&
    'object' in value &&
    typeof value.object === 'object' &&
    value.object !== null
  );
}
