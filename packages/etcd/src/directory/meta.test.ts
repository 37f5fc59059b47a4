import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { SimulatedDisk } from '../disk/simulated-disk.ts';
import { createMeta, type Meta, readMeta, updateMeta } from './meta.ts';

const meta = (incarnation: number): Meta => ({
  identity: { clusterId: '00c0ffee00c0ffee', memberId: '0000000000000001' },
  incarnation,
  diskId: 7,
  hardState: { term: incarnation, vote: 2, commit: 3 },
  snapshot: '',
  initialMembers: '',
  disks: new Map([[2, 77]]),
});

test('updateMeta() that a crash cuts at any byte leaves what was there before, or what was to be', async () => {
  const runtime = new SimRuntime({ seed: 1 });
  const disk = new SimulatedDisk({ random: runtime.random.fork('disk') });
  const attached = disk.attach(runtime.process('member'));
  await runtime.drive(createMeta(attached, meta(1)));
  for (let incarnation = 2; incarnation < 5; incarnation++) {
    const before = disk.contents('META');
    await runtime.drive(updateMeta(attached, meta(incarnation)));
    const after = disk.contents('META');
    const seen = new Set<number | undefined>();
    // Of bytes that are the same it does not matter which are there.
    const changed = [...after.keys()].filter((at) => after[at] !== before[at]);
    assert.ok(changed.length >= 5, `${changed.length} bytes change`);
    for (let count = 0; count <= changed.length; count++) {
      const written = new Set(changed.slice(0, count));
      disk.damage('META', (bytes) => bytes.set(before.map((byte, at) => (written.has(at) ? (after[at] ?? 0) : byte))));
      seen.add((await runtime.drive(readMeta(attached)))?.incarnation);
    }
    assert.deepEqual([...seen], [incarnation - 1, incarnation]);
    assert.deepEqual(await runtime.drive(readMeta(attached)), meta(incarnation));
  }
});
