import { unreachable } from '@coracle/kernel';
import type { Mvcc } from '../mvcc/mvcc.ts';
import type { Revision } from '../mvcc/revision.ts';
import type { Compare, LeaseId, Operation, RangeRequest, Txn, TxnResult } from '../mvcc/types.ts';
import { type ByteReader, type ByteWriter, Malformed } from './binary.ts';

/** A change of the store as it is proposed, logged and applied; the same entries in one order give the same state. */
export type Entry =
  | { readonly kind: 'txn'; readonly txn: Txn }
  | { readonly kind: 'grant'; readonly id: LeaseId; readonly ttlSeconds: number }
  | { readonly kind: 'revoke'; readonly id: LeaseId }
  | { readonly kind: 'compact'; readonly at: Revision };

/** Applies `entry`. Throws, having changed nothing, what the Mvcc throws: then replaying it changes nothing either. */
export function applyEntry(mvcc: Mvcc, entry: Entry): TxnResult | undefined {
  switch (entry.kind) {
    case 'txn':
      return mvcc.txn(entry.txn);
    case 'grant':
      mvcc.grantLease(entry);
      return undefined;
    case 'revoke':
      return mvcc.revokeLease(entry.id);
    case 'compact':
      mvcc.compact(entry.at);
      return undefined;
    default:
      return unreachable(entry, 'entry of unknown kind');
  }
}

/** Whether applying it can only make room: such entries are taken while the disk is full. */
export function freesSpace(entry: Entry): boolean {
  switch (entry.kind) {
    case 'txn':
      return [...entry.txn.success, ...entry.txn.failure].every(({ op }) => op !== 'put');
    case 'grant':
      return false;
    case 'revoke':
    case 'compact':
      return true;
    default:
      return unreachable(entry, 'entry of unknown kind');
  }
}

// The numbers below are the format on disk: they never change their meaning.
const kinds = ['txn', 'grant', 'revoke', 'compact'] as const;
const targets = ['version', 'create', 'mod', 'value', 'lease'] as const;
const relations = ['equal', 'greater', 'less', 'notEqual'] as const;
const operations = ['range', 'put', 'delete'] as const;

export function writeEntry(to: ByteWriter, entry: Entry): void {
  to.u8(kinds.indexOf(entry.kind));
  switch (entry.kind) {
    case 'txn':
      writeList(to, entry.txn.compares, writeCompare);
      writeList(to, entry.txn.success, writeOperation);
      writeList(to, entry.txn.failure, writeOperation);
      return;
    case 'grant':
      to.varint(entry.id);
      to.varint(entry.ttlSeconds);
      return;
    case 'revoke':
      to.varint(entry.id);
      return;
    case 'compact':
      to.varint(entry.at);
      return;
    default:
      unreachable(entry, 'entry of unknown kind');
  }
}

/** Throws Malformed. */
export function readEntry(from: ByteReader): Entry {
  const entry = readKind(from);
  from.end();
  return entry;
}

function readKind(from: ByteReader): Entry {
  const kind = one(kinds, from);
  switch (kind) {
    case 'txn':
      return {
        kind,
        txn: { compares: readList(from, readCompare), success: readList(from, readOperation), failure: readList(from, readOperation) },
      };
    case 'grant':
      return { kind, id: from.varint(), ttlSeconds: from.varint() };
    case 'revoke':
      return { kind, id: from.varint() };
    case 'compact':
      return { kind, at: from.varint() as Revision }; // a varint is a safe integer ≥ 0
    default:
      return unreachable(kind, 'entry of unknown kind');
  }
}

function writeCompare(to: ByteWriter, compare: Compare): void {
  to.u8(targets.indexOf(compare.target));
  to.u8(relations.indexOf(compare.result));
  writeRange(to, compare.key, compare.end);
  if (compare.target === 'value') to.bytes(compare.operand);
  else to.varint(compare.operand);
}

function readCompare(from: ByteReader): Compare {
  const target = one(targets, from);
  const result = one(relations, from);
  const range = readRange(from);
  if (target === 'value') return { ...range, target, result, operand: from.bytes() };
  return { ...range, target, result, operand: from.varint() };
}

function writeOperation(to: ByteWriter, operation: Operation): void {
  to.u8(operations.indexOf(operation.op));
  switch (operation.op) {
    case 'put':
      to.key(operation.key);
      to.varint(operation.lease ?? 0);
      to.bytes(operation.value);
      return;
    case 'delete':
      writeRange(to, operation.key, operation.end);
      return;
    case 'range':
      writeRange(to, operation.key, operation.end);
      to.varint(Math.max(0, operation.revision ?? 0));
      to.varint(Math.max(0, operation.limit ?? 0));
      to.u8(operation.countOnly === true ? 1 : 0);
      return;
    default:
      unreachable(operation, 'operation of unknown kind');
  }
}

function readOperation(from: ByteReader): Operation {
  const op = one(operations, from);
  switch (op) {
    case 'put': {
      const key = from.key();
      const lease = from.varint();
      return { op, key, lease, value: from.bytes() };
    }
    case 'delete':
      return { op, ...readRange(from) };
    case 'range': {
      const request: RangeRequest = { ...readRange(from), revision: from.varint(), limit: from.varint(), countOnly: from.u8() === 1 };
      return { op, ...request };
    }
    default:
      return unreachable(op, 'operation of unknown kind');
  }
}

function writeRange(to: ByteWriter, key: string, end: string | undefined): void {
  to.key(key);
  to.u8(end === undefined ? 0 : 1);
  if (end !== undefined) to.key(end);
}

function readRange(from: ByteReader): { readonly key: string; readonly end?: string } {
  const key = from.key();
  return from.u8() === 0 ? { key } : { key, end: from.key() };
}

function writeList<T>(to: ByteWriter, items: readonly T[], write: (to: ByteWriter, item: T) => void): void {
  to.varint(items.length);
  for (const item of items) write(to, item);
}

function readList<T>(from: ByteReader, read: (from: ByteReader) => T): readonly T[] {
  const count = from.varint();
  const items: T[] = [];
  // Every item takes bytes, so a wrong count ends at the end of the record, whatever it claims.
  for (let i = 0; i < count; i++) items.push(read(from));
  return items;
}

function one<T>(of: readonly T[], from: ByteReader): T {
  const number = from.u8();
  const value = of[number];
  if (value === undefined) throw new Malformed(`unknown number ${number}`);
  return value;
}
