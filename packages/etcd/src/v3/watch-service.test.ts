import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { maxRequestBytes } from '../mvcc/check-txn.ts';
import * as m from './messages.ts';
import { V3Bench } from './v3-bench.fixture.ts';

const all = { key: '\0', rangeEnd: '\0' };

describe('Watch', () => {
  test('created comes first; two watches of one stream have different ids; events come by revision', async () => {
    const bench = new V3Bench();
    const watching = bench.watch({ createRequest: all }, { createRequest: { key: 'a' } });
    await bench.put('a', '1');
    await bench.put('b', '1');
    const story = await watching.story();
    // Which watcher of a change is told first is nobody's business, and in etcd is chance.
    assert.deepEqual(story.slice(2, 4).sort(), ['0 put a@2', '1 put a@2']);
    assert.deepEqual([...story.slice(0, 2), ...story.slice(4)], ['created 0', 'created 1', '0 put b@3']);
  });

  test('a transaction is one response, with its events in order', async () => {
    const bench = new V3Bench();
    await bench.put('d', '1');
    const watching = bench.watch({ createRequest: all });
    const put = (key: string): Partial<m.WireRequestOp> => ({ requestPut: { key } });
    await bench.txn({ success: [put('c'), put('a'), { requestDeleteRange: { key: 'd' } }, put('b')] });
    assert.deepEqual(await watching.story(), ['created 0', '0 put c@3, put a@3, delete d@3, put b@3']);
    assert.equal((await watching.responses())[1]?.header?.revision, 3);
  });

  test('ids: a chosen one is kept, one that is in use is refused, the next free one is given', async () => {
    const bench = new V3Bench();
    const watching = bench.watch(
      { createRequest: { key: 'a', watchId: 1n } },
      { createRequest: { key: 'a', watchId: 1n } },
      { createRequest: { key: 'a' } },
      { createRequest: { key: 'a' } },
    );
    assert.deepEqual(await watching.story(), [
      'created 1',
      'refused -1: mvcc: duplicate watch ID provided on the WatchStream',
      'created 0',
      'created 2',
    ]);
  });

  test('a negative start and an empty range are refused with id -1, created and canceled', async () => {
    const bench = new V3Bench();
    const watching = bench.watch({ createRequest: { key: 'a', startRevision: -1 } }, { createRequest: { key: 'b', rangeEnd: 'a' } });
    assert.deepEqual(await watching.story(), [
      'refused -1: etcdserver: mvcc: required revision has been compacted',
      'refused -1: mvcc: watcher range is empty',
    ]);
  });

  test('a watch from the past equals the one that saw it live', async () => {
    const bench = new V3Bench();
    const live = bench.watch({ createRequest: { ...all, prevKv: true } });
    await bench.put('a', '1');
    await bench.put('a', '2');
    await bench.remove({ key: 'a' });
    const late = bench.watch({ createRequest: { ...all, prevKv: true, startRevision: 1 } });
    const events = async (watching: typeof live): Promise<readonly unknown[]> =>
      (await watching.responses()).flatMap((each) => each.events);
    assert.deepEqual(await events(late), await events(live));
    assert.deepEqual(await late.story(), ['created 0', '0 put a@2, put a@3 was 1, delete a@4 was 2']);
    assert.equal((await late.responses())[1]?.header?.revision, 4);
  });

  test('a start in the future is silent until then', async () => {
    const bench = new V3Bench();
    const watching = bench.watch({ createRequest: { ...all, startRevision: 4 } });
    for (const key of ['a', 'b', 'c']) await bench.put(key, '1');
    assert.deepEqual(await watching.story(), ['created 0', '0 put c@4']);
  });

  test('below the compact revision a watch is created and then canceled with it; at it, served', async () => {
    const bench = new V3Bench();
    for (const value of ['1', '2', '3']) await bench.put('a', value);
    await bench.compact(3);
    const watching = bench.watch({ createRequest: { key: 'a', startRevision: 2 } }, { createRequest: { key: 'a', startRevision: 3 } });
    assert.deepEqual(await watching.story(), ['created 0', 'canceled 0 compacted 3', 'created 1', '1 put a@3, put a@4']);
  });

  test('prev_kv is there even when a compaction ran right after the write', async () => {
    const bench = new V3Bench();
    await bench.put('a', '1');
    const watching = bench.watch({ createRequest: { key: 'a', prevKv: true } });
    watching.stream.roomBytes = 0;
    // The first is on its way, the second makes the queue long, the others are read from the history.
    for (const value of ['2', 'v'.repeat(1_200_000), '4']) await bench.put('a', value);
    await bench.remove({ key: 'a' });
    await bench.compact(5);
    watching.stream.makeRoom(Number.POSITIVE_INFINITY);
    const before = (await watching.responses()).flatMap(({ events }) =>
      events.map(({ kv, prevKv }) => [kv?.modRevision, prevKv?.value?.length]),
    );
    assert.deepEqual(before, [
      [3, 1],
      [4, 1],
      [5, 1_200_000],
      [6, 1],
    ]);
  });

  test('what a watch from the compact revision is told has no prev_kv there, as that is compacted', async () => {
    const bench = new V3Bench();
    await bench.put('a', '1');
    await bench.put('a', '2');
    await bench.put('a', '3');
    await bench.compact(3);
    const watching = bench.watch({ createRequest: { key: 'a', startRevision: 3, prevKv: true } });
    await bench.remove({ key: 'a' });
    assert.deepEqual(await watching.story(), ['created 0', '0 put a@3, put a@4 was 2', '0 delete a@5 was 3']);
  });

  test('filters: no puts, no deletes, and nothing at all when both', async () => {
    const bench = new V3Bench();
    const watching = bench.watch(...[[0], [1], [0, 1]].map((filters) => ({ createRequest: { ...all, filters } })));
    await bench.put('a', '1');
    await bench.remove({ key: 'a' });
    assert.deepEqual((await watching.story()).slice(3), ['1 put a@2', '0 delete a@3']);
  });

  test('cancel gives one canceled message and no event after it; an unknown id is passed over', async () => {
    const bench = new V3Bench();
    const watching = bench.watch({ createRequest: all });
    await bench.put('a', '1');
    watching.ask({ cancelRequest: { watchId: 7n } });
    watching.ask({ cancelRequest: { watchId: 0n } });
    watching.ask({ cancelRequest: { watchId: 0n } });
    await bench.put('a', '2');
    assert.deepEqual(await watching.story(), ['created 0', '0 put a@2', 'canceled 0']);
  });

  test('a client that sends no more requests still gets its events; one that is gone costs nothing', async () => {
    const bench = new V3Bench();
    const watching = bench.watch({ createRequest: all });
    watching.stream.endRequests();
    await bench.put('a', '1');
    assert.deepEqual(await watching.story(), ['created 0', '0 put a@2']);
    watching.stream.reset();
    await bench.put('a', '2');
    assert.equal(watching.stream.messages.length, 2);
  });

  test('progress on request has id -1 and comes behind all events; without watchers there is none', async () => {
    const bench = new V3Bench();
    const watching = bench.watch({ progressRequest: {} }, { createRequest: all });
    await bench.put('a', '1');
    watching.ask({ progressRequest: {} });
    assert.deepEqual(await watching.story(), ['created 0', '0 put a@2', '-1 progress@2']);
  });

  test('progress every interval to quiet watchers that asked for it', async () => {
    const bench = new V3Bench({ progressIntervalMs: 10_000 });
    const watching = bench.watch({ createRequest: { key: 'a', progressNotify: true } }, { createRequest: { key: 'b' } });
    await bench.runtime.advance(11_000);
    await bench.put('a', '1');
    await bench.put('c', '1');
    await bench.runtime.advance(11_000);
    assert.deepEqual((await watching.story()).slice(2), ['0 progress@1', '0 put a@2']);
    await bench.runtime.advance(11_000);
    assert.deepEqual((await watching.story()).slice(4), ['0 progress@3']);
  });

  test('a slow watcher keeps its place only, delays nobody, and misses nothing', async () => {
    const bench = new V3Bench();
    const slow = bench.watch({ createRequest: all });
    const fast = bench.watch({ createRequest: { ...all, filters: [1] } });
    slow.stream.roomBytes = 0;
    const value = 'v'.repeat(100_000);
    for (let i = 0; i < 100; i++) await bench.put(`k${i}`, value);
    assert.equal((await fast.responses()).length, 101);
    assert.ok((await slow.responses()).length < 20);
    slow.ask({ progressRequest: {} });
    // It is behind by ten megabytes, of which two are on their way.
    for (let turns = 0; turns < 100; turns++) {
      slow.stream.makeRoom(1);
      await bench.runtime.settle();
    }
    const responses = await slow.responses();
    const revisions = responses.flatMap(({ events }) => events.map(({ kv }) => kv?.modRevision));
    assert.deepEqual(
      revisions,
      Array.from({ length: 100 }, (_, i) => i + 2),
    );
    assert.ok(Math.max(...slow.stream.writes) < 3_000_000, `${Math.max(...slow.stream.writes)} bytes at once`);
    assert.equal((await slow.story()).at(-1), '-1 progress@101');
    await bench.put('live', '1');
    assert.equal((await slow.story()).at(-1), '0 put live@102');
  });

  test('a slow watcher whose place is compacted is canceled with the compact revision', async () => {
    const bench = new V3Bench();
    const slow = bench.watch({ createRequest: all });
    slow.stream.roomBytes = 0;
    for (let i = 0; i < 40; i++) await bench.put(`k${i}`, 'v'.repeat(100_000));
    await bench.compact(40);
    for (let turns = 0; turns < 40; turns++) {
      slow.stream.makeRoom(1);
      await bench.runtime.settle();
    }
    assert.equal((await slow.story()).at(-1), 'canceled 0 compacted 40');
  });

  test('a large revision is fragmented when that is asked for, and one message when not', async () => {
    const bench = new V3Bench();
    for (let i = 0; i < 50; i++) await bench.put(`k${i}`, 'v'.repeat(100_000));
    const watching = bench.watch({ createRequest: { ...all, fragment: true, prevKv: true } }, { createRequest: { ...all, prevKv: true } });
    await bench.remove(all);
    const deletions = (await watching.responses()).filter(({ events }) => events.length > 0);
    const whole = deletions.filter(({ watchId }) => watchId === 1n);
    const fragments = deletions.filter(({ watchId }) => watchId === 0n);
    assert.deepEqual([whole.length, whole[0]?.events.length, whole[0]?.fragment], [1, 50, false]);
    assert.deepEqual(
      fragments.map(({ fragment }) => fragment),
      [true, true, true, false],
    );
    assert.deepEqual(
      fragments.flatMap(({ events }) => events).map(({ kv }) => kv?.key),
      whole[0]?.events.map(({ kv }) => kv?.key),
    );
    for (const message of watching.stream.messages.slice(2))
      assert.ok(message.length < maxRequestBytes || m.watchResponse.decode(message).watchId === 1n);
  });

  test('ten thousand watches on one stream, made and canceled in a burst', async () => {
    const bench = new V3Bench();
    const watching = bench.watch(...Array.from({ length: 10_000 }, (_, i) => ({ createRequest: { key: `k${i}` } })));
    await bench.put('k77', '1');
    for (let i = 0; i < 10_000; i++) watching.ask({ cancelRequest: { watchId: BigInt(i) } });
    await bench.put('k77', '2');
    const story = await watching.story();
    assert.deepEqual([story.length, story[10_000], story.at(-1)], [20_001, '77 put k77@2', 'canceled 9999']);
  });

  test('bytes that are no request end the stream', async () => {
    const bench = new V3Bench();
    const watching = bench.watch();
    watching.stream.request(Buffer.from('0a05aa', 'hex'));
    await bench.runtime.settle();
    assert.deepEqual(watching.stream.ending, { code: 13, message: 'grpc: error unmarshalling request: ends 4 bytes early' });
  });
});
