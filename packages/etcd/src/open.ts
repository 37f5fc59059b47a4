import type { Process, Random } from '@coracle/kernel';
import type { Entry as LogEntry, NodeId } from '@coracle/raft';
import { DirectoryDamaged, DirectoryNotOwned, DirectoryOfAnotherMember, DiskFull } from './directory/errors.ts';
import { type Identity, memberIdOf, nodeIdOf } from './directory/identity.ts';
import { createMeta, type Meta, readMeta } from './directory/meta.ts';
import { MetaFile } from './directory/meta-file.ts';
import { type Disk, type DiskLock, errorCode, isNoSpace } from './disk/disk.ts';
import { nodeDisk } from './disk/node-disk.ts';
import { DurableStore } from './durable-store.ts';
import { LogWindow, type WindowBounds } from './member/log-window.ts';
import type { GroupTiming } from './member/group.ts';
import { decodeMembers, encodeMembers, type MemberInfo } from './member/members.ts';
import type { PeerTransport } from './member/peer-transport.ts';
import { Replica } from './member/replica.ts';
import type { Retention } from './mvcc/mvcc.ts';
import { newestSnapshot, quarantineSnapshots, removeUnfinished } from './snapshot/catalog.ts';
import { type Snapshot, snapshotDirectory } from './snapshot/snapshot-file.ts';
import { Malformed } from './wal/binary.ts';
import { Log, logDirectory } from './wal/log.ts';
import { type RecoveredLog, recoverLog } from './wal/recovery.ts';
import { spareName } from './wal/spare-segment.ts';

const mebibyte = 1024 * 1024;
const boundsInGroup: WindowBounds = { entries: 10_000, bytes: 16 * mebibyte };
const boundsAlone: WindowBounds = { entries: 100, bytes: mebibyte };

export type DurableStoreOptions = {
  readonly process: Process;
  readonly retention?: Retention;
  /** Size at which a log segment is followed by the next one. Default 64 MiB, as etcd's. */
  readonly segmentBytes?: number;
  /** Log bytes after which a snapshot is taken, at the least. Default 64 MiB. */
  readonly snapshotBytes?: number;
  /** The size of the first segment, which is there before the store opens. Default 4 MiB. */
  readonly firstSegmentBytes?: number;
  /** What is kept for deletes and compactions when the disk is full. Default 1 MiB. */
  readonly reserveBytes?: number;
  /**
   * Opens a log that is damaged by cutting it there; what is behind is put into quarantine. Acknowledged writes may be lost:
   * for a person to decide, who has no copy and no other member.
   */
  readonly forceTruncate?: boolean;
  /**
   * What stays in memory of the log that is applied, for members a little behind. Default 10,000 entries and 16 MiB; for a member
   * that is alone, 100 and 1 MiB, for people who look on.
   */
  readonly window?: WindowBounds;
  /**
   * How often, in ms, what is left of leases that last longer is written to the log, so that they do not start anew with another leader or
   * after a restart (etcd's LeaseCheckpoint: every five minutes). Default: never, as etcd's.
   */
  readonly checkpointLeasesMs?: number;
  /** The group that the store is to be kept by; by default this member is alone, and nobody can join it. */
  readonly group?: GroupOptions;
} & ({ readonly directory: string } | { readonly disk: Disk });

