import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '@coracle/api';
import { type Action, decide } from './decide.ts';
import { type ContainerRecord, exited, newRecord, type PodRecord, started, withContainer } from './record.ts';
import { podPhase } from './status.ts';

const t0 = 1_000_000;

function podOf(spec: Partial<Pod['spec']>, metadata: Partial<Pod['metadata']> = {}): Pod {
  return { metadata: { name: 'p', namespace: 'ns', uid: 'u', ...metadata }, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } };
}

const ready = (pod: Pod): PodRecord => ({ ...newRecord(pod, t0), sandbox: 'ready', podIP: '10.244.0.2' });
const run = (record: PodRecord, name: string, at = t0): PodRecord =>
  withContainer(record, name, (container) => started(container, { id: `${name}${container.restarts}`, nowMs: at, probes: {} }));
const exit = (record: PodRecord, name: string, exitCode: number, at = t0): PodRecord =>
  withContainer(record, name, (container) => exited(container, { exitCode, message: '', nowMs: at }));
const pulled = (record: PodRecord): PodRecord => ({
  ...record,
  containers: record.containers.map((container): ContainerRecord => ({ ...container, image: { phase: 'present' } })),
});

function shown(actions: readonly Action[]): readonly string[] {
  return actions.map((action) => ('container' in action ? `${action.do} ${action.container}` : action.do));
}

const init = [
  { name: 'a', image: 'i' },
  { name: 's', image: 'i', restartPolicy: 'Always' },
  { name: 'b', image: 'i' },
];
const withInit = podOf({ initContainers: init });
const never = podOf({ restartPolicy: 'Never' });
const deleted = (pod: Pod): Pod => ({
  ...pod,
  metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 },
});
const sidecarRuns = run(exit(run(ready(withInit), 'a'), 'a', 0), 's');

