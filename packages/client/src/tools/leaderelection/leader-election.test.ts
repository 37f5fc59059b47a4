import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Lease } from '@coracle/api';
import { type Frozen, isConflict, isNotFound, type KubeObject, newConflict, newInternalError, newNotFound } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { TestApiServer } from '../../contract/api-server.fixture.ts';
import { Clientset } from '../../kubernetes/clientset.ts';
import { ElectionHealth } from './election-health.ts';
import { type LeaderElectionConfig, LeaderElector } from './leader-elector.ts';
import { LeaseLock } from './lease-lock.ts';
import { type LeaderElectionRecord, leaseSpecFromRecord, recordFromLeaseSpec, type ResourceLock } from './resource-lock.ts';

const leases = { group: 'coordination.k8s.io', resource: 'leases' };
const held = (holderIdentity: string, change: Partial<LeaderElectionRecord> = {}): LeaderElectionRecord => ({
  holderIdentity,
  leaseDurationSeconds: 15,
  acquireTimeMs: 1000,
  renewTimeMs: 2000,
  leaderTransitions: 3,
  strategy: '',
  preferredHolder: '',
  ...change,
});

/** A lock in memory that fails as it is told, once for each entry. */
class FakeLock implements ResourceLock {
  readonly identity: string;
  record: LeaderElectionRecord | undefined;
  readonly calls: string[] = [];
  readonly events: string[] = [];
  readonly faults = new Map<string, Error[]>();
  readonly #process: ReturnType<SimRuntime['process']>;
  hangs = false;

  constructor(process: ReturnType<SimRuntime['process']>, record?: LeaderElectionRecord, identity = 'me') {
    this.#process = process;
    this.record = record;
    this.identity = identity;
  }

  describe(): string {
    return 'ns/lock';
  }

  get(): Promise<LeaderElectionRecord> {
    return this.#call('get', () => {
      if (this.record === undefined) throw newNotFound(leases, 'lock');
      return this.record;
    });
  }

  async create(record: LeaderElectionRecord): Promise<void> {
    await this.#call('create', () => (this.record = record));
  }

  async update(record: LeaderElectionRecord): Promise<void> {
    await this.#call('update', () => (this.record = record));
  }

  recordEvent(what: string): void {
    this.events.push(what);
  }

  async #call<T>(verb: string, run: () => T): Promise<T> {
    this.calls.push(verb);
    if (this.hangs) await new Promise(() => undefined);
    return this.#process.step({ lane: 'lock', op: verb }, () => {
      const fault = this.faults.get(verb)?.shift();
      if (fault !== undefined) throw fault;
      return run();
    });
  }
}

interface Scene {
  readonly runtime: SimRuntime;
  readonly lock: FakeLock;
  readonly elector: LeaderElector;
  readonly log: string[];
  readonly stop: AbortController;
  readonly metrics: () => string;
  start(): void;
}

function scene(record?: LeaderElectionRecord, options: Partial<LeaderElectionConfig> = {}): Scene {
  const runtime = new SimRuntime();
  const process = runtime.process('c');
  const lock = new FakeLock(process, record);
  const log: string[] = [];
  const stop = new AbortController();
  const elector = new LeaderElector({
    process,
    lock,
    name: 'test',
    async onStartedLeading(signal) {
      log.push('started');
      await new Promise<void>((resolve) =>
        signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
      );
      log.push('ended');
    },
    onStoppedLeading: () => log.push('stopped'),
    onNewLeader: (identity) => log.push(`leader ${identity}`),
    ...options,
  });
  return {
    runtime,
    lock,
    elector,
    log,
    stop,
    metrics: () => process.metrics.text(),
    start: () => void process.spawn('election', () => elector.run(stop.signal)),
  };
}

