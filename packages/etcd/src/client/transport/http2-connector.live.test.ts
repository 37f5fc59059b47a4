import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LiveRuntime } from '@coracle/kernel';
import { noRealEtcd, RealEtcd } from '../../contract/real-etcd.ts';
import { serveStore } from '../../v3/serve-store.ts';
import { EtcdClient, type EtcdClientOptions } from '../client.ts';
import { EtcdError } from '../errors.ts';
import { type ClientTls, http2Connector } from './http2-connector.ts';

const pem = (name: string): Promise<string> => readFile(new URL(`../../v3/transport/testdata/${name}`, import.meta.url), 'utf8');

async function clientOf(
  t: TestContext,
  endpoints: readonly string[],
  tls: ClientTls,
  options: Partial<EtcdClientOptions> = {},
): Promise<EtcdClient> {
  const process = new LiveRuntime().process('client');
  const client = new EtcdClient({ process, connector: http2Connector(process, tls), endpoints, timeoutMs: 1500, ...options });
  t.after(async () => {
    client.close();
    await process.stop();
  });
  return client;
}

test("http2Connector() shows its certificate, and is refused without one, with a stranger's, and by a server that it does not trust", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'store-'));
  const process = new LiveRuntime().process('etcd');
  const served = await serveStore({
    process,
    directory,
    name: 'default',
    listen: [{ host: '127.0.0.1', port: 0 }],
    tls: { certificate: await pem('server.crt'), privateKey: await pem('server.key'), clientAuthority: await pem('ca.crt') },
  });
  try {
    const authority = await pem('ca.crt');
    const own = { authority, certificate: await pem('client.crt'), privateKey: await pem('client.key') };
    const strange = { authority, certificate: await pem('stranger.crt'), privateKey: await pem('stranger.key') };
    assert.equal((await (await clientOf(t, served.urls, own)).range({ key: 'a' })).revision, 1);
    const inTheClear = served.urls.map((url) => url.replace('https', 'http'));
    // Side by side, for each is tried until its time is up.
    await Promise.all([
      ...[{ authority }, strange, { ...own, authority: await pem('stranger.crt') }].map(async (tls) => {
        const client = await clientOf(t, served.urls, tls);
        await assert.rejects(
          client.range({ key: 'a' }),
          (error) =>
            error instanceof EtcdError &&
            error.code === 4 &&
            /certificate|alert|closed|socket/i.test(error.message) &&
            !/PRIVATE KEY/.test(error.message),
        );
      }),
      assert.rejects((await clientOf(t, inTheClear, {})).range({ key: 'a' }), (error) => error instanceof EtcdError && error.code === 4),
    ]);
  } finally {
    await served.stop();
    await process.stop();
    await rm(directory, { recursive: true });
  }
});

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
  const client = await clientOf(t, etcd.urls, {}, { user, timeoutMs: 5000 });
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
  const nobody = await clientOf(t, etcd.urls, {});
  await assert.rejects(nobody.range({ key: 'a' }), (error) => error instanceof Error && error.message === 'etcdserver: user name is empty');
  const wrong = await clientOf(t, etcd.urls, {}, { user: { name: 'root', password: 'wrong-one' } });
  await assert.rejects(
    wrong.range({ key: 'a' }),
    (error) => error instanceof Error && error.message === 'etcdserver: authentication failed, invalid user ID or password',
  );
});