/** How a member takes part in a group. The directory remembers who it is: it is refused to another one. */
export interface GroupOptions extends GroupTiming {
  /** Sixteen hex digits, the same for all members. */
  readonly clusterId: string;
  /** Chosen by nobody before: a member that lost its directory comes back under a new id. */
  readonly id: NodeId;
  readonly transport: PeerTransport;
  /** See MembershipOptions. */
  readonly strictReconfigCheck?: boolean | undefined;
  /** Those that begin a new cluster, this one among them; absent for a member that was added to an existing one. */
  readonly initialMembers?: readonly MemberInfo[];
  /** Asks who is there, for a member that was added and has not heard yet from the log; undefined when nobody answers. */
  readonly findMembers?: () => Promise<readonly MemberInfo[] | undefined>;
}

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
  const found = (await readMeta(disk)) ?? (await initialise(disk, process.random, options.group));
  if (options.group !== undefined) checkOwner(disk, found.identity, options.group);
  const recovered = await recover(options, disk, found);
  if (options.group === undefined) checkAlone(disk, found.identity, recovered.replica);
  const meta = new MetaFile(disk, found);
  const logOptions = {
    disk,
    identity: found.identity,
    random: process.random,
    segmentBytes: options.segmentBytes ?? 64 * mebibyte,
    firstSegmentBytes: options.firstSegmentBytes ?? 4 * mebibyte,
    reserveBytes: options.reserveBytes ?? mebibyte,
    firstIndex: recovered.replica.index + 1,
    hardState: found.hardState,
  };
  const log = await Log.open(logOptions, recovered.log);
  try {
    const diskId = found.diskId === 0 ? randomId(process.random) : found.diskId;
    await meta.update((before) => ({ ...before, diskId, incarnation: before.incarnation + 1 }));
    const { replica, log: read } = recovered;
    const { confState, index, term } = replica;
    const durable = read?.hardState ?? found.hardState;
    // A leader's snapshot may have become durable before what its term says.
    const hardState = durable.term < term ? { term, vote: 0, commit: index } : { ...durable, commit: Math.max(durable.commit, index) };
    const bounds = options.window ?? (options.group === undefined ? boundsAlone : boundsInGroup);
    const entries = read?.entries ?? [];
    const [oldest] = entries;
    // The oldest one is given up, so that it is known what comes before the next.
    const before = oldest !== undefined && oldest.index <= index ? oldest : { index, term };
    const window = new LogWindow({ hardState, confState, before, entries, bounds });
    const { tornBytes = 0, truncatedAt } = read ?? {};
    process.log.info('Store opened', { directory: disk.name, revision: replica.state.mvcc.revision, index, tornBytes });
    if (truncatedAt !== undefined) process.log.warn('The log was cut where it is damaged', { directory: disk.name, damage: truncatedAt });
    const snapshotBytes = options.snapshotBytes ?? 64 * mebibyte;
    return await DurableStore.start({
      process,
      disk,
      lock,
      meta,
      hardState,
      log,
      window,
      replica,
      replayedBytes: read?.bytes ?? 0,
      snapshotBytes,
      group: options.group,
      checkpointLeasesMs: options.checkpointLeasesMs,
    });
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** Throws DirectoryNotOwned when the directory is another member's. */
function checkOwner(disk: Disk, identity: Identity, { clusterId, id }: GroupOptions): void {
  if (identity.clusterId === clusterId && nodeIdOf(identity) === id) return;
  const reason = `it belongs to member ${identity.memberId} of cluster ${identity.clusterId}, not to member ${memberIdOf(id)} of cluster ${clusterId}`;
  throw new DirectoryOfAnotherMember(disk.name, reason);
}

/** Throws DirectoryOfAnotherMember when others have a say: alone, this member could neither lead nor write. */
function checkAlone(disk: Disk, identity: Identity, { confState, members }: Replica): void {
  const own = nodeIdOf(identity);
  const others = [...confState.voters, ...confState.votersOutgoing].filter((id) => id !== own);
  if (others.length === 0) return;
  const names = others.map((id) => members.find((member) => member.id === id)?.name ?? memberIdOf(id)).join(', ');
  throw new DirectoryOfAnotherMember(disk.name, `it belongs to a member of a cluster with ${names}, and was opened without them`);
}

/** Makes META of an empty directory. A log without META is a directory that lost it. */
async function initialise(disk: Disk, random: Random, group: GroupOptions | undefined): Promise<Meta> {
  for (const directory of [logDirectory, snapshotDirectory]) {
    const [found] = (await disk.list(directory)).filter((name) => !name.endsWith('.tmp') && name !== spareName);
    if (found !== undefined) throw new DirectoryDamaged(disk.name, { file: 'META' }, `it is missing, but "${directory}/${found}" exists`);
    await disk.makeDirectory(directory);
  }
  await disk.syncDirectory('');
  const id = group?.id ?? randomId(random);
  const alone = [{ id, name: '', peerUrls: [], clientUrls: [] }];
  const initialMembers = group === undefined ? alone : (group.initialMembers ?? []);
  const meta: Meta = {
    identity: { clusterId: group?.clusterId ?? Buffer.from(random.bytes(8)).toString('hex'), memberId: memberIdOf(id) },
    incarnation: 0,
    diskId: randomId(random),
    // The first entry of every log is who its members are: whoever joins later gets it in a snapshot.
    hardState: initialMembers.length === 0 ? { term: 0, vote: 0, commit: 0 } : { term: 1, vote: 0, commit: 1 },
    snapshot: '',
    initialMembers: initialMembers.length === 0 ? '' : encodeMembers(initialMembers),
    disks: new Map(),
  };
  await createMeta(disk, meta);
  return meta;
}

/** 53 bits, not 0. */
function randomId(random: Random): number {
  return (random.u32() >>> 11) * 0x1_0000_0000 + random.u32() || 1;
}

interface Recovered {
  readonly replica: Replica;
  readonly log: RecoveredLog | undefined;
}

/** The newest snapshot that reads back, and the log after it. */
async function recover(options: DurableStoreOptions, disk: Disk, meta: Meta): Promise<Recovered> {
  const { identity, incarnation } = meta;
  await removeUnfinished(disk);
  const { snapshot, unreadable } = await newestSnapshot(disk, identity);
  const retention = options.retention === undefined ? {} : { retention: options.retention };
  const replica = new Replica(snapshot ?? beginning(meta), retention);
  const apply = (entry: LogEntry): string | undefined => {
    // Entries that the snapshot has are in the log all the same.
    try {
      replica.apply(entry, () => undefined);
      return undefined;
    } catch (error) {
      if (error instanceof Malformed) return `entry ${entry.index} cannot be read: ${error.message}`;
      throw error;
    }
  };
  const { forceTruncate = false } = options;
  const isReceived = snapshot?.isReceived ?? false;
  const recovery = {
    disk,
    identity,
    after: replica.index,
    isReceived,
    hardState: meta.hardState,
    apply,
    keepEntries: options.group === undefined ? 0 : 5000,
    forceTruncate,
  };
  const log = await recoverLog(recovery).catch((error: unknown) => {
    const [newest] = unreadable;
    if (!(error instanceof DirectoryDamaged) || newest === undefined) throw error;
    const reason = `${newest.reason}; without it the log does not do: ${error.file}: ${error.reason}`;
    throw new DirectoryDamaged(disk.name, { file: `${snapshotDirectory}/${newest.name}` }, reason);
  });
  if (log === undefined && (incarnation > 0 || snapshot !== undefined)) {
    throw new DirectoryDamaged(disk.name, { file: logDirectory }, 'it has no segment of the log');
  }
  await quarantineSnapshots(disk, unreadable);
  // A process that was killed between renaming and syncing leaves names that only the cache knows.
  for (const directory of ['', logDirectory, snapshotDirectory]) await disk.syncDirectory(directory);
  return { replica, log };
}

/** Before anything was written: the members are those that began the cluster. */
function beginning({ identity, initialMembers, diskId }: Meta): Omit<Snapshot, 'image' | 'sessions'> {
  const listed = decodeMembers(initialMembers).map(({ id }) => id);
  const nobody = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  // Format 1 kept no list and no disk: its member was alone.
  if (diskId === 0) return { index: 0, term: 0, confState: { ...nobody, voters: [nodeIdOf(identity)] }, members: '' };
  if (listed.length === 0) return { index: 0, term: 0, confState: nobody, members: '' };
  return { index: 1, term: 1, confState: { ...nobody, voters: [...listed].sort((a, b) => a - b) }, members: initialMembers };
}
