import { StatusError, type Transport, TransportError } from '@coracle/apimachinery';
import type { ByteDuplex, Process } from '@coracle/kernel';
import { collectionPath } from '../../kubernetes/resource-handle.ts';
import { WebSocketConnection } from '../../transport/websocket.ts';

/** Data and errors of the first port; more ports of one connection would be 2 and 3, and so on. */
const channels = { data: 0, error: 1 } as const;

/** The pod whose ports are reached. */
export interface PortForwardTarget {
  readonly process: Process;
  readonly transport: Transport;
  readonly namespace: string;
  readonly pod: string;
}

/** The node could not reach the port, or lost it. */
export class PortForwardError extends Error {
  override readonly name = 'PortForwardError';
}

/**
 * A connection to `port` of a pod, through the API server and the node (kubelet's portforward over WebSocket, `v4.channel.k8s.io`). One
 * WebSocket for each connection, so that a slow one holds up no other. Throws StatusError when the server refuses, TransportError when
 * no connection can be made, RangeError for what is no port. Reading throws PortForwardError for what the node reports.
 */
export async function portForward(
  target: PortForwardTarget,
  port: number,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ByteDuplex> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new RangeError(`${port} is no port`);
  const { process, transport, namespace, pod } = target;
  let connection: WebSocketConnection;
  try {
    connection = await WebSocketConnection.open({
      process,
      transport,
      path: `${collectionPath({ group: '', version: 'v1', resource: 'pods' }, namespace)}/${encodeURIComponent(pod)}/portforward`,
      query: [['ports', String(port)]],
      protocols: ['v4.channel.k8s.io'],
      signal: options.signal,
    });
  } catch (error) {
    throw error instanceof TransportError && error.cause instanceof StatusError ? error.cause : error;
  }
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
      process.spawn('close port-forward', () => connection.close());
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
