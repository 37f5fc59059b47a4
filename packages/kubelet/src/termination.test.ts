import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '@coracle/api';
import { type Clock, deadlineWith, type Process, processWithClock, sleepWith } from '@coracle/kernel';
import type { Program } from './container/program.ts';
import { NodeCluster } from './fixtures/node-cluster.ts';

/** How one container of a deleted pod ended, in seconds since the deletion. */
interface End {
  readonly sigtermAt: number | undefined;
  readonly goneAt: number;
}

interface Case {
  readonly spec?: Partial<Pod['spec']>;
  readonly preStop?: NonNullable<NonNullable<Pod['spec']['containers'][number]['lifecycle']>['preStop']>;
  /** How long the program goes on after SIGTERM, in seconds. */
  readonly lasts: number;
  readonly graceSeconds?: number;
}

async function deletePod({ spec = {}, preStop, lasts, graceSeconds }: Case): Promise<End & { readonly cluster: NodeCluster }> {
  const cluster = await NodeCluster.start();
  cluster.startNode('n1');
  const { runtime, admin } = cluster;
  let sigtermAtMs: number | undefined;
  cluster.run('app', async ({ terminated, process }) => {
    await new Promise<void>((resolve) => terminated.addEventListener('abort', () => resolve(), { once: true }));
    sigtermAtMs = runtime.nowMs;
    await process.clock.sleep(lasts * 1000);
    return 0;
  });
  const lifecycle = preStop === undefined ? {} : { lifecycle: { preStop } };
  await cluster.createPod({ containers: [{ name: 'c', image: 'app', ...lifecycle }], ...spec });
  await runtime.settle();
  const startMs = runtime.nowMs;
  await runtime.drive(admin.coreV1.pods('default').delete('p', graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds }));
  await runtime.settle();
  await assert.rejects(cluster.pod(), /not found/);
  const seconds = (ms: number): number => (ms - startMs) / 1000;
  return { sigtermAt: sigtermAtMs === undefined ? undefined : seconds(sigtermAtMs), goneAt: seconds(runtime.nowMs), cluster };
}

describe('the end of a pod', () => {
  for (const { what, want, ...row } of [
    { what: 'a program that ends by itself', lasts: 3, want: [0, 3] },
    { what: 'one that takes longer than its grace', lasts: 100, spec: { terminationGracePeriodSeconds: 7 }, want: [0, 7] },
    { what: 'a grace given by who deletes', lasts: 100, graceSeconds: 4, want: [0, 4] },
    { what: 'a grace below two seconds, which every container has', lasts: 100, graceSeconds: 1, want: [0, 2] },
    {
      what: 'a hook within the grace',
      lasts: 100,
      preStop: { sleep: { seconds: 3 } },
      spec: { terminationGracePeriodSeconds: 7 },
      want: [3, 7],
    },
    {
      what: 'a hook that uses the grace up: SIGTERM comes then, and two seconds',
      lasts: 100,
      preStop: { sleep: { seconds: 6 } },
      graceSeconds: 5,
      want: [5, 7],
    },
    {
      what: 'a hook that leaves less than two seconds',
      lasts: 100,
      preStop: { sleep: { seconds: 4 } },
      spec: { terminationGracePeriodSeconds: 5 },
      want: [4, 6],
    },
    { what: 'a hook that fails', lasts: 1, preStop: { exec: { command: ['true'] } }, want: [0, 1] },
  ] as readonly (Case & { readonly what: string; readonly want: readonly [number, number] })[]) {
    test(what, async () => {
      const { sigtermAt, goneAt } = await deletePod(row);
      assert.deepEqual([sigtermAt, goneAt], want);
    });
  }

  test('a hook that fails is told of without why: there may be secrets in it', async () => {
    const { cluster } = await deletePod({ lasts: 0, preStop: { exec: { command: ['true'] } } });
    assert.ok((await cluster.events()).includes('FailedPreStopHook: PreStopHook failed'));
  });

  test('a second deletion with a shorter grace counts, one with a longer does not', async () => {
    const cluster = await NodeCluster.start();
    cluster.startNode('n1');
    const { runtime, admin } = cluster;
    cluster.run('app', () => new Promise<number>(() => {}));
    await cluster.createPod({ containers: [{ name: 'c', image: 'app' }] });
    await runtime.settle();
    const startMs = runtime.nowMs;
    for (const gracePeriodSeconds of [30, 10, 20]) {
      await runtime.drive(admin.coreV1.pods('default').delete('p', { gracePeriodSeconds }));
      await runtime.advance(1000);
    }
    await runtime.settle();
    assert.equal(runtime.nowMs - startMs, 11_000);
    await assert.rejects(cluster.pod(), /not found/);
  });
});

