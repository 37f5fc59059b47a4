import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LiveRuntime } from '@coracle/kernel';
import { noRealEtcd, RealEtcd } from '../contract/real-etcd.ts';
import { serveStore } from '../v3/serve-store.ts';
import { EtcdClient } from './client.ts';
import { type ClientBench, clientContract } from './client-contract.ts';
import { http2Connector } from './transport/http2-connector.ts';

let tests = 0;

/** A client of its own for each test, over sockets. */
function benchOf(urls: () => readonly string[]): (t: TestContext) => Promise<ClientBench> {
  return async (t) => {
    const process = new LiveRuntime({ onFailure: ({ error }) => t.diagnostic(String(error)) }).process('client');
    const client = new EtcdClient({ process, connector: http2Connector(process), endpoints: urls() });
    t.after(async () => {
      client.close();
      await process.stop();
    });
    return {
      client,
      prefix: `/test-${tests++}/`,
      drive: (work) => work,
      async until(condition) {
        for (let i = 0; i < 600 && !condition(); i++) await sleep(20);
        if (!condition()) throw new Error('it does not happen');
      },
    };
  };
}

// Side by side: on both, a lease takes its seconds.
describe('over sockets', { concurrency: true }, () => {
  describe('of our own server with a disk', { concurrency: 1 }, () => {
    let directory: string;
    let stop: () => Promise<void>;
    let urls: readonly string[] = [];
    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'store-'));
      const process = new LiveRuntime().process('etcd');
      const served = await serveStore({ process, directory, name: 'default', listen: [{ host: '127.0.0.1', port: 0 }] });
      urls = served.urls;
      stop = async () => {
        await served.stop();
        await process.stop();
      };
    });
    after(async () => {
      await stop();
      await rm(directory, { recursive: true });
    });
    clientContract(
      'EtcdClient',
      benchOf(() => urls),
    );
  });

  if (noRealEtcd !== false) test('EtcdClient of etcd itself', { skip: noRealEtcd }, () => undefined);
  else {
    describe('of etcd itself', { concurrency: 1 }, () => {
      let etcd: RealEtcd | undefined;
      before(async () => {
        etcd = await RealEtcd.start();
      });
      after(() => etcd?.stop());
      clientContract(
        'EtcdClient',
        benchOf(() => etcd?.urls ?? []),
      );
    });
  }
});
