import type { ByteDuplex } from '@coracle/kernel';
import { WebSocketConnection } from '../../transport/websocket.ts';
import { PortForwardError } from './port-forward-error.ts';
import type { PodAddress } from './spdy-port.ts';

/** Data and errors of the first port; more ports of one connection would be 2 and 3, and so on. */
const channels = { data: 0, error: 1 } as const;

/** A connection to `port` through a WebSocket alone, whose messages begin with the number of their stream (`v4.channel.k8s.io`). */
export async function channelledPort(pod: PodAddress, port: number): Promise<ByteDuplex> {
  const connection = await WebSocketConnection.open({ ...pod, query: [['ports', String(port)]], protocols: ['v4.channel.k8s.io'] });
  return {
    readable: received(connection, port),
    write(chunk) {
      const message = new Uint8Array(chunk.length + 1);
      message[0] = channels.data;
      message.set(chunk, 1);
      return connection.send(message);
    },
    // The protocol cannot half-close: the pod would lose its answer.
    end: async () => undefined,
    close: () => {
      pod.process.spawn('close port-forward', () => connection.close());
    },
  };
}

/** The first message of each stream is the port, in two bytes. */
async function* received(connection: WebSocketConnection, port: number): AsyncGenerator<Uint8Array, void, undefined> {
  const greeted = new Set<number>();
  for await (const message of connection.messages()) {
    const [channel = -1] = message;
    const payload = message.subarray(1);
    if (channel !== channels.data && channel !== channels.error) throw new PortForwardError(`a message for the unknown stream ${channel}`);
    if (!greeted.has(channel)) {
      const [low = 0, high = 0] = payload;
      if (payload.length !== 2 || low + 256 * high !== port)
        throw new PortForwardError(`the stream ${channel} does not begin with the port ${port}`);
      greeted.add(channel);
    } else if (channel === channels.error) throw new PortForwardError(new TextDecoder().decode(payload).trim());
    else if (payload.length > 0) yield payload;
  }
}
