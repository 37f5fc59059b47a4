import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { TokenBucketRateLimiter } from './flow-control.ts';
import { noWarnings, parseWarnings, warningWriter } from './warnings.ts';

describe('parseWarnings', () => {
  const warning = (text: string, agent = '-', code = 299): object => ({ code, agent, text });
  for (const [header, want] of [
    ['299 - "old"', [warning('old')]],
    ['299 agent "a \\"quoted\\" \\\\ text"', [warning('a "quoted" \\ text', 'agent')]],
    ['299 - "a", 199 x "b, c"', [warning('a'), warning('b, c', 'x', 199)]],
    ['299 - "dated" "Wed, 21 Oct 2015 07:28:00 GMT", 299 - "b"', [warning('dated'), warning('b')]],
    ['  299 - "space"', [warning('space')]],
    ['299 - "good", 29 - "bad", 299 - "after"', [warning('good')]],
    ['299 - text', []],
    ['299 - "open', []],
    ['299 "no agent"', []],
    ['299 - "a\u0001b"', []],
    ['', []],
  ] as const) {
    test(JSON.stringify(header), () => assert.deepEqual(parseWarnings(header), want));
  }
});

describe('warningWriter', () => {
  const written = (options: object, ...texts: string[]): string[] => {
    const lines: string[] = [];
    const handler = warningWriter({ write: (line) => lines.push(line), ...options });
    for (const text of texts) handler({ code: 299, agent: '-', text });
    handler({ code: 199, agent: '-', text: 'of a cache' });
    handler({ code: 299, agent: '-', text: '' });
    return lines;
  };
  test('writes each, or each text once', () => {
    assert.deepEqual(written({}, 'a', 'a'), ['Warning: a', 'Warning: a']);
    assert.deepEqual(written({ deduplicate: true }, 'a', 'b', 'a'), ['Warning: a', 'Warning: b']);
  });
  test('in colour', () => assert.deepEqual(written({ color: true }, 'a'), ['\u001b[33;1mWarning:\u001b[0m a']));
  test('or nothing', () => assert.equal(noWarnings({ code: 299, agent: '-', text: 'a' }), undefined));
});

describe('TokenBucketRateLimiter', () => {
  test('lets a burst through, then qps', async () => {
    const runtime = new SimRuntime({ seed: 1 });
    const { clock } = runtime.process('test');
    const limiter = new TokenBucketRateLimiter({ clock }, { qps: 10, burst: 3 });
    assert.deepEqual(
      [1, 2, 3, 4].map(() => limiter.tryAccept()),
      [true, true, true, false],
    );
    await runtime.drive(clock.sleep(250));
    assert.deepEqual(
      [1, 2, 3].map(() => limiter.tryAccept()),
      [true, true, false],
    );
    await runtime.drive(clock.sleep(10_000));
    assert.deepEqual(
      [1, 2, 3, 4].map(() => limiter.tryAccept()),
      [true, true, true, false],
      'no more than a burst is saved',
    );
  });
  test('keeps its rate over a long time', async () => {
    const runtime = new SimRuntime({ seed: 1 });
    const { clock } = runtime.process('test');
    const limiter = new TokenBucketRateLimiter({ clock }, { qps: 7, burst: 1 });
    await runtime.drive(Promise.all(Array.from({ length: 71 }, () => limiter.wait())));
    assert.ok(Math.abs(clock.monotonic() - 10_000) < 1, `${clock.monotonic()}`);
  });
  test('one who gives up leaves his token to the next', async () => {
    const runtime = new SimRuntime({ seed: 1 });
    const { clock } = runtime.process('test');
    const limiter = new TokenBucketRateLimiter({ clock }, { qps: 1, burst: 1 });
    await limiter.wait();
    const stop = new AbortController();
    const given = limiter.wait(stop.signal);
    stop.abort(new Error('enough'));
    await assert.rejects(runtime.drive(given), { message: 'enough' });
    await runtime.drive(limiter.wait());
    assert.equal(clock.monotonic(), 1_000);
  });
  test('refuses rates that are none', () => {
    const { clock } = new SimRuntime({ seed: 1 }).process('test');
    for (const options of [
      { qps: 0, burst: 1 },
      { qps: 1, burst: 0 },
      { qps: Number.NaN, burst: 1 },
    ])
      assert.throws(() => new TokenBucketRateLimiter({ clock }, options), RangeError);
  });
});
