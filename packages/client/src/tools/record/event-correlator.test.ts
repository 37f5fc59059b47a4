import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import type { CoreEvent } from './event.ts';
import { eventName } from './event.ts';
import { type Correlated, EventCorrelator } from './event-correlator.ts';

function event(message: string, change: Partial<CoreEvent> = {}, component = 'kubelet'): CoreEvent {
  return {
    metadata: { name: 'web.1', namespace: 'a' },
    involvedObject: { kind: 'Pod', apiVersion: 'v1', name: 'web', namespace: 'a', uid: 'u' },
    source: { component },
    type: 'Normal',
    reason: 'Started',
    message,
    count: 1,
    firstTimestamp: '2020-01-01T00:00:00Z',
    lastTimestamp: '2020-01-01T00:00:00Z',
    reportingComponent: component,
    reportingInstance: '',
    ...change,
  };
}

function taken(correlated: Correlated): Extract<Correlated, { skip: false }> {
  if (correlated.skip) throw new assert.AssertionError({ message: 'the event was dropped' });
  return correlated;
}

describe('EventCorrelator', () => {
  const correlator = (
    options: ConstructorParameters<typeof EventCorrelator>[1] = {},
  ): { correlator: EventCorrelator; runtime: SimRuntime } => {
    const runtime = new SimRuntime();
    return { runtime, correlator: new EventCorrelator(runtime.process('c'), options) };
  };

  test('lets a single event through as it is', () => {
    const { event: out, patch } = taken(correlator().correlator.correlate(event('a')));
    assert.deepEqual(out, event('a'));
    assert.equal(patch, undefined);
  });

  test('counts the same event up, under the name and from the time of the first, however often it comes', () => {
    const { correlator: c } = correlator();
    c.correlate(event('a'));
    c.written(event('a', { metadata: { name: 'web.first', namespace: 'a', resourceVersion: '5' } }));
    let last = taken(c.correlate(event('a', { lastTimestamp: '2020-01-01T00:00:09Z' })));
    assert.deepEqual(last.patch, { count: 2, lastTimestamp: '2020-01-01T00:00:09Z', message: 'a' });
    assert.equal(last.event.metadata.name, 'web.first');
    assert.equal(last.event.metadata.resourceVersion, '5');
    for (let i = 0; i < 20; i++) last = taken(c.correlate(event('a')));
    assert.equal(last.event.count, 22);
    assert.equal(last.event.message, 'a');
  });

  test('makes one of many that differ in their message only, from the tenth on, and counts that one', () => {
    const { correlator: c } = correlator();
    for (let i = 1; i < 10; i++) assert.equal(taken(c.correlate(event(`m${i}`))).event.message, `m${i}`);
    const tenth = taken(c.correlate(event('m10')));
    assert.equal(tenth.event.message, '(combined from similar events): m10');
    assert.equal(tenth.patch, undefined);
    const eleventh = taken(c.correlate(event('m11')));
    assert.deepEqual([eleventh.event.count, eleventh.event.message], [2, '(combined from similar events): m11']);
    assert.equal(eleventh.event.metadata.name, tenth.event.metadata.name);
  });

  test('takes events of different objects, containers, reasons or long apart for different ones', async () => {
    const { correlator: c, runtime } = correlator({ burst: 1000 });
    for (let i = 0; i < 30; i++) {
      const about = { ...event('').involvedObject, name: `web-${i}` };
      assert.equal(taken(c.correlate(event(`m${i}`, { involvedObject: about }))).event.message, `m${i}`);
      assert.equal(
        taken(c.correlate(event('same', { involvedObject: { ...event('').involvedObject, fieldPath: `spec.containers{c${i}}` } }))).event
          .count,
        1,
      );
      assert.equal(taken(c.correlate(event('x', { reason: `R${i}` }))).event.count, 1);
    }
    for (let i = 0; i < 30; i++) {
      await runtime.advance(601_000);
      assert.equal(taken(c.correlate(event(`late ${i}`, { reason: 'Slow' }))).event.message, `late ${i}`);
    }
  });

  test('drops what is too much about one object: 25 at once, then one in five minutes', async () => {
    const { correlator: c, runtime } = correlator();
    for (let i = 0; i < 25; i++) assert.equal(c.correlate(event('a')).skip, false);
    assert.equal(c.correlate(event('a')).skip, true);
    assert.equal(c.correlate(event('a', { reason: 'Other' })).skip, true);
    assert.equal(c.correlate(event('a', { type: 'Warning' })).skip, false);
    assert.equal(c.correlate(event('a', {}, 'other')).skip, false);
    await runtime.advance(301_000);
    assert.equal(c.correlate(event('a')).skip, false);
    assert.equal(c.correlate(event('a')).skip, true);
  });

  test('shares the allowance by what a key of ours says', () => {
    const { correlator: byReason } = correlator({ burst: 1, spamKey: ({ reason = '' }) => reason });
    assert.deepEqual(
      ['A', 'A', 'B'].map((reason) => byReason.correlate(event('a', { reason })).skip),
      [false, true, false],
    );
    const { correlator: sameReason } = correlator({ burst: 1, spamKey: ({ reason = '' }) => reason });
    assert.deepEqual(
      ['x', 'y'].map((message) => sameReason.correlate(event(message)).skip),
      [false, true],
    );
  });

  test('aggregates by what a key of ours says, in words of ours', () => {
    const { correlator: c } = correlator({
      maxEvents: 2,
      aggregateKey: ({ message = '' }) => ({ aggregate: 'all', local: message }),
      aggregateMessage: () => 'several',
    });
    c.correlate(event('a', { reason: 'A' }));
    assert.equal(taken(c.correlate(event('b', { reason: 'B' }))).event.message, 'several');
  });
});

test('eventName() is the name of the object and a time in hex, or a UUID where that would be no name', () => {
  const process = new SimRuntime().process('c');
  assert.match(eventName(process, 'web', 1_577_836_800_000), /^web\.15e59a35b9[0-9a-f]{6}$/);
  for (const name of ['x'.repeat(250), 'Web', 'a/b', '-$']) assert.match(eventName(process, name, 1), /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
});
