import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type LoneController, loneController, request } from '../fixtures/lone-controller.ts';
import type { ControllerOptions } from './controller.ts';
import type { ReconcileContext } from './reconcile.ts';

const timeoutMs = 2_000;

/** One request whose first reconcile does `act`, run for a minute. */
async function reconciled(
  act: (context: ReconcileContext, of: LoneController) => Promise<void>,
  options: ControllerOptions = { reconciliationTimeoutMs: timeoutMs },
): Promise<LoneController> {
  const of: LoneController = loneController(async (_name, context) => {
    if (of.calls.length === 1) await act(context, of);
  }, options);
  of.controller.add(request('x'));
  await of.runtime.advance(60_000);
  return of;
}

const times = ({ calls }: LoneController): readonly number[] => calls.map(({ atMs }) => atMs);

describe('reconciliationTimeoutMs', () => {
  test('a reconcile that is told that its time is up may give up, and is tried again', async () => {
    const of = await reconciled(async ({ signal }, { process }) => process.clock.sleep(9_000, { signal }));
    assert.deepEqual([times(of), of.metric('reconcile_timeouts_total')], [[0, 2_005], '1']);
    assert.equal(of.metric('reconcile_errors_total'), '1');
  });

  test('a reconcile that does not heed it is not cut short, and counted', async () => {
    const of = await reconciled(async (_context, { process }) => process.clock.sleep(9_000));
    assert.deepEqual([times(of), of.metric('reconcile_timeouts_total')], [[0], '1']);
    assert.equal(of.metric('reconcile_total', 'controller="foo",result="success"'), '1');
  });

  test('what ends in time is not counted', async () => {
    const of = await reconciled(async ({ signal }, { process }) => process.clock.sleep(1_999, { signal }));
    assert.deepEqual([times(of), of.metric('reconcile_timeouts_total')], [[0], '0']);
    assert.equal(of.calls[0]?.context.signal.aborted, false);
  });

  test('a reconciler that gives up by itself before that is not counted', async () => {
    const of = await reconciled(async ({ signal }, { process }) => {
      using own = process.clock.deadline(500, { signal });
      await process.clock.sleep(9_000, { signal: own.signal });
    });
    assert.deepEqual([times(of), of.metric('reconcile_timeouts_total')], [[0, 505], '0']);
  });

  test('each that takes too long is counted', async () => {
    const of = loneController(async (_name, { signal }) => of.process.clock.sleep(9_000, { signal }), {
      reconciliationTimeoutMs: timeoutMs,
    });
    for (const name of ['x', 'y', 'z']) of.controller.add(request(name));
    await of.runtime.advance(3 * timeoutMs + 1);
    assert.equal(of.metric('reconcile_timeouts_total'), '3');
  });

  test('a stop before that is not counted', async () => {
    const of = loneController(async (_name, { signal }) => of.process.clock.sleep(9_000, { signal }), {
      reconciliationTimeoutMs: timeoutMs,
    });
    of.controller.add(request('x'));
    await of.runtime.advance(1_000);
    of.stop.abort();
    await of.runtime.drive(of.running);
    assert.equal(of.calls[0]?.context.signal.aborted, true);
    assert.equal(of.metric('reconcile_timeouts_total'), '0');
  });

  for (const options of [{}, { reconciliationTimeoutMs: 0 }]) {
    test(`${JSON.stringify(options)} is no limit`, async () => {
      const of = await reconciled(async ({ signal }, { process }) => process.clock.sleep(50_000, { signal }), options);
      assert.deepEqual([times(of), of.metric('reconcile_timeouts_total')], [[0], '0']);
      assert.equal(of.metric('reconcile_total', 'controller="foo",result="success"'), '1');
    });
  }

  test('is refused below 0, and when it is no number', () => {
    for (const reconciliationTimeoutMs of [-1, Number.NaN])
      assert.throws(() => loneController(() => undefined, { reconciliationTimeoutMs }), RangeError);
  });
});
