import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, uniform } from '@coracle/simulator';
import type { Process, Random } from '@coracle/kernel';
import { AppliedState } from './applied-state.ts';
import { type DiskBench, diskBench, portrait } from './contract/disk-bench.ts';
import type { DurableStore } from './durable-store.ts';
import { StoreStopped } from './directory/errors.ts';
import { errorCode } from './disk/disk.ts';
import { Mvcc, type Retention } from './mvcc/mvcc.ts';
import { nobody } from './auth/permits.ts';
import { isRefusal } from './mvcc/refusals.ts';
import { revision } from './mvcc/revision.ts';
import type { Operation } from './mvcc/types.ts';
import { MemoryStore } from './store.ts';
import type { Entry } from './wal/entry.ts';

// Refusals are thrown by the thousand, and what fails names its seed.
Error.stackTraceLimit = 0;

const runs = 60;
const incarnations = 4;

/** All entries that were proposed, in order, and how many of the first are known to be durable. */
interface History {
  entries: Entry[];
  acknowledged: number;
}

for (let seed = 1; seed <= runs; seed++) {
  test(`A store whose disk failed at any operation has a prefix with all that was acknowledged (seed ${seed})`, async () => {
    const random = seededRandom(seed).fork('workload');
    const retention = seed % 3 === 0 ? { revisions: 12, bytes: 400 } : { revisions: 100_000, bytes: 1 << 28 };
    const bench = diskBench({ seed, strategy: uniform(), retention });
    const history: History = { entries: [], acknowledged: 0 };
    for (let incarnation = 0; incarnation < incarnations; incarnation++) {
      crashSometime(bench, random);
      await workUntilCrash(bench, random, history);
      bench.process().kill();
      if (random.below(3) === 0) bench.disk.restart();
      else bench.disk.powerFailure();
      bench.disk.fault = undefined;
      const recovered = await bench.open();
      keepPrefix(history, recovered, retention);
      // A store that only read must have made durable what it read.
      if (random.below(2) === 0) await bench.runtime.drive(recovered.close());
      else bench.process().kill();
      bench.disk.powerFailure();
    }
  });
}

/** Mostly the machine or the process ends; sometimes only an operation fails, and the store must see to its end itself. */
function crashSometime({ disk }: DiskBench, random: Random): void {
  let left = random.below(120);
  const fault = random.below(4) === 0 ? 'EIO' : 'crash';
  disk.fault = () => (left-- === 0 ? fault : undefined);
}

async function workUntilCrash(bench: DiskBench, random: Random, history: History): Promise<void> {
  let store: DurableStore | undefined;
  let failure: unknown;
  let stopped = false;
  const failed = (error: unknown): void => {
    if (error instanceof StoreStopped || errorCode(error) === 'EIO') stopped = true;
    else failure = error;
  };
  bench.begin().then((opened) => {
    store = opened;
  }, failed);
  await bench.runtime.until(() => store !== undefined || failure !== undefined || stopped || bench.disk.crashed);
  if (failure !== undefined) throw failure;
  // A fault that met only a snapshot ends nothing: then the work does.
  for (let rounds = 0; store !== undefined && !stopped && !bench.disk.crashed && rounds < 100; rounds++) {
    let open = 0;
    for (let i = random.below(6); i >= 0; i--) {
      const at = history.entries.length;
      const entry = randomEntry(random, history, store);
      history.entries.push(entry);
      open++;
      propose(store, entry).then(
        () => {
          open--;
          history.acknowledged = Math.max(history.acknowledged, at + 1);
        },
        (error: unknown) => {
          open--;
          if (isRefusal(error)) history.acknowledged = Math.max(history.acknowledged, at + 1);
          else failed(error);
        },
      );
    }
    await bench.runtime.until(() => open === 0 || failure !== undefined || stopped || bench.disk.crashed);
    if (failure !== undefined) throw failure;
  }
}

function propose(store: DurableStore, entry: Entry): Promise<unknown> {
  switch (entry.kind) {
    case 'txn':
      return store.txn(entry.txn);
    case 'grant':
      return store.grantLease(entry);
    case 'revoke':
    case 'expire':
      return store.revokeLease(entry.id);
    case 'compact':
      return store.compact(entry.at);
    case 'alarm':
      return store.setAlarm(entry.action, entry.alarm);
    case 'auth':
      return store.auth.change(entry.change, nobody);
    case 'token':
      return store.auth.assign(entry.token, entry.user);
    case 'asUser':
    case 'checkpoint':
      throw new TypeError('Nobody asks a store for that alone');
  }
}

function randomEntry(random: Random, history: History, store: DurableStore): Entry {
  const leases = store.leases();
  const lease = leases[random.below(leases.length + 1)]?.id ?? 0n;
  switch (random.below(12)) {
    case 0:
      return { kind: 'grant', id: 1n + BigInt(random.below(6)), ttlSeconds: 100_000 };
    case 1:
      if (lease !== 0n) return { kind: 'revoke', id: lease };
      break;
    case 2:
      return { kind: 'compact', at: revision(random.below(store.revision + 3)) };
    case 3: {
      const value = Buffer.from(`${history.entries.length}`);
      const success = ['x', 'y', 'z'].map((key): Operation => ({ op: 'put', key, lease, value }));
      return { kind: 'txn', txn: { compares: [{ key: 'k1', target: 'version', result: 'greater', operand: 1 }], success, failure: [] } };
    }
    case 4:
      return { kind: 'txn', txn: { compares: [], success: [{ op: 'delete', key: `k${random.below(4)}`, end: 'k4' }], failure: [] } };
  }
  // Sizes around those of sectors, so that a batch is torn in many ways.
  const value = Buffer.from(`${history.entries.length} ${'v'.repeat(random.below(2) * random.below(700))}`);
  return { kind: 'txn', txn: { compares: [], success: [{ op: 'put', key: `k${random.below(8)}`, lease, value }], failure: [] } };
}

/** Finds the prefix that the store has, which then is its history; fails when there is none. */
function keepPrefix(history: History, recovered: DurableStore, retention: Retention): void {
  const found = portrait(recovered);
  const state = new AppliedState(new Mvcc({ retention }));
  const model = new MemoryStore({ process: idle }, { state, propose: async () => undefined });
  const replay = (entry: Entry): void => {
    try {
      state.apply(entry);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  };
  for (const entry of history.entries.slice(0, history.acknowledged)) replay(entry);
  for (let length = history.acknowledged; ; length++) {
    if (portrait(model) === found) {
      history.entries = history.entries.slice(0, length);
      history.acknowledged = length;
      return;
    }
    const next = history.entries[length];
    if (next === undefined) break;
    replay(next);
  }
  const [summary] = found.split('\n');
  assert.fail(`No prefix of ${history.entries.length} entries with the ${history.acknowledged} acknowledged ones gives ${summary}`);
}

/** Nothing runs in it: the model has no time. */
const idle: Process = diskBench().process();
