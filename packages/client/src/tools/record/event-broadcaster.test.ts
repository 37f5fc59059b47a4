import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { newAlreadyExists, newForbidden, newNotFound, StatusError, TransportError } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { type CoreEvent, referenceTo } from './event.ts';
import { EventBroadcaster, type EventSink } from './event-broadcaster.ts';

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'a', uid: 'u', resourceVersion: '1' } };
const events = { group: '', resource: 'events' };

class RecordingSink implements EventSink {
  readonly created: CoreEvent[] = [];
  readonly patched: (readonly [CoreEvent, Readonly<Record<string, unknown>>])[] = [];
  readonly faults: Error[] = [];
  tries = 0;

  async create(event: CoreEvent): Promise<CoreEvent> {
    this.#failOnce();
    this.created.push(event);
    return event;
  }

  async patch(event: CoreEvent, patch: Readonly<Record<string, unknown>>): Promise<CoreEvent> {
    this.#failOnce();
    this.patched.push([event, patch]);
    return event;
  }

  #failOnce(): void {
    this.tries++;
    const fault = this.faults.shift();
    if (fault !== undefined) throw fault;
  }
}

function scene(): {
  readonly runtime: SimRuntime;
  readonly broadcaster: EventBroadcaster;
  readonly sink: RecordingSink;
  readonly logged: string[];
} {
  const logged: string[] = [];
  const runtime = new SimRuntime({ log: ({ message }) => logged.push(message) });
  const broadcaster = new EventBroadcaster({ process: runtime.process('c') });
  return { runtime, broadcaster, sink: new RecordingSink(), logged };
}

