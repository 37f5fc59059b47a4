import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loneController, request } from '../fixtures/lone-controller.ts';
import type { RequestQueue } from './event-handler.ts';
import type { Source } from './source.ts';

/** A source that syncs when it is told to, and keeps what it was given. */
class ManualSource implements Source {
  readonly starts: RequestQueue[] = [];
  readonly asked: { readonly signal: AbortSignal; readonly timeoutMs?: number }[] = [];
  readonly done: PromiseWithResolvers<void> = Promise.withResolvers();

  start(queue: RequestQueue): void {
    this.starts.push(queue);
  }

  synced(limits: { readonly signal: AbortSignal; readonly timeoutMs?: number }): Promise<void> {
    this.asked.push(limits);
    return this.done.promise;
  }
}

const never = (): Source => ({ start: () => undefined, synced: () => new Promise(() => undefined) });

describe('the sources of a Controller', () => {
  test('are started once, with its queue, when it is made', async () => {
    const sources = [new ManualSource(), new ManualSource()];
    const { runtime, controller, calls } = loneController(() => undefined, { sources });
    assert.deepEqual(
      sources.map(({ starts }) => starts),
      [[controller], [controller]],
    );
    for (const { starts, done } of sources) {
      starts[0]?.add(request('x'), { priority: 7 });
      done.resolve();
    }
    await runtime.settle();
    assert.deepEqual(
      calls.map(({ name, context }) => `${name} ${context.priority}`),
      ['x 7'],
    );
    assert.deepEqual(
      sources.map(({ starts, asked }) => [starts.length, asked.length]),
      [
        [1, 1],
        [1, 1],
      ],
    );
  });

  test('are waited for, all of them, before anything is reconciled', async () => {
    const sources = [new ManualSource(), new ManualSource()];
    const { runtime, calls } = loneController(() => undefined, { sources });
    for (const name of ['x', 'y', 'x']) sources[0]?.starts[0]?.add(request(name));
    sources[1]?.done.resolve();
    await runtime.advance(60_000);
    assert.deepEqual(calls, []);
    sources[0]?.done.resolve();
    await runtime.settle();
    // What came twice meanwhile is there once.
    assert.deepEqual(
      calls.map(({ name }) => name),
      ['x', 'y'],
    );
  });

  test('may be none', async () => {
    const { runtime, controller, calls, stop, running } = loneController(() => undefined);
    controller.add(request('x'));
    await runtime.settle();
    stop.abort();
    await runtime.drive(running);
    assert.equal(calls.length, 1);
  });

  test('that cannot start keep the controller from being made', () => {
    const broken: Source = {
      start: () => {
        throw new Error('no such channel');
      },
      synced: async () => undefined,
    };
    assert.throws(() => loneController(() => undefined, { sources: [broken] }), /^Error: no such channel$/);
  });

  test('that fail to sync end the controller with their error, and nothing is reconciled', async () => {
    const source = new ManualSource();
    const { runtime, controller, calls, running } = loneController(() => undefined, { sources: [source] });
    controller.add(request('x'));
    source.done.reject(new Error('no such kind'));
    await assert.rejects(runtime.drive(running), /^Error: no such kind$/);
    await runtime.settle();
    assert.deepEqual(calls, []);
  });

  test('know how long they may take, and are not waited for without end', async () => {
    const source = new ManualSource();
    const { runtime, running } = loneController(() => undefined, { sources: [source, never()], cacheSyncTimeoutMs: 5_000 });
    await runtime.advance(4_999);
    source.done.resolve();
    assert.equal(source.asked[0]?.timeoutMs, 5_000);
    await runtime.advance(1_100);
    await assert.rejects(runtime.drive(running), /^Error: Timed out after 5 s waiting for source 2 of controller "foo" to sync$/);
  });

  test('that come in time are no error', async () => {
    const source = new ManualSource();
    const { runtime, controller, calls, stop, running } = loneController(() => undefined, { sources: [source], cacheSyncTimeoutMs: 5_000 });
    controller.add(request('x'));
    await runtime.advance(4_999);
    source.done.resolve();
    await runtime.advance(60_000);
    assert.equal(calls.length, 1);
    stop.abort();
    await runtime.drive(running);
  });

  test('that are cut short by a stop are no error', async () => {
    for (const cacheSyncTimeoutMs of [undefined, 5_000]) {
      const source = new ManualSource();
      const options = cacheSyncTimeoutMs === undefined ? {} : { cacheSyncTimeoutMs };
      const { runtime, calls, stop, running } = loneController(() => undefined, { sources: [source], ...options });
      source.asked[0]?.signal.addEventListener('abort', () => source.done.reject(source.asked[0]?.signal.reason), { once: true });
      await runtime.advance(1_000);
      stop.abort(new Error('enough'));
      await runtime.drive(running);
      assert.deepEqual(calls, []);
    }
  });
});

describe('Controller.watch()', () => {
  test('before the controller runs, adds a source that it waits for', async () => {
    const [first, second] = [new ManualSource(), new ManualSource()];
    const lone = loneController(() => undefined, { sources: [first], isRunning: false });
    await lone.runtime.drive(lone.controller.watch(second));
    const running = lone.controller.run(lone.stop.signal);
    second.starts[0]?.add(request('x'));
    first.done.resolve();
    await lone.runtime.settle();
    assert.deepEqual(lone.calls, []);
    second.done.resolve();
    await lone.runtime.settle();
    assert.deepEqual([lone.calls.length, second.asked.length], [1, 1]);
    lone.stop.abort();
    await lone.runtime.drive(running);
  });

  test('while it runs, takes requests at once and resolves when the source has synced, or throws what it throws', async () => {
    const { runtime, controller, calls } = loneController(() => undefined, { cacheSyncTimeoutMs: 5_000 });
    await runtime.settle();
    const source = new ManualSource();
    let hasSynced = false;
    const watching = controller.watch(source).then(() => {
      hasSynced = true;
    });
    source.starts[0]?.add(request('x'));
    await runtime.advance(100);
    assert.deepEqual([calls.length, hasSynced, source.asked[0]?.timeoutMs], [1, false, 5_000]);
    source.done.resolve();
    await runtime.drive(watching);
    const broken = new ManualSource();
    broken.done.reject(new Error('no such kind'));
    await assert.rejects(runtime.drive(controller.watch(broken)), /^Error: no such kind$/);
    await assert.rejects(runtime.drive(controller.watch(never())), /waiting for source 3 of controller "foo"/);
    controller.add(request('y'));
    await runtime.settle();
    assert.equal(calls.length, 2);
  });

  test('refuses when the controller has ended', async () => {
    const { runtime, controller, stop, running } = loneController(() => undefined);
    stop.abort();
    await runtime.drive(running);
    const source = new ManualSource();
    await assert.rejects(runtime.drive(controller.watch(source)), /^Error: Cannot watch in controller "foo": it has ended$/);
    assert.deepEqual(source.starts, []);
  });
});
