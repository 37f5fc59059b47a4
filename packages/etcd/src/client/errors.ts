import { ConsensusError, type ConsensusRefusal, MembershipError, type MembershipRefusal } from '../cluster-view.ts';
import { LeaseTtlTooLargeError } from '../lease/lessor.ts';
import { TooManyRequestsError } from '../member/proposals.ts';
import { InvalidRequestError } from '../mvcc/check-txn.ts';
import {
  CompactedError,
  CorruptError,
  FutureRevisionError,
  KeyNotFoundError,
  LeaseExistsError,
  LeaseNotFoundError,
  SpaceExceededError,
} from '../mvcc/refusals.ts';
import { revision } from '../mvcc/revision.ts';
import { grpcCode } from '../v3/grpc/status.ts';
import type { CallEnd } from './connection.ts';

/** A status of a server of etcd for which there is no class of its own, or the client's own time-out. */
export class EtcdError extends Error {
  override readonly name = 'EtcdError';
  /** One of google.golang.org/grpc/codes. */
  readonly code: number;
  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The connection went, or there was none. `sent`: whether the call may have been carried out. */
export class CallLostError extends Error {
  override readonly name = 'CallLostError';
  readonly sent: boolean;
  constructor(sent: boolean, message: string, options?: ErrorOptions) {
    super(message, options);
    this.sent = sent;
  }
}

/** A status does not say which revision it is about. */
const untold = revision(0);

const fixed: readonly (() => Error)[] = [
  () => new CompactedError(untold),
  () => new FutureRevisionError(untold),
  () => new LeaseNotFoundError(),
  () => new LeaseExistsError(),
  () => new KeyNotFoundError(),
  () => new SpaceExceededError(),
  () => new CorruptError(),
  () => new LeaseTtlTooLargeError(),
  () => new TooManyRequestsError(),
  ...(
    [
      'no leader',
      'not leader',
      'leader changed',
      'timed out',
      'leader failed',
      'connection lost',
      'unhealthy',
      'bad transferee',
      'learner',
    ] satisfies ConsensusRefusal[]
  ).map((refusal) => () => new ConsensusError(refusal)),
  ...(
    [
      'exists',
      'peer URL exists',
      'not enough started',
      'bad URLs',
      'not found',
      'not a learner',
      'learner not ready',
      'too many learners',
    ] satisfies MembershipRefusal[]
  ).map((refusal) => () => new MembershipError(refusal)),
];

/** By text, as clients of etcd tell errors apart (api/v3rpc/rpctypes/error.go). */
const byText: ReadonlyMap<string, () => Error> = new Map(fixed.map((make) => [make().message, make]));

/**
 * The error of a status that is not OK: what the store itself throws where it has a class for it, of which `compactRevision` and
 * `current` are 0, because a status does not tell them.
 */
export function errorOfStatus(code: number, message: string): Error {
  const known = byText.get(message);
  if (known !== undefined) return known();
  if (code === grpcCode.invalidArgument && message.startsWith('etcdserver: ')) return new InvalidRequestError(message);
  return new EtcdError(code, message);
}

export function errorOfEnd(end: CallEnd): Error {
  if (end.is === 'status') return errorOfStatus(end.code, end.message);
  return new CallLostError(end.sent, `the connection to etcd was lost: ${end.reason.message}`, { cause: end.reason });
}

/** etcd's words for a token that has to be asked for again. */
export function isTokenRefusal(end: CallEnd): boolean {
  return (
    end.is === 'status' && (end.message === 'etcdserver: invalid auth token' || end.message === 'etcdserver: revision of auth store is old')
  );
}