describe('EventBroadcaster', () => {
  test('gives sinks and watchers a whole event', async () => {
    const { runtime, broadcaster, sink } = scene();
    const watched: string[] = [];
    broadcaster.startRecordingToSink(sink);
    broadcaster.startEventWatcher((event) => watched.push(event.reason ?? ''));
    const recorder = broadcaster.newRecorder({ component: 'kubelet', host: 'n1' });
    recorder.annotatedEvent(pod, { why: 'test' }, 'Normal', 'Started', 'Container started');
    await runtime.settle();
    const [created] = sink.created;
    assert.equal(created?.metadata.namespace, 'a');
    assert.match(created?.metadata.name ?? '', /^web\.[0-9a-f]+$/);
    assert.deepEqual(created?.metadata.annotations, { why: 'test' });
    assert.deepEqual(created?.involvedObject, {
      apiVersion: 'v1',
      kind: 'Pod',
      name: 'web',
      namespace: 'a',
      uid: 'u',
      resourceVersion: '1',
    });
    assert.deepEqual(created?.source, { component: 'kubelet', host: 'n1' });
    assert.deepEqual(
      [created?.reportingComponent, created?.reportingInstance, created?.count, created?.type],
      ['kubelet', 'n1', 1, 'Normal'],
    );
    assert.deepEqual(watched, ['Started']);
  });

  test('writes events of the cluster scope into the namespace "default", and of a part of an object with its path', async () => {
    const { runtime, broadcaster, sink } = scene();
    broadcaster.startRecordingToSink(sink);
    const recorder = broadcaster.newRecorder({ component: 'c' });
    recorder.event({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } }, 'Warning', 'Bad', 'broken');
    recorder.event(
      { apiVersion: 'v1', kind: 'Pod', name: 'web', namespace: 'a', fieldPath: 'spec.containers{web}' },
      'Normal',
      'Pulled',
      'ok',
    );
    await runtime.settle();
    assert.deepEqual(
      sink.created.map(({ metadata }) => metadata.namespace),
      ['default', 'a'],
    );
    assert.equal(sink.created[1]?.involvedObject.fieldPath, 'spec.containers{web}');
  });

  test('records nothing of an unknown kind of object or a type that is none', async () => {
    const { runtime, broadcaster, sink, logged } = scene();
    broadcaster.startRecordingToSink(sink);
    const recorder = broadcaster.newRecorder({ component: 'c' });
    recorder.event({ metadata: { name: 'x' } }, 'Normal', 'A', 'a');
    recorder.event(pod, 'Error' as 'Warning', 'A', 'a');
    await runtime.settle();
    assert.equal(sink.tries, 0);
    assert.deepEqual(logged, ['Could not construct reference, will not report event', 'Unsupported event type']);
  });

  test('takes a refusal as final, and a broken connection for one that may come back', async () => {
    const lost = new TransportError('cut', { executed: 'unknown' });
    for (const [faults, tries, created] of [
      [[newForbidden(events, '', 'no')], 1, 0],
      [[newAlreadyExists(events, 'web.1')], 1, 0],
      [[new TypeError('Cannot send request: bad name')], 1, 0],
      [[lost], 2, 1],
      [[lost, lost, lost], 4, 1],
      [Array.from({ length: 30 }, () => lost), 12, 0],
    ] as const) {
      const { runtime, broadcaster, sink } = scene();
      sink.faults.push(...faults);
      broadcaster.startRecordingToSink(sink);
      broadcaster.newRecorder({ component: 'c' }).event(pod, 'Normal', 'A', 'a');
      await runtime.settle();
      assert.deepEqual([sink.tries, sink.created.length], [tries, created], String(faults[0]));
    }
  });

  test('says nothing of a namespace that ends', async () => {
    const { runtime, broadcaster, sink, logged } = scene();
    const cause = { reason: 'NamespaceTerminating', message: 'a ends' };
    sink.faults.push(new StatusError({ metadata: {}, code: 403, reason: 'Forbidden', message: 'no', details: { causes: [cause] } }));
    broadcaster.startRecordingToSink(sink);
    broadcaster.newRecorder({ component: 'c' }).event(pod, 'Normal', 'A', 'a');
    await runtime.settle();
    assert.deepEqual(logged, []);
  });

  test('makes an event anew that the server has forgotten, with its count', async () => {
    const { runtime, broadcaster, sink } = scene();
    broadcaster.startRecordingToSink(sink);
    const recorder = broadcaster.newRecorder({ component: 'c' });
    recorder.event(pod, 'Normal', 'A', 'a');
    await runtime.settle();
    sink.faults.push(newNotFound(events, 'web.1'));
    recorder.event(pod, 'Normal', 'A', 'a');
    await runtime.settle();
    assert.deepEqual(
      sink.created.map(({ count }) => count),
      [1, 2],
    );
  });

  test('correlates for each sink by itself', async () => {
    const { runtime, broadcaster, sink } = scene();
    broadcaster.startRecordingToSink(sink);
    const recorder = broadcaster.newRecorder({ component: 'c' });
    recorder.event(pod, 'Normal', 'A', 'a');
    await runtime.settle();
    const late = new RecordingSink();
    broadcaster.startRecordingToSink(late);
    recorder.event(pod, 'Normal', 'A', 'a');
    await runtime.settle();
    assert.deepEqual([sink.created.length, sink.patched.length], [1, 1]);
    assert.deepEqual([late.created.length, late.patched.length], [1, 0]);
  });

  test('shutdown ends waits, watchers and recording; a watcher that is let go of is told nothing more', async () => {
    const { runtime, broadcaster, sink } = scene();
    const watched: string[] = [];
    broadcaster.startRecordingToSink(sink);
    const watcher = broadcaster.startEventWatcher(({ reason = '' }) => watched.push(reason));
    const recorder = broadcaster.newRecorder({ component: 'c' });
    sink.faults.push(...Array.from({ length: 5 }, () => new TransportError('cut', { executed: 'unknown' })));
    recorder.event(pod, 'Normal', 'A', 'a');
    await runtime.advance(1);
    watcher[Symbol.dispose]();
    recorder.event(pod, 'Normal', 'B', 'b');
    broadcaster.shutdown();
    recorder.event(pod, 'Normal', 'C', 'c');
    await runtime.settle();
    assert.equal(sink.tries, 1);
    assert.deepEqual(watched, ['A']);
  });
});

test('referenceTo() refuses what has no kind, and takes a reference as it is', () => {
  assert.throws(() => referenceTo({ metadata: { name: 'x' } }), TypeError);
  assert.throws(() => referenceTo({ kind: 'Foo', metadata: { name: 'x' } }), TypeError);
  const reference = { apiVersion: 'foo.group/v3', kind: 'Foo', name: 'x' };
  assert.deepEqual(referenceTo(reference), reference);
  assert.deepEqual(referenceTo({ apiVersion: 'foo.group/v3', kind: 'Foo', metadata: { name: 'x' } }), reference);
});
