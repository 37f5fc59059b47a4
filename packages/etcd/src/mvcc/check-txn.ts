import type { Compare, Operation, RangeRequest, Txn } from './types.ts';

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
export function checkTxn(txn: Txn): void {
  const bytes = checkSizes(txn, maxTxnOperations);
  if (bytes > maxRequestBytes) throw new InvalidRequestError('etcdserver: request is too large');
  // A single operation cannot collide with another, unless it is a transaction.
  if (txn.success.length > 1 || nests(txn.success)) collidingWrites(txn.success);
  if (txn.failure.length > 1 || nests(txn.failure)) collidingWrites(txn.failure);
}

/** What etcd refuses of a range, in a transaction or alone. Throws InvalidRequestError or RangeError. */
export function checkRange(request: RangeRequest): void {
  checkKeys(request);
  if (request.sort?.isInvalid === true) throw new InvalidRequestError('etcdserver: invalid sort option');
  checkInteger(request.revision ?? 0, 'revision');
  checkInteger(request.limit ?? 0, 'limit');
  checkInteger(request.minModRevision ?? 0, 'revision');
  checkInteger(request.maxModRevision ?? 0, 'revision');
  checkInteger(request.minCreateRevision ?? 0, 'revision');
  checkInteger(request.maxCreateRevision ?? 0, 'revision');
}

/** Whether either branch, at any depth, puts a key. */
export function putsAnything({ success, failure }: Txn): boolean {
  const puts = (operation: Operation): boolean => operation.op === 'put' || (operation.op === 'txn' && putsAnything(operation.txn));
  return success.some(puts) || failure.some(puts);
}

/** Whether nothing but ranges can come of it, so that it needs no consensus. A nested transaction counts as a write, as in etcd. */
export function isReadOnly({ success, failure }: Txn): boolean {
  const reads = (operation: Operation): boolean => operation.op === 'range';
  return success.every(reads) && failure.every(reads);
}

/** etcd's estimate of what a version takes beside its key and value (storage/quota.go). */
const versionOverheadBytes = 256;

/** What the larger branch would add to the store, by etcd's reckoning; 0 when it puts nothing. */
export function txnCostBytes({ success, failure }: Txn): number {
  return Math.max(costOf(success), costOf(failure));
}

function costOf(operations: readonly Operation[]): number {
  let bytes = 0;
  for (const operation of operations) {
    if (operation.op === 'put') bytes += versionOverheadBytes + operation.key.length + operation.value.length;
    else if (operation.op === 'txn') bytes += txnCostBytes(operation.txn);
  }
  return bytes;
}

/** Upper bound of the bytes that `checkTxn` and the log count for one operation beside its keys and value. */
const overheadBytes = 48;
const rangeOverheadBytes = 96;

/** Bytes that the transaction takes in the log, at most. */
export function txnBytes({ compares, success, failure }: Txn): number {
  let bytes = overheadBytes;
  for (const compare of compares) bytes += overheadBytes + contentBytes(compare);
  for (const list of [success, failure]) {
    for (const operation of list) {
      if (operation.op === 'txn') bytes += overheadBytes + txnBytes(operation.txn);
      else bytes += (operation.op === 'range' ? rangeOverheadBytes : overheadBytes) + contentBytes(operation);
    }
  }
  return bytes;
}

function contentBytes(item: Compare | Exclude<Operation, { readonly op: 'txn' }>): number {
  const end = 'end' in item ? (item.end?.length ?? 0) : 0;
  const content = 'value' in item ? item.value.length : 'target' in item && item.target === 'value' ? item.operand.length : 0;
  return item.key.length + end + content;
}

