import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Frozen, isNotFound, newNotFound, type ObjectMeta } from '@coracle/apimachinery';
import { processWithClock } from '@coracle/kernel';
import { SimRuntime } from '@coracle/simulator';
import { TestApiServer } from '../../contract/api-server.fixture.ts';
import { Clientset } from '../../kubernetes/clientset.ts';
import type { ResourceClient } from '../../rest/resource-client.ts';
import { Server } from './fixtures/election.ts';
import { LeaderElector } from './leader-elector.ts';
import { LeaseCandidate, type LeaseCandidateObject, leaseCandidates } from './lease-candidate.ts';
import type { LeaderElectionRecord, ResourceLock } from './resource-lock.ts';

const given = (holderIdentity: string, change: Partial<LeaderElectionRecord> = {}): LeaderElectionRecord => ({
  holderIdentity,
  leaseDurationSeconds: 5,
  acquireTimeMs: 0,
  renewTimeMs: 2000,
  leaderTransitions: 3,
  strategy: 'OldestEmulationVersion',
  preferredHolder: '',
  ...change,
});

/** An elector of the name "me" and the lease that it competes for. */
class Scene {
  readonly runtime = new SimRuntime();
  readonly log: string[] = [];
  /** What was asked of the lock. */
  readonly calls: string[] = [];
  /** Writes fail. */
  isReadOnly = false;
  readonly #server = new Server();
  #known = 0;

