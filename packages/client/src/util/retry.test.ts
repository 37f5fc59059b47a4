import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isNotFound, newConflict, newNotFound } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { Backoff } from './backoff.ts';
import { defaultBackoff, defaultRetry, retryOnConflict, retryOnError } from './retry.ts';

const pods = { group: '', resource: 'pods' };
const conflict = newConflict(pods, 'web', 'modified');

describe('retryOnConflict()', () => {
  test('runs again after a conflict, with growing waits, and throws the last one', async () => {
    for (const [options, tries, leastMs] of [
      [defaultRetry, 5, 40],
      [defaultBackoff, 4, 10 + 50 + 250],
    ] as const) {
      const runtime = new SimRuntime();
      const startMs = runtime.nowMs;
      let calls = 0;
      const work = retryOnConflict(runtime.process('c'), options, async () => {
        calls++;
        throw conflict;
      });
      await assert.rejects(runtime.drive(work), (error) => error === conflict);
      assert.equal(calls, tries);
      const ms = runtime.nowMs - startMs;
      assert.ok(ms >= leastMs && ms <= leastMs * 1.1 + 5, `${ms} ms`);
    }
  });

  test('when it is told to stop it throws what went wrong last, or why it has to stop', async () => {
    const runtime = new SimRuntime();
    const stop = new AbortController();
    const work = retryOnConflict(runtime.process('c'), { ...defaultRetry, signal: stop.signal }, async () => {
      stop.abort(new Error('enough'));
      throw conflict;
    });
    await assert.rejects(runtime.drive(work), (error) => error === conflict);
    let calls = 0;
    const never = retryOnConflict(
      runtime.process('c'),
      { ...defaultRetry, signal: AbortSignal.abort(new Error('before')) },
      async () => calls++,
    );
    await assert.rejects(runtime.drive(never), /before/);
    assert.equal(calls, 0);
  });
});

test('retryOnError() tries again only what may pass', async () => {
  const runtime = new SimRuntime();
  const results: (Error | string)[] = [newNotFound(pods, 'web'), newNotFound(pods, 'web'), 'found', conflict];
  const next = async (): Promise<string> => {
    const result = results.shift();
    if (result instanceof Error) throw result;
    return result ?? '';
  };
  assert.equal(await runtime.drive(retryOnError(runtime.process('c'), defaultRetry, isNotFound, next)), 'found');
  await assert.rejects(runtime.drive(retryOnError(runtime.process('c'), defaultRetry, isNotFound, next)), (error) => error === conflict);
});

test('Backoff grows to its cap, with jitter, and begins anew after a quiet time', async () => {
  const runtime = new SimRuntime();
  const backoff = new Backoff(runtime.process('c'), { baseMs: 100, factor: 2, capMs: 1000, jitter: 0.5, resetAfterMs: 10_000 });
  const least = [100, 200, 400, 800, 1000, 1000];
  for (const ms of least) {
    const wait = backoff.next();
    assert.ok(wait >= ms && wait < ms * 1.5, `${wait} for ${ms}`);
  }
  await runtime.advance(10_001);
  assert.ok(backoff.next() < 150);
});
