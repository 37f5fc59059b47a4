import type { Random } from '@coracle/kernel';
import type { Message } from '../message.ts';
import * as m from '../messages.ts';

/** One request, in a form that fits both: what is sent, and how the answer is read. */
export interface Request {
  readonly path: string;
  readonly bytes: Buffer;
  readonly answer: Message<never>;
}

export function request<Q, A>(service: string, of: Message<Q>, value: Partial<Q>, answer: Message<A>): Request {
  return { path: `etcdserverpb.${service}`, bytes: of.encode(value), answer: answer as Message<never> }; // it is only shown
}

export const names: readonly string[] = ['a', 'b', 'b\0', 'c', 'd', '\xff'];
export const ends: readonly string[] = ['', '', 'b', 'd', '\0', 'A'];
export const leases: readonly bigint[] = [1n, 7n, (1n << 62n) + 1n];

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)] as T; // below its length
}

function sometimes<T>(random: Random, value: T, otherwise: T): T {
  return random.below(4) === 0 ? value : otherwise;
}

function randomRange(random: Random, revision: number): Partial<m.WireRangeRequest> {
  // Sorting by a value that keys share leaves their order to chance: by version and by value only with one key left.
  const sortTarget = pick(random, [0, 0, 3]);
  return {
    key: pick(random, names),
    rangeEnd: pick(random, ends),
    limit: sometimes(random, random.below(4), 0),
    revision: sometimes(random, random.below(revision + 3), 0),
    sortOrder: sometimes(random, random.below(4), 0),
    sortTarget: sometimes(random, sortTarget, 0),
    keysOnly: random.below(5) === 0,
    countOnly: random.below(8) === 0,
    minModRevision: sometimes(random, random.below(revision + 1), 0),
    maxModRevision: random.below(8) === 0 ? random.below(revision + 1) : 0,
    minCreateRevision: random.below(8) === 0 ? random.below(revision + 1) : 0,
    maxCreateRevision: random.below(8) === 0 ? random.below(revision + 1) : 0,
  };
}

function randomPut(random: Random, mayKeep = true): Partial<m.WirePutRequest> {
  const ignoreValue = mayKeep && random.below(8) === 0;
  const ignoreLease = mayKeep && random.below(8) === 0;
  return {
    key: sometimes(random, pick(random, ['', ...names]), pick(random, names)),
    value: Buffer.from(ignoreValue && random.below(8) > 0 ? '' : `v${random.below(5)}`),
    lease: ignoreLease && random.below(8) > 0 ? 0n : sometimes(random, pick(random, [...leases, 99n]), 0n),
    prevKv: random.below(2) === 0,
    ignoreValue,
    ignoreLease,
  };
}

function randomDelete(random: Random): Partial<m.WireDeleteRangeRequest> {
  return { key: pick(random, names), rangeEnd: pick(random, ends), prevKv: random.below(2) === 0 };
}

function randomCompare(random: Random, revision: number): Partial<m.WireCompare> {
  const target = random.below(5);
  const operand = random.below(3) === 0 ? -1 : random.below(revision + 1);
  const union = [
    { version: random.below(4) },
    { createRevision: operand },
    { modRevision: operand },
    { value: Buffer.from(`v${random.below(5)}`) },
    { lease: pick(random, [0n, -1n, ...leases]) },
  ][random.below(10) === 0 ? random.below(5) : target];
  return { result: random.below(4), target, key: pick(random, names), rangeEnd: sometimes(random, pick(random, ends), ''), ...union };
}

/** Either deletes or puts that keep what the key has: a put of the second kind behind a delete makes etcd panic. */
function randomTxn(random: Random, revision: number, depth = 0, deletes = random.below(2) === 0): Partial<m.WireTxnRequest> {
  const operation = (): Partial<m.WireRequestOp> => {
    switch (random.below(depth < 2 ? 7 : 6)) {
      case 0:
      case 1:
        return { requestRange: randomRange(random, revision) };
      case 2:
        return deletes ? { requestDeleteRange: randomDelete(random) } : { requestPut: randomPut(random) };
      case 6:
        return { requestTxn: randomTxn(random, revision, depth + 1, deletes) };
      default:
        return { requestPut: randomPut(random, !deletes) };
    }
  };
  const list = <T>(make: () => T): readonly T[] => Array.from({ length: random.below(3) }, make);
  return { compare: list(() => randomCompare(random, revision)), success: list(operation), failure: list(operation) };
}

export function randomRequest(random: Random, revision: number): Request {
  switch (random.below(16)) {
    case 0:
      return request('KV/Compact', m.compactionRequest, { revision: Math.max(1, random.below(revision + 3) - 2) }, m.headerOnly);
    case 1:
      return request(
        'Lease/LeaseGrant',
        m.leaseGrantRequest,
        { id: pick(random, leases), ttl: pick(random, [600, 1000, 9_000_000_001]) },
        m.leaseGrantResponse,
      );
    case 2:
      return request('Lease/LeaseRevoke', m.leaseId, { id: pick(random, [...leases, 99n]) }, m.headerOnly);
    case 3:
      return request('Lease/LeaseTimeToLive', m.leaseTimeToLiveRequest, { id: pick(random, [99n]), keys: true }, m.leaseTimeToLiveResponse);
    case 4:
    case 5:
      return request('KV/DeleteRange', m.deleteRangeRequest, randomDelete(random), m.deleteRangeResponse);
    case 6:
    case 7:
    case 8:
      return request('KV/Range', m.rangeRequest, randomRange(random, revision), m.rangeResponse);
    case 9:
      // With a target and no order, etcd counts from wherever the last of the sorted keys is: ours counts what there is.
      return request('KV/RangeStream', m.rangeRequest, { ...randomRange(random, revision), sortTarget: 0 }, m.rangeStreamResponse);
    case 10:
    case 11:
      return request('KV/Put', m.putRequest, randomPut(random), m.putResponse);
    default:
      return request('KV/Txn', m.txnRequest, randomTxn(random, revision), m.txnResponse);
  }
}
