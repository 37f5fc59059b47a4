import type { Compare, Operation, Txn } from './types.ts';

/** The request cannot be done whatever the state is. The texts are etcd's. */
export class InvalidRequestError extends Error {
  override readonly name = 'InvalidRequestError';
}

/** etcd's defaults of --max-txn-ops and --max-request-bytes. */
export const maxTxnOperations = 128;
export const maxRequestBytes: number = 1.5 * 1024 * 1024;

/**
 * Refuses what etcd refuses before consensus (server/etcdserver/api/v3rpc/key.go), and what is nonsense from a caller:
 * throws InvalidRequestError, and RangeError for keys that are not binary strings and numbers that are no counts.
 */
export function checkTxn({ compares, success, failure }: Txn): void {
  let bytes = 0;
  for (const list of [compares, success, failure]) {
    if (list.length > maxTxnOperations) throw new InvalidRequestError('etcdserver: too many operations in txn request');
    for (const item of list) bytes += checkItem(item);
  }
  if (bytes > maxRequestBytes) throw new InvalidRequestError('etcdserver: request is too large');
  if (success.length > 1) checkWrites(success);
  if (failure.length > 1) checkWrites(failure);
}

/** Upper bound of the bytes that `checkTxn` and the log count for one operation beside its keys and value. */
const overheadBytes = 48;

/** Bytes that the transaction takes in the log, at most. */
export function txnBytes({ compares, success, failure }: Txn): number {
  let bytes = overheadBytes;
  for (const item of [...compares, ...success, ...failure]) bytes += overheadBytes + contentBytes(item);
  return bytes;
}

function contentBytes(item: Compare | Operation): number {
  const end = 'end' in item ? (item.end?.length ?? 0) : 0;
  const content = 'value' in item ? item.value.length : 'target' in item && item.target === 'value' ? item.operand.length : 0;
  return item.key.length + end + content;
}

function checkItem(item: Compare | Operation): number {
  if (item.key === '') throw new InvalidRequestError('etcdserver: key is not provided');
  checkKey(item.key);
  if ('end' in item && item.end !== undefined) checkKey(item.end);
  if ('target' in item) {
    if (item.target !== 'value') checkCount(item.operand, 'operand');
  } else if (item.op === 'put') checkCount(item.lease ?? 0, 'lease');
  else if (item.op === 'range') {
    checkCount(Math.max(0, item.revision ?? 0), 'revision');
    checkCount(Math.max(0, item.limit ?? 0), 'limit');
  }
  return contentBytes(item);
}

/** Two puts of one key, or a put into a range that is deleted, would depend on the order of operations. */
function checkWrites(operations: readonly Operation[]): void {
  const puts = new Set<string>();
  for (const operation of operations) {
    if (operation.op !== 'put') continue;
    if (puts.has(operation.key)) throw duplicateKey();
    puts.add(operation.key);
  }
  for (const operation of operations) {
    if (operation.op !== 'delete') continue;
    const { key, end } = operation;
    for (const put of puts) {
      const inside = end === undefined ? put === key : put >= key && (end === '\0' || put < end);
      if (inside) throw duplicateKey();
    }
  }
}

function duplicateKey(): InvalidRequestError {
  return new InvalidRequestError('etcdserver: duplicate key given in txn request');
}

function checkKey(key: string): void {
  // A key is bytes, one per char: any other char would be another key once it has been on disk.
  for (let i = 0; i < key.length; i++) {
    if (key.charCodeAt(i) > 0xff) throw new RangeError(`Key ${JSON.stringify(key)} is not a binary string`);
  }
}

function checkCount(value: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`Not a ${what}: ${value}`);
}