describe('LeaderElector', () => {
  test('makes the lock where there is none, and leads', async () => {
    const { runtime, lock, elector, log, start, metrics } = scene();
    start();
    await runtime.advance(10);
    assert.deepEqual([lock.calls, elector.isLeader, elector.leader], [['get', 'create'], true, 'me']);
    assert.deepEqual(log, ['leader me', 'started']);
    assert.deepEqual(lock.record, { ...lock.record, holderIdentity: 'me', leaseDurationSeconds: 15, leaderTransitions: 0 });
    assert.deepEqual(lock.events, ['became leader']);
    assert.match(metrics(), /leader_election_master_status\{name="test"\} 1/);
  });

  test('renews without a read, keeps when it began, and reads only after a failure', async () => {
    const { runtime, lock, start, metrics } = scene();
    start();
    await runtime.advance(10);
    const began = lock.record?.acquireTimeMs;
    lock.calls.length = 0;
    await runtime.advance(4000);
    assert.deepEqual(lock.calls, ['update', 'update']);
    assert.deepEqual([lock.record?.acquireTimeMs, lock.record?.leaderTransitions], [began, 0]);
    assert.ok((lock.record?.renewTimeMs ?? 0) >= (began ?? 0) + 4000);
    lock.calls.length = 0;
    lock.faults.set('update', [newConflict(leases, 'lock', 'modified')]);
    await runtime.advance(2000);
    assert.deepEqual(lock.calls, ['update', 'get', 'update']);
    assert.match(metrics(), /leader_election_slowpath_total\{name="test"\} 1/);
  });

  test('waits while another holds the lease, takes over when it has not been renewed for its duration, and counts that', async () => {
    const { runtime, lock, elector, log, start } = scene(held('other'));
    start();
    await runtime.advance(14_000);
    assert.deepEqual([elector.isLeader, elector.leader, log], [false, 'other', ['leader other']]);
    lock.record = held('other', { renewTimeMs: 17_000 });
    await runtime.advance(14_000);
    assert.equal(elector.isLeader, false);
    await runtime.advance(8_000);
    assert.equal(elector.isLeader, true);
    assert.equal(lock.record?.leaderTransitions, 4);
    assert.deepEqual(log, ['leader other', 'leader me', 'started']);
  });

  test('takes at once what nobody holds, what it held before, and what has run out by the duration that is written there', async () => {
    for (const [record, transitions] of [
      [held(''), 4],
      [held('me'), 3],
    ] as const) {
      const { runtime, lock, elector, start } = scene(record);
      start();
      await runtime.advance(100);
      assert.equal(elector.isLeader, true);
      assert.equal(lock.record?.leaderTransitions, transitions);
      assert.equal(lock.record?.acquireTimeMs === 1000, record.holderIdentity === 'me');
    }
    const { runtime, elector, start } = scene(held('other', { leaseDurationSeconds: 1 }));
    start();
    await runtime.advance(6000);
    assert.equal(elector.isLeader, true);
  });

  test('does not lead when it cannot read, make or take the lock, and tries again', async () => {
    for (const [verb, record] of [
      ['get', held('')],
      ['create', undefined],
      ['update', held('')],
    ] as const) {
      const { runtime, lock, elector, start } = scene(record);
      lock.faults.set(verb, [newInternalError('broken')]);
      start();
      await runtime.advance(100);
      assert.equal(elector.isLeader, false, verb);
      await runtime.advance(5000);
      assert.equal(elector.isLeader, true, verb);
    }
  });

  test('stops leading within the deadline after the last renewal that succeeded was sent, also when a request hangs', async () => {
    for (const how of ['fails', 'hangs'] as const) {
      const { runtime, lock, log, start, metrics } = scene();
      start();
      await runtime.advance(10);
      if (how === 'fails')
        lock.faults.set(
          'update',
          Array.from({ length: 50 }, () => newInternalError('broken')),
        );
      else lock.hangs = true;
      await runtime.advance(9900);
      assert.ok(!log.includes('ended'), how);
      await runtime.advance(200);
      assert.deepEqual(log, ['leader me', 'started', 'ended', 'stopped'], how);
      assert.deepEqual(lock.events, ['became leader', 'stopped leading']);
      assert.match(metrics(), /leader_election_master_status\{name="test"\} 0/);
    }
  });

  test('stops at once when another has taken over', async () => {
    const { runtime, lock, log, start } = scene();
    start();
    await runtime.advance(10);
    lock.faults.set('update', [newConflict(leases, 'lock', 'modified')]);
    lock.record = held('other');
    await runtime.advance(2500);
    assert.deepEqual(log, ['leader me', 'started', 'ended', 'stopped', 'leader other']);
  });

  test('tells that it stopped also when it never led', async () => {
    const { runtime, log, stop, start } = scene(held('other'));
    start();
    await runtime.advance(100);
    stop.abort(new Error('enough'));
    await runtime.settle();
    assert.deepEqual(log, ['leader other', 'stopped']);
  });

  test('gives the lease back when it is told to stop, after its work has ended; conflicts are tried again', async () => {
    const { runtime, lock, log, stop, start } = scene(undefined, { releaseOnCancel: true });
    start();
    await runtime.advance(100);
    lock.calls.length = 0;
    lock.faults.set('update', [newConflict(leases, 'lock', 'modified'), newConflict(leases, 'lock', 'modified')]);
    stop.abort(new Error('enough'));
    await runtime.settle();
    assert.deepEqual(lock.calls, ['get', 'update', 'get', 'update', 'get', 'update']);
    assert.deepEqual([lock.record?.holderIdentity, lock.record?.leaseDurationSeconds, lock.record?.leaderTransitions], ['', 1, 0]);
    assert.deepEqual(log, ['leader me', 'started', 'ended', 'stopped']);
  });

  test('gives nothing back that another holds by now, that is gone, or that it may not write', async () => {
    for (const spoil of [
      (lock: FakeLock) => (lock.record = held('other')),
      (lock: FakeLock) => (lock.record = undefined),
      (lock: FakeLock) => lock.faults.set('update', [newInternalError('broken')]),
    ]) {
      const { runtime, lock, stop, start } = scene(undefined, { releaseOnCancel: true });
      start();
      await runtime.advance(100);
      spoil(lock);
      const before = lock.record;
      stop.abort(new Error('enough'));
      await runtime.settle();
      assert.equal(lock.record, before);
    }
  });

  test('keeps the lease when its work does not end in time: another could begin before', async () => {
    const work = Promise.withResolvers<void>();
    const { runtime, lock, stop, start } = scene(undefined, { releaseOnCancel: true, onStartedLeading: () => work.promise });
    start();
    await runtime.advance(100);
    stop.abort(new Error('enough'));
    await runtime.advance(30_000);
    assert.equal(lock.record?.holderIdentity, 'me');
    work.resolve();
    await runtime.settle();
    assert.equal(lock.record?.holderIdentity, 'me');
  });

  test('refuses durations that do not fit together, and no identity', () => {
    const process = new SimRuntime().process('c');
    const make =
      (change: Partial<LeaderElectionConfig>): (() => LeaderElector) =>
      () =>
        new LeaderElector({
          process,
          lock: new FakeLock(process),
          onStartedLeading: () => undefined,
          onStoppedLeading: () => undefined,
          ...change,
        });
    for (const change of [
      { leaseDurationMs: 0 },
      { leaseDurationMs: 10_000, renewDeadlineMs: 10_000 },
      { leaseDurationMs: 10_900, renewDeadlineMs: 10_500 },
      { renewDeadlineMs: 0 },
      { renewDeadlineMs: 2_400, retryPeriodMs: 2_000 },
      { retryPeriodMs: 0 },
      { leaseDurationMs: Number.NaN },
    ]) {
      assert.throws(make(change), RangeError, JSON.stringify(change));
    }
    assert.throws(make({ lock: new FakeLock(process, undefined, '') }), /identity/);
    assert.ok(make({})());
  });
});