  /** The work goes on for `worksForMs` after it was told to stop. */
  constructor(record?: LeaderElectionRecord, options: { readonly releaseOnCancel?: boolean; readonly worksForMs?: number } = {}) {
    if (record !== undefined) this.coordinate(record);
    const { releaseOnCancel = false, worksForMs = 0 } = options;
    const process = this.runtime.process('c');
    const ask = <T>(verb: string, run: () => T): Promise<T> => {
      this.calls.push(verb);
      return process.step({ lane: 'lock', op: verb }, run);
    };
    const write = async (verb: string, run: () => number): Promise<void> => {
      this.#known = await ask(verb, () => {
        if (this.isReadOnly) throw new Error('the disk is full');
        return run();
      });
    };
    const lock: ResourceLock = {
      identity: 'me',
      describe: () => 'ns/lock',
      get: () =>
        ask('get', () => {
          if (this.#server.record === undefined) throw newNotFound(leaseCandidates, 'lock');
          this.#known = this.#server.version;
          return this.#server.record;
        }),
      create: (written) => write('create', () => this.#server.create(written)),
      update: (written) => write('update', () => this.#server.update(written, this.#known)),
      recordEvent: () => undefined,
    };
    const elector = new LeaderElector({
      process,
      lock,
      coordinated: true,
      releaseOnCancel,
      onStartedLeading: async (signal) => {
        this.log.push('started');
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        await process.clock.sleep(worksForMs);
        this.log.push('ended');
      },
      onStoppedLeading: () => this.log.push('stopped'),
    });
    process.spawn('election', (signal) => elector.run(signal));
  }

  get record(): LeaderElectionRecord | undefined {
    return this.#server.record;
  }

  /** Writes over whatever is there; undefined removes it. */
  coordinate(record: LeaderElectionRecord | undefined): void {
    this.#server.record = record;
    this.#server.version++;
  }
}

describe('LeaderElector in a coordinated election', () => {
  test('makes no lease, and takes none that nobody holds or that ran out', async () => {
    for (const record of [undefined, given(''), given('other')]) {
      const scene = new Scene(record);
      await scene.runtime.advance(60_000);
      assert.deepEqual([scene.record, scene.log], [record, []]);
      assert.ok(scene.calls.length > 10 && scene.calls.every((call) => call === 'get'));
    }
  });

  test('leads when it is given the lease, for its own duration and with the same strategy, and renews without a read', async () => {
    const scene = new Scene(given('me'));
    await scene.runtime.advance(100);
    assert.deepEqual([scene.log, scene.calls], [['started'], ['get', 'update']]);
    const { acquireTimeMs = 0, renewTimeMs = 0 } = scene.record ?? {};
    assert.deepEqual(scene.record, { ...given('me'), leaseDurationSeconds: 15, acquireTimeMs, renewTimeMs: acquireTimeMs });
    assert.ok(acquireTimeMs > 1_700_000_000_000, 'the term begins now');
    scene.calls.length = 0;
    await scene.runtime.advance(4_000);
    assert.deepEqual(scene.calls, ['update', 'update']);
    assert.equal(scene.record?.acquireTimeMs, acquireTimeMs);
    assert.ok((scene.record?.renewTimeMs ?? 0) >= renewTimeMs + 3_900);
  });

  for (const { what, releaseOnCancel, worksForMs, holder } of [
    { what: 'gives it back once its work has ended', releaseOnCancel: true, worksForMs: 1_000, holder: '' },
    { what: 'lets it run out when its work goes on for too long', releaseOnCancel: true, worksForMs: 12_000, holder: 'me' },
    { what: 'lets it run out without releaseOnCancel', releaseOnCancel: false, worksForMs: 0, holder: 'me' },
  ]) {
    test(`stops when the coordinator prefers another, and ${what}`, async () => {
      const scene = new Scene(given('me'), { releaseOnCancel, worksForMs });
      await scene.runtime.advance(100);
      scene.coordinate({ ...(scene.record ?? given('')), preferredHolder: 'other' });
      await scene.runtime.advance(2_000 + worksForMs);
      assert.deepEqual(scene.log, ['started', 'ended', 'stopped']);
      assert.deepEqual(
        [scene.record?.holderIdentity, scene.record?.strategy, scene.record?.preferredHolder],
        [holder, 'OldestEmulationVersion', holder === '' ? '' : 'other'],
      );
    });
  }

  test('goes on when the coordinator prefers nobody else', async () => {
    const scene = new Scene(given('me', { preferredHolder: 'me' }));
    await scene.runtime.advance(60_000);
    assert.deepEqual([scene.log, scene.record?.preferredHolder], [['started'], '']);
  });

  test('stops when the lease is given to another or is gone', async () => {
    for (const record of [given('other'), undefined]) {
      const scene = new Scene(given('me'));
      await scene.runtime.advance(100);
      scene.coordinate(record);
      await scene.runtime.advance(2_000);
      assert.deepEqual([scene.log, scene.record], [['started', 'ended', 'stopped'], record]);
    }
  });

  test('takes a lease of its own that ran out before it could write', async () => {
    const scene = new Scene(given('me'));
    scene.isReadOnly = true;
    await scene.runtime.advance(20_000);
    assert.deepEqual(scene.log, []);
    scene.isReadOnly = false;
    await scene.runtime.advance(5_000);
    assert.deepEqual([scene.log, scene.record?.leaseDurationSeconds], [['started'], 15]);
  });

  test('takes back what it was to give up for somebody who never came, and not before the lease was free for as long again', async () => {
    const scene = new Scene(given('me', { preferredHolder: 'other' }));
    await scene.runtime.advance(10_000);
    assert.deepEqual(scene.log, []);
    await scene.runtime.advance(5_000);
    assert.deepEqual([scene.log, scene.record?.preferredHolder], [['started'], '']);
  });
});

describe('LeaseCandidate', () => {
  const versions = { leaseName: 'lock', binaryVersion: '1.37.0', emulationVersion: '1.36.0' };

  /** A server that has LeaseCandidates as a custom resource, and a candidate whose clock is wrong by `skewMs`. */
  async function scene(options: { readonly skewMs?: number; readonly before?: LeaseCandidateObject['spec'] } = {}) {
    const runtime = new SimRuntime();
    const server = new TestApiServer(runtime);
    await runtime.drive(server.start());
    const operator = runtime.process('operator');
    const clientset = new Clientset({ process: operator, transport: server.connect(operator) });
    await runtime.drive(clientset.coreV1.namespaces().create({ metadata: { name: 'ns' } }));
    await runtime.drive(
      clientset.apiextensionsV1.customResourceDefinitions().create({
        metadata: {
          name: 'leasecandidates.coordination.k8s.io',
          annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' },
        },
        spec: {
          group: 'coordination.k8s.io',
          scope: 'Namespaced',
          names: { plural: 'leasecandidates', kind: 'LeaseCandidate' },
          versions: [
            {
              name: 'v1beta1',
              served: true,
              storage: true,
              schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
            },
          ],
        },
      }),
    );
    await runtime.settle();
    const candidates: ResourceClient<LeaseCandidateObject> = clientset.resource(leaseCandidates, 'ns');
    if (options.before !== undefined) await runtime.drive(candidates.create({ metadata: { name: 'me' }, spec: options.before }));
    const real = runtime.process('candidate');
    const { clock } = real;
    const { skewMs = 0 } = options;
    const process = processWithClock(real, {
      now: () => clock.now() + skewMs,
      monotonic: () => clock.monotonic(),
      sleep: (ms, sleepOptions) => clock.sleep(ms, sleepOptions),
      timer: (ms, fire, timerOptions) => clock.timer(ms, fire, timerOptions),
      deadline: (ms, deadlineOptions) => clock.deadline(ms, deadlineOptions),
    });
    const candidate = new LeaseCandidate({
      clientset: new Clientset({ process, transport: server.connect(process) }),
      namespace: 'ns',
      name: 'me',
      ...versions,
    });
    const stop = new AbortController();
    const task = real.spawn('candidate', () => candidate.run(stop.signal));
    await runtime.settle();
    const read = (): Promise<Frozen<LeaseCandidateObject>> => runtime.drive(candidates.get('me'));
    const ping = async (pingTime: string): Promise<void> => {
      await runtime.drive(candidates.patch('me', 'merge', { spec: { pingTime } }));
      await runtime.settle();
    };
    return { runtime, candidates, candidate, read, ping, stop, task };
  }

  const generation = ({ metadata }: Frozen<LeaseCandidateObject>): string | undefined => (metadata as ObjectMeta).resourceVersion;

  test('offers itself with its versions and the time, as soon as it knows that it has not yet', async () => {
    const { candidate, read, runtime } = await scene();
    assert.ok(candidate.hasSynced());
    const { spec } = await read();
    const { renewTime = '' } = spec;
    assert.deepEqual(spec, { ...versions, strategy: 'OldestEmulationVersion', renewTime });
    assert.match(renewTime, /^2026-01-01T00:00:\d\d\.\d{6}Z$/);
    assert.ok(Math.abs(Date.parse(renewTime) - runtime.nowMs) < 5_000);
  });

  test('answers a ping at once, and once', async () => {
    const { read, ping, runtime } = await scene();
    await runtime.advance(60_000);
    const before = await read();
    await ping(new Date(runtime.nowMs - 10).toISOString().replace('Z', '000Z'));
    const { spec } = await read();
    assert.ok(Date.parse(spec.renewTime ?? '') >= Date.parse(spec.pingTime ?? ''));
    assert.notEqual(spec.renewTime, before.spec.renewTime);
    const answered = generation(await read());
    await runtime.advance(60_000);
    assert.equal(generation(await read()), answered);
  });

  test('answers with the time of the ping when its own clock is behind, or less exact', async () => {
    const { read, ping, runtime } = await scene({ skewMs: -30_000 });
    await runtime.advance(60_000);
    const pingTime = new Date(runtime.nowMs).toISOString().replace('Z', '456Z');
    await ping(pingTime);
    assert.equal((await read()).spec.renewTime, pingTime);
    const answered = generation(await read());
    await runtime.advance(60_000);
    assert.equal(generation(await read()), answered);
  });

  test('renews every five minutes without being asked, which keeps nobody waiting', async () => {
    const { read, runtime } = await scene();
    const before = await read();
    await runtime.advance(299_000);
    assert.equal(generation(await read()), generation(before));
    await runtime.advance(2_000);
    assert.notEqual((await read()).spec.renewTime, before.spec.renewTime);
    await runtime.settle();
  });

  test('brings the object of an older version up to date, and keeps what the coordinator wrote', async () => {
    const pingTime = '2026-01-01T00:00:00.000000Z';
    const { read } = await scene({ before: { leaseName: 'lock', binaryVersion: '1.35.0', strategy: 'example.com/old', pingTime } });
    const { spec } = await read();
    assert.deepEqual(spec, { ...versions, strategy: 'OldestEmulationVersion', pingTime, renewTime: spec.renewTime ?? '' });
  });

  test('offers itself again when somebody deletes the object', async () => {
    const { candidates, read, runtime } = await scene();
    await runtime.drive(candidates.delete('me'));
    await runtime.settle();
    assert.equal((await read()).spec.leaseName, 'lock');
  });

  test('ends when it is told to, and leaves the object', async () => {
    const { candidates, read, runtime, stop, task } = await scene();
    stop.abort(new Error('enough'));
    await runtime.drive(task.done);
    assert.equal((await read()).spec.leaseName, 'lock');
    await runtime.drive(candidates.delete('me'));
    await runtime.settle();
    await assert.rejects(runtime.drive(candidates.get('me')), isNotFound);
  });
});
