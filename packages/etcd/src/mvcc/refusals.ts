import { AuthError } from '../auth/auth-error.ts';
import type { Revision } from './revision.ts';
import type { Alarm } from './types.ts';

/** The revision asked for has been compacted. etcd's text: "mvcc: required revision has been compacted". */
export class CompactedError extends Error {
  override readonly name = 'CompactedError';
  readonly compactRevision: Revision;
  constructor(compactRevision: Revision) {
    super('etcdserver: mvcc: required revision has been compacted');
    this.compactRevision = compactRevision;
  }
}

/** The revision asked for has not happened yet. */
export class FutureRevisionError extends Error {
  override readonly name = 'FutureRevisionError';
  readonly current: Revision;
  constructor(current: Revision) {
    super('etcdserver: mvcc: required revision is a future revision');
    this.current = current;
  }
}

export class LeaseNotFoundError extends Error {
  override readonly name = 'LeaseNotFoundError';
  constructor() {
    super('etcdserver: requested lease not found');
  }
}

export class LeaseExistsError extends Error {
  override readonly name = 'LeaseExistsError';
  constructor() {
    super('etcdserver: lease already exists');
  }
}

/** A put that keeps the value or the lease of a key which does not exist. */
export class KeyNotFoundError extends Error {
  override readonly name = 'KeyNotFoundError';
  constructor() {
    super('etcdserver: key not found');
  }
}

/** The NOSPACE alarm is on, or the quota would be passed. */
export class SpaceExceededError extends Error {
  override readonly name = 'SpaceExceededError';
  constructor() {
    super('etcdserver: mvcc: database space exceeded');
  }
}

/** The CORRUPT alarm is on. */
export class CorruptError extends Error {
  override readonly name = 'CorruptError';
  constructor() {
    super('etcdserver: corrupt cluster');
  }
}

/** Throws what an alarm makes of a change: CorruptError of any, SpaceExceededError of one that needs space. */
export function assertNoAlarm(alarms: readonly Alarm[], needsSpace: boolean): void {
  if (alarms.some(({ type }) => type === 'corrupt')) throw new CorruptError();
  if (needsSpace && alarms.some(({ type }) => type === 'nospace')) throw new SpaceExceededError();
}

/** What the state machine refuses, having changed nothing: applying such an entry again changes nothing either. */
export function isRefusal(error: unknown): error is Error {
  return (
    error instanceof CompactedError ||
    error instanceof FutureRevisionError ||
    error instanceof LeaseExistsError ||
    error instanceof LeaseNotFoundError ||
    error instanceof KeyNotFoundError ||
    error instanceof SpaceExceededError ||
    error instanceof CorruptError ||
    error instanceof AuthError
  );
}
