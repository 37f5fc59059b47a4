import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { matcherOfSet, newNotFound, type OwnerReference } from '@coracle/apimachinery';
import { pod, time } from '../fixtures/objects.ts';
import { claim, claimVerdict } from './claim.ts';
import { Expectations } from './expectations.ts';
import { fnv32, fnv32a, safeEncode } from './hash.ts';
import { scaledValue } from './int-or-percent.ts';
import { availableInMs } from './pods.ts';
import { slowStart } from './slow-start.ts';

const owner = { metadata: { name: 'r', namespace: 'default', uid: 'u' } };
const dying = { metadata: { ...owner.metadata, deletionTimestamp: time(0) } };
const reference: OwnerReference = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'u', controller: true };
const selector = matcherOfSet({ app: 'a' });
const mine = { metadata: { ownerReferences: [reference] } };
const theirs = { metadata: { ownerReferences: [{ ...reference, uid: 'other' }] } };
const selected = { labels: { app: 'a' } };

describe('claimVerdict()', () => {
  const cases = [
    { name: 'owned and selected', by: owner, object: pod({ ...mine, ...selected }), want: 'owned' },
    { name: 'owned, not selected', by: owner, object: pod(mine), want: 'release' },
    { name: 'owned, not selected, owner is dying', by: dying, object: pod(mine), want: 'ignore' },
    { name: 'of somebody else', by: owner, object: pod({ ...theirs, ...selected }), want: 'ignore' },
    { name: 'orphan, selected', by: owner, object: pod(selected), want: 'adopt' },
    { name: 'orphan, not selected', by: owner, object: pod(), want: 'ignore' },
    { name: 'orphan, selected, owner is dying', by: dying, object: pod(selected), want: 'ignore' },
    { name: 'orphan, selected, dying itself', by: owner, object: pod({ ...selected, deleting: true }), want: 'ignore' },
    { name: 'orphan, selected, elsewhere', by: owner, object: pod({ ...selected, metadata: { namespace: 'x' } }), want: 'ignore' },
  ] as const;
  for (const { name, by, object, want } of cases) test(`${name}: ${want}`, () => assert.equal(claimVerdict(by, selector, object), want));
});

describe('claim()', () => {
  const patches: unknown[] = [];
  const writer = {
    reference,
    liveOwner: async () => owner,
    patch: async (object: { readonly metadata: object }, patch: unknown) => {
      patches.push(patch);
      return object;
    },
  };
  test('patches with the uid, so that an object made anew is not taken for the old one', async () => {
    await claim(owner, selector, [pod(selected), pod(mine)], writer);
    assert.deepEqual(patches, [
      { metadata: { uid: 'uid-p', ownerReferences: [reference] } },
      { metadata: { uid: 'uid-p', ownerReferences: [{ $patch: 'delete', uid: 'u' }] } },
    ]);
  });
  test('skips what is gone', async () => {
    const gone = async (): Promise<never> => {
      throw newNotFound({ group: '', resource: 'pods' }, 'p');
    };
    assert.deepEqual(await claim(owner, selector, [pod(selected)], { ...writer, patch: gone }), []);
  });
  test('adopts nothing for an owner that the server says is another one, or dying', async () => {
    for (const live of [{ metadata: { ...owner.metadata, uid: 'new' } }, dying]) {
      await assert.rejects(claim(owner, selector, [pod(selected)], { ...writer, liveOwner: async () => live }));
    }
  });
});

describe('Expectations', () => {
  const clock = { nowMs: 0, monotonic: () => clock.nowMs };
  test('are satisfied when everything was seen', () => {
    const expectations = new Expectations(clock);
    assert.ok(expectations.satisfied('k'));
    expectations.expectCreations('k', 2);
    expectations.creationObserved('k');
    assert.ok(!expectations.satisfied('k'));
    expectations.creationObserved('k');
    assert.ok(expectations.satisfied('k'));
  });
  test('count the deletion of an object once', () => {
    const expectations = new Expectations(clock);
    expectations.expectDeletions('k', ['a', 'b']);
    expectations.deletionObserved('k', 'a');
    expectations.deletionObserved('k', 'a');
    assert.ok(!expectations.satisfied('k'));
    expectations.deletionObserved('k', 'b');
    assert.ok(expectations.satisfied('k'));
  });
  test('expire after five minutes', () => {
    const expectations = new Expectations(clock);
    expectations.expectCreations('k', 1);
    clock.nowMs += 5 * 60_000;
    assert.ok(!expectations.satisfied('k'));
    clock.nowMs += 1;
    assert.ok(expectations.satisfied('k'));
  });
});

describe('slowStart()', () => {
  const sizes = async (
    count: number,
    failAt = Number.POSITIVE_INFINITY,
  ): Promise<{ readonly tried: readonly number[]; readonly succeeded: number; readonly error: unknown }> => {
    const tried: number[] = [];
    const result = await slowStart(count, async (i) => {
      tried.push(i);
      if (i >= failAt) throw new Error('quota');
    });
    return { tried, ...result };
  };
  test('calls each once when all goes well', async () => {
    assert.deepEqual(await sizes(10), { tried: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], succeeded: 10, error: undefined });
  });
  test('tries one when nothing goes', async () => {
    const { tried, succeeded } = await sizes(10, 0);
    assert.deepEqual([tried, succeeded], [[0], 0]);
  });
  test('ends with the batch in which one fails', async () => {
    const { tried, succeeded } = await sizes(20, 4);
    assert.deepEqual([tried, succeeded], [[0, 1, 2, 3, 4, 5, 6], 4]);
  });
  test('does nothing for none', async () => assert.equal((await sizes(0)).succeeded, 0));
});

describe('hashes', () => {
  test('are the published values of FNV', () => {
    assert.equal(fnv32a(''), 0x811c9dc5);
    assert.equal(fnv32a('a'), 0xe40c292c);
    assert.equal(fnv32('a'), 0x050c5d7e);
    assert.equal(fnv32a('foobar'), 0xbf9cf968);
  });
  test('safeEncode() maps digits as upstream does', () => assert.equal(safeEncode('0123456789'), '456789bcdf'));
});

describe('scaledValue()', () => {
  const cases = [
    { value: 3, total: 10, up: 3, down: 3 },
    { value: '25%', total: 10, up: 3, down: 2 },
    { value: '0%', total: 10, up: 0, down: 0 },
    { value: '100%', total: 3, up: 3, down: 3 },
  ] as const;
  for (const { value, total, up, down } of cases) {
    test(`${value} of ${total}`, () => assert.deepEqual([scaledValue(value, total, 'up'), scaledValue(value, total, 'down')], [up, down]));
  }
  test('refuses a text that is no percentage', () => assert.throws(() => scaledValue('many', 1, 'up'), RangeError));
});

describe('availableInMs()', () => {
  const cases = [
    { name: 'not ready', pod: pod(), want: undefined },
    { name: 'ready long enough', pod: pod({ readySince: 0 }), want: 0 },
    { name: 'ready for 4 of 10 s', pod: pod({ readySince: 16_000 }), want: 6_000 },
  ];
  for (const { name, pod: of, want } of cases) test(name, () => assert.equal(availableInMs(of, 10, 20_000), want));
});
