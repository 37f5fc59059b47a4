import type { Lease } from '@coracle/api';
import type { Frozen, KubeObject } from '@coracle/apimachinery';
import type { Clientset } from '../../kubernetes/clientset.ts';
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

  async get(): Promise<LeaderElectionRecord> {
    const lease = await this.#leases.get(this.#options.name);
    this.#lease = lease;
    return recordFromLeaseSpec(lease.spec);
  }

  async create(record: LeaderElectionRecord): Promise<void> {
    const { namespace, name, labels } = this.#options;
    const metadata = { name, namespace, ...(labels === undefined ? {} : { labels: { ...labels } }) };
    this.#lease = await this.#leases.create({ metadata, spec: leaseSpecFromRecord(record) });
  }

  async update(record: LeaderElectionRecord): Promise<void> {
    if (this.#lease === undefined) throw new Error('Cannot update the lease: call get or create first');
    const { labels } = this.#options;
    const { metadata } = this.#lease;
    const merged = labels === undefined ? {} : { labels: { ...metadata.labels, ...labels } };
    this.#lease = await this.#leases.update({ ...this.#lease, metadata: { ...metadata, ...merged }, spec: leaseSpecFromRecord(record) });
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
