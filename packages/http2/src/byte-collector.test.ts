import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteCollector } from './byte-collector.ts';

test('ByteCollector keeps an only piece as it is', () => {
  const bytes = new ByteCollector();
  const piece = Buffer.from('abc');
  bytes.add(Buffer.alloc(0));
  bytes.add(piece);
  const taken = bytes.take();
  assert.equal(taken.buffer, piece.buffer);
  assert.deepEqual([taken.toString(), bytes.length], ['abc', 0]);
});

test('ByteCollector keeps none of several pieces, only what they hold', () => {
  const bytes = new ByteCollector();
  const piece = Buffer.alloc(1);
  for (let i = 0; i < 10_000; i++) {
    if (i > 1) piece[0] = i % 251;
    bytes.add(piece);
  }
  assert.equal(bytes.length, 10_000);
  piece.fill(255);
  const taken = bytes.take();
  assert.ok(taken.every((byte, i) => byte === (i > 1 ? i % 251 : 0)));
  assert.ok(taken.buffer.byteLength <= 20_000);
  assert.equal(bytes.take().length, 0);
});
