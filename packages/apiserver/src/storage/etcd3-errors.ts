import { newInternalError, newServiceUnavailable, newStatusError } from '@coracle/apimachinery';
import { CallLostError, CompactedError, EtcdError, FutureRevisionError as EtcdFutureRevisionError } from '@coracle/etcd';
import { UnreadableValueError } from './etcd3-value.ts';
import { CompactedRevisionError, FutureRevisionError } from './storage.ts';

/**
 * What a call of etcd's was refused with, in the words of the interface. The rest goes to clients as etcd says it, as upstream does:
 * "etcdserver: request is too large".
 */
export function etcd3Error(error: unknown): unknown {
  if (error instanceof CompactedError) return new CompactedRevisionError(error.compactRevision, { cause: error });
  if (error instanceof EtcdFutureRevisionError) return new FutureRevisionError(error.current, { cause: error });
  if (error instanceof UnreadableValueError) return newInternalError(error.message);
  if (error instanceof CallLostError || error instanceof EtcdError) return newServiceUnavailable(error.message);
  if (error instanceof Error && error.message.startsWith('etcdserver: ')) return newStatusError(500, '', error.message);
  return error;
}
