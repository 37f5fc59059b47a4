import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { KeyedBackoff, type KeyedBackoffOptions } from './keyed-backoff.ts';

function scene(options: Partial<KeyedBackoffOptions> = {}) {
  const runtime = new SimRuntime();
  const process = runtime.process('c');
  const nowMs = (): number => process.clock.monotonic();
  return { runtime, nowMs, backoff: new KeyedBackoff({ process, initialMs: 1000, maxMs: 50_000, ...options }) };
}

describe('KeyedBackoff', () => {
  test('doubles the wait of each id by itself, up to the most', () => {
    const { backoff } = scene();
    assert.equal(backoff.get('a'), 0);
    const waits = Array.from({ length: 8 }, () => {
      backoff.next('a');
      return backoff.get('a');
    });
    assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 50_000, 50_000]);
    backoff.next('b');
    assert.equal(backoff.get('b'), 1000);
  });

  test('begins anew after a reset, and after twice the longest wait without a failure', async () => {
    const { runtime, backoff } = scene();
    for (let i = 0; i < 5; i++) backoff.next('a');
    backoff.reset('a');
    assert.equal(backoff.get('a'), 0);
    for (let i = 0; i < 5; i++) backoff.next('a');
    await runtime.advance(100_000);
    backoff.next('a');
    assert.equal(backoff.get('a'), 32_000);
    await runtime.advance(100_001);
    backoff.next('a');
    assert.equal(backoff.get('a'), 1000);
  });

  test('keeps the longest wait for as long as failures go on', async () => {
    const { runtime, backoff } = scene();
    for (let i = 0; i < 20; i++) backoff.next('a');
    for (let i = 0; i < 5; i++) {
      await runtime.advance(99_000);
      backoff.next('a');
      assert.equal(backoff.get('a'), 50_000);
    }
  });

  test('forgets what has expired when it is told to, by its own rule where it has one', async () => {
    for (const [options, expiresMs] of [
      [{}, 100_000],
      [{ hasExpired: (quietMs: number, maxMs: number) => quietMs > maxMs * 3 }, 150_000],
    ] as const) {
      const { runtime, backoff } = scene(options);
      backoff.next('a');
      await runtime.advance(expiresMs);
      backoff.collect();
      assert.equal(backoff.size, 1);
      await runtime.advance(1);
      backoff.collect();
      assert.equal(backoff.size, 0);
    }
    const soon = scene({ hasExpired: (quietMs, maxMs) => quietMs > maxMs / 2 });
    for (let i = 0; i < 3; i++) soon.backoff.next('a');
    await soon.runtime.advance(25_001);
    soon.backoff.next('a');
    assert.equal(soon.backoff.get('a'), 1000);
  });

  test('tells whether it is too early, after an event and after the last failure', async () => {
    const { runtime, nowMs, backoff } = scene();
    const eventMs = nowMs();
    assert.equal(backoff.isInBackoffSince('a', eventMs), false);
    assert.equal(backoff.isInBackoffSinceUpdate('a', eventMs), false);
    backoff.next('a');
    backoff.next('a');
    await runtime.advance(1999);
    assert.equal(backoff.isInBackoffSince('a', eventMs), true);
    assert.equal(backoff.isInBackoffSinceUpdate('a', nowMs()), true);
    await runtime.advance(1);
    assert.equal(backoff.isInBackoffSince('a', eventMs), false);
    assert.equal(backoff.isInBackoffSinceUpdate('a', nowMs()), false);
    await runtime.advance(200_000);
    assert.equal(backoff.isInBackoffSince('a', nowMs()), false);
    assert.equal(backoff.isInBackoffSinceUpdate('a', nowMs()), false);
  });

  test('adds jitter to each wait, which never passes the most', () => {
    const { backoff } = scene({ jitter: 0.5 });
    let least = 1000;
    for (let i = 0; i < 10; i++) {
      const before = backoff.get('a');
      backoff.next('a');
      const wait = backoff.get('a');
      least = Math.min(50_000, i === 0 ? 1000 : 2 * before);
      assert.ok(wait >= least && wait <= Math.min(50_000, least + 0.5 * Math.max(before, 1000)), `${wait} after ${before}`);
    }
  });
});
