import { InvalidRequestError, maxTxnOperations, tooManyOperations } from '../mvcc/check-txn.ts';
import type { Compare, CompareResult, Operation, Put, RangeRequest, Sort, SortTarget, Txn } from '../mvcc/types.ts';
import { ProtobufReader } from './protobuf.ts';

/*
 * The requests of the KV service, decoded by hand into what the store takes: most of what arrives is one of them. Tags are
 * `field number * 8 + wire type` of api/etcdserverpb/rpc.proto; a known field of another wire type is passed over, as in Go.
 */

export interface Reading extends RangeRequest {
  /** May be answered by this member alone. */
  readonly serializable: boolean;
}

export function decodeRange(bytes: Uint8Array): Reading {
  return readRange(new ProtobufReader(bytes));
}

function readRange(from: ProtobufReader): Reading {
  let key = '';
  let end: string | undefined;
  let limit = 0;
  let revision = 0;
  let sortOrder = 0;
  let sortTarget = 0;
  let serializable = false;
  let keysOnly = false;
  let countOnly = false;
  const bounds = { minModRevision: 0, maxModRevision: 0, minCreateRevision: 0, maxCreateRevision: 0 };
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    switch (tag) {
      case 10:
        key = from.key();
        break;
      case 18:
        end = from.key();
        break;
      case 24:
        limit = from.revision();
        break;
      case 32:
        revision = from.revision();
        break;
      case 40:
        sortOrder = from.int32();
        break;
      case 48:
        sortTarget = from.int32();
        break;
      case 56:
        serializable = from.bool();
        break;
      case 64:
        keysOnly = from.bool();
        break;
      case 72:
        countOnly = from.bool();
        break;
      case 80:
        bounds.minModRevision = from.revision();
        break;
      case 88:
        bounds.maxModRevision = from.revision();
        break;
      case 96:
        bounds.minCreateRevision = from.revision();
        break;
      case 104:
        bounds.maxCreateRevision = from.revision();
        break;
      default:
        from.skip(tag);
    }
  }
  return {
    key,
    end: end === '' ? undefined : end,
    limit,
    revision,
    sort: sortOf(sortOrder, sortTarget),
    serializable,
    keysOnly,
    countOnly,
    ...bounds,
  };
}

const sortTargets: readonly SortTarget[] = ['key', 'version', 'create', 'mod', 'value'];

/** Orders are 0 none, 1 ascending, 2 descending. */
function sortOf(order: number, number: number): Sort | undefined {
  if (order === 0 && number === 0) return undefined;
  const target = sortTargets[number];
  if (target === undefined || order < 0 || order > 2) return { target: 'key', descending: false, isInvalid: true };
  return order === 0 ? { target, descending: false, limitFirst: true } : { target, descending: order === 2 };
}

export type WirePut = Put & { readonly prevKv: boolean };

export function decodePut(bytes: Uint8Array): WirePut {
  return readPut(new ProtobufReader(bytes));
}

const noValue = new Uint8Array();

function readPut(from: ProtobufReader): WirePut {
  let key = '';
  let value: Uint8Array = noValue;
  let lease = 0n;
  let prevKv = false;
  let ignoreValue = false;
  let ignoreLease = false;
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    switch (tag) {
      case 10:
        key = from.key();
        break;
      case 18:
        value = from.bytes();
        break;
      case 24:
        lease = from.int64();
        break;
      case 32:
        prevKv = from.bool();
        break;
      case 40:
        ignoreValue = from.bool();
        break;
      case 48:
        ignoreLease = from.bool();
        break;
      default:
        from.skip(tag);
    }
  }
  return { op: 'put', key, value, lease, prevKv, ignoreValue, ignoreLease };
}

export type WireDelete = Extract<Operation, { readonly op: 'delete' }>;

export function decodeDeleteRange(bytes: Uint8Array): WireDelete {
  return readDeleteRange(new ProtobufReader(bytes));
}

function readDeleteRange(from: ProtobufReader): WireDelete {
  let key = '';
  let end: string | undefined;
  let prevKv = false;
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    if (tag === 10) key = from.key();
    else if (tag === 18) end = from.key();
    else if (tag === 24) prevKv = from.bool();
    else from.skip(tag);
  }
  return { op: 'delete', key, end: end === '' ? undefined : end, prevKv };
}

export function decodeTxn(bytes: Uint8Array): Txn {
  return readTxn(new ProtobufReader(bytes));
}

function readTxn(from: ProtobufReader): Txn {
  const compares: Compare[] = [];
  const success: Operation[] = [];
  const failure: Operation[] = [];
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    if (tag === 10) compares.push(readCompare(from.message()));
    else if (tag === 18) success.push(readOperation(from.message()));
    else if (tag === 26) failure.push(readOperation(from.message()));
    else from.skip(tag);
    // Two bytes each are enough for an element: what will be refused anyway need not be read to the end.
    if (Math.max(compares.length, success.length, failure.length) > maxTxnOperations) throw tooManyOperations();
  }
  return { compares, success, failure };
}

/** The last of several counts. Throws InvalidRequestError when there is none. */
function readOperation(from: ProtobufReader): Operation {
  let operation: Operation | undefined;
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    if (tag === 10) operation = { op: 'range', ...readRange(from.message()) };
    else if (tag === 18) operation = readPut(from.message());
    else if (tag === 26) operation = readDeleteRange(from.message());
    else if (tag === 34) operation = { op: 'txn', txn: readTxn(from.message()) };
    else from.skip(tag);
  }
  if (operation === undefined) throw new InvalidRequestError('etcdserver: key not found');
  return operation;
}

const compareResults: readonly CompareResult[] = ['equal', 'greater', 'less', 'notEqual'];

function readCompare(from: ProtobufReader): Compare {
  let result = 0;
  let target = 0;
  let key = '';
  let end: string | undefined;
  // Which field of the union was last, and what it held.
  let given = -1;
  let number = 0;
  let lease = 0n;
  let value: Uint8Array = noValue;
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    switch (tag) {
      case 8:
        result = from.int32();
        break;
      case 16:
        target = from.int32();
        break;
      case 26:
        key = from.key();
        break;
      case 32:
      case 40:
      case 48:
        number = from.revision();
        given = (tag - 32) >> 3;
        break;
      case 58:
        value = from.bytes();
        given = 3;
        break;
      case 64:
        lease = from.int64();
        given = 4;
        break;
      case 514:
        end = from.key();
        break;
      default:
        from.skip(tag);
    }
  }
  const range = { key, end: end === '' ? undefined : end };
  const named = compareResults[result];
  if (named === undefined) throw new InvalidRequestError(`etcdserver: unknown compare result ${result}`);
  // An operand of another field than the target's is none, and none is zero.
  const operand = given === target ? number : 0;
  switch (target) {
    case 0:
      return { ...range, result: named, target: 'version', operand };
    case 1:
      return { ...range, result: named, target: 'create', operand };
    case 2:
      return { ...range, result: named, target: 'mod', operand };
    case 3:
      return { ...range, result: named, target: 'value', operand: given === 3 ? value : noValue };
    case 4:
      return { ...range, result: named, target: 'lease', operand: given === 4 ? lease : 0n };
    default:
      throw new InvalidRequestError(`etcdserver: unknown compare target ${target}`);
  }
}
