import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EtcdClient, type EtcdClientOptions, http2Connector } from '@coracle/etcd';
import { noRealEtcd, RealEtcd } from '@coracle/etcd/contract';
import { LiveRuntime } from '@coracle/kernel';

function clientOf(t: TestContext, endpoints: readonly string[], options: Partial<EtcdClientOptions> = {}): EtcdClient {
  const process = new LiveRuntime().process('client');
  const client = new EtcdClient({ process, connector: http2Connector(process), endpoints, timeoutMs: 1500, ...options });
  t.after(async () => {
    client.close();
    await process.stop();
  });
  return client;
}

test('EtcdClient of etcd itself that wants users logs in, and again when its token is over', { skip: noRealEtcd }, async (t) => {
  const etcd = await RealEtcd.start({ flags: ['--auth-token-ttl', '1'] });
  t.after(() => etcd.stop());
  const [url = ''] = etcd.urls;
  const ask = async (path: string, body: object): Promise<void> => {
    const answer = await fetch(`${url}/v3/auth/${path}`, { method: 'POST', body: JSON.stringify(body) });
    assert.equal(answer.status, 200, `${path}: ${await answer.text()}`);
  };
  await ask('user/add', { name: 'root', password: 'hidden' });
  await ask('role/add', { name: 'root' });
  await ask('user/grant', { user: 'root', role: 'root' });
  await ask('enable', {});
  const user = { name: 'root', password: 'hidden' };
  const client = clientOf(t, etcd.urls, { user, timeoutMs: 5000 });
  const put = (): Promise<unknown> =>
    client.txn({ compares: [], success: [{ op: 'put', key: 'a', value: Buffer.from('1') }], failure: [] });
  const seen: string[] = [];
  client.watch(
    { key: 'a' },
    { from: 0 },
    { changes: (batch) => void seen.push(...batch.map(({ key }) => key)), ended: (error) => void seen.push(error.message) },
  );
  await put();
  await sleep(2500);
  await put();
  await client.range({ key: 'a' });
  for (let i = 0; i < 100 && seen.length < 2; i++) await sleep(20);
  assert.deepEqual(seen, ['a', 'a']);
  const nobody = clientOf(t, etcd.urls);
  await assert.rejects(nobody.range({ key: 'a' }), (error) => error instanceof Error && error.message === 'etcdserver: user name is empty');
  const wrong = clientOf(t, etcd.urls, { user: { name: 'root', password: 'wrong-one' } });
  await assert.rejects(
    wrong.range({ key: 'a' }),
    (error) => error instanceof Error && error.message === 'etcdserver: authentication failed, invalid user ID or password',
  );
});
