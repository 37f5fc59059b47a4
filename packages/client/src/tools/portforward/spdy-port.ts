import type { ByteDuplex } from '@coracle/kernel';
import { SpdyConnection, type SpdyStream, SpdyStreamResetError } from '../../transport/spdy/spdy-connection.ts';
import { upgradeToSpdy } from '../../transport/spdy/spdy-upgrade.ts';
import { webSocketDuplex } from '../../transport/spdy/websocket-duplex.ts';
import { WebSocketConnection, type WebSocketOptions } from '../../transport/websocket.ts';
import { PortForwardError } from './port-forward-error.ts';

const streamProtocol = 'portforward.k8s.io';
const tunnelProtocol = `SPDY/3.1+${streamProtocol}`;
/** More of what the node says went wrong is not kept. */
const mostErrorBytes = 64 << 10;

/** Where the pod is. */
export type PodAddress = Omit<WebSocketOptions, 'query' | 'protocols'>;

/**
 * A connection to `port` through SPDY in a WebSocket (client-go tools/portforward tunneling_dialer.go). Undefined when the server speaks
 * something else.
 */
export async function tunnelledPort(pod: PodAddress, port: number): Promise<ByteDuplex | undefined> {
  const socket = await WebSocketConnection.open({ ...pod, query: [], protocols: [tunnelProtocol] });
  if (socket.protocol === tunnelProtocol)
    return portOver(SpdyConnection.over(webSocketDuplex(socket, pod.process), pod.process), port, pod.signal);
  await socket.close();
  return undefined;
}

/** A connection to `port` through SPDY itself. */
export async function spdyPort(pod: PodAddress, port: number): Promise<ByteDuplex> {
  const { process, transport, path, signal } = pod;
  return portOver(await upgradeToSpdy({ process, transport, path, query: [], streamProtocol, signal }), port, signal);
}

/** Of two streams: one for data, and one for what the node has to say. */
async function portOver(connection: SpdyConnection, port: number, signal: AbortSignal | undefined): Promise<ByteDuplex> {
  try {
    // Where several connections share a tunnel, the requestID tells which streams belong together; here there is one.
    const headers = { port: String(port), requestid: '0' };
    const errors = await connection.open({ streamtype: 'error', ...headers }, { signal });
    await errors.end();
    const data = await connection.open({ streamtype: 'data', ...headers }, { signal });
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
