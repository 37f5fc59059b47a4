import { unreachable } from '@coracle/kernel';
import { readAuthChange, readText, writeAuthChange, writeText } from '../auth/auth-codec.ts';
import { AuthError } from '../auth/auth-error.ts';
import type { AuthChange } from '../auth/auth-state.ts';
import { assertAdmin, assertMayLease, assertMayTxn } from '../auth/permits.ts';
import { readLeaseId, writeLeaseId } from '../lease/lease-id.ts';
import { putsAnything } from '../mvcc/check-txn.ts';
import type { LeaseRemainder, Mvcc } from '../mvcc/mvcc.ts';
import type { Revision } from '../mvcc/revision.ts';
import type { Alarm, Compare, LeaseId, Operation, RangeRequest, Sort, Txn, TxnResult } from '../mvcc/types.ts';
import { type ByteReader, type ByteWriter, Malformed } from './binary.ts';

/** A change of the store as it is proposed, logged and applied; the same entries in one order give the same state. */
export type Entry =
  | { readonly kind: 'txn'; readonly txn: Txn }
  | { readonly kind: 'grant'; readonly id: LeaseId; readonly ttlSeconds: number }
  | { readonly kind: 'revoke'; readonly id: LeaseId }
  /**
   * The lease's time is over, by the clock of who led in `term`. In an entry of another term it means nothing: who led then had not
   * decided it, and may have told the holder that the lease goes on.
   */
  | { readonly kind: 'expire'; readonly id: LeaseId; readonly term: number }
  | { readonly kind: 'compact'; readonly at: Revision }
  | { readonly kind: 'alarm'; readonly action: 'activate' | 'deactivate'; readonly alarm: Alarm }
  /** What is left of long leases, so that whoever keeps the time next does not start them anew. */
  | { readonly kind: 'checkpoint'; readonly leases: readonly LeaseRemainder[] }
  | { readonly kind: 'auth'; readonly change: AuthChange }
  /** A token that means a user, for all members to know. */
  | { readonly kind: 'token'; readonly token: string; readonly user: string }
  | EntryAsUser;

/** What somebody asked for who may do it if users and roles are still those of `authRevision`. */
export interface EntryAsUser {
  readonly kind: 'asUser';
  readonly user: string;
  readonly authRevision: number;
  readonly entry: Exclude<Entry, EntryAsUser>;
}

/** Applies `entry`. Throws, having changed nothing, what the Mvcc throws: then replaying it changes nothing either. */
export function applyEntry(mvcc: Mvcc, entry: Entry): TxnResult | undefined {
  switch (entry.kind) {
    case 'txn':
      return mvcc.txn(entry.txn);
    case 'grant':
      mvcc.grantLease(entry);
      return undefined;
    case 'revoke':
    case 'expire':
      return mvcc.revokeLease(entry.id);
    case 'compact':
      mvcc.compact(entry.at);
      return undefined;
    case 'alarm':
      mvcc.setAlarm(entry.action, entry.alarm);
      return undefined;
    case 'checkpoint':
      mvcc.checkpointLeases(entry.leases);
      return undefined;
    case 'auth':
      mvcc.changeAuth(entry.change);
      return undefined;
    case 'token':
      if (!mvcc.auth.isEnabled) throw new AuthError('not enabled');
      if (mvcc.auth.users.get(entry.user)?.password === undefined) throw new AuthError('wrong password');
      return undefined;
    case 'asUser':
      assertMayApply(mvcc, entry);
      return applyEntry(mvcc, entry.entry);
    default:
      return unreachable(entry, 'entry of unknown kind');
  }
}

/** Throws AuthError (apply/auth.go). What the caller may see of the past is not in the log: that was checked before. */
function assertMayApply(mvcc: Mvcc, { user, authRevision, entry }: EntryAsUser): void {
  const { auth } = mvcc;
  const caller = { user, revision: authRevision };
  const keysOf = (id: LeaseId): readonly string[] => mvcc.leaseKeys(id);
  if (entry.kind === 'auth') assertAdmin(auth, caller);
  else if (entry.kind === 'txn') assertMayTxn(auth, caller, entry.txn, { keysOf, seesPrevious: false });
  else if (entry.kind === 'revoke') assertMayLease(auth, caller, keysOf(entry.id));
}

