import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { newAlreadyExists, newForbidden, newNotFound, TransportError } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { eventFieldSelector, type SeriesEvent, type SeriesEventSink, SeriesRecorder, type SeriesReport } from './event-series.ts';

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'a', uid: 'u', resourceVersion: '1' } };
const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } };
const report: SeriesReport = { type: 'Normal', reason: 'Scheduled', action: 'Binding', note: 'bound to n1' };
const events = { group: 'events.k8s.io', resource: 'events' };

function scene() {
  const runtime = new SimRuntime();
  const sent: string[] = [];
  const created: SeriesEvent[] = [];
  const faults: Error[] = [];
  const write = (verb: string, event: SeriesEvent): SeriesEvent => {
    sent.push(`${verb} ${event.series?.count ?? 1}`);
    const fault = faults.shift();
    if (fault !== undefined) throw fault;
    if (verb === 'create') created.push(event);
    return event;
  };
  const sink: SeriesEventSink = {
    create: async (event) => write('create', event),
    patch: async (event, patch) => {
      assert.deepEqual(patch, { series: event.series });
      return write('patch', event);
    },
  };
  const recorder = new SeriesRecorder({ process: runtime.process('c'), sink, reportingController: 'scheduler' });
  return { runtime, sent, created, faults, recorder };
}

describe('SeriesRecorder', () => {
  test('says who, what and about whom, with a time in six digits', async () => {
    const { runtime, created, recorder } = scene();
    recorder.event(pod, { ...report, related: node, annotations: { why: 'test' } });
    recorder.event(node, { ...report, reason: 'X'.repeat(10) });
    recorder.event({ ...pod, metadata: { ...pod.metadata, name: 'x'.repeat(252) } }, report);
    recorder.event({ metadata: { name: 'no kind' } }, report);
    recorder.event(pod, { ...report, type: 'Odd' as 'Normal' });
    await runtime.settle();
    assert.equal(created.length, 3);
    const [first, second, third] = created;
    assert.match(first?.eventTime ?? '', /\.\d{6}Z$/);
    assert.deepEqual(first?.regarding, { apiVersion: 'v1', kind: 'Pod', name: 'web', namespace: 'a', uid: 'u', resourceVersion: '1' });
    assert.deepEqual(first?.related, { apiVersion: 'v1', kind: 'Node', name: 'n1' });
    assert.deepEqual(
      [first?.reportingController, first?.reportingInstance, first?.action, first?.note, first?.type],
      ['scheduler', 'scheduler', 'Binding', 'bound to n1', 'Normal'],
    );
    assert.deepEqual(first?.metadata.annotations, { why: 'test' });
    assert.equal(second?.metadata.namespace, 'default');
    assert.match(third?.metadata.name ?? '', /^[0-9a-f-]{36}$/);
  });

  test('writes an event once, and makes a series of those that are like it', async () => {
    const { runtime, sent, recorder } = scene();
    for (let i = 0; i < 5; i++) {
      recorder.event({ ...pod, metadata: { ...pod.metadata, resourceVersion: String(i) } }, { ...report, note: `note ${i}` });
      await runtime.settle();
    }
    assert.deepEqual(sent, ['create 1', 'patch 2']);
    recorder.event(pod, { ...report, action: 'Other' });
    recorder.event(node, report);
    await runtime.settle();
    assert.deepEqual(sent, ['create 1', 'patch 2', 'create 1', 'create 1']);
  });

  test('writes a series whose event the server has not got yet, or no more', async () => {
    const { runtime, sent, faults, recorder } = scene();
    recorder.event(pod, report);
    await runtime.settle();
    faults.push(newNotFound(events, 'web.1'));
    recorder.event(pod, report);
    await runtime.settle();
    assert.deepEqual(sent, ['create 1', 'patch 2', 'create 2']);
    const race = scene();
    race.recorder.event(pod, report);
    await race.runtime.settle();
    race.faults.push(newNotFound(events, 'web.1'), newAlreadyExists(events, 'web.1'));
    race.recorder.event(pod, report);
    await race.runtime.settle();
    assert.deepEqual(race.sent, ['create 1', 'patch 2', 'create 2', 'patch 2']);
  });

  test('ends a series that has been quiet for six minutes', async () => {
    const { runtime, sent, recorder } = scene();
    for (let i = 0; i < 3; i++) recorder.event(pod, report);
    recorder.event(node, report);
    await runtime.settle();
    assert.equal(recorder.size, 2);
    await runtime.advance(13 * 60_000);
    assert.deepEqual([recorder.size, sent.at(-1)], [0, 'patch 3']);
    recorder.event(pod, report);
    await runtime.settle();
    assert.equal(sent.at(-1), 'create 1');
  });

  test('refreshes a series every half hour', async () => {
    const { runtime, sent, recorder } = scene();
    for (let minute = 0; minute < 31; minute++) {
      recorder.event(pod, report);
      await runtime.advance(60_000);
    }
    assert.deepEqual(sent, ['create 1', 'patch 2', 'patch 30']);
    recorder.stop();
    await runtime.advance(3_600_000);
    assert.equal(sent.length, 3);
  });

  test('takes a refusal as final, and tries a broken connection again, twelve times', async () => {
    const refused = scene();
    refused.faults.push(newForbidden(events, '', 'no'));
    refused.recorder.event(pod, report);
    await refused.runtime.settle();
    assert.equal(refused.sent.length, 1);
    const lost = scene();
    for (let i = 0; i < 30; i++) lost.faults.push(new TransportError('cut', { executed: 'unknown' }));
    lost.recorder.event(pod, report);
    await lost.runtime.settle();
    assert.equal(lost.sent.length, 12);
  });
});

test('eventFieldSelector() finds the events about an object, in both groups', () => {
  assert.equal(eventFieldSelector('events.k8s.io', {}), '');
  assert.equal(
    eventFieldSelector('events.k8s.io', { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'u' }),
    'regarding.apiVersion=apps/v1,regarding.kind=Deployment,regarding.name=web,regarding.uid=u',
  );
  assert.equal(eventFieldSelector('', { kind: 'Pod', name: 'web' }), 'involvedObject.kind=Pod,involvedObject.name=web');
});
