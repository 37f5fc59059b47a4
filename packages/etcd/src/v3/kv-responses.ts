import { sizeOfValue } from '../mvcc/stored-key-value.ts';
import type { Change, KeyValue, Operation, OperationResult, RangeResponse, Txn, TxnResult } from '../mvcc/types.ts';
import { frameHeaderBytes } from './grpc/frame.ts';
import type { LongMessage } from './grpc/server.ts';
import { type PiecePool, pieceBytes } from './grpc/piece-pool.ts';
import { ProtobufWriter, varint64Size, varintSize } from './protobuf.ts';

/*
 * The responses that are most of what is sent, written by hand: each in one buffer of the right size that begins with
 * room for the frame around it. Sizes and tags are those of api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto.
 */

/** Headers of one member: an encoded `header` field, made once for each revision and term. */
export class ResponseHeaders {
  readonly #identity: Buffer;
  #revision = -1;
  #term = -1;
  #block: Buffer = Buffer.alloc(0);

  constructor(clusterId: bigint, memberId: bigint) {
    const to = new ProtobufWriter(24);
    to.int64Field(8, clusterId);
    to.int64Field(16, memberId);
    this.#identity = to.finish();
  }

  of(revision: number, term: number): Buffer {
    if (revision === this.#revision && term === this.#term) return this.#block;
    const to = new ProtobufWriter(64);
    to.raw(this.#identity);
    to.numberField(24, revision);
    to.numberField(32, term);
    const content = to.finish();
    const block = new ProtobufWriter(content.length + 2);
    block.blockField(10, content);
    this.#revision = revision;
    this.#term = term;
    this.#block = block.finish();
    return this.#block;
  }
}

/** The header of an operation within a transaction: its revision only. */
function innerHeader(revision: number): Buffer {
  const to = new ProtobufWriter(16);
  to.byte(10);
  to.byte(1 + varintSize(revision));
  to.numberField(24, revision);
  return to.finish();
}

const emptyHeader = Buffer.from([10, 0]);

export function rangeResponse(header: Buffer, response: RangeResponse, pool: PiecePool): Buffer | LongMessage {
  const length = rangeResponseSize(header, response);
  if (length > pieceBytes) return longRangeResponse(length, header, response, pool);
  const to = new ProtobufWriter(length, frameHeaderBytes);
  writeRangeResponse(to, header, response);
  return to.finish();
}

function longRangeResponse(length: number, header: Buffer, { kvs, more, count }: RangeResponse, pool: PiecePool): LongMessage {
  const lent = new Map<Buffer, Buffer>();
  const ended = (to: ProtobufWriter, memory: Buffer | undefined): Buffer => {
    const piece = to.finish();
    if (memory !== undefined) lent.set(piece, memory);
    return piece;
  };
  return {
    length,
    *pieces() {
      let memory: Buffer | undefined = pool.take();
      let to = new ProtobufWriter(pieceBytes, 0, memory);
      to.raw(header);
      for (const kv of kvs) {
        const size = blockSize(keyValueSize(kv));
        if (to.length + size > pieceBytes - endBytes) {
          yield ended(to, memory);
          memory = size > pieceBytes - endBytes ? undefined : pool.take();
          to = new ProtobufWriter(size + endBytes, 0, memory);
        }
        writeKeyValue(to, 18, kv);
      }
      writeRangeEnd(to, more, count);
      yield ended(to, memory);
    },
    sent(piece) {
      const memory = lent.get(piece);
      if (memory === undefined) return; // it was larger than others, and made for itself
      lent.delete(piece);
      pool.giveBack(memory);
    },
  };
}

/** One chunk of RangeStream; `last` has what only the last one has. */
export function rangeStreamResponse(kvs: readonly KeyValue[], last?: { header: Buffer; more: boolean; count: number }): Buffer {
  const header = last?.header ?? Buffer.alloc(0);
  const response = { kvs, more: last?.more ?? false, count: last?.count ?? 0 };
  const size = rangeResponseSize(header, response);
  const to = new ProtobufWriter(1 + varintSize(size) + size, frameHeaderBytes);
  to.byte(10);
  to.varint(size);
  writeRangeResponse(to, header, response);
  return to.finish();
}

/** Bytes that its key-values take in a response. */
export function keyValuesSize(kvs: readonly KeyValue[]): number {
  let size = 0;
  for (const kv of kvs) size += blockSize(keyValueSize(kv));
  return size;
}

function rangeResponseSize(header: Buffer, { kvs, more, count }: RangeResponse): number {
  return header.length + keyValuesSize(kvs) + (more ? 2 : 0) + (count === 0 ? 0 : 1 + varintSize(count));
}

function writeRangeResponse(to: ProtobufWriter, header: Buffer, { kvs, more, count }: RangeResponse): void {
  to.raw(header);
  for (const kv of kvs) writeKeyValue(to, 18, kv);
  writeRangeEnd(to, more, count);
}

/** Room for what comes behind the key-values. */
const endBytes = 16;

function writeRangeEnd(to: ProtobufWriter, more: boolean, count: number): void {
  to.boolField(24, more);
  to.numberField(32, count);
}

export function putResponse(header: Buffer, previous: KeyValue | undefined): Buffer {
  const size = header.length + (previous === undefined ? 0 : blockSize(keyValueSize(previous)));
  const to = new ProtobufWriter(size, frameHeaderBytes);
  writePutResponse(to, header, previous);
  return to.finish();
}

function writePutResponse(to: ProtobufWriter, header: Buffer, previous: KeyValue | undefined): void {
  to.raw(header);
  if (previous !== undefined) writeKeyValue(to, 18, previous);
}

export function deleteRangeResponse(header: Buffer, deleted: readonly KeyValue[], prevKv: boolean): Buffer {
  const to = new ProtobufWriter(header.length + 12 + (prevKv ? keyValuesSize(deleted) : 0), frameHeaderBytes);
  writeDeleteRangeResponse(to, header, deleted, prevKv);
  return to.finish();
}

function writeDeleteRangeResponse(to: ProtobufWriter, header: Buffer, deleted: readonly KeyValue[], prevKv: boolean): void {
  to.raw(header);
  to.numberField(16, deleted.length);
  if (prevKv) for (const kv of deleted) writeKeyValue(to, 26, kv);
}

export function txnResponse(header: Buffer, txn: Txn, { succeeded, results }: TxnResult): Buffer {
  const to = new ProtobufWriter(header.length + 64, frameHeaderBytes);
  writeTxnResponse(to, header, txn, succeeded, results);
  return to.finish();
}

function writeTxnResponse(to: ProtobufWriter, header: Buffer, txn: Txn, succeeded: boolean, results: readonly OperationResult[]): void {
  to.raw(header);
  to.boolField(16, succeeded);
  const operations = succeeded ? txn.success : txn.failure;
  for (const [i, result] of results.entries()) to.blockField(26, responseOp(operations[i], result));
}

function responseOp(operation: Operation | undefined, result: OperationResult): Buffer {
  const prevKv = operation !== undefined && 'prevKv' in operation && operation.prevKv === true;
  const content = new ProtobufWriter(64);
  let tag: number;
  switch (result.op) {
    case 'range':
      tag = 10;
      writeRangeResponse(content, innerHeader(result.revision), result);
      break;
    case 'put':
      tag = 18;
      writePutResponse(content, innerHeader(result.revision), prevKv ? result.previous : undefined);
      break;
    case 'delete':
      tag = 26;
      writeDeleteRangeResponse(content, innerHeader(result.revision), result.deleted, prevKv);
      break;
    case 'txn':
      tag = 34;
      if (operation?.op !== 'txn') throw new TypeError('The result of a nested transaction belongs to one');
      writeTxnResponse(content, emptyHeader, operation.txn, result.succeeded, result.results);
      break;
  }
  const to = new ProtobufWriter(content.length + 8);
  to.blockField(tag, content.finish());
  return to.finish();
}

/**
 * The `events` field of a change, as every watcher of it is sent it. A delete has a key and the revision at which it was
 * deleted, nothing else (mvcc/watchable_store.go).
 */
export function eventBlock({ key, revision, current, previous }: Change, withPrevious: boolean): Buffer {
  const shown = current ?? { key, modRevision: revision };
  const kvSize = current === undefined ? tombstoneSize(key, revision) : keyValueSize(current);
  const prevKv = withPrevious ? previous : undefined;
  const size = (current === undefined ? 2 : 0) + blockSize(kvSize) + (prevKv === undefined ? 0 : blockSize(keyValueSize(prevKv)));
  const to = new ProtobufWriter(blockSize(size));
  to.byte(90);
  to.varint(size);
  if (current === undefined) to.numberField(8, 1);
  to.byte(18);
  to.varint(kvSize);
  to.keyField(10, shown.key);
  if (current !== undefined) to.numberField(16, current.createRevision);
  to.numberField(24, shown.modRevision);
  if (current !== undefined) {
    to.numberField(32, current.version);
    to.bytesField(42, current.value);
    to.int64Field(48, current.lease);
  }
  if (prevKv !== undefined) writeKeyValue(to, 26, prevKv);
  return to.finish();
}

/** What a WatchResponse says beside its events. */
export interface WatchNotice {
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compactRevision?: number;
  readonly cancelReason?: string;
  readonly fragment?: boolean;
}

/** All of a WatchResponse but its events, which follow as `eventBlock` made them. */
export function watchResponse(header: Buffer, watchId: bigint, notice: WatchNotice): Buffer {
  const to = new ProtobufWriter(header.length + 32 + (notice.cancelReason?.length ?? 0), frameHeaderBytes);
  to.raw(header);
  to.int64Field(16, watchId);
  to.boolField(24, notice.created === true);
  to.boolField(32, notice.canceled === true);
  to.numberField(40, notice.compactRevision ?? 0);
  to.stringField(50, notice.cancelReason ?? '');
  to.boolField(56, notice.fragment === true);
  return to.finish();
}

function writeKeyValue(to: ProtobufWriter, tag: number, kv: KeyValue): void {
  to.byte(tag);
  to.varint(keyValueSize(kv));
  to.keyField(10, kv.key);
  to.numberField(16, kv.createRevision);
  to.numberField(24, kv.modRevision);
  to.numberField(32, kv.version);
  to.bytesField(42, kv.value);
  to.int64Field(48, kv.lease);
}

function keyValueSize(kv: KeyValue): number {
  const { key, createRevision, modRevision, version, lease } = kv;
  const valueBytes = sizeOfValue(kv);
  return (
    blockSize(key.length) +
    (3 + varintSize(createRevision) + varintSize(modRevision) + varintSize(version)) +
    (valueBytes === 0 ? 0 : blockSize(valueBytes)) +
    (lease === 0n ? 0 : 1 + varint64Size(lease))
  );
}

function tombstoneSize(key: string, revision: number): number {
  return blockSize(key.length) + 1 + varintSize(revision);
}

/** Of a field with a tag of one byte and a length. */
function blockSize(length: number): number {
  return 1 + varintSize(length) + length;
}
