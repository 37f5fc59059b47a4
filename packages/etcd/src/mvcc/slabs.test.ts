import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Mvcc } from './mvcc.ts';
import { revision } from './revision.ts';
import { Slabs } from './slabs.ts';
import { StoredKeyValue } from './stored-key-value.ts';

const kib = 1_024;

function stored(slabs: Slabs, bytes: number, fill: number): StoredKeyValue {
  const value = new Uint8Array(bytes).fill(fill);
  return new StoredKeyValue({ key: 'k', value, createRevision: revision(2), modRevision: revision(2), version: 1, lease: 0n }, slabs);
}

/** Distinct pieces of memory that hold `kvs`, and their bytes. */
function memoryOf(kvs: Iterable<StoredKeyValue>): { readonly pieces: number; readonly bytes: number } {
  const buffers = new Set<ArrayBufferLike>();
  for (const { value } of kvs) buffers.add(value.buffer);
  return { pieces: buffers.size, bytes: [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0) };
}

test('Slabs hold a thousand values of 1 KiB in each MiB, and a small store in little', () => {
  const slabs = new Slabs();
  const first = stored(slabs, 10, 1);
  assert.equal(memoryOf([first]).bytes, 4 * kib);
  const many = Array.from({ length: 10 * kib }, (_, i) => stored(slabs, kib, i % 256));
  assert.ok(memoryOf(many).bytes <= 12 * kib * kib);
  assert.ok(memoryOf(many).pieces <= 20);
  assert.ok(many.every(({ value }, i) => value.length === kib && value.every((byte) => byte === i % 256)));
});

test('Slabs give a large value memory of its own, and an empty one none', () => {
  const slabs = new Slabs();
  const large = stored(slabs, 3 * kib * kib, 7);
  assert.equal(large.value.buffer.byteLength, 3 * kib * kib);
  assert.equal(stored(slabs, 0, 0).value.length, 0);
});

test('Slabs move what is left of a slab when three quarters are dropped, and a view shows the same as before', () => {
  const slabs = new Slabs();
  const many = Array.from({ length: 8 * kib }, (_, i) => stored(slabs, kib, i % 256));
  const kept = many.filter((_, i) => i % 5 === 0);
  const views = kept.map(({ value }) => value);
  const before = memoryOf(many).bytes;
  for (const [i, each] of many.entries()) if (i % 5 !== 0) each.drop(slabs);
  assert.ok(memoryOf(kept).bytes < 0.4 * before, `${memoryOf(kept).bytes} of ${before} bytes`);
  for (const [i, { value }] of kept.entries()) assert.deepEqual(value, views[i]);
});

test('Slabs let a value be dropped twice', () => {
  const slabs = new Slabs();
  const [twice, other] = [stored(slabs, kib, 1), stored(slabs, kib, 2)];
  for (let i = 0; i < 10; i++) twice.drop(slabs);
  for (let i = 0; i < 100; i++) stored(slabs, kib, 3);
  assert.deepEqual(other.value, new Uint8Array(kib).fill(2));
});

test('Slabs of a fork leave the values of its origin where they are', () => {
  const origin = new Slabs();
  const many = Array.from({ length: 4 * kib }, (_, i) => stored(origin, kib, i % 256));
  const before = many.map(({ value }) => value.buffer);
  for (const each of many) each.drop(new Slabs());
  assert.ok(many.every(({ value }, i) => value.buffer === before[i]));
});