/** Whether applying it can only make room: such entries are taken while the disk is full. */
export function freesSpace(entry: Entry): boolean {
  switch (entry.kind) {
    case 'txn':
      return !putsAnything(entry.txn);
    case 'grant':
    case 'checkpoint':
      return false;
    case 'revoke':
    case 'expire':
    case 'compact':
    case 'alarm': // it takes a few bytes, and is how people learn of what is wrong
    case 'auth':
    case 'token': // without one nobody could make room
      return true;
    case 'asUser':
      return freesSpace(entry.entry);
    default:
      return unreachable(entry, 'entry of unknown kind');
  }
}

// The numbers below are the format on disk: they never change their meaning.
const kinds = ['txn', 'grant', 'revoke', 'compact', 'alarm', 'checkpoint', 'auth', 'token', 'asUser', 'expire'] as const;
const targets = ['version', 'create', 'mod', 'value', 'lease'] as const;
/** In the byte of the target: the operand is below zero, and which number it is makes no difference. */
const negativeOperand = 0x80;
const relations = ['equal', 'greater', 'less', 'notEqual'] as const;
const operations = ['range', 'put', 'delete', 'keepingPut', 'txn'] as const;
const rangeFlag = { countOnly: 1, keysOnly: 2, sort: 4, bounds: 8 } as const;
const sortFlag = { descending: 8, limitFirst: 16 } as const;
const keepFlag = { value: 1, lease: 2 } as const;
const sortTargets = ['key', 'version', 'create', 'mod', 'value'] as const;
const alarmTypes = ['nospace', 'corrupt'] as const;
const actions = ['activate', 'deactivate'] as const;
/** Nested transactions are bounded by what the API takes; this only keeps a damaged log from exhausting the stack. */
const maxDepth = 200;

export function writeEntry(to: ByteWriter, entry: Entry): void {
  to.u8(kinds.indexOf(entry.kind));
  switch (entry.kind) {
    case 'txn':
      writeTxn(to, entry.txn);
      return;
    case 'grant':
      writeLeaseId(to, entry.id);
      to.varint(entry.ttlSeconds);
      return;
    case 'revoke':
      writeLeaseId(to, entry.id);
      return;
    case 'expire':
      writeLeaseId(to, entry.id);
      to.varint(entry.term);
      return;
    case 'compact':
      to.varint(entry.at);
      return;
    case 'alarm':
      to.u8(actions.indexOf(entry.action));
      writeAlarm(to, entry.alarm);
      return;
    case 'checkpoint':
      writeList(to, entry.leases, writeLeaseRemainder);
      return;
    case 'auth':
      writeAuthChange(to, entry.change);
      return;
    case 'token':
      writeText(to, entry.token);
      writeText(to, entry.user);
      return;
    case 'asUser':
      writeText(to, entry.user);
      to.varint(entry.authRevision);
      writeEntry(to, entry.entry);
      return;
    default:
      unreachable(entry, 'entry of unknown kind');
  }
}

/** The values in it are views of what is read. Throws Malformed. */
export function readEntry(from: ByteReader): Entry {
  const entry = readKind(from);
  from.end();
  return entry;
}

