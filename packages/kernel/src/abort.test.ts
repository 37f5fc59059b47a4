import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { abortReason, firstAborted, unlessAborted, untilAborted } from './abort.ts';

const left = new Error('left');

test('abortReason is an Error, whatever was passed to abort', () => {
  assert.equal(abortReason(AbortSignal.abort(left)), left);
  assert.equal(abortReason(AbortSignal.abort('enough')).message, 'Aborted: enough');
});

describe('untilAborted', () => {
  test('resolves when the signal aborts, not before', async () => {
    const controller = new AbortController();
    let isAborted = false;
    const waiting = untilAborted(controller.signal).then(() => {
      isAborted = true;
    });
    await Promise.resolve();
    assert.equal(isAborted, false);
    controller.abort();
    await waiting;
    assert.equal(isAborted, true);
  });

  test('resolves at once when the signal has aborted', () => untilAborted(AbortSignal.abort()));
});

describe('unlessAborted', () => {
  test('is what the work settles with, and leaves no listener', async () => {
    const { signal } = new AbortController();
    assert.equal(await unlessAborted(Promise.resolve(1), undefined), 1);
    assert.equal(await unlessAborted(Promise.resolve(2), signal), 2);
    await assert.rejects(unlessAborted(Promise.reject(new Error('broken')), signal), new Error('broken'));
    assert.deepEqual(getEventListeners(signal, 'abort'), []);
  });

  test('rejects with the reason when the signal aborts first, and leaves no listener', async () => {
    const controller = new AbortController();
    const pending = unlessAborted(new Promise(() => {}), controller.signal);
    controller.abort(left);
    await assert.rejects(pending, left);
    assert.deepEqual(getEventListeners(controller.signal, 'abort'), []);
  });

  test('rejects when the signal has aborted, even if the work is done', async () => {
    await assert.rejects(unlessAborted(Promise.resolve(1), AbortSignal.abort(left)), left);
  });

  test('takes the rejection of work that nobody waits for any more', async () => {
    const controller = new AbortController();
    const [early, late] = [Promise.withResolvers<never>(), Promise.withResolvers<never>()];
    await assert.rejects(unlessAborted(early.promise, AbortSignal.abort(left)), left);
    const pending = unlessAborted(late.promise, controller.signal);
    controller.abort(left);
    await assert.rejects(pending, left);
    early.reject(new Error('too late'));
    late.reject(new Error('too late'));
    // The runner fails a test that leaves a rejection to nobody.
  });
});

describe('firstAborted', () => {
  test('aborts with the first of its signals, for its reason, and leaves no listener', () => {
    const [one, two] = [new AbortController(), new AbortController()];
    const first = firstAborted(one.signal, undefined, two.signal);
    assert.equal(first.signal.aborted, false);
    two.abort(left);
    assert.equal(first.signal.reason, left);
    one.abort(new Error('too late'));
    assert.equal(first.signal.reason, left);
    assert.deepEqual(getEventListeners(one.signal, 'abort'), []);
  });

  test('has aborted when one of its signals had', () => {
    const { signal } = new AbortController();
    assert.equal(firstAborted(signal, AbortSignal.abort(left)).signal.reason, left);
    assert.deepEqual(getEventListeners(signal, 'abort'), []);
  });

  test('hears nothing more once it is disposed of', () => {
    const controller = new AbortController();
    const first = firstAborted(controller.signal);
    first[Symbol.dispose]();
    controller.abort();
    assert.equal(first.signal.aborted, false);
  });
});
