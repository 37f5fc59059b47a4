import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { SimulatedDisk } from '../disk/simulated-disk.ts';
import { Log, logDirectory, type LogWrite } from './log.ts';
import { recoverLog } from './recovery.ts';

const identity = { clusterId: '00c0ffee00c0ffee', memberId: '0000000000000001' };
const nothingYet = { term: 0, vote: 0, commit: 0 };

/** A disk with logs on it that are opened one after the other, as a member does. */
async function scene() {
  const runtime = new SimRuntime({ seed: 3 });
  const simulated = new SimulatedDisk({ random: runtime.random.fork('disk') });
  const attach = () => simulated.attach(runtime.process('member'));
  await runtime.drive(attach().makeDirectory(logDirectory));
  const open = async () => {
    const disk = attach();
    const recovery = { disk, identity, after: 0, isReceived: false, hardState: nothingYet, apply: () => undefined };
    const found = await runtime.drive(recoverLog({ ...recovery, keepEntries: 10, forceTruncate: false }));
    const sizes = { segmentBytes: 4096, firstSegmentBytes: 1024, reserveBytes: 128 };
    const log = await runtime.drive(
      Log.open({ disk, identity, random: runtime.random, ...sizes, firstIndex: 1, hardState: nothingYet }, found),
    );
    return { log, found };
  };
  const append = (log: Log, ...writes: readonly LogWrite[]): Promise<number> => runtime.drive(log.append(writes));
  return { simulated, open, append };
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
