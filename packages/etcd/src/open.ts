import type { Process, Random } from '@coracle/kernel';
import { AppliedState } from './applied-state.ts';
import { DirectoryDamaged, DirectoryNotOwned, DiskFull } from './directory/errors.ts';
import { createMeta, type Meta, readMeta, updateMeta } from './directory/meta.ts';
import { type Disk, type DiskLock, errorCode, isNoSpace } from './disk/disk.ts';
import { nodeDisk } from './disk/node-disk.ts';
import { DurableStore } from './durable-store.ts';
import { Mvcc, type Retention } from './mvcc/mvcc.ts';
import { isRefusal } from './mvcc/refusals.ts';
import { newestSnapshot, quarantineSnapshots, removeUnfinished } from './snapshot/catalog.ts';
import { snapshotDirectory } from './snapshot/snapshot-file.ts';
import { ByteReader, Malformed } from './wal/binary.ts';
import { applyEntry, readEntry } from './wal/entry.ts';
import { Log, logDirectory } from './wal/log.ts';
import type { PlacedRecord } from './wal/record.ts';
import { type RecoveredLog, recoverLog } from './wal/recovery.ts';

const mebibyte = 1024 * 1024;

export type DurableStoreOptions = {
  readonly process: Process;
  readonly retention?: Retention;
  /** Size at which a log segment is followed by the next one. Default 64 MiB, as etcd's. */
  readonly segmentBytes?: number;
  /** Log bytes after which a snapshot is taken, at the least. Default 64 MiB. */
  readonly snapshotBytes?: number;
  /** How far the log's file is filled with zeros ahead of its end. Default 4 MiB. */
  readonly aheadBytes?: number;
  /** Of that, what is kept for deletes and compactions when the disk is full. Default 1 MiB. */
  readonly reserveBytes?: number;
} & ({ readonly directory: string } | { readonly disk: Disk });

/**
 * Opens the store in a directory, making it when there is none, and takes it over for this process.
 *
 * Rejects with DirectoryInUse, DirectoryNotOwned, DirectoryTooNew, DirectoryDamaged or DiskFull: each says what to do.
 */
export async function openDurableStore(options: DurableStoreOptions): Promise<DurableStore> {
  const { process } = options;
  const disk = 'disk' in options ? options.disk : nodeDisk({ directory: options.directory, random: process.random });
  let lock: DiskLock | undefined;
  try {
    await disk.prepare();
    lock = await disk.lock();
    return await open(options, disk, lock);
  } catch (error) {
    await lock?.release();
    if (isNoSpace(error)) throw new DiskFull(disk.name, { cause: error });
    const code = errorCode(error);
    if (code === 'EACCES' || code === 'EPERM') throw new DirectoryNotOwned(disk.name, 'access is denied', { cause: error });
    throw error;
  }
}

async function open(options: DurableStoreOptions, disk: Disk, lock: DiskLock): Promise<DurableStore> {
  const { process } = options;
  const meta = (await readMeta(disk)) ?? (await initialise(disk, process.random));
  const { identity } = meta;
  const recovered = await recover(options, disk, meta);
  const logOptions = {
    disk,
    identity,
    random: process.random,
    segmentBytes: options.segmentBytes ?? 64 * mebibyte,
    aheadBytes: options.aheadBytes ?? 4 * mebibyte,
    reserveBytes: options.reserveBytes ?? mebibyte,
  };
  const log = await Log.open(logOptions, recovered.log);
  try {
    const term = meta.term + 1;
    await updateMeta(disk, { identity, term });
    const { mvcc, replayedBytes } = recovered;
    const snapshotBytes = options.snapshotBytes ?? 64 * mebibyte;
    process.log.info('Store opened', { directory: disk.name, revision: mvcc.revision, term, tornBytes: recovered.log?.tornBytes ?? 0 });
    return DurableStore.start({
      process,
      disk,
      lock,
      identity,
      term,
      log,
      state: new AppliedState(mvcc),
      replayedBytes,
      snapshotBytes,
    });
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** Makes META of an empty directory. A log without META is a directory that lost it. */
async function initialise(disk: Disk, random: Random): Promise<Meta> {
  for (const directory of [logDirectory, snapshotDirectory]) {
    const [found] = (await disk.list(directory)).filter((name) => !name.endsWith('.tmp'));
    if (found !== undefined) throw new DirectoryDamaged(disk.name, { file: 'META' }, `it is missing, but "${directory}/${found}" exists`);
    await disk.makeDirectory(directory);
  }
  await disk.syncDirectory('');
  const id = (): string => Buffer.from(random.bytes(8)).toString('hex');
  const meta: Meta = { identity: { clusterId: id(), memberId: id() }, term: 0 };
  await createMeta(disk, meta);
  return meta;
}

interface Recovered {
  readonly mvcc: Mvcc;
  readonly log: RecoveredLog | undefined;
  readonly replayedBytes: number;
}

/** The newest snapshot that reads back, and the log after it. */
async function recover(options: DurableStoreOptions, disk: Disk, { identity, term }: Meta): Promise<Recovered> {
  await removeUnfinished(disk);
  const { snapshot, unreadable } = await newestSnapshot(disk, identity);
  const retention = options.retention === undefined ? {} : { retention: options.retention };
  const mvcc = snapshot === undefined ? new Mvcc(retention) : Mvcc.restore(snapshot.image, retention);
  let replayedBytes = 0;
  const replay = (record: PlacedRecord): string | undefined => {
    replayedBytes += record.end - record.offset;
    return replayInto(mvcc, record);
  };
  const log = await recoverLog({ disk, identity, after: snapshot?.index ?? 0, replay }).catch((error: unknown) => {
    const [newest] = unreadable;
    if (!(error instanceof DirectoryDamaged) || newest === undefined) throw error;
    const reason = `${newest.reason}; without it the log does not do: ${error.file}: ${error.reason}`;
    throw new DirectoryDamaged(disk.name, { file: `${snapshotDirectory}/${newest.name}` }, reason);
  });
  if (log === undefined && (term > 0 || snapshot !== undefined)) {
    throw new DirectoryDamaged(disk.name, { file: logDirectory }, 'it has no segment of the log');
  }
  await quarantineSnapshots(disk, unreadable);
  // A process that was killed between renaming and syncing leaves names that only the cache knows.
  for (const directory of ['', logDirectory, snapshotDirectory]) await disk.syncDirectory(directory);
  return { mvcc, log, replayedBytes };
}

/** What is wrong with the record, if anything. A refusal is none: it was one when the entry was proposed. */
function replayInto(mvcc: Mvcc, { payload, index }: PlacedRecord): string | undefined {
  try {
    applyEntry(mvcc, readEntry(new ByteReader(payload)));
    return undefined;
  } catch (error: unknown) {
    if (isRefusal(error)) return undefined;
    if (error instanceof Malformed) return `entry ${index} cannot be read: ${error.message}`;
    throw error;
  }
}
