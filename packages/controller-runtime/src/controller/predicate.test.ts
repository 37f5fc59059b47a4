import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
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
/** What it says to create, update from `old`, delete, and what is no event of the API. */
const verdicts = (predicate: Predicate<KubeObject>, object: Frozen<KubeObject>, old = object): readonly boolean[] => [
  predicate.create?.(object) ?? true,
  predicate.update?.(old, object) ?? true,
  predicate.delete?.(object) ?? true,
  predicate.generic?.(object) ?? true,
];
const all = [true, true, true, true];
const none = [false, false, false, false];
const allButUpdates = [true, false, true, true];

const metadata: ObjectMeta = { uid: 'u', generation: 1, resourceVersion: '5', labels: { a: '1' }, annotations: { b: '1' } };
const before = of(metadata);

for (const { name, predicate, changes } of [
  { name: 'generationChanged', predicate: generationChanged, changes: [{ generation: 2 }] },
  { name: 'resourceVersionChanged', predicate: resourceVersionChanged, changes: [{ resourceVersion: '6' }] },
  { name: 'labelsChanged', predicate: labelsChanged, changes: [{ labels: { a: '2' } }, { labels: { a: '1', c: '1' } }, { labels: {} }] },
  {
    name: 'annotationsChanged',
    predicate: annotationsChanged,
    changes: [{ annotations: { b: '2' } }, { annotations: { b: '1', c: '1' } }, { annotations: {} }],
  },
]) {
  test(`${name} lets an update through only when that has changed, and everything else always`, () => {
    const others: ObjectMeta = { uid: 'u', generation: 2, resourceVersion: '6', labels: { a: '2' }, annotations: { b: '2' } };
    const [changed = ''] = Object.keys(changes[0] ?? {});
    const same = of({ ...others, [changed]: metadata[changed as keyof ObjectMeta], finalizers: ['other/change'] });
    assert.deepEqual(verdicts(predicate, same, before), allButUpdates);
    for (const change of changes) assert.deepEqual(verdicts(predicate, of({ ...metadata, ...change }), before), all);
  });

  test(`${name} lets the update to another object of the same name through`, () => {
    assert.deepEqual(verdicts(predicate, of({ ...metadata, uid: 'another' }), before), all);
  });
}

for (const [name, predicate] of [
  ['labels', labelsChanged],
  ['annotations', annotationsChanged],
] as const) {
  test(`${name} that are absent, empty or in another order have not changed`, () => {
    assert.equal(predicate.update?.(of({}), of({})), false);
    assert.equal(predicate.update?.(of({}), of({ [name]: {} })), false);
    assert.equal(predicate.update?.(of({ [name]: { a: '1', b: '2' } }), of({ [name]: { b: '2', a: '1' } })), false);
  });
}

test('labelsMatch looks at the labels of the new state', () => {
  const blue = labelsMatch(labelMatcher({ matchLabels: { colour: 'blue' } }));
  const [sea, sand] = [of({ labels: { colour: 'blue' } }), of({})];
  assert.deepEqual(verdicts(blue, sea, sand), all);
  assert.deepEqual(verdicts(blue, sand, sea), none);
});

test('where looks at the new state', () => {
  const inBiz = where<KubeObject>(({ metadata: { namespace } }) => namespace === 'biz');
  const [biz, other] = [of({ namespace: 'biz' }), of({ namespace: 'other' })];
  assert.deepEqual(verdicts(inBiz, biz, other), all);
  assert.deepEqual(verdicts(inBiz, other, biz), none);
});

test('a predicate is asked for its kinds of events, with the objects of the event', () => {
  const asked: unknown[] = [];
  const [old, object] = [of({ name: 'old' }), of({ name: 'new' })];
  const noted: Predicate<KubeObject> = {
    create: (...given) => asked.push('create', given) < 0,
    update: (...given) => asked.push('update', given) > 0,
    delete: (...given) => asked.push('delete', given) < 0,
    generic: (...given) => asked.push('generic', given) > 0,
  };
  assert.deepEqual(verdicts(and(noted), object, old), [false, true, false, true]);
  assert.deepEqual(asked, ['create', [object], 'update', [old, object], 'delete', [object], 'generic', [object]]);
  assert.deepEqual(verdicts(and({}), object, old), all);
});

describe('and(), or(), not()', () => {
  const [never, always] = [where<KubeObject>(() => false), where<KubeObject>(() => true)];
  const noUpdates: Predicate<KubeObject> = { update: () => false };

  test('and lets through what all let through', () => {
    assert.deepEqual(verdicts(and(always, always), before), all);
    assert.deepEqual(verdicts(and(always, never), before), none);
    assert.deepEqual(verdicts(and(always, noUpdates), before), allButUpdates);
    assert.deepEqual(verdicts(and(), before), all);
  });

  test('or lets through what one lets through', () => {
    assert.deepEqual(verdicts(or(never, always), before), all);
    assert.deepEqual(verdicts(or(never, never), before), none);
    assert.deepEqual(verdicts(or(never, noUpdates), before), allButUpdates);
    assert.deepEqual(verdicts(or(), before), none);
  });

  test('not lets through what it does not', () => {
    assert.deepEqual(verdicts(not(always), before), none);
    assert.deepEqual(verdicts(not(never), before), all);
    assert.deepEqual(verdicts(not(noUpdates), before), [false, true, false, false]);
    assert.deepEqual(verdicts(or(and(always, not(never)), never), before), all);
  });
});
