import { crc32 } from 'node:zlib';
import { SimRuntime, type SimProcess, type Strategy } from '@coracle/simulator';
import { SimulatedDisk } from '../disk/simulated-disk.ts';
import type { DurableStore } from '../durable-store.ts';
import type { TxnResult } from '../mvcc/types.ts';
import { type DurableStoreOptions, openDurableStore } from '../open.ts';
import type { Store } from '../store.ts';

/** Sizes at which a short test sees segments and snapshots come and go. */
export const small = { segmentBytes: 4096, snapshotBytes: 6000, firstSegmentBytes: 2048, reserveBytes: 1024 } as const;

/** A disk, and stores that open, close and crash on it one after the other. */
export interface DiskBench {
  readonly runtime: SimRuntime;
  readonly disk: SimulatedDisk;
  /** The process of the store that was opened last. */
  process(): SimProcess;
  /** Starts opening a store in a new process. */
  begin(): Promise<DurableStore>;
  open(): Promise<DurableStore>;
  put(store: Store, key: string, value?: string): Promise<TxnResult>;
}

export function diskBench(
  options: { readonly seed?: number; readonly strategy?: Strategy } & Partial<Omit<DurableStoreOptions, 'process' | 'disk'>> = {},
): DiskBench {
  const { seed = 11, strategy, ...sizes } = options;
  const runtime = new SimRuntime({ seed, ...(strategy === undefined ? {} : { strategy }) });
  const disk = new SimulatedDisk({ random: runtime.random.fork('disk') });
  let process = runtime.process('store');
  const begin = (): Promise<DurableStore> => {
    process = runtime.process('store');
    return openDurableStore({ process, disk: disk.attach(process), ...small, ...sizes });
  };
  return {
    runtime,
    disk,
    process: () => process,
    begin,
    open: () => runtime.drive(begin()),
    put: (store, key, value = key) =>
      runtime.drive(store.txn({ compares: [], success: [{ op: 'put', key, value: Buffer.from(value) }], failure: [] })),
  };
}

/** Everything that a store answers, as text: equal stores have equal portraits. */
export function portrait(store: Store): string {
  const lines = [`revision ${store.revision} compact ${store.compactRevision} retained ${store.retainedRevision}`];
  for (let revision = Math.max(1, store.retainedRevision); revision <= store.revision; revision++) {
    for (const kv of store.history({ key: '\0', end: '\0', revision }).kvs) {
      const { key, value, createRevision, modRevision, version, lease } = kv;
      lines.push(`${revision} ${key}=${Buffer.from(value).toString('latin1')} ${createRevision} ${modRevision} ${version} ${lease}`);
    }
  }
  for (const { id, ttlSeconds } of store.leases()) lines.push(`lease ${id} ${ttlSeconds} ${store.lease(id)?.keys.join(' ')}`);
  return lines.join('\n');
}

/** What a store holds now, in short. */
export function digestOf(store: Store): string {
  const { kvs } = store.range({ key: '\0', end: '\0' });
  return `${store.revision} ${kvs.map(({ key, value, modRevision, version }) => `${key} ${modRevision} ${version} ${crc32(value)}`).join()}`;
}
