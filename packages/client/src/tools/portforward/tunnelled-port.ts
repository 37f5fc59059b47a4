import type { ByteDuplex } from '@coracle/kernel';
import { SpdyConnection, type SpdyStream, SpdyStreamResetError } from '../../transport/spdy/spdy-connection.ts';
import { webSocketDuplex } from '../../transport/spdy/websocket-duplex.ts';
import { WebSocketConnection, type WebSocketOptions } from '../../transport/websocket.ts';
import { PortForwardError } from './port-forward-error.ts';

const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io';
/** More of what the node says went wrong is not kept. */
const mostErrorBytes = 64 << 10;

/**
 * A connection to `port` through SPDY in a WebSocket, as kubectl makes it (client-go tools/portforward tunneling_dialer.go): a stream for
 * data, and one for what the node has to say. Undefined when the server speaks something else.
 */
export async function tunnelledPort(options: Omit<WebSocketOptions, 'query' | 'protocols'>, port: number): Promise<ByteDuplex | undefined> {
  const socket = await WebSocketConnection.open({ ...options, query: [], protocols: [tunnelProtocol] });
  if (socket.protocol !== tunnelProtocol) {
    await socket.close();
    return undefined;
  }
  const connection = SpdyConnection.over(webSocketDuplex(socket, options.process), options.process);
  try {
    // Where several connections share a tunnel, the requestID tells which streams belong together; here there is one.
    const headers = { port: String(port), requestid: '0' };
    const errors = await connection.open({ streamtype: 'error', ...headers }, options);
    await errors.end();
    const data = await connection.open({ streamtype: 'data', ...headers }, options);
    return {
      readable: received(connection, data, errors),
      write: (chunk) => data.write(chunk),
      end: () => data.end(),
      close: () => connection.close(),
    };
  } catch (error) {
    connection.close();
    throw error instanceof SpdyStreamResetError ? new PortForwardError(`the node refuses the connection: ${error.message}`) : error;
  }
}

/** What the port says, until it ends that or the node breaks it off. */
async function* received(connection: SpdyConnection, data: SpdyStream, errors: SpdyStream): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    let broken: unknown;
    try {
      yield* data.readable;
    } catch (error) {
      broken = error;
    }
    // First the node says what went wrong, then it breaks both streams off.
    const text = await textOf(errors);
    if (text !== '') throw new PortForwardError(text);
    if (broken instanceof SpdyStreamResetError) throw new PortForwardError(`the node broke the connection off: ${broken.message}`);
    if (broken !== undefined) throw broken;
  } finally {
    connection.close();
  }
}

/** All that the stream says, however it ends. */
async function textOf(stream: SpdyStream): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of stream.readable) {
      length += chunk.length;
      if (length <= mostErrorBytes) parts.push(chunk);
    }
  } catch {
    // that it was broken off says no more than its text
  }
  return Buffer.concat(parts).toString().trim();
}