test('a postStart hook that fails ends the container, and is told of without why', async () => {
  const cluster = await NodeCluster.start();
  cluster.startNode('n1');
  await cluster.createPod({
    restartPolicy: 'Never',
    containers: [{ name: 'c', image: 'app', lifecycle: { postStart: { exec: { command: ['true'] } } } }],
  });
  await cluster.runtime.settle();
  const events = await cluster.events();
  assert.deepEqual(events.slice(-2), ['FailedPostStartHook: PostStartHook failed', 'Killing: FailedPostStartHook']);
  assert.equal((await cluster.pod()).status?.phase, 'Succeeded', 'the program ended well when it was told to stop');
});

/** A process whose clock reads a millisecond more each time: as on a machine, no two looks see the same time. */
function neverStanding(process: Process): Process {
  const { clock } = process;
  let reads = 0;
  const timer: Clock['timer'] = (ms, fire, options) => clock.timer(ms, fire, options);
  return processWithClock(process, {
    now: () => clock.now() + reads++,
    monotonic: () => clock.monotonic(),
    timer,
    sleep: (ms, options) => sleepWith(timer, ms, options),
    deadline: (ms, options) => deadlineWith(timer, ms, options),
  });
}

test('a postStart hook runs although time goes on while its container starts, and not again in a fork', async () => {
  const cluster = await NodeCluster.start();
  let calls = 0;
  const app: Program = async ({ network, terminated }) => {
    using _server = network.listen(80, async () => {
      calls++;
      return { status: 200, headers: {}, body: new Uint8Array() };
    });
    return await new Promise((resolve) => terminated.addEventListener('abort', () => resolve(0)));
  };
  cluster.run('app', app);
  const { kubelet } = cluster.startNode('n1', { process: neverStanding(cluster.runtime.process('n1 with its clock')) });
  await cluster.createPod({ containers: [{ name: 'c', image: 'app' }] });
  await cluster.runtime.settle();
  const host = (await cluster.pod()).status?.podIP ?? '';
  const lifecycle = { postStart: { httpGet: { host, port: 80 } } };
  await cluster.createPod({ containers: [{ name: 'c', image: 'other', lifecycle }] }, { name: 'q' });
  await cluster.runtime.settle();
  assert.equal(calls, 1);
  const fork = await NodeCluster.start({ runtime: cluster.runtime.fork(), from: cluster });
  fork.run('app', app);
  fork.startNode('n1', { resumed: kubelet.snapshot() });
  await fork.runtime.settle();
  assert.equal(calls, 1);
});

test('a pod past its deadline says so, once', async () => {
  const cluster = await NodeCluster.start();
  cluster.startNode('n1');
  await cluster.createPod({ activeDeadlineSeconds: 5 });
  await cluster.runtime.advance(60_000);
  const events = (await cluster.events()).filter((event) => event.startsWith('DeadlineExceeded'));
  assert.deepEqual(events, ['DeadlineExceeded: Pod was active on the node longer than the specified deadline']);
});

describe('probes of a container that is stopping', () => {
  /** Counts the events of failed liveness probes. */
  async function failures(cluster: NodeCluster): Promise<number> {
    const { items } = await cluster.runtime.drive(cluster.admin.coreV1.events('default').list());
    const failed = items.filter(({ message }) => message?.startsWith('Liveness probe failed') === true);
    return failed.reduce((sum, { count = 1 }) => sum + count, 0);
  }

  async function stubborn(failureThreshold: number): Promise<NodeCluster> {
    const cluster = await NodeCluster.start();
    cluster.startNode('n1');
    cluster.run('app', () => new Promise<number>(() => {}));
    const livenessProbe = { tcpSocket: { port: 80 }, periodSeconds: 1, failureThreshold };
    await cluster.createPod({ containers: [{ name: 'c', image: 'app', livenessProbe }], terminationGracePeriodSeconds: 20 });
    await cluster.runtime.advance(5500);
    return cluster;
  }

  test('liveness is quiet once it has failed', async () => {
    const cluster = await stubborn(3);
    assert.equal(await failures(cluster), 3);
    await cluster.runtime.advance(10_000);
    assert.equal(await failures(cluster), 3);
    await cluster.runtime.advance(8000);
    assert.ok((await failures(cluster)) > 3, 'the next run is probed anew');
  });

  test('liveness is quiet once the pod is deleted', async () => {
    const cluster = await stubborn(1000);
    const before = await failures(cluster);
    assert.ok(before >= 5);
    await cluster.runtime.drive(cluster.admin.coreV1.pods('default').delete('p'));
    await cluster.runtime.advance(15_000);
    assert.ok((await failures(cluster)) <= before + 1);
    assert.ok((await cluster.pod()).metadata.deletionTimestamp !== undefined, 'it still has its grace');
  });
});
