import type { Lease } from '@coracle/api';
import { formatMicroTime, type Frozen, parseTime } from '@coracle/apimachinery';
import type { CallOptions } from '../../rest/options.ts';

/** Who leads and since when, as electors write it (tools/leaderelection/resourcelock LeaderElectionRecord). Times in ms since the epoch. */
export interface LeaderElectionRecord {
  /** '': nobody. */
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  readonly acquireTimeMs: number;
  readonly renewTimeMs: number;
  readonly leaderTransitions: number;
  /** How the coordinator chooses, in coordinated elections; '' in others. */
  readonly strategy: string;
  /** To whom the coordinator wants to give the lease once its holder has given it up; '' for nobody. */
  readonly preferredHolder: string;
}

/**
 * What electors compete for. Every method rejects as the client does, and when `signal` aborts. A write that is given up in this way may be
 * carried out later even so; its answer, and that of such a read, must not count any more for what `update` holds to be the last state.
 */
export interface ResourceLock {
  readonly identity: string;
  /** For logs: `namespace/name`. */
  describe(): string;
  /** Rejects with NotFound when nobody has made it. */
  get(io?: CallOptions): Promise<LeaderElectionRecord>;
  create(record: LeaderElectionRecord, io?: CallOptions): Promise<void>;
  /** Over the state that was read or written last; rejects with Conflict when it has changed since. */
  update(record: LeaderElectionRecord, io?: CallOptions): Promise<void>;
  /** Tells users what became of `identity`: "became leader". */
  recordEvent(what: string): void;
}

type LeaseSpec = NonNullable<Lease['spec']>;

/** The record that a Lease holds (resourcelock LeaseSpecToLeaderElectionRecord). */
export function recordFromLeaseSpec(spec: Frozen<LeaseSpec> = {}): LeaderElectionRecord {
  return {
    holderIdentity: spec.holderIdentity ?? '',
    leaseDurationSeconds: spec.leaseDurationSeconds ?? 0,
    acquireTimeMs: parseTime(spec.acquireTime) ?? 0,
    renewTimeMs: parseTime(spec.renewTime) ?? 0,
    leaderTransitions: spec.leaseTransitions ?? 0,
    strategy: spec.strategy ?? '',
    preferredHolder: spec.preferredHolder ?? '',
  };
}

/** A record as a Lease holds it (resourcelock LeaderElectionRecordToLeaseSpec). */
export function leaseSpecFromRecord(record: LeaderElectionRecord): LeaseSpec {
  return {
    holderIdentity: record.holderIdentity,
    leaseDurationSeconds: record.leaseDurationSeconds,
    // Six digits: servers refuse the three that JavaScript writes.
    acquireTime: formatMicroTime(record.acquireTimeMs),
    renewTime: formatMicroTime(record.renewTimeMs),
    leaseTransitions: record.leaderTransitions,
    ...(record.preferredHolder === '' ? {} : { preferredHolder: record.preferredHolder }),
    ...(record.strategy === '' ? {} : { strategy: record.strategy }),
  };
}
