import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Deployment } from '@coracle/api';
import fc from 'fast-check';
import { replicaSet } from '../fixtures/objects.ts';
import { desiredReplicasAnnotation, maxReplicasAnnotation, revisionAnnotation } from './annotations.ts';
import { totalOf, totalWanted, wanted } from './replica-sets.ts';
import { fenceposts, isScalingEvent, replicaSetsToCleanUp, rollingUpdateStep, type Scaling, scaleStep } from './scaling.ts';

type Strategy = NonNullable<Deployment['spec']['strategy']>['rollingUpdate'];

function deployment(replicas: number, rollingUpdate: Strategy = {}, more: Partial<Deployment['spec']> = {}): Deployment {
  const spec = {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: {},
    strategy: { type: 'RollingUpdate', rollingUpdate },
    ...more,
  };
  return { metadata: { name: 'web', namespace: 'default', generation: 1 }, spec };
}

/** What a step asks for, the last word for each ReplicaSet. */
function asked(scalings: readonly Scaling[]): Readonly<Record<string, number>> {
  return Object.fromEntries(scalings.map((scaling) => [scaling.replicaSet.metadata.name, scaling.replicas]));
}

describe('fenceposts()', () => {
  const cases = [
    { replicas: 10, strategy: {}, want: { maxSurge: 3, maxUnavailable: 2 } },
    { replicas: 3, strategy: { maxSurge: 1, maxUnavailable: 0 }, want: { maxSurge: 1, maxUnavailable: 0 } },
    { replicas: 2, strategy: { maxSurge: 0, maxUnavailable: 5 }, want: { maxSurge: 0, maxUnavailable: 2 } },
    { replicas: 3, strategy: { maxSurge: 0, maxUnavailable: '25%' }, want: { maxSurge: 0, maxUnavailable: 1 } },
    { replicas: 0, strategy: {}, want: { maxSurge: 0, maxUnavailable: 0 } },
  ];
  for (const { replicas, strategy, want } of cases) {
    test(`${replicas} replicas, ${JSON.stringify(strategy)}`, () => assert.deepEqual(fenceposts(deployment(replicas, strategy)), want));
  }
  test('a Recreate has none', () => {
    assert.deepEqual(fenceposts(deployment(4, {}, { strategy: { type: 'Recreate' } })), { maxSurge: 0, maxUnavailable: 0 });
  });
});

describe('rollingUpdateStep()', () => {
  const surge = { maxSurge: 1, maxUnavailable: 0 };
  const shrink = { maxSurge: 0, maxUnavailable: 1 };
  const cases = [
    { name: 'the new set grows by the surge', of: deployment(3, surge), neu: { wanted: 0 }, old: { wanted: 3 }, want: { neu: 1 } },
    {
      name: 'waits for the surge pod to be available',
      of: deployment(3, surge),
      neu: { wanted: 1, available: 0 },
      old: { wanted: 3 },
      want: {},
    },
    { name: 'then gives up an old one', of: deployment(3, surge), neu: { wanted: 1 }, old: { wanted: 3 }, want: { old: 2 } },
    { name: 'without surge an old one goes first', of: deployment(3, shrink), neu: { wanted: 0 }, old: { wanted: 3 }, want: { old: 2 } },
    { name: 'and its place is filled', of: deployment(3, shrink), neu: { wanted: 0 }, old: { wanted: 2 }, want: { neu: 1 } },
    {
      name: 'an old pod that is not available goes although too few are',
      of: deployment(3, surge),
      neu: { wanted: 1 },
      old: { wanted: 3, available: 1 },
      want: { old: 2 },
    },
    { name: 'a new set that is too large shrinks', of: deployment(2, surge), neu: { wanted: 5 }, old: { wanted: 0 }, want: { neu: 2 } },
    { name: 'done', of: deployment(3, surge), neu: { wanted: 3 }, old: { wanted: 0 }, want: {} },
  ];
  for (const { name, of, neu, old, want } of cases) {
    test(name, () =>
      assert.deepEqual(asked(rollingUpdateStep(of, replicaSet({ name: 'neu', ...neu }), [replicaSet({ name: 'old', ...old })])), want),
    );
  }

  test('never goes below the available or above the total that the strategy promises, and always gets there', () => {
    const share = fc.oneof(
      fc.nat(4),
      fc.nat(100).map((percent) => `${percent}%`),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), share, share, (replicas, maxSurge, maxUnavailable) => {
        const of = deployment(replicas, { maxSurge, maxUnavailable });
        const limits = fenceposts(of);
        let neu = replicaSet({ name: 'neu', wanted: 0 });
        let old = replicaSet({ name: 'old', wanted: replicas });
        for (let round = 0; round < 100; round++) {
          const step = asked(rollingUpdateStep(of, neu, [old]));
          if (Object.keys(step).length === 0) break;
          neu = replicaSet({ name: 'neu', wanted: step['neu'] ?? wanted(neu) });
          old = replicaSet({ name: 'old', wanted: step['old'] ?? wanted(old) });
          assert.ok(totalWanted([neu, old]) <= replicas + limits.maxSurge);
          assert.ok(totalOf([neu, old], 'availableReplicas') >= replicas - limits.maxUnavailable);
        }
        assert.deepEqual([wanted(neu), wanted(old)], [replicas, 0]);
      }),
    );
  });
});

