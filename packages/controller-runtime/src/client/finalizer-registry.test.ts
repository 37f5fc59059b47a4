import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, type Frozen, type KubeObject } from '@coracle/apimachinery';
import { type CleanUp, type Finalized, Finalizers } from './finalizer-registry.ts';

interface Volume extends KubeObject {
  readonly status?: { readonly message: string };
}

const [a, b, c] = ['example.com/a', 'example.com/b', 'example.com/c'] as const;
const done: CleanUp<Volume> = async () => undefined;

const present = (...finalizers: readonly string[]): Frozen<Volume> => deepFreeze({ metadata: { name: 'x', finalizers: [...finalizers] } });
const going = (...finalizers: readonly string[]): Frozen<Volume> =>
  deepFreeze({ metadata: { name: 'x', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [...finalizers] } });

/** What is left on the object, what is to be written, and what failed. */
function summary({ object, updated, statusUpdated, error }: Finalized<Volume>): readonly unknown[] {
  return [object.metadata.finalizers, updated, statusUpdated, error?.message];
}

describe('Finalizers.register()', () => {
  test('takes each finalizer once', () => {
    const finalizers = new Finalizers<Volume>().register(a, done).register(b, done);
    assert.throws(() => finalizers.register(a, done), new Error('Finalizer "example.com/a" is already registered'));
  });
});

describe('Finalizers.finalize()', () => {
  test('adds what an object lacks that is not being deleted, and cleans nothing up', async () => {
    const finalizers = new Finalizers<Volume>().register(a, () => assert.fail('it is there')).register(b, () => assert.fail('it is there'));
    assert.deepEqual(summary(await finalizers.finalize(deepFreeze({ metadata: { name: 'x' } }))), [[a, b], true, false, undefined]);
    assert.deepEqual(summary(await finalizers.finalize(present(c, b))), [[c, b, a], true, false, undefined]);
    const held = present(a, b);
    const again = await finalizers.finalize(held);
    assert.deepEqual([again.object === held, again.updated, again.statusUpdated], [true, false, false]);
  });

  test('cleans up what is being deleted, and takes the finalizer away', async () => {
    const seen: Frozen<Volume>[] = [];
    const finalizers = new Finalizers<Volume>().register(a, async (object) => void seen.push(object));
    const object = going(a, c);
    assert.deepEqual(summary(await finalizers.finalize(object)), [[c], true, false, undefined]);
    assert.deepEqual(seen, [object]);
    assert.deepEqual(object.metadata.finalizers, [a, c]);
  });

  test('does nothing without finalizers, neither to what is there nor to what goes', async () => {
    const none = new Finalizers<Volume>();
    assert.deepEqual(summary(await none.finalize(present())), [[], false, false, undefined]);
    assert.deepEqual(summary(await none.finalize(going(a))), [[a], false, false, undefined]);
  });

  test('does nothing for a finalizer that what goes does not hold', async () => {
    const finalizers = new Finalizers<Volume>().register(a, () => assert.fail('it was cleaned up before'));
    assert.deepEqual(summary(await finalizers.finalize(going())), [[], false, false, undefined]);
  });

  test('runs several in the order of registration, each on what the one before left', async () => {
    const finalizers = new Finalizers<Volume>();
    for (const finalizer of [b, a]) {
      finalizers.register(finalizer, async (object) => ({
        object: { ...object, status: { message: `${object.status?.message ?? ''}${finalizer} ` } },
      }));
    }
    const result = await finalizers.finalize(going(a, b));
    assert.deepEqual(summary(result), [[], true, true, undefined]);
    assert.equal(result.object.status?.message, `${b} ${a} `);
  });

  test('one that fails keeps its finalizer and changes nothing', async () => {
    const finalizers = new Finalizers<Volume>().register(a, () => Promise.reject(new Error('volume is in use')));
    const object = going(a);
    const result = await finalizers.finalize(object);
    assert.deepEqual(summary(result), [[a], false, false, 'finalizer "example.com/a" failed: volume is in use']);
    assert.equal(result.object, object);
  });

  test('one that fails may still say why in the object', async () => {
    const finalizers = new Finalizers<Volume>().register(a, async (object) => ({
      object: { ...object, metadata: { ...object.metadata, labels: { stuck: 'yes' } }, status: { message: 'in use' } } as Volume,
      error: new Error('volume is in use'),
    }));
    const result = await finalizers.finalize(going(a));
    assert.deepEqual(summary(result), [[a], true, true, 'finalizer "example.com/a" failed: volume is in use']);
    assert.deepEqual([result.object.metadata.labels, result.object.status], [{ stuck: 'yes' }, { message: 'in use' }]);
  });

  test('those that succeed go, those that fail stay, and every failure is told with its cause', async () => {
    const [first, second] = [new Error('in use'), 'a text'];
    const finalizers = new Finalizers<Volume>()
      .register(a, () => Promise.reject(first))
      .register(b, done)
      .register(c, async () => ({ error: second }));
    const result = await finalizers.finalize(going(a, b, c));
    const message = 'finalizer "example.com/a" failed: in use; finalizer "example.com/c" failed: a text';
    assert.deepEqual(summary(result), [[a, c], true, false, message]);
    const failures: readonly Error[] = result.error?.errors ?? [];
    assert.deepEqual(
      failures.map(({ cause }) => cause),
      [first, second],
    );
  });
});
