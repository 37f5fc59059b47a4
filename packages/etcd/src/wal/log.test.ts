import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Entry } from '@coracle/raft';
import { SimRuntime } from '@coracle/simulator';
import { SimulatedDisk } from '../disk/simulated-disk.ts';
import { Log, logDirectory, type LogWrite } from './log.ts';
import { recordBytes } from './record.ts';
import { recoverLog } from './recovery.ts';
import { segmentHeaderBytes } from './segment.ts';

const identity = { clusterId: '00c0ffee00c0ffee', memberId: '0000000000000001' };
const nothingYet = { term: 0, vote: 0, commit: 0 };

/** A disk with logs on it that are opened one after the other, as a member does. */
async function scene({ firstSegmentBytes = 1024 } = {}) {
  const runtime = new SimRuntime({ seed: 3 });
  const simulated = new SimulatedDisk({ random: runtime.random.fork('disk') });
  const attach = () => simulated.attach(runtime.process('member'));
  await runtime.drive(attach().makeDirectory(logDirectory));
  const recover = (disk = attach(), after = 0) => {
    const recovery = { disk, identity, after, isReceived: false, hardState: nothingYet, apply: () => undefined };
    return runtime.drive(recoverLog({ ...recovery, keepEntries: 100, forceTruncate: false }));
  };
  const open = async () => {
    const disk = attach();
    const found = await recover(disk);
    const sizes = { segmentBytes: 4096, firstSegmentBytes, reserveBytes: 128 };
    const log = await runtime.drive(
      Log.open({ disk, identity, random: runtime.random, ...sizes, firstIndex: 1, hardState: nothingYet }, found),
    );
    return { log, found };
  };
  const append = (log: Log, ...writes: readonly LogWrite[]): Promise<number> => runtime.drive(log.append(writes));
  const dropThrough = (log: Log, index: number): Promise<void> => runtime.drive(log.dropThrough(index));
  return { simulated, attach, open, recover, append, dropThrough };
}

const vote: LogWrite = { kind: 'hardState', hardState: { term: 7, vote: 2, commit: 0 } };

test('A vote is remembered after a torn batch, however often the log is opened before anything is written again', async () => {
  const { simulated, open, append } = await scene();
  const { log } = await open();
  await append(log, vote);
  // What a crash left of the next batch.
  simulated.damage('wal/0000000000000001-0000000000000001.wal', (bytes) => bytes.fill(1, 200, 230));
  for (let restart = 0; restart < 3; restart++) {
    simulated.restart();
    assert.deepEqual((await open()).found?.hardState, { term: 7, vote: 2, commit: 0 });
  }
  assert.equal(simulated.files().filter((path) => path.endsWith('.wal')).length, 2);
});

test('A vote is remembered when the machine fails between the next segment and what was to be its first batch', async () => {
  const { simulated, open, append } = await scene();
  const { log } = await open();
  await append(log, vote);
  let isThere = false;
  simulated.fault = ({ op, path }) => {
    if (op === 'syncDirectory' && simulated.files().some((file) => file.startsWith('wal/0000000000000002') && file.endsWith('.wal')))
      isThere = true;
    return isThere && op === 'write' && path.endsWith('.wal') ? 'EIO' : undefined;
  };
  const entry = { index: 1, term: 7, type: 'EntryNormal', data: new Uint8Array(2000) } as const;
  await assert.rejects(append(log, { kind: 'entry', entry }), { code: 'EIO' });
  simulated.fault = undefined;
  simulated.powerFailure();
  assert.deepEqual((await open()).found?.hardState, { term: 7, vote: 2, commit: 0 });
});

test('A segment that was used before gives back what was written since, though the records of old lie where the new ones end', async () => {
  const { simulated, attach, open, recover, append, dropThrough } = await scene({ firstSegmentBytes: 4096 });
  const { log } = await open();
  const written: Entry[] = [];
  const inRecycled = new Set<string>();
  for (let index = 1; index <= 400; index++) {
    // All of one size.
    const entry = { index, term: 7, type: 'EntryNormal', data: Buffer.alloc(40, index) } as const;
    await append(log, { kind: 'entry', entry });
    written.push(entry);
    // A segment that is needed no more becomes the next one.
    const dropped = Math.max(0, index - 90);
    await dropThrough(log, dropped);
    const last = simulated.files().findLast((path) => path.endsWith('.wal')) ?? '';
    if (simulated.contents(last)[56] !== 1) continue;
    inRecycled.add(last);
    const found = await recover(attach(), dropped);
    const entries = (found?.entries ?? []).map((each): Entry => ({ ...each, data: Buffer.from(each.data) }));
    assert.deepEqual(entries, written.slice(dropped), `after entry ${index}`);
  }
  assert.ok(inRecycled.size >= 3, `${inRecycled.size} segments were used again`);
});

test('Cut at any byte, a log gives back all that had been acknowledged there and nothing else', async () => {
  const { simulated, open, recover, append } = await scene({ firstSegmentBytes: 4096 });
  const { log } = await open();
  const path = 'wal/0000000000000001-0000000000000001.wal';
  const written: Entry[] = [];
  /** Bytes of the log, and how many entries were acknowledged then. */
  const acknowledged: { readonly bytes: number; readonly entries: number }[] = [];
  let bytes = segmentHeaderBytes + recordBytes(1); // the state with which it begins
  acknowledged.push({ bytes, entries: 0 });
  for (let batch = 0; batch < 12; batch++) {
    const entries = Array.from({ length: 1 + (batch % 3) }, (_, i): Entry => {
      const index = written.length + 1 + i;
      return { index, term: 1 + (batch >> 2), type: 'EntryNormal', data: Buffer.alloc((7 * index) % 50, index) };
    });
    bytes += await append(log, ...entries.map((entry): LogWrite => ({ kind: 'entry', entry })));
    written.push(...entries);
    acknowledged.push({ bytes, entries: written.length });
  }
  const original = simulated.contents(path);
  for (let cut = acknowledged[0]?.bytes ?? 0; cut <= bytes; cut++) {
    simulated.damage(path, (file) => {
      file.set(original);
      file.fill(0, cut);
    });
    const found = await recover();
    const place = acknowledged.findLastIndex((each) => each.bytes <= cut);
    const least = acknowledged[place]?.entries ?? 0;
    // Of a batch that was being written, the first entries may be whole.
    const most = acknowledged[place + 1]?.entries ?? least;
    const entries = found?.entries ?? [];
    assert.ok(entries.length >= least && entries.length <= most, `cut at ${cut}: ${entries.length} entries, acknowledged ${least}`);
    for (const [i, { index, term, data }] of entries.entries()) {
      assert.deepEqual([index, term, Buffer.from(data)], [written[i]?.index, written[i]?.term, Buffer.from(written[i]?.data ?? [])]);
    }
  }
});
