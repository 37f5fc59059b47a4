import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '@coracle/api';
import fc from 'fast-check';
import { pod, type PodOptions } from '../fixtures/objects.ts';
import { podsToDelete } from './pods-to-delete.ts';

const nowMs = 1_000_000_000;
const old = nowMs - 3_600_000;
const running = { node: 'n1', readySince: old, createdMs: old };

describe('podsToDelete()', () => {
  const cases: readonly { readonly name: string; readonly gone: PodOptions; readonly stays: PodOptions }[] = [
    { name: 'not assigned before assigned', gone: { ...running, node: '' }, stays: running },
    { name: 'Pending before Running', gone: { ...running, phase: 'Pending' }, stays: running },
    { name: 'Pending before Unknown', gone: { ...running, phase: 'Pending' }, stays: { ...running, phase: 'Unknown' } },
    { name: 'Unknown before Running', gone: { ...running, phase: 'Unknown' }, stays: running },
    { name: 'not ready before ready', gone: { node: 'n1', phase: 'Running' }, stays: running },
    { name: 'lower deletion cost first', gone: { ...running, annotations: cost('-1') }, stays: running },
    { name: 'higher deletion cost last', gone: running, stays: { ...running, annotations: cost('1') } },
    {
      name: 'a cost that is no number counts as 0',
      gone: running,
      stays: { ...running, annotations: cost('01'), readySince: old - 9_000_000 },
    },
    { name: 'ready for less long first', gone: { ...running, readySince: nowMs - 10_000 }, stays: running },
    { name: 'more restarts first', gone: { ...running, restarts: 3 }, stays: { ...running, restarts: 1 } },
    { name: 'younger first', gone: { ...running, createdMs: nowMs - 10_000 }, stays: running },
    { name: 'readiness counts before restarts', gone: { node: 'n1', phase: 'Running', restarts: 0 }, stays: { ...running, restarts: 9 } },
    { name: 'assignment counts before deletion cost', gone: { ...running, node: '', annotations: cost('100') }, stays: running },
    {
      name: 'about the same age: by uid',
      gone: { ...running, name: 'a', readySince: old },
      stays: { ...running, name: 'b', readySince: old + 1000 },
    },
  ];
  for (const { name, gone, stays } of cases) {
    test(name, () => {
      const victim = pod({ name: 'a', ...gone });
      const survivor = pod({ name: 'b', ...stays });
      for (const pods of [
        [victim, survivor],
        [survivor, victim],
      ])
        assert.deepEqual(podsToDelete(pods, pods, 1, nowMs), [victim]);
    });
  }

  test('takes from the node that is most crowded, counting the pods of sister sets', () => {
    const own = [pod({ ...running, name: 'a', node: 'n1' }), pod({ ...running, name: 'b', node: 'n2' })];
    const sisters = [pod({ ...running, name: 'c', node: 'n2' })];
    assert.deepEqual(podsToDelete(own, [...own, ...sisters], 1, nowMs), [own[1]]);
  });

  test('gives all when all are asked for', () => {
    const pods = [pod({ name: 'a' }), pod({ name: 'b' })];
    assert.deepEqual(podsToDelete(pods, pods, 5, nowMs), pods);
  });

  test('takes the same pods in whatever order they come', () => {
    const anyPod = fc.record({
      node: fc.constantFrom('', 'n1', 'n2'),
      ready: fc.option(fc.integer({ min: 0, max: nowMs }), { nil: undefined }),
      restarts: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(anyPod, { maxLength: 8 }), fc.nat(8), fc.infiniteStream(fc.nat(7)), (rows, count, draws) => {
        const pods = rows.map(({ ready, ...row }, i) =>
          pod({ ...row, name: `p${i}`, createdMs: old, ...(ready === undefined ? {} : { readySince: ready }) }),
        );
        const shuffled = pods.toSorted(() => (draws.next().value ?? 0) - 3);
        const names = (chosen: readonly Pod[]): readonly (string | undefined)[] => chosen.map(({ metadata }) => metadata.name).sort();
        assert.deepEqual(names(podsToDelete(pods, pods, count, nowMs)), names(podsToDelete(shuffled, pods, count, nowMs)));
      }),
    );
  });
});

function cost(value: string): Readonly<Record<string, string>> {
  return { 'controller.kubernetes.io/pod-deletion-cost': value };
}
