import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Backoff, backoffUntil, goSeconds, isSteady, nextBackoff } from './backoff.ts';

const minute = 60_000;

describe('nextBackoff()', () => {
  test('starts at 10 s, doubles and ends at 5 minutes', () => {
    let backoff: Backoff | undefined;
    const delays = Array.from({ length: 7 }, () => {
      backoff = nextBackoff(backoff, 0);
      return backoff.delayMs / 1000;
    });
    assert.deepEqual(delays, [10, 20, 40, 80, 160, 300, 300]);
  });

  for (const { afterMs, wantMs } of [
    { afterMs: 10 * minute, wantMs: 80_000 },
    { afterMs: 10 * minute + 1, wantMs: 10_000 },
  ]) {
    test(`after ${afterMs / minute} minutes without a failure is ${wantMs / 1000} s`, () => {
      assert.deepEqual(nextBackoff({ delayMs: 40_000, atMs: 1000 }, 1000 + afterMs), { delayMs: wantMs, atMs: 1000 + afterMs });
    });
  }
});

describe('backoffUntil()', () => {
  const backoff: Backoff = { delayMs: 20_000, atMs: 1000 };
  for (const { what, failedAtMs, nowMs, want } of [
    { what: 'counts from the failure, not from the start', failedAtMs: 50_000, nowMs: 50_000, want: 70_000 },
    { what: 'is over at its end', failedAtMs: 50_000, nowMs: 70_000, want: undefined },
    { what: 'lasts until then', failedAtMs: 50_000, nowMs: 69_999, want: 70_000 },
    { what: 'is forgotten after ten minutes', failedAtMs: 601_001, nowMs: 601_001, want: undefined },
    { what: 'is not forgotten before', failedAtMs: 601_000, nowMs: 601_000, want: 621_000 },
  ]) {
    test(what, () => assert.equal(backoffUntil(backoff, failedAtMs, nowMs), want));
  }

  test('is nothing without a failure before', () => assert.equal(backoffUntil(undefined, 0, 0), undefined));
});

test('isSteady() at the cap only', () => {
  assert.deepEqual(
    [160_000, 299_999, 300_000].map((delayMs) => isSteady({ delayMs, atMs: 0 })),
    [false, false, true],
  );
});

for (const { ms, want } of [
  { ms: 0, want: '0s' },
  { ms: 10_000, want: '10s' },
  { ms: 160_000, want: '2m40s' },
  { ms: 300_000, want: '5m0s' },
  { ms: 3_661_000, want: '1h1m1s' },
]) {
  test(`goSeconds() of ${ms} ms is ${want}`, () => assert.equal(goSeconds(ms), want));
}
