import { checkRange, checkTxn, InvalidRequestError, isReadOnly, maxRequestBytes, txnCostBytes } from '../mvcc/check-txn.ts';
import { hasBounds, isInKeyOrder } from '../mvcc/range.ts';
import { CompactedError, FutureRevisionError } from '../mvcc/refusals.ts';
import type { Revision } from '../mvcc/revision.ts';
import type { Operation, OperationResult, Txn } from '../mvcc/types.ts';
import type { Store } from '../store.ts';
import type { Call, LongMessage, Method, StreamCall } from './grpc/server.ts';
import { GrpcError, grpcCode } from './grpc/status.ts';
import { decodeDeleteRange, decodePut, decodeRange, decodeTxn, type Reading } from './kv-requests.ts';
import { deleteRangeResponse, keyValuesSize, putResponse, rangeResponse, rangeStreamResponse, txnResponse } from './kv-responses.ts';
import { compactionRequest } from './messages.ts';
import type { V3Context } from './v3-context.ts';

/** etcdserverpb.KV (server/etcdserver/api/v3rpc/key.go). */
export function kvMethods(context: V3Context): Readonly<Record<string, Method>> {
  return {
    '/etcdserverpb.KV/Range': { kind: 'unary', run: (request, call) => range(context, request, call) },
    '/etcdserverpb.KV/RangeStream': { kind: 'server stream', run: (request, call) => rangeStream(context, request, call) },
    '/etcdserverpb.KV/Put': { kind: 'unary', run: (request, call) => put(context, request, call) },
    '/etcdserverpb.KV/DeleteRange': { kind: 'unary', run: (request, call) => deleteRange(context, request, call) },
    '/etcdserverpb.KV/Txn': { kind: 'unary', run: (request, call) => txn(context, request, call) },
    '/etcdserverpb.KV/Compact': { kind: 'unary', run: (request) => compact(context, request) },
  };
}

async function range(context: V3Context, bytes: Buffer, call: Call): Promise<Buffer | LongMessage> {
  const request = decodeRange(bytes);
  checkRange(request);
  if (!request.serializable) await context.store.linearized();
  const response = context.storeFor(call).range(request);
  return rangeResponse(context.header(), response, context.pieces);
}

const firstChunkKeys = 10;

/** etcd's way to chunks of about the size of a request: twice or half as many keys as the last one had. */
async function rangeStream(context: V3Context, bytes: Buffer, call: StreamCall): Promise<void> {
  const request = decodeRange(bytes);
  checkRange(request);
  if (!isInKeyOrder(request) && request.sort?.limitFirst !== true)
    throw new GrpcError(grpcCode.unimplemented, 'RangeStream does not support custom sort orders');
  if (hasBounds(request)) throw new GrpcError(grpcCode.unimplemented, 'RangeStream does not support revision filters');
  if (!request.serializable) await context.store.linearized();
  if (request.countOnly === true) {
    const { count } = context.storeFor(call).range(request);
    call.send(rangeStreamResponse([], { header: context.header(), more: false, count }));
    return;
  }
  await sendChunks(context, request, call);
}

async function sendChunks(context: V3Context, request: Reading, call: StreamCall): Promise<void> {
  const store = context.storeFor(call);
  const headerRevision = store.revision;
  const pinned = request.revision !== undefined && request.revision > 0 ? request.revision : headerRevision;
  const most = request.limit !== undefined && request.limit > 0 ? request.limit : Number.POSITIVE_INFINITY;
  let { key } = request;
  let limit = Math.min(firstChunkKeys, most);
  let sent = 0;
  while (call.isOpen) {
    const chunk = { ...request, key, revision: pinned, limit };
    const first = store.range(chunk);
    // A target without an order sorts what is in one chunk; where the next begins would be anywhere.
    const { kvs, more, count } = first.more && request.sort !== undefined ? store.range({ ...chunk, sort: undefined }) : first;
    sent += kvs.length;
    const last = kvs.at(-1);
    if (!more || sent >= most || last === undefined) {
      const total = sent - kvs.length + count;
      call.send(rangeStreamResponse(kvs, { header: context.header(headerRevision), more, count: total }));
      return;
    }
    call.send(rangeStreamResponse(kvs));
    key = `${last.key}\0`;
    const size = keyValuesSize(kvs);
    if (size < maxRequestBytes / 2) limit *= 2;
    else if (size > maxRequestBytes * 2) limit = Math.max(1, Math.floor(limit / 2));
    limit = Math.min(limit, most - sent);
    await call.drained();
  }
}

async function put(context: V3Context, bytes: Buffer, call: Call): Promise<Buffer> {
  const request = decodePut(bytes);
  const [result, revision] = await write(context, request, bytes, call);
  if (result?.op !== 'put') throw new TypeError('A put has the result of one');
  return putResponse(context.header(revision), request.prevKv ? result.previous : undefined);
}

async function deleteRange(context: V3Context, bytes: Buffer, call: Call): Promise<Buffer> {
  const request = decodeDeleteRange(bytes);
  const [result, revision] = await write(context, request, bytes, call);
  if (result?.op !== 'delete') throw new TypeError('A delete has the result of one');
  return deleteRangeResponse(context.header(revision), result.deleted, request.prevKv === true);
}

async function write(
  context: V3Context,
  operation: Operation,
  bytes: Buffer,
  call: Call,
): Promise<readonly [result: OperationResult | undefined, revision: Revision]> {
  const request: Txn = { compares: [], success: [operation], failure: [] };
  if (!context.hasRoom(txnCostBytes(request))) await context.refuseForSpace();
  checkSize(bytes);
  const { results, revision } = await storeToWrite(context, call, request).txn(request);
  return [results[0], revision];
}

async function txn(context: V3Context, bytes: Buffer, call: Call): Promise<Buffer> {
  const request = decodeTxn(bytes);
  if (!context.hasRoom(txnCostBytes(request))) await context.refuseForSpace();
  checkSize(bytes);
  if (isReadOnly(request) && !isSerializable(request)) await context.store.linearized();
  const result = await storeToWrite(context, call, request).txn(request);
  return txnResponse(context.header(result.revision), request, result);
}

/** What is wrong with the request comes before who asks, as in etcd. */
function storeToWrite(context: V3Context, call: Call, request: Txn): Store {
  if (context.authentication.isEnabled) checkTxn(request);
  return context.storeFor(call);
}

/** What is proposed is the request: etcd counts its bytes as they were sent. */
function checkSize(bytes: Buffer): void {
  if (bytes.length > maxRequestBytes) throw new InvalidRequestError('etcdserver: request is too large');
}

function isSerializable({ success, failure }: Txn): boolean {
  return [...success, ...failure].every((operation) => 'serializable' in operation && operation.serializable === true);
}

async function compact(context: V3Context, bytes: Buffer): Promise<Buffer> {
  const { revision } = compactionRequest.decode(bytes);
  const { store } = context;
  // Nothing is swept afterwards that anybody could see, so a physical compaction is done when it is applied.
  if (revision < 0) throw new CompactedError(store.compactRevision);
  if (revision === Number.MAX_SAFE_INTEGER) throw new FutureRevisionError(store.revision);
  await store.compact(revision);
  return context.headerOnly();
}
