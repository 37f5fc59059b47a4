export { defaultRetention, type GrantedLease, Mvcc, type Retention } from './mvcc/mvcc.ts';
export { type Revision, revision } from './mvcc/revision.ts';
export {
  type Change,
  type Compare,
  CompactedError,
  FutureRevisionError,
  type KeyRange,
  type KeyValue,
  LeaseExistsError,
  type LeaseId,
  LeaseNotFoundError,
  type Operation,
  type OperationResult,
  type RangeRequest,
  type RangeResponse,
  type Txn,
  type TxnResult,
} from './mvcc/types.ts';
export { MemoryStore, type Store } from './store.ts';
export { type ChangeSink, prefixEnd } from './watch-hub.ts';
