import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { deepFreeze, type Frozen, type Unstructured, writeJsonBytes } from '@coracle/apimachinery';
import type { Revision } from '@coracle/etcd';
import { resourceVersionOffset } from './splice.ts';
import {
  CompactedRevisionError,
  type CommitResult,
  FutureRevisionError,
  type NewValue,
  type Storage,
  type StorageChange,
} from './storage.ts';

export interface StorageBench {
  readonly storage: Storage;
  /** Below /registry, of this test alone; ends in "/". */
  readonly prefix: string;
  drive<T>(work: Promise<T>): Promise<T>;
  /** Lets things happen until `condition` holds; fails when it does not in good time. */
  until(condition: () => boolean | Promise<boolean>): Promise<void>;
}

export function valueOf(name: string, data: string): NewValue {
  const object = deepFreeze({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default' },
    data: { text: data },
  } as Unstructured);
  const bytes = writeJsonBytes(object);
  return { bytes, rvOffset: resourceVersionOffset(bytes), object };
}

interface Bench extends StorageBench {
  put(name: string, data: string, expect?: Revision): Promise<CommitResult & { readonly succeeded: true }>;
  del(name: string, expect: Revision): Promise<CommitResult & { readonly succeeded: true }>;
  watch(after: Revision, name?: string): { readonly seen: string[]; readonly ended: string[]; readonly watch: Disposable };
}

/** What the API server relies on, whatever is below. */
export function storageContract(name: string, open: (t: TestContext) => Promise<StorageBench>): void {
  const bench = async (t: TestContext): Promise<Bench> => {
    const opened = await open(t);
    const { storage, prefix, drive } = opened;
    const committed = async (work: Promise<CommitResult>): Promise<CommitResult & { readonly succeeded: true }> => {
      const result = await drive(work);
      assert.ok(result.succeeded);
      return result;
    };
    const text = (change: StorageChange['current']): string => {
      const data = change?.object['data'] as { readonly text: string } | undefined; // of `valueOf`
      return change === undefined ? 'nothing' : `${data?.text}@${change.object.metadata.resourceVersion === String(change.revision)}`;
    };
    return {
      ...opened,
      put: (of, data, expect) => committed(storage.commit({ key: prefix + of, expect: expect ?? 'absent', value: valueOf(of, data) })),
      del: (of, expect) => committed(storage.commit({ key: prefix + of, expect, value: 'deleted' })),
      watch(after, of = '') {
        const seen: string[] = [];
        const ended: string[] = [];
        const changes = (batch: readonly StorageChange[]): void => {
          for (const change of batch) {
            const { key, current, previous, last, revision } = change;
            assert.ok(last === undefined || last.revision === revision);
            seen.push(`${key.slice(prefix.length)}: ${text(previous)} to ${text(current)}`);
          }
        };
        return { seen, ended, watch: storage.watch(prefix + of, after, { changes, ended: (why) => ended.push(why) }) };
      },
    };
  };
  describe(name, () => {
    objects(bench);
    lists(bench);
    watches(bench);
  });
}

type MakeBench = (t: TestContext) => Promise<Bench>;

function objects(bench: MakeBench): void {
  test('Stored.encoded() asks an encoder once for each version', async (t) => {
    const { put } = await bench(t);
    const asked: string[] = [];
    const encode = ({ metadata }: Frozen<Unstructured>): { readonly text: string } => {
      asked.push(metadata.resourceVersion ?? '');
      return { text: metadata.name ?? '' };
    };
    const { stored } = await put('a', '1');
    const first = stored.encoded(encode);
    assert.equal(stored.encoded(encode), first);
    assert.equal(
      stored.encoded(({ kind }) => kind),
      'ConfigMap',
    );
    const { stored: next } = await put('a', '2', stored.revision);
    assert.deepEqual([first.text, next.encoded(encode).text], ['a', 'a']);
    assert.deepEqual(asked, [String(stored.revision), String(next.revision)]);
  });

  test('Storage.commit() creates, and refuses to create again', async (t) => {
    const { storage, prefix, drive, put } = await bench(t);
    const { stored, revision } = await put('a', '1');
    assert.equal(stored.revision, revision);
    assert.equal(stored.object.metadata.resourceVersion, String(revision));
    const again = await drive(storage.commit({ key: `${prefix}a`, expect: 'absent', value: valueOf('a', '2') }));
    assert.deepEqual([again.succeeded, !again.succeeded && again.current?.revision], [false, revision]);
    const got = await drive(storage.get(`${prefix}a`));
    assert.deepEqual([got.revision, got.stored?.revision, got.stored?.object], [revision, revision, stored.object]);
    assert.equal(
      Buffer.from(got.stored?.bytes ?? []).toString(),
      `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"resourceVersion":"${revision}","name":"a","namespace":"default"},"data":{"text":"1"}}`,
    );
    assert.deepEqual(Object.keys(got.stored?.item ?? {}).sort(), ['data', 'metadata']);
  });

  test('Storage.commit() changes what the writer has seen, and shows what is there instead', async (t) => {
    const { storage, prefix, drive, put } = await bench(t);
    const first = await put('a', '1');
    const second = await put('a', '2', first.revision);
    const stale = await drive(storage.commit({ key: `${prefix}a`, expect: first.revision, value: valueOf('a', '3') }));
    assert.deepEqual([stale.succeeded, !stale.succeeded && stale.current?.object['data']], [false, { text: '2' }]);
    const staleDelete = await drive(storage.commit({ key: `${prefix}a`, expect: first.revision, value: 'deleted' }));
    assert.deepEqual([staleDelete.succeeded, !staleDelete.succeeded && staleDelete.current?.revision], [false, second.revision]);
    const absent = await drive(storage.commit({ key: `${prefix}b`, expect: first.revision, value: valueOf('b', '1') }));
    assert.deepEqual(absent, { succeeded: false, current: undefined });
  });

  test('Storage.commit() deletes with the last state and the revision of the deletion', async (t) => {
    const { storage, prefix, drive, put, del } = await bench(t);
    const { revision } = await put('a', '1');
    const gone = await del('a', revision);
    assert.deepEqual([gone.revision, gone.stored.revision, gone.stored.object['data']], [revision + 1, revision, { text: '1' }]);
    assert.equal((await drive(storage.get(`${prefix}a`))).stored, undefined);
    assert.deepEqual((await drive(storage.get(`${prefix}a`, { at: revision }))).stored?.object['data'], { text: '1' });
    const again = await drive(storage.commit({ key: `${prefix}a`, expect: revision, value: 'deleted' }));
    assert.deepEqual(again, { succeeded: false, current: undefined });
    assert.equal((await put('a', '2')).revision, revision + 2);
  });

  test('Storage keys are text: names beyond ASCII are found again', async (t) => {
    const { storage, prefix, drive, put, watch } = await bench(t);
    const names = ['caf\u00e9', '\u540d\u524d', '\ud83d\udea3'];
    const before = await drive(storage.currentRevision());
    const seen = watch(before);
    for (const of of names) await put(of, 'v');
    const { items } = await drive(storage.list(prefix));
    assert.deepEqual(
      items.map(({ key }) => key.slice(prefix.length)),
      names,
    );
    seen.watch[Symbol.dispose]();
    assert.equal((await drive(storage.get(`${prefix}${names[1]}`))).stored?.key, `${prefix}${names[1]}`);
  });
}