describe('scaleStep()', () => {
  const counted = (desired: number, max: number): Readonly<Record<string, string>> => ({
    [desiredReplicasAnnotation]: String(desired),
    [maxReplicasAnnotation]: String(max),
  });
  test('scales the only set that is in use', () => {
    assert.deepEqual(asked(scaleStep(deployment(5), replicaSet({ name: 'neu', wanted: 2 }), [replicaSet({ name: 'old', wanted: 0 })])), {
      neu: 5,
    });
  });
  test('scales the newest of the old sets while there is no new one', () => {
    const old = [replicaSet({ name: 'a', wanted: 0, createdMs: 1000 }), replicaSet({ name: 'b', wanted: 0, createdMs: 2000 })];
    assert.deepEqual(asked(scaleStep(deployment(2), undefined, old)), { b: 2 });
  });
  test('shares in the middle of a roll-out, and gives the rest to the largest', () => {
    const of = deployment(20, { maxSurge: 2, maxUnavailable: 0 });
    const neu = replicaSet({ name: 'neu', wanted: 4, annotations: counted(10, 12) });
    const old = replicaSet({ name: 'old', wanted: 8, annotations: counted(10, 12) });
    assert.deepEqual(asked(scaleStep(of, neu, [old])), { neu: 7, old: 15 });
  });
  test('leaves the sizes of a Recreate alone while two are in use', () => {
    const of = deployment(4, {}, { strategy: { type: 'Recreate' } });
    assert.deepEqual(asked(scaleStep(of, replicaSet({ name: 'neu', wanted: 1 }), [replicaSet({ name: 'old', wanted: 2 })])), {});
  });
  test('empties old sets when the new one has all it needs', () => {
    const neu = replicaSet({ name: 'neu', wanted: 3, annotations: counted(3, 4) });
    assert.deepEqual(asked(scaleStep(deployment(3), neu, [replicaSet({ name: 'old', wanted: 1 })])), { old: 0 });
  });
  test('shares add up to what is allowed', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 0, max: 40 }),
        (neuSize, oldSize, replicas) => {
          const before = neuSize + oldSize;
          const annotations = counted(before, before);
          const of = deployment(replicas, { maxSurge: 0, maxUnavailable: 1 });
          const step = scaleStep(of, replicaSet({ name: 'neu', wanted: neuSize, annotations }), [
            replicaSet({ name: 'old', wanted: oldSize, annotations }),
          ]);
          assert.equal(
            Object.values(asked(step)).reduce((sum, size) => sum + size, 0),
            replicas,
          );
        },
      ),
    );
  });
});

describe('isScalingEvent()', () => {
  const cases = [
    { name: 'the counts are old', wanted: 2, annotations: { [desiredReplicasAnnotation]: '2' }, want: true },
    { name: 'the counts are right', wanted: 2, annotations: { [desiredReplicasAnnotation]: '3' }, want: false },
    { name: 'no counts', wanted: 2, annotations: {}, want: false },
    { name: 'a set without pods does not count', wanted: 0, annotations: { [desiredReplicasAnnotation]: '2' }, want: false },
    { name: 'an annotation that is no number', wanted: 2, annotations: { [desiredReplicasAnnotation]: 'many' }, want: false },
  ];
  for (const { name, want, ...row } of cases) test(name, () => assert.equal(isScalingEvent(deployment(3), [replicaSet(row)]), want));
});

describe('replicaSetsToCleanUp()', () => {
  const old = [3, 1, 2].map((revision) =>
    replicaSet({ name: `r${revision}`, wanted: 0, annotations: { [revisionAnnotation]: String(revision) } }),
  );
  const cleanedUp = (limit: number | undefined, sets = old): readonly (string | undefined)[] =>
    replicaSetsToCleanUp(deployment(1, {}, limit === undefined ? {} : { revisionHistoryLimit: limit }), sets).map(
      ({ metadata }) => metadata.name,
    );
  test('the lowest revisions go first', () => assert.deepEqual(cleanedUp(1), ['r1', 'r2']));
  test('0 keeps none', () => assert.deepEqual(cleanedUp(0), ['r1', 'r2', 'r3']));
  test('no limit keeps all', () => assert.deepEqual([cleanedUp(undefined), cleanedUp(2_147_483_647)], [[], []]));
  test('a set that still has pods stays', () => assert.deepEqual(cleanedUp(0, [replicaSet({ wanted: 0, actual: 1 })]), []));
});
