import type { Socket } from 'node:net';
import type { ByteDuplex } from '@coracle/kernel';

/** A socket as a stream of bytes in both directions; `head` came before it was handed over. */
export function socketDuplex(socket: Socket, head: Uint8Array): ByteDuplex {
  let failure: Error | undefined;
  socket.on('error', (error) => {
    failure = error;
  });
  if (head.length > 0) socket.unshift(head);
  return {
    readable: (async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const chunk of socket) yield chunk as Uint8Array; // no encoding is set
    })(),
    write: (chunk) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined || socket.destroyed) reject(failure ?? new Error('the connection is closed'));
        else socket.write(chunk, (error) => (error === undefined || error === null ? resolve() : reject(error)));
      }),
    end: () => new Promise((resolve) => socket.end(() => resolve())),
    close: (reason) => {
      socket.destroy(reason);
    },
  };
}
