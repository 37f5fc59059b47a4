import type { Lease } from '@coracle/api';
import type { Frozen, KubeObject } from '@coracle/apimachinery';
import { unlessAborted } from '@coracle/kernel';
import type { Clientset } from '../../kubernetes/clientset.ts';
import type { CallOptions } from '../../rest/options.ts';
import type { EventType } from '../record/event.ts';
import { type LeaderElectionRecord, leaseSpecFromRecord, recordFromLeaseSpec, type ResourceLock } from './resource-lock.ts';

/** Which Lease is the lock, and who asks for it. */
export interface LeaseLockOptions {
  readonly clientset: Pick<Clientset, 'coordinationV1'>;
  readonly namespace: string;
  readonly name: string;
  /** Of this elector; must differ between electors. */
  readonly identity: string;
  /** Set on the Lease when it is made, and put back by every update; others' labels stay. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly recorder?: { event(object: KubeObject | Frozen<KubeObject>, type: EventType, reason: string, message: string): void };
}

/** A Lease as the lock of an election (tools/leaderelection/resourcelock LeaseLock). */
export class LeaseLock implements ResourceLock {
  readonly identity: string;
  readonly #options: LeaseLockOptions;
  // As it was read or written last.
  #lease: Frozen<Lease> | undefined;

  constructor(options: LeaseLockOptions) {
    this.identity = options.identity;
    this.#options = options;
  }

  describe(): string {
    return `${this.#options.namespace}/${this.#options.name}`;
  }

  async get(io: CallOptions = {}): Promise<LeaderElectionRecord> {
    const lease = await unlessAborted(this.#leases.get(this.#options.name, {}, io), io.signal);
    this.#lease = lease;
    return recordFromLeaseSpec(lease.spec);
  }

  async create(record: LeaderElectionRecord, { signal }: CallOptions = {}): Promise<void> {
    const { namespace, name, labels } = this.#options;
    const metadata = { name, namespace, ...(labels === undefined ? {} : { labels: { ...labels } }) };
    const created = await unlessAborted(this.#leases.create({ metadata, spec: leaseSpecFromRecord(record) }), signal);
    this.#lease = created;
  }

  async update(record: LeaderElectionRecord, { signal }: CallOptions = {}): Promise<void> {
    if (this.#lease === undefined) throw new Error('Cannot update the lease: call get or create first');
    const { labels } = this.#options;
    const { metadata } = this.#lease;
    const merged = labels === undefined ? {} : { labels: { ...metadata.labels, ...labels } };
    const changed = { ...this.#lease, metadata: { ...metadata, ...merged }, spec: leaseSpecFromRecord(record) };
    const updated = await unlessAborted(this.#leases.update(changed), signal);
    this.#lease = updated;
  }

  recordEvent(what: string): void {
    const { recorder, identity } = this.#options;
    if (recorder === undefined || this.#lease === undefined) return;
    const subject = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: this.#lease.metadata };
    recorder.event(subject, 'Normal', 'LeaderElection', `${identity} ${what}`);
  }

  get #leases(): ReturnType<Clientset['coordinationV1']['leases']> {
    return this.#options.clientset.coordinationV1.leases(this.#options.namespace);
  }
}