/** A store, a fork of it, and what each should hold, under random writes, forks and compactions. */
test('Mvcc has every value that it should while its slabs, and those of forks, are rewritten', () => {
  const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
  const step = fc.record({
    who: fc.nat(1),
    op: fc.constantFrom('put' as const, 'put' as const, 'put' as const, 'delete' as const, 'fork' as const),
    key: fc.constantFrom(...keys),
    size: fc.constantFrom(0, 10, 900, 3_000, 200_000),
    fill: fc.nat(255),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const stores = [new Mvcc({ retention: { revisions: 5, bytes: 10_000 } }), new Mvcc()];
      const wanted = [new Map<string, Uint8Array>(), new Map<string, Uint8Array>()];
      for (const { who, op, key, size, fill } of steps) {
        const [mvcc, want] = [stores[who] ?? assert.fail(), wanted[who] ?? assert.fail()];
        if (op === 'fork') {
          stores[1 - who] = mvcc.fork();
          wanted[1 - who] = new Map(want);
        } else if (op === 'delete') {
          mvcc.txn({ compares: [], success: [{ op: 'delete', key }], failure: [] });
          want.delete(key);
        } else {
          const value = new Uint8Array(size).fill(fill);
          mvcc.txn({ compares: [], success: [{ op: 'put', key, value }], failure: [] });
          want.set(key, value);
        }
        if (mvcc.revision > mvcc.compactRevision + 3) mvcc.compact(mvcc.revision - 2);
      }
      for (const [who, mvcc] of stores.entries()) {
        const found = new Map(mvcc.range({ key: 'a', end: 'z' }).kvs.map(({ key, value }) => [key, Buffer.from(value).toString('hex')]));
        const want = [...(wanted[who] ?? [])].map(([key, value]) => [key, Buffer.from(value).toString('hex')] as const);
        assert.deepEqual([...found].sort(), want.sort());
      }
    }),
    { numRuns: 60 },
  );
});

test('Mvcc does not keep the memory of versions that it has forgotten', () => {
  const mvcc = new Mvcc({ retention: { revisions: 100, bytes: 1 << 30 } });
  const put = (key: string, bytes: number): void => {
    mvcc.txn({ compares: [], success: [{ op: 'put', key, value: new Uint8Array(bytes) }], failure: [] });
  };
  // One that stays for each thousand that come and go: each in a slab of its own, were they not moved.
  for (let i = 0; i < 10; i++) {
    put(`stays ${i}`, kib);
    for (let j = 0; j < 1_000; j++) put('changes', kib);
    mvcc.compact(mvcc.revision);
  }
  const kvs = mvcc.range({ key: 'stays', end: 'stayt' }).kvs as readonly StoredKeyValue[]; // what an Mvcc has
  assert.ok(memoryOf(kvs).pieces <= 3, `${memoryOf(kvs).pieces} slabs`);
});

test('Slabs take over memory that is given to them, and free it like their own', () => {
  const slabs = new Slabs();
  const pieces = [0, 1].map((piece) => new Uint8Array(64 * kib).fill(piece + 1));
  const given = pieces.flatMap((piece) =>
    Array.from({ length: 60 }, (_, i) => {
      const value = new Uint8Array(piece.buffer, i * kib + 24, 1_000);
      return new StoredKeyValue(
        { key: 'k', value, createRevision: revision(2), modRevision: revision(2), version: 1, lease: 0n },
        slabs,
        true,
      );
    }),
  );
  slabs.settle();
  assert.deepEqual(
    given.map(({ value }) => value.buffer),
    given.map((_, i) => pieces[i < 60 ? 0 : 1]?.buffer),
  );
  for (const [i, each] of given.entries()) if (i % 60 > 5) each.drop(slabs);
  const kept = given.filter((_, i) => i % 60 <= 5);
  assert.ok(kept.every(({ value }, i) => value.length === 1_000 && value.every((byte) => byte === (i < 6 ? 1 : 2))));
  assert.ok(kept.every(({ value }) => pieces.every(({ buffer }) => value.buffer !== buffer)));
});

test('Slabs do not keep memory that was given to them for a few small values', () => {
  const slabs = new Slabs();
  const value = new Uint8Array(new ArrayBuffer(64 * kib), 7, 100).fill(9);
  const small = new StoredKeyValue(
    { key: 'k', value, createRevision: revision(2), modRevision: revision(2), version: 1, lease: 0n },
    slabs,
    true,
  );
  slabs.settle();
  assert.notEqual(small.value.buffer, value.buffer);
  assert.deepEqual(small.value, value);
});