/** Returns the bytes of keys and values. Nested transactions share what their parent leaves of the operations. */
function checkSizes({ compares, success, failure }: Txn, mostOperations: number): number {
  const operations = Math.max(compares.length, success.length, failure.length);
  if (operations > mostOperations) throw tooManyOperations();
  let bytes = 0;
  for (const compare of compares) {
    checkKeys(compare);
    if (compare.target === 'lease') checkLease(compare.operand);
    else if (compare.target !== 'value') checkInteger(compare.operand, 'operand');
    bytes += contentBytes(compare);
  }
  for (const list of [success, failure]) {
    for (const operation of list) {
      if (operation.op === 'txn') bytes += checkSizes(operation.txn, mostOperations - operations);
      else {
        checkOperation(operation);
        bytes += contentBytes(operation);
      }
    }
  }
  return bytes;
}

function checkOperation(operation: Exclude<Operation, { readonly op: 'txn' }>): void {
  if (operation.op === 'range') {
    checkRange(operation);
    return;
  }
  checkKeys(operation);
  if (operation.op === 'delete') return;
  const { value, lease = 0n, ignoreValue, ignoreLease } = operation;
  if (ignoreValue === true && value.length > 0) throw new InvalidRequestError('etcdserver: value is provided');
  if (ignoreLease === true && lease !== 0n) throw new InvalidRequestError('etcdserver: lease is provided');
  checkLease(lease);
}

/** What the operations of one branch write, at every depth. */
interface Writes {
  readonly puts: Set<string>;
  readonly deletes: Deleted[];
}

interface Deleted {
  readonly key: string;
  readonly end: string | undefined;
}

/**
 * Two puts of one key, or a put into a range that is deleted, would depend on the order of operations: throws. As in
 * etcd, the branches of one nested transaction may collide with each other, a put of a nested transaction is compared
 * with the deletes of those before it only, and a delete "from this key on" collides with nothing.
 */
function collidingWrites(operations: readonly Operation[]): Writes {
  const deletes: Deleted[] = [];
  for (const operation of operations) if (operation.op === 'delete') deletes.push({ key: operation.key, end: operation.end });
  const puts = new Set<string>();
  const add = (key: string, allowed?: ReadonlySet<string>): void => {
    if ((puts.has(key) && allowed?.has(key) !== true) || deletes.some((range) => isDeleted(range, key))) throw duplicateKey();
    puts.add(key);
  };
  for (const operation of operations) {
    if (operation.op !== 'txn') continue;
    const success = collidingWrites(operation.txn.success);
    const failure = collidingWrites(operation.txn.failure);
    for (const key of success.puts) add(key);
    for (const key of failure.puts) add(key, success.puts);
    deletes.push(...success.deletes, ...failure.deletes);
  }
  for (const operation of operations) if (operation.op === 'put') add(operation.key);
  return { puts, deletes };
}

function isDeleted({ key, end }: Deleted, put: string): boolean {
  return end === undefined ? put === key : put >= key && put < end;
}

function nests(operations: readonly Operation[]): boolean {
  return operations.some(({ op }) => op === 'txn');
}

export function tooManyOperations(): InvalidRequestError {
  return new InvalidRequestError('etcdserver: too many operations in txn request');
}

function duplicateKey(): InvalidRequestError {
  return new InvalidRequestError('etcdserver: duplicate key given in txn request');
}

function checkKeys({ key, end }: { readonly key: string; readonly end?: string | undefined }): void {
  if (key === '') throw new InvalidRequestError('etcdserver: key is not provided');
  checkKey(key);
  if (end !== undefined) checkKey(end);
}

function checkKey(key: string): void {
  // A key is bytes, one per char: any other char would be another key once it has been on disk.
  for (let i = 0; i < key.length; i++) {
    if (key.charCodeAt(i) > 0xff) throw new RangeError(`Key ${JSON.stringify(key)} is not a binary string`);
  }
}

function checkInteger(value: number, what: string): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`Not a ${what}: ${value}`);
}

function checkLease(id: bigint): void {
  if (BigInt.asIntN(64, id) !== id) throw new RangeError(`Not a lease: ${id}`);
}
