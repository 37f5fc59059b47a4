import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EtcdClient, http2Connector, prefixEnd } from '@coracle/etcd';
import { noRealEtcd, RealEtcd } from '@coracle/etcd/contract';
import { LiveRuntime } from '@coracle/kernel';

const prefix = '/writes/';
const writers = 16;
const writes = 4000;

test('EtcdClient of three members, of which one is killed amid writes: none is done twice, a watch has no gap, reads are answered', {
  skip: noRealEtcd,
  timeout: 120_000,
}, async (t) => {
  const etcd = await RealEtcd.start({ members: 3 });
  const process = new LiveRuntime().process('client');
  const client = new EtcdClient({ process, connector: http2Connector(process), endpoints: etcd.urls });
  try {
    const start = (await client.range({ key: prefix })).revision;
    const seen: { readonly key: string; readonly value: string; readonly revision: number; readonly version: number }[] = [];
    const ended: Error[] = [];
    const watch = client.watch(
      { key: prefix, end: prefixEnd(prefix) },
      { from: start + 1 },
      {
        changes: (batch) =>
          void seen.push(
            ...batch.map(({ key, current, revision }) => ({
              key,
              revision,
              value: Buffer.from(current?.value ?? []).toString(),
              version: current?.version ?? 0,
            })),
          ),
        ended: (error) => void ended.push(error),
      },
    );
    let next = 0;
    let acknowledged = 0;
    let reads = 0;
    const unknown = new Set<string>();
    const acknowledgedKeys = new Set<string>();
    const write = async (): Promise<void> => {
      for (let n = next++; n < writes; n = next++) {
        const key = `${prefix}${n}`;
        try {
          // Unconditional on purpose: sent twice, it would have version 2.
          await client.txn({ compares: [], success: [{ op: 'put', key, value: Buffer.from(`${n}`) }], failure: [] });
          acknowledged++;
          acknowledgedKeys.add(key);
        } catch {
          unknown.add(key);
        }
      }
    };
    const read = async (): Promise<void> => {
      while (next < writes) {
        await client.range({ key: prefix, end: prefixEnd(prefix), countOnly: true });
        reads++;
        await sleep(5);
      }
    };
    const kill = async (): Promise<void> => {
      while (next < writes / 4) await sleep(5);
      await etcd.kill(0);
      while (next < (3 * writes) / 4) await sleep(5);
      etcd.restart(0);
    };
    await Promise.all([...Array.from({ length: writers }, write), read(), kill()]);
    const { kvs, revision } = await client.range({ key: prefix, end: prefixEnd(prefix) });
    for (let i = 0; i < 500 && watch.told < revision; i++) {
      client.requestProgress();
      await sleep(20);
    }
    t.diagnostic(`${acknowledged} acknowledged, ${unknown.size} with unknown outcome, ${reads} reads, ${seen.length} changes seen`);
    assert.deepEqual(ended, []);
    assert.ok(acknowledged > writes - 200 && reads > 0);
    assert.deepEqual(
      kvs.filter(({ version }) => version !== 1).map(({ key }) => key),
      [],
      'nothing was written twice',
    );
    const present = new Set(kvs.map(({ key }) => key));
    assert.deepEqual(
      [...acknowledgedKeys].filter((key) => !present.has(key)),
      [],
      'what was acknowledged is there',
    );
    assert.deepEqual(
      [...present].filter((key) => !acknowledgedKeys.has(key) && !unknown.has(key)),
      [],
    );
    assert.deepEqual(
      seen.map((change) => [change.revision, change.key, change.value]),
      kvs.map(({ modRevision, key, value }) => [modRevision, key, Buffer.from(value).toString()]).sort(([a], [b]) => Number(a) - Number(b)),
      'the watch has heard of every write once, in order',
    );
    assert.equal(revision - start, kvs.length, 'each write is one revision');
  } finally {
    client.close();
    await process.stop();
    await etcd.stop();
  }
});
