import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { closePayload, encodeFrame, FrameReader, opcodes, readClosePayload, WebSocketProtocolError } from './websocket-frames.ts';

const mask = Uint8Array.of(1, 2, 3, 4);

describe('WebSocket frames', () => {
  test('what is encoded is read again, wherever the stream is cut', () =>
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1 }),
        (payloads, isMasked, cuts) => {
          const frames = payloads.map((payload, index) => ({
            opcode: index % 2 === 0 ? opcodes.binary : opcodes.continuation,
            isFinal: index % 3 !== 0,
            payload,
          }));
          const bytes = Buffer.concat(frames.map((frame) => encodeFrame(frame, isMasked ? mask : undefined)));
          const reader = new FrameReader({ expectsMask: isMasked });
          const read = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const length = cuts[i % cuts.length] ?? 1;
            read.push(...reader.read(bytes.subarray(at, at + length)));
            at += length;
          }
          assert.deepEqual(
            read.map((frame) => ({ ...frame, payload: new Uint8Array(frame.payload) })),
            frames.map((frame) => ({ ...frame, payload: new Uint8Array(frame.payload) })),
          );
        },
      ),
    ));

  test('lengths of two and of eight bytes', () => {
    for (const length of [125, 126, 65_535, 65_536, 1 << 20]) {
      const [frame] = new FrameReader({ expectsMask: false }).read(
        encodeFrame({ opcode: opcodes.binary, isFinal: true, payload: new Uint8Array(length) }),
      );
      assert.equal(frame?.payload.length, length);
    }
  });

  const refused: readonly (readonly [string, readonly number[], number])[] = [
    ['a masked frame of a server', [0x82, 0x80, 0, 0, 0, 0], 1002],
    ['a reserved bit', [0xc2, 0], 1002],
    ['an unknown opcode', [0x83, 0], 1002],
    ['a ping in parts', [0x09, 0], 1002],
    ['a long ping', [0x89, 126, 0, 126], 1002],
    ['a huge frame', [0x82, 127, 0, 0, 0, 0, 0xff, 0, 0, 0], 1009],
  ];
  for (const [name, bytes, code] of refused) {
    test(`refuses ${name}`, () => {
      assert.throws(
        () => new FrameReader({ expectsMask: false }).read(Uint8Array.from(bytes)),
        (error) => error instanceof WebSocketProtocolError && error.closeCode === code,
      );
    });
  }
  test('refuses a frame of a client without mask', () => {
    assert.throws(() => new FrameReader({ expectsMask: true }).read(Uint8Array.of(0x82, 0)), WebSocketProtocolError);
  });

  test('close codes', () => {
    assert.deepEqual(readClosePayload(closePayload(1001, 'going')), { code: 1001, reason: 'going' });
    assert.deepEqual(readClosePayload(new Uint8Array()), { code: 1005, reason: '' });
    assert.equal(closePayload(1000, 'x'.repeat(500)).length, 125);
  });
});