describe('decide()', () => {
  for (const { name, pod, record, nowMs = t0, want, wake } of [
    { name: 'sets up volumes and network first', pod: podOf({}), record: newRecord(podOf({}), t0), want: ['prepare'] },
    { name: 'pulls', pod: podOf({}), record: ready(podOf({})), want: ['pull c'] },
    { name: 'starts what is pulled', pod: podOf({}), record: pulled(ready(podOf({}))), want: ['start c'] },
    { name: 'leaves alone what runs', pod: podOf({}), record: run(ready(podOf({})), 'c'), want: [] },
    { name: 'begins with the first init container alone', pod: withInit, record: pulled(ready(withInit)), want: ['start a'] },
    {
      name: 'starts a sidecar once the init container before it is done',
      pod: withInit,
      record: pulled(exit(run(ready(withInit), 'a'), 'a', 0)),
      want: ['start s'],
    },
    { name: 'goes on while the sidecar runs', pod: withInit, record: pulled(sidecarRuns), want: ['start b'] },
    {
      name: 'starts the main containers after the last init container',
      pod: withInit,
      record: pulled(exit(run(sidecarRuns, 'b'), 'b', 0)),
      want: ['start c'],
    },
    {
      name: 'tries a failed init container again',
      pod: withInit,
      record: pulled(exit(run(ready(withInit), 'a'), 'a', 1)),
      want: ['start a'],
    },
    {
      name: 'gives up on one that may not run again',
      pod: podOf({ initContainers: init, restartPolicy: 'Never' }),
      record: exit(run(ready(withInit), 'a'), 'a', 1),
      want: ['tearDown'],
    },
    {
      name: 'restarts after the first exit at once',
      pod: podOf({}),
      record: pulled(exit(run(ready(podOf({})), 'c'), 'c', 1)),
      want: ['start c'],
    },
    {
      name: 'waits after the second',
      pod: podOf({}),
      record: exit(run(exit(run(ready(podOf({})), 'c'), 'c', 1), 'c'), 'c', 1),
      want: ['announce c'],
      wake: { atMs: t0 + 10_000, background: false },
    },
    { name: 'does not restart with policy Never', pod: never, record: exit(run(ready(never), 'c'), 'c', 1), want: ['tearDown'] },
    {
      name: 'follows restart rules of the container',
      pod: podOf({
        restartPolicy: 'Never',
        containers: [{ name: 'c', image: 'i', restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }] }],
      }),
      record: pulled(exit(run(ready(never), 'c'), 'c', 42)),
      want: ['start c'],
    },
    { name: 'stops what runs when the pod is deleted', pod: deleted(podOf({})), record: run(ready(podOf({})), 'c'), want: ['terminate c'] },
    {
      name: 'stops the main containers before the sidecars',
      pod: deleted(withInit),
      record: run(exit(run(sidecarRuns, 'b'), 'b', 0), 'c'),
      want: ['terminate c'],
    },
    {
      name: 'then the sidecars',
      pod: deleted(withInit),
      record: exit(run(exit(run(sidecarRuns, 'b'), 'b', 0), 'c'), 'c', 0),
      want: ['terminate s'],
    },
    { name: 'tears down a deleted pod that never ran', pod: deleted(podOf({})), record: newRecord(podOf({}), t0), want: ['tearDown'] },
    {
      name: 'looks again at the deadline',
      pod: podOf({ activeDeadlineSeconds: 60 }),
      record: run(ready(podOf({})), 'c'),
      want: [],
      wake: { atMs: t0 + 60_000, background: true },
    },
    {
      name: 'stops at the deadline',
      pod: podOf({ activeDeadlineSeconds: 60 }),
      record: run(ready(podOf({})), 'c'),
      nowMs: t0 + 60_000,
      want: ['announce', 'terminate c'],
    },
    {
      name: 'stops the sidecars of a finished pod',
      pod: podOf({ initContainers: init.slice(1, 2), restartPolicy: 'Never' }),
      record: exit(run(run(ready(podOf({ initContainers: init.slice(1, 2) })), 's'), 'c'), 'c', 0),
      want: ['terminate s'],
    },
  ]) {
    test(name, () => {
      const decision = decide(pod, record, nowMs);
      assert.deepEqual(shown(decision.actions), want);
      assert.deepEqual(decision.wake, wake);
    });
  }

  test('does nothing the second time while a wait lasts', () => {
    const pod = podOf({});
    const first = decide(pod, exit(run(exit(run(ready(pod), 'c'), 'c', 1), 'c'), 'c', 1), t0);
    const second = decide(pod, first.record, t0 + 1);
    assert.deepEqual(second, { record: first.record, actions: [], wake: { atMs: t0 + 10_000, background: false } });
  });

  test('forgets the back-off after ten minutes without an exit', () => {
    const pod = podOf({});
    const late = t0 + 700_000;
    const record = pulled(exit(run(exit(run(ready(pod), 'c'), 'c', 1), 'c'), 'c', 1, late));
    assert.deepEqual(shown(decide(pod, record, late).actions), ['start c']);
  });
});

describe('podPhase()', () => {
  const finished = (record: PodRecord): PodRecord => ({
    ...record,
    stop: { reason: 'finished', statusReason: '', message: '', graceMs: 0 },
  });
  for (const { name, record, want } of [
    { name: 'nothing has run', record: ready(podOf({})), want: 'Pending' },
    { name: 'it runs', record: run(ready(podOf({})), 'c'), want: 'Running' },
    { name: 'it will run again', record: exit(run(ready(podOf({})), 'c'), 'c', 1), want: 'Running' },
    { name: 'it ended well', record: finished(exit(run(ready(never), 'c'), 'c', 0)), want: 'Succeeded' },
    { name: 'it ended badly', record: finished(exit(run(ready(never), 'c'), 'c', 2)), want: 'Failed' },
    { name: 'init containers run', record: run(ready(withInit), 'a'), want: 'Pending' },
    { name: 'an init container failed for good', record: finished(exit(run(ready(withInit), 'a'), 'a', 1)), want: 'Failed' },
  ]) {
    test(`is ${want} when ${name}`, () => assert.equal(podPhase(record), want));
  }
});
