import { type KeyValue, noLease, type RangeRequest, type RangeResponse } from './types.ts';

const noValue = new Uint8Array();

/** Whether `limit` counts keys as they are found, in their order, so that what is beyond it need not be kept. */
export function limitsKeys(request: RangeRequest): boolean {
  return (isInKeyOrder(request) || request.sort?.limitFirst === true) && !hasBounds(request);
}

/** Whether the answer is in order of key and nothing but `limit` shortens it. */
export function isPlain(request: RangeRequest): boolean {
  return isInKeyOrder(request) && !hasBounds(request);
}

export function isInKeyOrder({ sort }: RangeRequest): boolean {
  return sort === undefined || (sort.target === 'key' && !sort.descending);
}

export function hasBounds(request: RangeRequest): boolean {
  const { minModRevision = 0, maxModRevision = 0, minCreateRevision = 0, maxCreateRevision = 0 } = request;
  return minModRevision !== 0 || maxModRevision !== 0 || minCreateRevision !== 0 || maxCreateRevision !== 0;
}

/** What is returned of `found`: filtered, then sorted, then limited (etcdserver/txn/range.go). `count` is what the range has. */
export function assembled(request: RangeRequest, found: readonly KeyValue[], count: number): RangeResponse {
  const kept = hasBounds(request) ? found.filter((kv) => isWithin(request, kv)) : [...found];
  const order = orderOf(request);
  if (order !== undefined) kept.sort(order);
  const { limit = 0 } = request;
  const more = limit > 0 && kept.length > limit;
  return { kvs: shown(request, more ? kept.slice(0, limit) : kept), more, count };
}

export function shown(request: RangeRequest, kvs: readonly KeyValue[]): readonly KeyValue[] {
  if (request.keysOnly !== true) return kvs;
  const keepsLease = request.sort?.target === 'value';
  return kvs.map((kv) => Object.freeze({ ...kv, value: noValue, lease: keepsLease ? kv.lease : noLease }));
}

function isWithin(request: RangeRequest, kv: KeyValue): boolean {
  const { minModRevision = 0, maxModRevision = 0, minCreateRevision = 0, maxCreateRevision = 0 } = request;
  return (
    (maxModRevision === 0 || kv.modRevision <= maxModRevision) &&
    (minModRevision === 0 || kv.modRevision >= minModRevision) &&
    (maxCreateRevision === 0 || kv.createRevision <= maxCreateRevision) &&
    (minCreateRevision === 0 || kv.createRevision >= minCreateRevision)
  );
}

type Order = (a: KeyValue, b: KeyValue) => number;

function orderOf(request: RangeRequest): Order | undefined {
  const { sort } = request;
  if (sort === undefined || isInKeyOrder(request)) return undefined;
  const ascending: Order = orders[sort.target];
  return sort.descending ? (a, b) => ascending(b, a) : ascending;
}

const orders: Readonly<Record<NonNullable<RangeRequest['sort']>['target'], Order>> = {
  key: (a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0),
  version: (a, b) => a.version - b.version,
  create: (a, b) => a.createRevision - b.createRevision,
  mod: (a, b) => a.modRevision - b.modRevision,
  value: (a, b) => Buffer.compare(a.value, b.value),
};
