import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatMicroTime, formatTime, humanDuration, parseTime } from './time.ts';

test('formatTime cuts to seconds, formatMicroTime writes six digits', () => {
  const atMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  assert.equal(formatTime(atMs), '2026-01-02T03:04:05Z');
  assert.equal(formatMicroTime(atMs), '2026-01-02T03:04:05.678000Z');
  assert.equal(formatTime(-1), '1969-12-31T23:59:59Z');
});

for (const { text, want } of [
  { text: '2026-01-02T03:04:05Z', want: Date.UTC(2026, 0, 2, 3, 4, 5) },
  { text: '2026-01-02T03:04:05+01:30', want: Date.UTC(2026, 0, 2, 1, 34, 5) },
  { text: '2026-01-02T03:04:05.123456Z', want: Date.UTC(2026, 0, 2, 3, 4, 5, 123) },
  { text: '2026-01-02T03:04:05.1Z', want: Date.UTC(2026, 0, 2, 3, 4, 5, 100) },
  { text: '0001-01-01T00:00:00Z', want: -62_135_596_800_000 },
  { text: undefined, want: undefined },
  { text: '', want: undefined },
  { text: '2026-01-02', want: undefined },
  { text: '2026-01-02T03:04:05', want: undefined },
  { text: '2026-13-02T03:04:05Z', want: undefined },
  { text: '2026-02-30T03:04:05Z', want: undefined },
  { text: '2026-02-28T24:00:00Z', want: undefined },
  { text: '2026-02-28T03:04:05+24:00', want: undefined },
  { text: 'Fri Jan 02 2026', want: undefined },
]) {
  test(`parseTime "${text}"`, () => assert.equal(parseTime(text), want));
}

test('formatTime writes what Date does', () => {
  const anyMs = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 });
  const edges = ['1000-01-01T00:00:00Z', '1899-12-31T23:59:59Z', '1900-02-28T23:59:59Z', '2000-02-29T12:00:00Z', '2100-03-01T00:00:00Z'];
  for (const text of edges) assert.equal(formatTime(Date.parse(text)), text);
  for (let day = Date.UTC(1996, 0, 1); day < Date.UTC(2005, 0, 1); day += 86_400_000)
    assert.equal(formatTime(day - 1), `${new Date(day - 1).toISOString().slice(0, 19)}Z`);
  fc.assert(fc.property(anyMs, (ms) => formatTime(ms) === `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`));
  assert.throws(() => formatTime(Number.NaN), RangeError);
});

test('parseTime reads what formatTime writes', () => {
  const seconds = fc.integer({ min: -62_135_596_800, max: 253_402_300_799 });
  fc.assert(fc.property(seconds, (second) => parseTime(formatTime(second * 1000)) === second * 1000));
});

for (const { seconds, want } of [
  { seconds: -5, want: '<invalid>' },
  { seconds: -0.5, want: '0s' },
  { seconds: 0, want: '0s' },
  { seconds: 119, want: '119s' },
  { seconds: 120, want: '2m' },
  { seconds: 125, want: '2m5s' },
  { seconds: 599, want: '9m59s' },
  { seconds: 600, want: '10m' },
  { seconds: 3 * 3600 - 1, want: '179m' },
  { seconds: 3 * 3600, want: '3h' },
  { seconds: 3 * 3600 + 61, want: '3h1m' },
  { seconds: 8 * 3600, want: '8h' },
  { seconds: 48 * 3600, want: '2d' },
  { seconds: 49 * 3600, want: '2d1h' },
  { seconds: 8 * 86_400, want: '8d' },
  { seconds: 730 * 86_400, want: '2y' },
  { seconds: 735 * 86_400, want: '2y5d' },
  { seconds: 8 * 365 * 86_400, want: '8y' },
]) {
  test(`humanDuration ${seconds} s`, () => assert.equal(humanDuration(seconds * 1000), want));
}
