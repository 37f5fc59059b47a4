import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Lazy } from './lazy.ts';
import { AsyncTracker, SingleFileTracker } from './synctrack.ts';

describe('SingleFileTracker', () => {
  test('has synced once the source has and all is finished, in whichever order', async () => {
    for (const order of ['source first', 'items first'] as const) {
      const tracker = new SingleFileTracker();
      tracker.start();
      tracker.start();
      if (order === 'source first') tracker.upstreamHasSynced();
      tracker.finished();
      assert.equal(tracker.hasSynced, false);
      tracker.finished();
      if (order === 'items first') {
        assert.equal(tracker.hasSynced, false);
        tracker.upstreamHasSynced();
      }
      assert.equal(tracker.hasSynced, true);
      await tracker.whenSynced;
      tracker.start();
      assert.equal(tracker.hasSynced, true);
    }
  });

  test('refuses to finish what was not started', () => {
    assert.throws(() => new SingleFileTracker().finished(), RangeError);
  });
});

describe('AsyncTracker', () => {
  test('has synced once the source has and no key is left, whatever the order of the keys', () => {
    let upstream = false;
    const tracker = new AsyncTracker<string>(() => upstream);
    tracker.start('a');
    tracker.start('b');
    tracker.finished('b');
    upstream = true;
    assert.equal(tracker.hasSynced(), false);
    tracker.finished('a');
    tracker.finished('never started');
    assert.equal(tracker.hasSynced(), true);
  });
});

describe('Lazy', () => {
  test('computes when it is asked, once until it is notified', async () => {
    let calls = 0;
    const lazy = new Lazy(async () => ++calls);
    assert.equal(calls, 0);
    assert.deepEqual(await Promise.all([lazy.get(), lazy.get()]), [1, 1]);
    lazy.notify();
    lazy.notify();
    assert.equal(await lazy.get(), 2);
    assert.equal(await lazy.get(), 2);
  });

  test('a change that comes while it computes makes the next one compute anew; who asked before gets the old result', async () => {
    const pending: ((value: string) => void)[] = [];
    const lazy = new Lazy(() => new Promise<string>((resolve) => pending.push(resolve)));
    const old = lazy.get();
    lazy.notify();
    const fresh = lazy.get();
    pending[1]?.('new');
    pending[0]?.('old');
    assert.deepEqual(await Promise.all([old, fresh, lazy.get()]), ['old', 'new', 'new']);
  });

  test('tells of a failure, and tries again when it is asked again', async () => {
    let isBroken = true;
    const lazy = new Lazy(async () => {
      if (isBroken) throw new Error('broken');
      return 1;
    });
    await assert.rejects(lazy.get(), /broken/);
    isBroken = false;
    assert.equal(await lazy.get(), 1);
  });
});