describe('ElectionHealth', () => {
  test('is unhealthy only for a leader whose lease ran out longer ago than is tolerated', async () => {
    const health = new ElectionHealth(5000);
    assert.equal(health.check(), undefined);
    assert.equal(health.name, 'leaderElection');
    const { runtime, elector, lock, start } = scene();
    health.watch(elector);
    start();
    await runtime.advance(100);
    assert.equal(health.check(), undefined);
    lock.hangs = true;
    await runtime.advance(19_000);
    assert.equal(health.check(), undefined);
    await runtime.advance(3000);
    assert.match(health.check()?.message ?? '', /failed election to renew leadership on lease test/);
    const follower = scene(held('other'));
    health.watch(follower.elector);
    follower.start();
    await follower.runtime.advance(1000);
    assert.equal(health.check(), undefined);
  });
});

describe('LeaseLock', () => {
  async function lockScene(options: { readonly labels?: Record<string, string>; readonly recorder?: boolean } = {}) {
    const runtime = new SimRuntime();
    const server = new TestApiServer(runtime);
    const process = runtime.process('c');
    const clientset = new Clientset({ process, transport: server.connect(process) });
    await runtime.drive(clientset.coreV1.namespaces().create({ metadata: { name: 'ns' } }));
    const events: string[] = [];
    const recorder = {
      event: (about: KubeObject | Frozen<KubeObject>, type: string, reason: string, message: string) =>
        events.push(`${about.kind} ${about.metadata.name} ${type} ${reason} ${message}`),
    };
    const lock = new LeaseLock({
      clientset,
      namespace: 'ns',
      name: 'lock',
      identity: 'me',
      ...(options.labels === undefined ? {} : { labels: options.labels }),
      ...(options.recorder === true ? { recorder } : {}),
    });
    const lease = (): Promise<Frozen<Lease>> => runtime.drive(clientset.coordinationV1.leases('ns').get('lock'));
    return { runtime, clientset, lock, events, lease };
  }

  test('writes the fields of the record with six digits of a second, reads them back, and describes itself', async () => {
    const { runtime, lock, lease } = await lockScene();
    assert.deepEqual([lock.describe(), lock.identity], ['ns/lock', 'me']);
    await assert.rejects(runtime.drive(lock.get()), isNotFound);
    const record = held('me', { acquireTimeMs: 1_577_836_800_123, renewTimeMs: 1_577_836_801_000 });
    await assert.rejects(runtime.drive(lock.update(record)), /call get or create first/);
    await runtime.drive(lock.create(record));
    const { spec } = await lease();
    assert.deepEqual(spec, {
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      acquireTime: '2020-01-01T00:00:00.123000Z',
      renewTime: '2020-01-01T00:00:01.000000Z',
      leaseTransitions: 3,
    });
    assert.deepEqual(await runtime.drive(lock.get()), record);
    await runtime.drive(lock.update(held('me', { leaderTransitions: 4 })));
    assert.equal((await lease()).spec?.leaseTransitions, 4);
  });

  test('forgets what comes after it was given up: an update would write over what nobody has looked at', async () => {
    const { runtime, clientset, lock } = await lockScene();
    await runtime.drive(lock.create(held('me')));
    await runtime.drive(clientset.coordinationV1.leases('ns').patch('lock', 'merge', { spec: { holderIdentity: 'other' } }));
    const given = new AbortController();
    const read = lock.get({ signal: given.signal });
    given.abort(new Error('too late'));
    await assert.rejects(runtime.drive(read), /too late/);
    await runtime.settle();
    await assert.rejects(runtime.drive(lock.update(held('me'))), isConflict);
    await runtime.drive(lock.get());
    const written = lock.update(held('me'), { signal: given.signal });
    await assert.rejects(runtime.drive(written), /too late/);
    await runtime.settle();
    assert.equal((await runtime.drive(lock.get())).holderIdentity, 'me');
  });

  test('refuses to write over what others wrote, and to make what is there', async () => {
    const { runtime, clientset, lock } = await lockScene();
    await runtime.drive(lock.create(held('me')));
    await runtime.drive(clientset.coordinationV1.leases('ns').patch('lock', 'merge', { spec: { holderIdentity: 'other' } }));
    await assert.rejects(runtime.drive(lock.update(held('me'))), isConflict);
    await assert.rejects(runtime.drive(lock.create(held('me'))), /already exists/);
  });

  test('sets its labels when it makes the lease, puts them back with each update, and leaves those of others', async () => {
    const { runtime, clientset, lock, lease } = await lockScene({ labels: { app: 'me', tier: 'a' } });
    await runtime.drive(lock.create(held('me')));
    assert.deepEqual((await lease()).metadata.labels, { app: 'me', tier: 'a' });
    await runtime.drive(
      clientset.coordinationV1.leases('ns').patch('lock', 'merge', { metadata: { labels: { app: 'changed', theirs: 'x' } } }),
    );
    await runtime.drive(lock.get());
    await runtime.drive(lock.update(held('me')));
    assert.deepEqual((await lease()).metadata.labels, { app: 'me', tier: 'a', theirs: 'x' });
    const without = await lockScene();
    await without.runtime.drive(without.lock.create(held('me')));
    await without.runtime.drive(without.lock.update(held('me')));
    assert.equal((await without.lease()).metadata.labels, undefined);
  });

  test('records events about the lease where there is a recorder', async () => {
    const { runtime, lock, events } = await lockScene({ recorder: true });
    lock.recordEvent('too early');
    await runtime.drive(lock.create(held('me')));
    lock.recordEvent('became leader');
    assert.deepEqual(events, ['Lease lock Normal LeaderElection me became leader']);
    const silent = await lockScene();
    silent.lock.recordEvent('became leader');
  });

  test('records and specs are the same thing, whatever is missing', () => {
    assert.deepEqual(recordFromLeaseSpec(), {
      holderIdentity: '',
      leaseDurationSeconds: 0,
      acquireTimeMs: 0,
      renewTimeMs: 0,
      leaderTransitions: 0,
      strategy: '',
      preferredHolder: '',
    });
    const record = held('x', { strategy: 'OldestEmulationVersion', preferredHolder: 'y' });
    assert.deepEqual(recordFromLeaseSpec(leaseSpecFromRecord(record)), record);
    assert.ok(!('strategy' in leaseSpecFromRecord(held('x'))));
  });
});
