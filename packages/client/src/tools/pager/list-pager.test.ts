import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { type Frozen, isResourceExpired, type KubeObject, newExpired } from '@coracle/apimachinery';
import type { ListOptions } from '../../rest/options.ts';
import { pages, pod } from '../cache/fixtures/scripted-list-watch.ts';
import type { ListResult } from '../cache/list-watch.ts';
import { ListPager, type ListPagerOptions } from './list-pager.ts';

interface Scene {
  readonly pager: ListPager<KubeObject>;
  readonly asked: ListOptions[];
}

/** A server with `count` objects, of which it gives pages; those after the first `expiresAfter` are too old. */
function scene(count: number, options: ListPagerOptions & { readonly expiresAfter?: number } = {}): Scene {
  const asked: ListOptions[] = [];
  const answer = pages(count, '7');
  const pager = new ListPager<KubeObject>(
    async (list = {}): Promise<ListResult<KubeObject>> => {
      asked.push(list);
      if (list.continue !== undefined && asked.length > (options.expiresAfter ?? Number.POSITIVE_INFINITY)) throw newExpired('page');
      return answer(list);
    },
    { pageSize: 10, ...options },
  );
  return { pager, asked };
}

const names = (items: readonly Frozen<KubeObject>[]): (string | undefined)[] => items.map(({ metadata }) => metadata.name);

describe('ListPager.list()', () => {
  test('puts pages together, at the version of the first', async () => {
    for (const [count, requests, isPaginated] of [
      [0, 1, false],
      [9, 1, false],
      [10, 1, false],
      [11, 2, true],
      [29, 3, true],
    ] as const) {
      const { pager, asked } = scene(count);
      const { list, isPaginated: was } = await pager.list();
      assert.deepEqual(
        names(list.items),
        Array.from({ length: count }, (_, i) => `p${i}`),
      );
      assert.equal(list.metadata.resourceVersion, '7');
      assert.equal(list.metadata.continue, undefined);
      assert.deepEqual([asked.length, was], [requests, isPaginated]);
    }
  });

  test('says neither version nor match where the token says them, and no limit of 0', async () => {
    const { pager, asked } = scene(25, { pageSize: 10 });
    await pager.list({ resourceVersion: '5', resourceVersionMatch: 'NotOlderThan', labelSelector: 'a=b' });
    assert.deepEqual(asked, [
      { resourceVersion: '5', resourceVersionMatch: 'NotOlderThan', labelSelector: 'a=b', limit: 10 },
      { labelSelector: 'a=b', limit: 10, continue: '10' },
      { labelSelector: 'a=b', limit: 10, continue: '20' },
    ]);
    const all = scene(25, { pageSize: 0 });
    await all.pager.list({ resourceVersion: '5' });
    assert.deepEqual(all.asked, [{ resourceVersion: '5' }]);
    const own = scene(25);
    await own.pager.list({ limit: 20 });
    assert.deepEqual(
      own.asked.map(({ limit }) => limit),
      [20, 20],
    );
  });

  test('lists everything at once, as it was asked for, when a later page is too old', async () => {
    const { pager, asked } = scene(25, { expiresAfter: 1 });
    const { list } = await pager.list({ resourceVersion: '5', resourceVersionMatch: 'NotOlderThan' });
    assert.equal(list.items.length, 25);
    assert.deepEqual(asked.at(-1), { resourceVersion: '5', resourceVersionMatch: 'NotOlderThan' });
  });

  test('throws Expired of the first page, and of any where no full list is wanted', async () => {
    let calls = 0;
    const first = new ListPager<KubeObject>(async () => {
      calls++;
      throw newExpired('first');
    });
    await assert.rejects(first.list(), isResourceExpired);
    assert.equal(calls, 1);
    await assert.rejects(scene(25, { expiresAfter: 1, fullListIfExpired: false }).pager.list(), isResourceExpired);
  });
});

