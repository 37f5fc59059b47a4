import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Transport } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { WebSocketConnection } from './websocket.ts';
import { encodeFrame, opcodes } from './websocket-frames.ts';

/** A peer that sends one message, answers every ping while `answers` says so, and whose frames are read one by one. */
function peer(answers: () => boolean) {
  const waiting: Uint8Array[] = [encodeFrame({ opcode: opcodes.binary, isFinal: true, payload: Uint8Array.of(1) })];
  let wake = Promise.withResolvers<void>();
  let closedWith: Error | undefined;
  let isClosed = false;
  const transport: Transport = {
    exchange: () => Promise.reject(new TypeError('nobody asks')),
    upgrade: async () => ({
      protocol: '',
      duplex: {
        readable: (async function* () {
          while (!isClosed || closedWith !== undefined) {
            if (closedWith !== undefined) throw closedWith;
            const next = waiting.shift();
            if (next !== undefined) yield next;
            else await wake.promise;
          }
        })(),
        write: async (frame) => {
          if (((frame[0] ?? 0) & 0x0f) !== opcodes.ping || !answers()) return;
          waiting.push(encodeFrame({ opcode: opcodes.pong, isFinal: true, payload: new Uint8Array() }));
          wake.resolve();
          wake = Promise.withResolvers();
        },
        end: async () => undefined,
        close: (reason) => {
          closedWith = reason;
          isClosed = true;
          wake.resolve();
        },
      },
    }),
  };
  return transport;
}

for (const [name, answers, busyMs, expected] of [
  ['whose reader takes long over a message is kept', () => true, 300_000, undefined],
  ['whose peer answers nothing is given up', () => false, 0, /nothing was heard for 61000 ms/],
] as const) {
  test(`a WebSocket ${name}`, async () => {
    const runtime = new SimRuntime({ seed: 1 });
    const process = runtime.process('test');
    const read = (async () => {
      const connection = await WebSocketConnection.open({ process, transport: peer(answers), path: '/', query: [], protocols: [] });
      for await (const message of connection.messages()) {
        assert.deepEqual([...message], [1]);
        await process.clock.sleep(busyMs);
        if (expected === undefined) {
          process.clock.timer(200_000, () => {
            connection.close().catch(() => undefined); // it does not throw
          });
        }
      }
    })();
    const outcome = read.then(
      () => 'closed',
      (error: unknown) => String(error),
    );
    await runtime.advance(600_000);
    assert.match(await outcome, expected ?? /^closed$/);
    await process.stop();
  });
}