function lists(bench: MakeBench): void {
  test('Storage.list() pages at one revision while there are writes', async (t) => {
    const { storage, prefix, drive, put, del } = await bench(t);
    const put7 = [];
    for (let i = 0; i < 7; i++) put7.push(await put(`k${i}`, `${i}`));
    const first = await drive(storage.list(prefix, { limit: 3 }));
    await del('k4', put7[4]?.revision as Revision); // seven were put
    await put('k45', 'new');
    const at = { at: first.revision, limit: 3 };
    const second = await drive(storage.list(prefix, { ...at, after: first.items.at(-1)?.key ?? '' }));
    const third = await drive(storage.list(prefix, { ...at, after: second.items.at(-1)?.key ?? '' }));
    assert.deepEqual(
      [first, second, third].map(({ items, remaining, revision }) => [
        items.map(({ key }) => key.slice(prefix.length)).join(' '),
        remaining,
        revision - first.revision,
      ]),
      [
        ['k0 k1 k2', 4, 0],
        ['k3 k4 k5', 1, 0],
        ['k6', 0, 0],
      ],
    );
    const now = await drive(storage.list(prefix));
    assert.deepEqual([now.items.length, now.remaining, now.revision - first.revision], [7, 0, 2]);
    const rest = await drive(storage.list(prefix, { after: `${prefix}k45` }));
    assert.deepEqual(
      rest.items.map(({ object }) => object.metadata.name),
      ['k5', 'k6'],
    );
  });

  test('Storage.list() of nothing tells the revision; of the future and of what is compacted it is refused', async (t) => {
    const { storage, prefix, drive, put, until } = await bench(t);
    const { revision } = await put('a', '1');
    const none = await drive(storage.list(`${prefix}none/`));
    assert.deepEqual([none.items, none.remaining, none.revision], [[], 0, revision]);
    assert.equal(await drive(storage.currentRevision()), revision);
    await assert.rejects(drive(storage.list(prefix, { at: (revision + 50) as Revision })), FutureRevisionError);
    await assert.rejects(drive(storage.get(`${prefix}a`, { at: (revision + 50) as Revision })), FutureRevisionError);
    const second = await put('a', '2', revision);
    // The first time a server may only learn that others compact as well.
    await until(async () => {
      try {
        await drive(storage.compact(second.revision));
        await drive(storage.get(`${prefix}a`, { at: revision }));
        return false;
      } catch (error) {
        return error instanceof CompactedRevisionError;
      }
    });
    await assert.rejects(drive(storage.list(prefix, { at: revision })), CompactedRevisionError);
    assert.equal((await drive(storage.list(prefix, { at: second.revision }))).items.length, 1);
  });
}

function watches(bench: MakeBench): void {
  test('Storage.watch() tells what was and what is, from the past on, and stops when it is disposed', async (t) => {
    const { storage, drive, put, del, watch, until } = await bench(t);
    const before = await drive(storage.currentRevision());
    const first = await put('a', '1');
    const second = await put('a', '2', first.revision);
    const past = watch(before);
    const narrow = watch(before, 'b');
    const gone = watch(before);
    await until(() => past.seen.length === 2 && gone.seen.length === 2);
    gone.watch[Symbol.dispose]();
    await put('b', '1');
    await del('a', second.revision);
    await until(() => past.seen.length === 4 && narrow.seen.length === 1);
    assert.deepEqual(past.seen, ['a: nothing to 1@true', 'a: 1@true to 2@true', 'b: nothing to 1@true', 'a: 2@true to nothing']);
    assert.deepEqual([narrow.seen, gone.seen.length, past.ended], [['b: nothing to 1@true'], 2, []]);
  });

  test('Storage.progress() reaches the newest revision once every watch was told of it', async (t) => {
    const { storage, prefix, drive, put, watch, until } = await bench(t);
    const before = await drive(storage.currentRevision());
    const quiet = watch(before, 'quiet');
    const { revision } = await put('lively', '1');
    await until(() => storage.progress() >= revision);
    assert.deepEqual(quiet.seen, []);
    assert.equal((await drive(storage.get(`${prefix}lively`))).revision, revision);
  });
}
