import { AuthError, type AuthRefusal } from '../auth/auth-error.ts';
import { DiskFull, StoreStopped } from '../directory/errors.ts';
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
import { GrpcError, grpcCode } from './grpc/status.ts';

const {
  unknown,
  permissionDenied,
  unauthenticated,
  invalidArgument,
  notFound,
  resourceExhausted,
  failedPrecondition,
  outOfRange,
  unavailable,
  dataLoss,
} = grpcCode;

const membershipCodes: Readonly<Record<MembershipRefusal, number>> = {
  exists: failedPrecondition,
  'peer URL exists': failedPrecondition,
  'not enough started': failedPrecondition,
  'bad URLs': invalidArgument,
  'not found': notFound,
  'not a learner': failedPrecondition,
  'learner not ready': failedPrecondition,
  'too many learners': failedPrecondition,
};

const consensusCodes: Readonly<Record<ConsensusRefusal, number>> = {
  'no leader': unavailable,
  'not leader': failedPrecondition,
  'leader changed': unavailable,
  'timed out': unavailable,
  'leader failed': unavailable,
  'connection lost': unavailable,
  unhealthy: unavailable,
  'bad transferee': failedPrecondition,
  learner: failedPrecondition,
};

const authCodes: Readonly<Record<AuthRefusal, number>> = {
  'not enabled': failedPrecondition,
  'no root user': failedPrecondition,
  'no root role': failedPrecondition,
  'user exists': failedPrecondition,
  'user is empty': invalidArgument,
  'user not found': failedPrecondition,
  'role exists': failedPrecondition,
  'role is empty': invalidArgument,
  'role not found': failedPrecondition,
  'role not granted': failedPrecondition,
  'permission not given': invalidArgument,
  'permission not granted': failedPrecondition,
  'permission denied': permissionDenied,
  'wrong password': invalidArgument,
  'no password': unknown,
  'invalid management': invalidArgument,
  'invalid token': unauthenticated,
  'old revision': invalidArgument,
  'only verifies': unknown,
};

/** What a client is told of an error, by the codes of api/v3rpc/rpctypes/error.go: clients compare text and code. */
export function statusOf(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  if (!(error instanceof Error)) return new GrpcError(grpcCode.unknown, String(error));
  return new GrpcError(codeOf(error), textOf(error), { cause: error });
}

function codeOf(error: Error): number {
  if (error instanceof InvalidRequestError || error instanceof KeyNotFoundError) return invalidArgument;
  if (error instanceof CompactedError || error instanceof FutureRevisionError || error instanceof LeaseTtlTooLargeError) return outOfRange;
  if (error instanceof LeaseNotFoundError) return notFound;
  if (error instanceof LeaseExistsError) return failedPrecondition;
  if (error instanceof SpaceExceededError || error instanceof TooManyRequestsError || error instanceof DiskFull) return resourceExhausted;
  if (error instanceof CorruptError) return dataLoss;
  if (error instanceof StoreStopped) return unavailable;
  if (error instanceof MembershipError) return membershipCodes[error.refusal];
  if (error instanceof ConsensusError) return consensusCodes[error.refusal];
  if (error instanceof AuthError) return authCodes[error.refusal];
  if (error instanceof RangeError) return invalidArgument;
  return grpcCode.unknown;
}

/** A full disk is what a quota that is passed is to a client; which directory it is, is not for clients to know. */
function textOf(error: Error): string {
  return error instanceof DiskFull ? new SpaceExceededError().message : error.message;
}
