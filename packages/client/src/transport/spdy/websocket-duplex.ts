import type { ByteDuplex, Process } from '@coracle/kernel';
import type { WebSocketConnection } from '../websocket.ts';

/** The binary messages of a WebSocket as a stream of bytes, whatever their borders (client-go tools/portforward tunneling_connection.go). */
export function webSocketDuplex(socket: WebSocketConnection, process: Process): ByteDuplex {
  return {
    readable: socket.messages(),
    write: (chunk) => socket.send(chunk),
    end: () => socket.close(),
    close: () => {
      process.spawn('close websocket', () => socket.close());
    },
  };
}
