import { createHash } from 'node:crypto';
import { ConsensusError } from '../cluster-view.ts';
import type { Alarm, AlarmType } from '../mvcc/types.ts';
import type { Method, StreamCall } from './grpc/server.ts';
import {
  alarmRequest,
  alarmResponse,
  hashKvRequest,
  hashKvResponse,
  headerOnly,
  memberId,
  snapshotResponse,
  statusResponse,
} from './messages.ts';
import { bare, type V3Context } from './v3-context.ts';

/** The version of etcd whose API this is; clients switch abilities on by it. */
export const apiVersion = '3.7.3';
const storageVersion = '3.7.0';
/** etcd's file is never empty, and etcdctl divides by its size: that of a page. */
const leastDbSize = 4096;

/** A copy of everything, to be sent while the store goes on. */
export interface StoredCopy {
  readonly bytes: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** What maintenance does with the files of a store, which one without a disk has none of. */
export interface MaintainedFiles {
  /** Takes a snapshot now and drops what the log does not need any more. */
  defragment(): Promise<void>;
  /** In the form of this program, not of bbolt. */
  copy(): Promise<StoredCopy>;
}

/** etcdserverpb.Maintenance (server/etcdserver/api/v3rpc/maintenance.go). */
export function maintenanceMethods(context: V3Context, files: MaintainedFiles): Readonly<Record<string, Method>> {
  const unary = (run: (request: Buffer) => Promise<Buffer>): Method => ({ kind: 'unary', run });
  return {
    '/etcdserverpb.Maintenance/Status': unary(async () => status(context)),
    '/etcdserverpb.Maintenance/Alarm': unary((request) => alarm(context, request)),
    '/etcdserverpb.Maintenance/Defragment': unary(async () => {
      await files.defragment();
      return bare(headerOnly, {});
    }),
    '/etcdserverpb.Maintenance/Hash': unary(async () => {
      const { hash, revision } = await context.store.hash(0);
      return context.headed(hashKvResponse, { hash }, revision);
    }),
    '/etcdserverpb.Maintenance/HashKV': unary((request) => hashKv(context, request)),
    '/etcdserverpb.Maintenance/Snapshot': { kind: 'server stream', run: (_, call) => snapshot(files, call) },
    '/etcdserverpb.Maintenance/MoveLeader': unary((request) => moveLeader(context, request)),
  };
}

async function status(context: V3Context): Promise<Buffer> {
  const { store, cluster, quotaBytes } = context;
  const { leader, term, committedIndex, appliedIndex, isLearner } = cluster.status();
  const errors = store.alarms.map((raised) => `memberID:${raised.memberId} alarm:${names[raised.type]} `);
  return context.headed(statusResponse, {
    version: apiVersion,
    dbSize: Math.max(store.sizeBytes, leastDbSize),
    leader,
    raftIndex: committedIndex,
    raftTerm: term,
    raftAppliedIndex: appliedIndex,
    errors: leader === 0n ? [new ConsensusError('no leader').message, ...errors] : errors,
    dbSizeInUse: store.sizeBytes,
    isLearner,
    storageVersion,
    dbSizeQuota: Number.isFinite(quotaBytes) ? quotaBytes : -1,
    downgradeInfo: {},
  });
}

const names: Readonly<Record<AlarmType, string>> = { nospace: 'NOSPACE', corrupt: 'CORRUPT' };
const types: readonly (AlarmType | undefined)[] = [undefined, 'nospace', 'corrupt'];
const action = { get: 0, activate: 1, deactivate: 2 } as const;

async function alarm(context: V3Context, bytes: Buffer): Promise<Buffer> {
  const request = alarmRequest.decode(bytes);
  const { store } = context;
  const type = types[request.alarm];
  const shown = (alarms: readonly Alarm[]): Buffer =>
    context.headed(alarmResponse, { alarms: alarms.map((one) => ({ memberId: one.memberId, alarm: types.indexOf(one.type) })) });
  if (request.action === action.get) return shown(store.alarms.filter((one) => type === undefined || one.type === type));
  if (type === undefined || (request.action !== action.activate && request.action !== action.deactivate)) return shown([]);
  const { memberId: raisedBy } = request;
  const wasRaised = store.alarms.some((one) => one.type === type && one.memberId === raisedBy);
  if (request.action === action.activate) {
    await store.setAlarm('activate', { memberId: raisedBy, type });
    return shown([{ memberId: raisedBy, type }]);
  }
  await store.setAlarm('deactivate', { memberId: raisedBy, type });
  return shown(wasRaised ? [{ memberId: raisedBy, type }] : []);
}

async function hashKv(context: V3Context, bytes: Buffer): Promise<Buffer> {
  const { hash, revision, compactRevision } = await context.store.hash(hashKvRequest.decode(bytes).revision);
  // etcd says −1 of a store that was never compacted.
  return context.headed(hashKvResponse, { hash, compactRevision: compactRevision === 0 ? -1 : compactRevision, hashRevision: revision });
}

const snapshotChunkBytes = 32 * 1024;

/** The copy in chunks with what remains, then its SHA-256 as a last chunk of its own. */
async function snapshot(files: MaintainedFiles, call: StreamCall): Promise<void> {
  const copy = await files.copy();
  const hash = createHash('sha256');
  let remaining = copy.bytes;
  for await (const bytes of copy.chunks) {
    for (let at = 0; at < bytes.length; at += snapshotChunkBytes) {
      const blob = bytes.subarray(at, at + snapshotChunkBytes);
      hash.update(blob);
      remaining -= blob.length;
      call.send(bare(snapshotResponse, { remainingBytes: remaining, blob, version: storageVersion }));
    }
    await call.drained();
    if (!call.isOpen) return;
  }
  call.send(bare(snapshotResponse, { blob: hash.digest(), version: storageVersion }));
}

async function moveLeader(context: V3Context, bytes: Buffer): Promise<Buffer> {
  const { cluster } = context;
  if (cluster.status().leader !== cluster.memberId) throw new ConsensusError('not leader');
  await cluster.moveLeader(memberId.decode(bytes).id);
  return bare(headerOnly, {});
}