describe('ListPager.eachListItem()', () => {
  test('gives each object once, in order', async () => {
    for (const [count, pageBufferSize] of [0, 9, 10, 11, 29, 300].flatMap((each) => [0, 1, 10].map((size) => [each, size] as const))) {
      const seen: Frozen<KubeObject>[] = [];
      await scene(count, { pageBufferSize }).pager.eachListItem({}, (item) => void seen.push(item));
      assert.deepEqual(
        names(seen),
        Array.from({ length: count }, (_, i) => `p${i}`),
      );
    }
  });

  test('ends with the error of a page, after those that came before', async () => {
    const seen: unknown[] = [];
    await assert.rejects(
      scene(25, { expiresAfter: 1 }).pager.eachListItem({}, (item) => void seen.push(item)),
      isResourceExpired,
    );
    assert.equal(seen.length, 10);
  });

  test('ends with the error of who processes, or the reason of the signal', async () => {
    let seen = 0;
    const failing = scene(100).pager.eachListItem({}, () => {
      if (++seen === 3) throw new Error('bad item');
    });
    await assert.rejects(failing, /bad item/);
    assert.equal(seen, 3);
    const stop = new AbortController();
    const aborted = scene(100).pager.eachListItem({}, () => stop.abort(new Error('enough')), { signal: stop.signal });
    await assert.rejects(aborted, /enough/);
    await assert.rejects(
      scene(1).pager.eachListItem({}, () => undefined, { signal: AbortSignal.abort(new Error('before')) }),
      /before/,
    );
  });

  test('lets go of the page that is read when nobody processes any more, and of the signal in any case', async () => {
    const signals: AbortSignal[] = [];
    const pager = new ListPager<KubeObject>(
      async (_options, io) => {
        if (io?.signal !== undefined) signals.push(io.signal);
        const { signal } = io ?? {};
        if (signals.length > 1) await new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(new Error('cut'))));
        return { metadata: { resourceVersion: '1', continue: 'more' }, items: [pod('a', '1')] };
      },
      { pageSize: 1 },
    );
    const outer = new AbortController();
    const work = pager.eachListItem({}, () => Promise.reject(new Error('bad item')), { signal: outer.signal });
    await assert.rejects(work, /bad item/);
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, true],
    );
    assert.deepEqual(getEventListeners(outer.signal, 'abort'), []);
    signals.length = 0;
    const cut = pager.eachListItem({}, () => outer.abort(new Error('enough')), { signal: outer.signal });
    await assert.rejects(cut, /enough/);
    assert.equal(signals.at(-1)?.aborted, true);
  });

  test('asks for no further page once it was told to stop', async () => {
    const { pager, asked } = scene(100);
    const stop = new AbortController();
    const work = pager.eachListPage({}, () => stop.abort(new Error('enough')), { signal: stop.signal });
    await assert.rejects(work, /enough/);
    const before = asked.length;
    for (let i = 0; i < 100; i++) await Promise.resolve();
    assert.equal(asked.length, before);
    assert.ok(before < 4, `${before} pages`);
  });

  test('reads ahead as many pages as fit into the buffer, and one more', async () => {
    for (const [pageBufferSize, processed, fetched] of [
      [0, 1, 2],
      [0, 2, 3],
      [1, 1, 3],
      [1, 2, 4],
      [10, 1, 5],
    ] as const) {
      const { pager, asked } = scene(50, { pageBufferSize });
      let count = 0;
      const work = pager.eachListPage({}, async () => {
        if (++count < processed) return;
        for (let i = 0; i < 200; i++) await Promise.resolve();
        assert.equal(asked.length, fetched, `buffer ${pageBufferSize}, ${processed} processed`);
        throw new Error('seen enough');
      });
      await assert.rejects(work, /seen enough/);
    }
    assert.throws(() => scene(1, { pageBufferSize: -1 }), RangeError);
  });
});

test('a page that somebody holds is not changed by those that follow', async () => {
  const { pager } = scene(25);
  const held: ListResult<KubeObject>[] = [];
  await pager.eachListPage({}, (page) => void held.push(page));
  assert.deepEqual(
    held.map(({ items }) => items.length),
    [10, 10, 5],
  );
  assert.deepEqual(held[0]?.items[0], pod('p0', '7'));
});