function readKind(from: ByteReader): Entry {
  const kind = one(kinds, from);
  switch (kind) {
    case 'txn':
      return { kind, txn: readTxn(from, 0) };
    case 'grant':
      return { kind, id: readLeaseId(from), ttlSeconds: from.varint() };
    case 'revoke':
      return { kind, id: readLeaseId(from) };
    case 'expire':
      return { kind, id: readLeaseId(from), term: from.varint() };
    case 'compact':
      return { kind, at: from.varint() as Revision }; // a varint is a safe integer ≥ 0
    case 'alarm':
      return { kind, action: one(actions, from), alarm: readAlarm(from) };
    case 'checkpoint':
      return { kind, leases: readList(from, readLeaseRemainder) };
    case 'auth':
      return { kind, change: readAuthChange(from) };
    case 'token':
      return { kind, token: readText(from), user: readText(from) };
    case 'asUser': {
      const asked = { kind, user: readText(from), authRevision: from.varint() } as const;
      const entry = readKind(from);
      if (entry.kind === 'asUser') throw new Malformed('an entry within one within one');
      return { ...asked, entry };
    }
    default:
      return unreachable(kind, 'entry of unknown kind');
  }
}

export function writeAlarm(to: ByteWriter, { type, memberId }: Alarm): void {
  to.u8(alarmTypes.indexOf(type));
  writeLeaseId(to, BigInt.asIntN(64, memberId));
}

export function readAlarm(from: ByteReader): Alarm {
  const type = one(alarmTypes, from);
  return { type, memberId: BigInt.asUintN(64, readLeaseId(from)) };
}

export function writeLeaseRemainder(to: ByteWriter, { id, remainingSeconds }: LeaseRemainder): void {
  writeLeaseId(to, id);
  to.varint(remainingSeconds);
}

export function readLeaseRemainder(from: ByteReader): LeaseRemainder {
  return { id: readLeaseId(from), remainingSeconds: from.varint() };
}

function writeTxn(to: ByteWriter, txn: Txn): void {
  writeList(to, txn.compares, writeCompare);
  writeList(to, txn.success, writeOperation);
  writeList(to, txn.failure, writeOperation);
}

function readTxn(from: ByteReader, depth: number): Txn {
  if (depth > maxDepth) throw new Malformed(`transactions nested deeper than ${maxDepth}`);
  const operation = (of: ByteReader): Operation => readOperation(of, depth);
  return { compares: readList(from, readCompare), success: readList(from, operation), failure: readList(from, operation) };
}

function writeCompare(to: ByteWriter, compare: Compare): void {
  const target = targets.indexOf(compare.target);
  const isNegative = typeof compare.operand === 'number' && compare.operand < 0;
  to.u8(isNegative ? target | negativeOperand : target);
  to.u8(relations.indexOf(compare.result));
  writeRange(to, compare.key, compare.end);
  if (compare.target === 'value') to.bytes(compare.operand);
  else if (compare.target === 'lease') writeLeaseId(to, compare.operand);
  else if (!isNegative) to.varint(compare.operand);
}

function readCompare(from: ByteReader): Compare {
  const number = from.u8();
  const target = named(targets, number & ~negativeOperand);
  const result = one(relations, from);
  const range = readRange(from);
  if ((number & negativeOperand) !== 0) {
    if (target === 'value' || target === 'lease') throw new Malformed(`negative operand of ${target}`);
    return { ...range, target, result, operand: -1 };
  }
  if (target === 'value') return { ...range, target, result, operand: from.view() };
  if (target === 'lease') return { ...range, target, result, operand: readLeaseId(from) };
  return { ...range, target, result, operand: from.varint() };
}

function writeOperation(to: ByteWriter, operation: Operation): void {
  switch (operation.op) {
    case 'put': {
      const kept = (operation.ignoreValue === true ? keepFlag.value : 0) | (operation.ignoreLease === true ? keepFlag.lease : 0);
      to.u8(operations.indexOf(kept === 0 ? 'put' : 'keepingPut'));
      if (kept !== 0) to.u8(kept);
      to.key(operation.key);
      writeLeaseId(to, operation.lease ?? 0n);
      to.bytes(operation.value);
      return;
    }
    case 'delete':
      to.u8(operations.indexOf('delete'));
      writeRange(to, operation.key, operation.end);
      return;
    case 'range':
      to.u8(operations.indexOf('range'));
      writeRangeRequest(to, operation);
      return;
    case 'txn':
      to.u8(operations.indexOf('txn'));
      writeTxn(to, operation.txn);
      return;
    default:
      unreachable(operation, 'operation of unknown kind');
  }
}

