import { isConflict, isNotFound } from '@coracle/apimachinery';
import { type Process, unlessAborted } from '@coracle/kernel';
import type { LeaderElectionRecord, ResourceLock } from './resource-lock.ts';

/** Times of an election, in milliseconds, and who is told of it (tools/leaderelection LeaderElectionConfig). */
export interface LeaderElectionConfig {
  readonly process: Process;
  readonly lock: ResourceLock;
  /** How long others wait, from when they saw the last renewal, before they take over. Default 15,000. */
  readonly leaseDurationMs?: number;
  /** How long a leader goes on without a renewal. Default 10,000. */
  readonly renewDeadlineMs?: number;
  /** Between tries to acquire, with jitter of 1.2, or to renew. Default 2,000. */
  readonly retryPeriodMs?: number;
  /** Gives the lease back when the election ends, so that others need not wait: see `LeaderElector.run`. Default false. */
  readonly releaseOnCancel?: boolean;
  /**
   * A coordinator decides who leads (KEP-4355; the API server, behind its gate CoordinatedLeaderElection), among those that offer
   * themselves: run a `LeaseCandidate` beside this, with the identity of the lock as its name. The elector then never makes or takes the
   * lease, and gives it up when the coordinator prefers another. Default false.
   */
  readonly coordinated?: boolean;
  /** Labels the metrics, and is named by the health check. Default: what the lock describes. */
  readonly name?: string;
  /** What only a leader may do. `signal` aborts when leadership ends; then it has to end too. A throw stops the process. */
  onStartedLeading(signal: AbortSignal): Promise<void> | void;
  /** Called at the end of every `run`, also when this was never the leader. */
  onStoppedLeading(): void;
  /** Told of each change of the leader, the first seen one included, in a step of its own. '': nobody. */
  onNewLeader?(identity: string): void;
}

/** Timers of followers differ, so that they do not all ask at once. */
const jitterFactor = 1.2;

/** What the elector has seen of the lock. */
interface Observed {
  readonly record: LeaderElectionRecord;
  /** Its text; '' for what this elector has written itself. */
  readonly text: string;
  /** On this elector's own clock: clocks are never compared. */
  readonly atMs: number;
}

const nobody: LeaderElectionRecord = {
  holderIdentity: '',
  leaseDurationSeconds: 0,
  acquireTimeMs: 0,
  renewTimeMs: 0,
  leaderTransitions: 0,
  strategy: '',
  preferredHolder: '',
};

/**
 * One candidate for leadership (tools/leaderelection). Two of them never lead at once while the rates of their clocks differ by less than
 * (leaseDuration − renewDeadline) / renewDeadline, whatever the network does: a follower waits leaseDuration from when it saw the last
 * renewal, and a leader stops renewDeadline after it sent the last one that succeeded. Upstream's leader goes on longer, by the time that
 * this request took and by the pause after it.
 *
 * In a coordinated election the coordinator waits until the lease has run out by its own wall clock, so there the wall clocks count too:
 * they have to differ by less than leaseDuration − renewDeadline. Upstream's elector does not take what it holds by the record once that
 * has run out, or is asked back for somebody who is gone by now; its coordinator does not change what the best candidate holds; so nobody
 * leads. This one takes it.
 */
export class LeaderElector {
  readonly #config: LeaderElectionConfig;
  readonly #process: Process;
  readonly #lock: ResourceLock;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #metrics: ElectionMetrics;
  #observed: Observed = { record: nobody, text: '', atMs: 0 };
  #reportedLeader = '';
  // When the last request was sent that made or kept this the leader.
  #renewedMs = 0;
  #failedLast = false;

