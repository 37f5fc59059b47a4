import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { LiveRuntime } from '@coracle/kernel';
import { serveStore } from '../../v3/serve-store.ts';
import { EtcdClient } from '../client.ts';
import { EtcdError } from '../errors.ts';
import { type ClientTls, http2Connector } from './http2-connector.ts';

const pem = (name: string): Promise<string> => readFile(new URL(`../../v3/transport/testdata/${name}`, import.meta.url), 'utf8');

async function clientOf(t: TestContext, endpoints: readonly string[], tls: ClientTls): Promise<EtcdClient> {
  const process = new LiveRuntime().process('client');
  const client = new EtcdClient({ process, connector: http2Connector(process, tls), endpoints, timeoutMs: 1500 });
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