function readOperation(from: ByteReader, depth: number): Operation {
  const op = one(operations, from);
  switch (op) {
    case 'put': {
      const key = from.key();
      const lease = readLeaseId(from);
      return { op, key, lease, value: from.view() };
    }
    case 'keepingPut': {
      const kept = from.u8();
      const key = from.key();
      const lease = readLeaseId(from);
      const flags = { ignoreValue: (kept & keepFlag.value) !== 0, ignoreLease: (kept & keepFlag.lease) !== 0 };
      return { op: 'put', key, lease, value: from.view(), ...flags };
    }
    case 'delete':
      return { op, ...readRange(from) };
    case 'range':
      return { op, ...readRangeRequest(from) };
    case 'txn':
      return { op, txn: readTxn(from, depth + 1) };
    default:
      return unreachable(op, 'operation of unknown kind');
  }
}

function writeRangeRequest(to: ByteWriter, request: RangeRequest): void {
  const { sort, countOnly, keysOnly, minModRevision = 0, maxModRevision = 0, minCreateRevision = 0, maxCreateRevision = 0 } = request;
  const bounds = [minModRevision, maxModRevision, minCreateRevision, maxCreateRevision];
  const isBounded = bounds.some((bound) => bound !== 0);
  writeRange(to, request.key, request.end);
  to.varint(Math.max(0, request.revision ?? 0));
  to.varint(Math.max(0, request.limit ?? 0));
  to.u8(
    (countOnly === true ? rangeFlag.countOnly : 0) |
      (keysOnly === true ? rangeFlag.keysOnly : 0) |
      (sort === undefined ? 0 : rangeFlag.sort) |
      (isBounded ? rangeFlag.bounds : 0),
  );
  if (sort !== undefined)
    to.u8(
      sortTargets.indexOf(sort.target) | (sort.descending ? sortFlag.descending : 0) | (sort.limitFirst === true ? sortFlag.limitFirst : 0),
    );
  // A bound below zero excludes the same as −1 does.
  if (isBounded) for (const bound of bounds) to.varint(Math.max(-1, bound) + 1);
}

function readRangeRequest(from: ByteReader): RangeRequest {
  const request = { ...readRange(from), revision: from.varint(), limit: from.varint() };
  const flags = from.u8();
  const sort = (flags & rangeFlag.sort) === 0 ? undefined : from.u8();
  return {
    ...request,
    countOnly: (flags & rangeFlag.countOnly) !== 0,
    ...((flags & rangeFlag.keysOnly) === 0 ? {} : { keysOnly: true }),
    ...(sort === undefined ? {} : { sort: sortOf(sort) }),
    ...((flags & rangeFlag.bounds) === 0
      ? {}
      : {
          minModRevision: from.varint() - 1,
          maxModRevision: from.varint() - 1,
          minCreateRevision: from.varint() - 1,
          maxCreateRevision: from.varint() - 1,
        }),
  };
}

function sortOf(byte: number): Sort {
  const sort = { target: named(sortTargets, byte & 7), descending: (byte & sortFlag.descending) !== 0 };
  return (byte & sortFlag.limitFirst) === 0 ? sort : { ...sort, limitFirst: true };
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

export function writeList<T>(to: ByteWriter, items: readonly T[], write: (to: ByteWriter, item: T) => void): void {
  to.varint(items.length);
  for (const item of items) write(to, item);
}

export function readList<T>(from: ByteReader, read: (from: ByteReader) => T): readonly T[] {
  const count = from.varint();
  const items: T[] = [];
  // Every item takes bytes, so a wrong count ends at the end of the record, whatever it claims.
  for (let i = 0; i < count; i++) items.push(read(from));
  return items;
}

function one<T>(of: readonly T[], from: ByteReader): T {
  return named(of, from.u8());
}

function named<T>(of: readonly T[], number: number): T {
  const value = of[number];
  if (value === undefined) throw new Malformed(`unknown number ${number}`);
  return value;
}