  /** Throws RangeError for durations that do not fit together, and TypeError without an identity. */
  constructor(config: LeaderElectionConfig) {
    const { leaseDurationMs = 15_000, renewDeadlineMs = 10_000, retryPeriodMs = 2_000 } = config;
    if (!(leaseDurationMs >= 1000)) throw new RangeError('leaseDuration must be at least one second');
    if (!(renewDeadlineMs > 0)) throw new RangeError('renewDeadline must be greater than zero');
    if (!(retryPeriodMs > 0)) throw new RangeError('retryPeriod must be greater than zero');
    if (leaseDurationMs <= renewDeadlineMs) throw new RangeError('leaseDuration must be greater than renewDeadline');
    if (renewDeadlineMs <= jitterFactor * retryPeriodMs)
      throw new RangeError('renewDeadline must be greater than retryPeriod*JitterFactor');
    if (config.lock.identity === '') throw new TypeError('Lock identity is empty');
    this.#config = config;
    this.#process = config.process;
    this.#lock = config.lock;
    // As the record can say it: others must not take over earlier than this elector thinks.
    this.#leaseDurationMs = Math.floor(leaseDurationMs / 1000) * 1000;
    if (this.#leaseDurationMs <= renewDeadlineMs) throw new RangeError('leaseDuration in whole seconds must be greater than renewDeadline');
    this.#renewDeadlineMs = renewDeadlineMs;
    this.#retryPeriodMs = retryPeriodMs;
    this.#metrics = new ElectionMetrics(config.process, config.name ?? config.lock.describe());
    this.#metrics.leads(false);
  }

  /** The identity of who leads, as far as this elector has seen; '' for nobody. */
  get leader(): string {
    return this.#observed.record.holderIdentity;
  }

  get isLeader(): boolean {
    return this.leader === this.#lock.identity;
  }

  /**
   * Competes until leadership is lost or `signal` aborts; it does not compete again. With `releaseOnCancel` the lease is given back once
   * `onStartedLeading` has ended, if that is before the lease would have run out. Resolves when everything has ended.
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      if (await this.#acquire(signal)) await this.#lead(signal);
    } finally {
      this.#config.onStoppedLeading();
    }
  }

  /**
   * An error when this leads by the record and has not renewed for so long that somebody who looks after it should step in: the lease
   * ran out more than `maxTolerableExpiredLeaseMs` ago.
   */
  check(maxTolerableExpiredLeaseMs: number): Error | undefined {
    const ageMs = this.#process.clock.monotonic() - this.#observed.atMs;
    if (!this.isLeader || ageMs <= this.#leaseDurationMs + maxTolerableExpiredLeaseMs) return undefined;
    return new Error(`failed election to renew leadership on lease ${this.#config.name ?? this.#lock.describe()}`);
  }

  /** True when this is the leader; false when `signal` aborted first. */
  async #acquire(signal: AbortSignal): Promise<boolean> {
    const lock = this.#lock.describe();
    this.#process.log.info('Attempting to acquire leader lease', { lock });
    while (!signal.aborted) {
      // An answer that comes later than this says nothing about who leads now.
      using deadline = this.#process.clock.deadline(this.#renewDeadlineMs, { signal, background: true });
      const hasLease = await this.#tryAcquireOrRenew(deadline.signal);
      this.#reportTransition();
      if (hasLease && !signal.aborted) {
        this.#lock.recordEvent('became leader');
        this.#metrics.leads(true);
        this.#process.log.info('Successfully acquired lease', { lock });
        return true;
      }
      const waitMs = this.#retryPeriodMs * (1 + jitterFactor * this.#process.random.float());
      // To stand by is a steady state; to get no answer is not.
      await this.#sleep(waitMs, signal, !this.#failedLast);
    }
    return false;
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const leading = new AbortController();
    // Not by `spawn`'s own signal: leadership may end long before the process.
    const work = this.#process.spawn(`leader ${this.#lock.describe()}`, async () => this.#config.onStartedLeading(leading.signal));
    try {
      await this.#renew(signal);
    } finally {
      leading.abort(new Error(`No longer the leader of ${this.#lock.describe()}`));
      this.#metrics.leads(false);
    }
    this.#lock.recordEvent('stopped leading');
    if (this.#config.releaseOnCancel === true && (await this.#endsInTime(work.done))) await this.#release();
    await work.done;
  }

  /** Keeps the lease; resolves when that has failed for too long, or `signal` aborts. */
  async #renew(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#process;
    while (!signal.aborted) {
      const leftMs = this.#renewedMs + this.#renewDeadlineMs - clock.monotonic();
      if (leftMs <= 0) break;
      using deadline = clock.deadline(leftMs, { signal, background: true });
      // A pause that would outlast the deadline ends with it.
      await this.#sleep(this.#retryPeriodMs, deadline.signal, true);
      if (deadline.signal.aborted) continue;
      await this.#tryAcquireOrRenew(deadline.signal);
      this.#reportTransition();
      if (!this.isLeader) break; // somebody has taken over: nothing to wait for
      if (this.#isTermOver) {
        log.info('The lease is to be given up', { lock: this.#lock.describe(), preferredHolder: this.#observed.record.preferredHolder });
        return;
      }
    }
    if (!signal.aborted) log.warn('Failed to renew lease', { lock: this.#lock.describe() });
  }

  /** One try; true when this has the lease after it. */
  async #tryAcquireOrRenew(signal: AbortSignal): Promise<boolean> {
    const startedMs = this.#process.clock.monotonic();
    this.#failedLast = false;
    try {
      const hasLease = await this.#try(startedMs, signal);
      if (!hasLease || this.#process.clock.monotonic() - startedMs >= this.#renewDeadlineMs) return false;
      this.#renewedMs = startedMs;
      return true;
    } catch (error) {
      this.#failedLast = true;
      if (!signal.aborted)
        this.#process.log.warn('Cannot acquire or renew the lease', { lock: this.#lock.describe(), error: String(error) });
      return false;
    }
  }

  async #try(startedMs: number, signal: AbortSignal): Promise<boolean> {
    const { coordinated = false } = this.#config;
    const { record: seen } = this.#observed;
    if (this.isLeader && !this.#isTermOver && this.#isLeaseValid(startedMs)) {
      try {
        await this.#write('update', this.#renewed(seen), signal);
        return true;
      } catch (error) {
        if (signal.aborted) throw error;
        // Written by others, or lost on the way: look what is there.
      }
    }
    let held: LeaderElectionRecord;
    try {
      held = await unlessAborted(this.#lock.get({ signal }), signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      if (coordinated) {
        this.#observed = { record: nobody, text: '', atMs: this.#process.clock.monotonic() };
        return false;
      }
      await this.#write('create', this.#ours(undefined, 0), signal);
      return true;
    }
    const text = JSON.stringify(held);
    if (text !== this.#observed.text) this.#observed = { record: held, text, atMs: this.#process.clock.monotonic() };
    if (!this.isLeader && (coordinated || (held.holderIdentity !== '' && this.#isLeaseValid(startedMs)))) return false;
    if (this.#isTermOver) return false;
    if (this.isLeader) this.#metrics.tookSlowPath();
    const ours = this.isLeader ? this.#renewed(held) : this.#ours(undefined, held.leaderTransitions + 1);
    await this.#write('update', ours, signal);
    return true;
  }

  /**
   * The coordinator of this lease prefers another: who holds it has to give it up. It is free again for its holder when nobody got it for
   * its whole duration after it ran out: the other is gone, and upstream's coordinator does not take back what it asked for.
   */
  get #isTermOver(): boolean {
    const { record, atMs } = this.#observed;
    if (this.#config.coordinated !== true || record.preferredHolder === '' || record.preferredHolder === this.#lock.identity) return false;
    return this.#process.clock.monotonic() < atMs + 2 * record.leaseDurationSeconds * 1000;
  }

  #renewed({ acquireTimeMs, leaderTransitions, strategy }: LeaderElectionRecord): LeaderElectionRecord {
    if (this.#config.coordinated !== true) return this.#ours(acquireTimeMs, leaderTransitions);
    // A coordinator that gives the lease says no time: the term begins with the first renewal.
    return { ...this.#ours(acquireTimeMs === 0 ? undefined : acquireTimeMs, leaderTransitions), strategy };
  }

  #ours(acquireTimeMs: number | undefined, leaderTransitions: number): LeaderElectionRecord {
    const nowMs = this.#process.clock.now();
    return {
      ...nobody,
      holderIdentity: this.#lock.identity,
      leaseDurationSeconds: this.#leaseDurationMs / 1000,
      acquireTimeMs: acquireTimeMs ?? nowMs,
      renewTimeMs: nowMs,
      leaderTransitions,
    };
  }

  /** Abandoned when `signal` aborts; the server may carry it out even so, which makes others wait longer and nothing else. */
  async #write(verb: 'create' | 'update', record: LeaderElectionRecord, signal: AbortSignal): Promise<void> {
    await unlessAborted(this.#lock[verb](record, { signal }), signal);
    this.#observed = { record, text: '', atMs: this.#process.clock.monotonic() };
  }

  #isLeaseValid(nowMs: number): boolean {
    return this.#observed.atMs + this.#observed.record.leaseDurationSeconds * 1000 > nowMs;
  }

  /** Whether the leader's work ends while nobody else can have taken over. */
  async #endsInTime(done: Promise<void>): Promise<boolean> {
    const leftMs = this.#renewedMs + this.#renewDeadlineMs - this.#process.clock.monotonic();
    if (leftMs <= 0) return false;
    using deadline = this.#process.clock.deadline(leftMs);
    try {
      await unlessAborted(done, deadline.signal);
      return true;
    } catch {
      return false; // it goes on: the lease has to run out by itself
    }
  }

  async #release(): Promise<void> {
    using deadline = this.#process.clock.deadline(this.#renewDeadlineMs);
    const { signal } = deadline;
    while (!signal.aborted) {
      try {
        const held = await unlessAborted(this.#lock.get({ signal }), signal);
        if (held.holderIdentity !== this.#lock.identity) return;
        const nowMs = this.#process.clock.now();
        const free = {
          ...nobody,
          strategy: this.#config.coordinated === true ? held.strategy : '',
          leaderTransitions: held.leaderTransitions,
          leaseDurationSeconds: 1,
          renewTimeMs: nowMs,
          acquireTimeMs: nowMs,
        };
        await this.#write('update', free, signal);
        return;
      } catch (error) {
        if (isConflict(error)) continue;
        if (!isNotFound(error)) this.#process.log.warn('Failed to release lease', { lock: this.#lock.describe(), error: String(error) });
        return;
      }
    }
  }

  #reportTransition(): void {
    const { leader } = this;
    if (leader === this.#reportedLeader) return;
    this.#reportedLeader = leader;
    if (this.#config.onNewLeader === undefined) return;
    this.#process.post({ lane: `elector ${this.#lock.describe()}`, op: 'new-leader', key: leader }, () =>
      this.#config.onNewLeader?.(leader),
    );
  }

  async #sleep(ms: number, signal: AbortSignal, background: boolean): Promise<void> {
    try {
      await this.#process.clock.sleep(ms, { signal, background });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** Under upstream's names (component-base metrics/prometheus/clientgo/leaderelection). */
class ElectionMetrics {
  readonly #name: string;
  readonly #status: { set(value: number, ...labels: string[]): void };
  readonly #slowPath: { add(amount: number, ...labels: string[]): void };

  constructor({ metrics }: Process, name: string) {
    this.#name = name;
    this.#status = metrics.gauge({ name: 'leader_election_master_status', help: 'Whether this process leads: 1, or 0', labels: ['name'] });
    this.#slowPath = metrics.counter({ name: 'leader_election_slowpath_total', help: 'Renewals that had to read first', labels: ['name'] });
  }

  leads(isLeader: boolean): void {
    this.#status.set(isLeader ? 1 : 0, this.#name);
  }

  tookSlowPath(): void {
    this.#slowPath.add(1, this.#name);
  }
}
