import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EtcdClient, http2Connector } from '@coracle/etcd';
import { LiveRuntime } from '@coracle/kernel';
import { noRealEtcd, RealEtcd } from '@coracle/etcd/contract';
import { Etcd3Storage } from './etcd3.ts';
import { type StorageBench, storageContract } from './storage-contract.ts';

let tests = 0;

function benchOf(urls: () => readonly string[]): (t: TestContext) => Promise<StorageBench> {
  return async (t) => {
    const process = new LiveRuntime().process('kube-apiserver');
    const client = new EtcdClient({ process, connector: http2Connector(process), endpoints: urls() });
    t.after(async () => {
      client.close();
      await process.stop();
    });
    return {
      storage: new Etcd3Storage({ process, client }),
      prefix: `/registry/configmaps/test-${tests++}/`,
      drive: (work) => work,
      async until(condition) {
        for (let i = 0; i < 600; i++) {
          if (await condition()) return;
          await sleep(20);
        }
        throw new Error('it does not happen');
      },
    };
  };
}

if (noRealEtcd !== false) test('Etcd3Storage in etcd itself', { skip: noRealEtcd }, () => undefined);
else {
  describe('in etcd itself', () => {
    let etcd: RealEtcd | undefined;
    before(async () => {
      etcd = await RealEtcd.start();
    });
    after(() => etcd?.stop());
    storageContract(
      'Etcd3Storage',
      benchOf(() => etcd?.urls ?? []),
    );
  });
}
