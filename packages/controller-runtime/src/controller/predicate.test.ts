import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deepFreeze, type Frozen, type KubeObject, labelMatcher, type ObjectMeta } from '@coracle/apimachinery';
import {
  and,
  annotationsChanged,
  generationChanged,
  labelsChanged,
  labelsMatch,
  not,
  or,
  type Predicate,
  resourceVersionChanged,
  where,
} from './predicate.ts';

const of = (metadata: ObjectMeta): Frozen<KubeObject> => deepFreeze({ metadata });
/** What it says to create, update from `old`, and delete. */
const verdicts = (predicate: Predicate<KubeObject>, object: Frozen<KubeObject>, old = object): readonly boolean[] => [
  predicate.create?.(object) ?? true,
  predicate.update?.(old, object) ?? true,
  predicate.delete?.(object) ?? true,
];

const before = of({ generation: 1, resourceVersion: '5', labels: { a: '1' }, annotations: { b: '1' } });

for (const { name, predicate, change } of [
  { name: 'generationChanged', predicate: generationChanged, change: { generation: 2 } },
  { name: 'resourceVersionChanged', predicate: resourceVersionChanged, change: { resourceVersion: '6' } },
  { name: 'labelsChanged', predicate: labelsChanged, change: { labels: { a: '2' } } },
  { name: 'annotationsChanged', predicate: annotationsChanged, change: { annotations: { b: '1', c: '1' } } },
]) {
  test(`${name} lets an update through only when that has changed, and everything else always`, () => {
    const same = of({ ...before.metadata, finalizers: ['other/change'] } as ObjectMeta);
    assert.deepEqual(verdicts(predicate, same, before), [true, false, true]);
    assert.deepEqual(verdicts(predicate, of({ ...before.metadata, ...change } as ObjectMeta), before), [true, true, true]);
  });
}

test('labels that are absent, empty or in another order have not changed', () => {
  assert.equal(labelsChanged.update?.(of({}), of({ labels: {} })), false);
  assert.equal(labelsChanged.update?.(of({ labels: { a: '1', b: '2' } }), of({ labels: { b: '2', a: '1' } })), false);
});

test('where and labelsMatch look at the new state', () => {
  const blue = labelsMatch(labelMatcher({ matchLabels: { colour: 'blue' } }));
  const [sea, sand] = [of({ labels: { colour: 'blue' } }), of({})];
  assert.deepEqual(verdicts(blue, sea, sand), [true, true, true]);
  assert.deepEqual(verdicts(blue, sand, sea), [false, false, false]);
  assert.deepEqual(
    verdicts(
      where(({ metadata }) => metadata.name === 'a'),
      of({ name: 'a' }),
    ),
    [true, true, true],
  );
});

test('and, or and not combine them for each kind of event', () => {
  const never = where<KubeObject>(() => false);
  const always = where<KubeObject>(() => true);
  const noUpdates: Predicate<KubeObject> = { update: () => false };
  assert.deepEqual(verdicts(and(always, noUpdates), before), [true, false, true]);
  assert.deepEqual(verdicts(and(), before), [true, true, true]);
  assert.deepEqual(verdicts(or(never, noUpdates), before), [true, false, true]);
  assert.deepEqual(verdicts(or(), before), [false, false, false]);
  assert.deepEqual(verdicts(not(noUpdates), before), [false, true, false]);
  assert.deepEqual(verdicts(or(and(always, not(never)), never), before), [true, true, true]);
});
