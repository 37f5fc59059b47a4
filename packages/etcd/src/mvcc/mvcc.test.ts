import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Mvcc } from './mvcc.ts';
import type { Change, KeyValue, Operation } from './types.ts';

const put = (key: string, value = 'v'): Operation => ({ op: 'put', key, value: Buffer.from(value) });
const apply = (mvcc: Mvcc, ...success: Operation[]): number => mvcc.txn({ compares: [], success, failure: [] }).revision;

test('Mvcc keeps what is served whatever the retention, and forgets below it whole revisions at a time', () => {
  const mvcc = new Mvcc({ retention: { revisions: 4, bytes: 1000 } });
  for (let i = 0; i < 10; i++) apply(mvcc, put('a'), put('b'), put('c'));
  assert.equal(mvcc.retainedRevision, 0);
  mvcc.compact(9);
  assert.deepEqual([mvcc.compactRevision, mvcc.retainedRevision], [9, 8]);
  assert.deepEqual(
    mvcc.changesAfter(8).map(({ revision }) => revision),
    [9, 9, 9, 10, 10, 10, 11, 11, 11],
  );
  assert.throws(() => mvcc.history({ key: 'a', revision: 7 }), /compacted/);
  assert.equal(mvcc.history({ key: 'a', revision: 8 }).kvs[0]?.modRevision, 8);
});

test('Mvcc retains by bytes of what was superseded', () => {
  const mvcc = new Mvcc({ retention: { revisions: 1000, bytes: 100 } });
  for (let i = 0; i < 10; i++) apply(mvcc, put('a', 'x'.repeat(50)));
  mvcc.compact(11);
  assert.equal(mvcc.retainedRevision, 9);
});

test('Mvcc forgets keys that are gone', () => {
  const mvcc = new Mvcc({ retention: { revisions: 1, bytes: 0 } });
  for (let i = 0; i < 100; i++) apply(mvcc, put(`k${i}`));
  apply(mvcc, { op: 'delete', key: 'k', end: 'l' });
  apply(mvcc, put('last'));
  mvcc.compact(mvcc.revision);
  assert.deepEqual([...mvcc.image().base], []);
  assert.equal([...mvcc.image().changes].length, 1);
});

const operation = fc.oneof(
  fc.record({
    op: fc.constant('put' as const),
    key: fc.constantFrom('a', 'b', 'c', '__proto__', '\xff'),
    value: fc.uint8Array({ maxLength: 3 }),
  }),
  fc.record({ op: fc.constant('delete' as const), key: fc.constantFrom('a', 'b'), end: fc.constantFrom('b', 'c', '\0') }),
);

/** All that a version says; its value is of no object's own. */
function plain(kv: KeyValue): object {
  return { ...kv, value: Buffer.from(kv.value).toString('hex') };
}

function plainChange({ revision, key, current, previous }: Change): object {
  return { revision, key, current: current && plain(current), previous: previous && plain(previous) };
}

test('Mvcc.range() at every revision equals a copy that was made of it then, also after restoring its image', () => {
  fc.assert(
    fc.property(fc.array(fc.array(operation, { maxLength: 3 }), { maxLength: 30 }), fc.nat(30), (txns, compactAt) => {
      const mvcc = new Mvcc({ retention: { revisions: 8, bytes: 1000 } });
      const all = { key: '\0', end: '\0' };
      const copies = [[], []] as unknown[]; // of revisions 0 and 1
      for (const success of txns) {
        const { revision } = mvcc.txn({ compares: [], success, failure: [] });
        copies[revision] = mvcc.range(all).kvs.map(plain);
      }
      if (compactAt > 0 && compactAt <= mvcc.revision) mvcc.compact(compactAt);
      for (const each of [mvcc, mvcc.fork(), Mvcc.restore(mvcc.fork().image(), { retention: { revisions: 8, bytes: 1000 } })]) {
        assert.deepEqual([each.revision, each.compactRevision], [mvcc.revision, mvcc.compactRevision]);
        for (let revision = Math.max(1, each.retainedRevision); revision <= mvcc.revision; revision++) {
          assert.deepEqual(each.history({ ...all, revision }).kvs.map(plain), copies[revision]);
        }
        const from = Math.max(0, each.compactRevision - 1);
        assert.deepEqual(each.changesAfter(from).map(plainChange), mvcc.changesAfter(from).map(plainChange));
      }
    }),
  );
});

test('Mvcc frees the versions of a key that is written all the time, at a cost that does not grow with their number', () => {
  const retention = { revisions: 2_000, bytes: 1 << 30 };
  const mvcc = new Mvcc({ retention });
  for (let i = 0; i < 30_000; i++) {
    apply(mvcc, put('hot', `${i}`));
    if (i % 500 === 499) mvcc.compact(mvcc.revision - 100);
  }
  assert.equal(mvcc.retainedRevision, mvcc.revision - retention.revisions);
  assert.equal([...mvcc.image().changes].length, retention.revisions);
  assert.equal(mvcc.history({ key: 'hot', revision: mvcc.retainedRevision }).kvs[0]?.modRevision, mvcc.retainedRevision);
});
