import { EtcdClient, InProcessServers, MemoryStore, serverOver } from '@coracle/etcd';
import { SimRuntime } from '@coracle/simulator';
import { EmbeddedStorage } from './embedded.ts';
import { Etcd3Storage } from './etcd3.ts';
import type { Storage } from './storage.ts';
import { type StorageBench, storageContract } from './storage-contract.ts';

function simulated(open: (runtime: SimRuntime) => Storage): () => Promise<StorageBench> {
  return async () => {
    const runtime = new SimRuntime({ seed: 3 });
    return {
      storage: open(runtime),
      prefix: '/registry/configmaps/default/',
      drive: (work) => runtime.drive(work),
      async until(condition) {
        for (let i = 0; i < 100; i++) {
          if (await condition()) return;
          await runtime.advance(100);
        }
        throw new Error('it does not happen');
      },
    };
  };
}

storageContract(
  'EmbeddedStorage',
  simulated((runtime) => new EmbeddedStorage(new MemoryStore({ process: runtime.process('etcd') }))),
);

storageContract(
  'Etcd3Storage',
  simulated((runtime) => {
    const server = runtime.process('etcd');
    const process = runtime.process('kube-apiserver');
    const servers = new InProcessServers(process);
    servers.up('http://etcd:2379', serverOver(server, new MemoryStore({ process: server })));
    const client = new EtcdClient({ process, connector: servers, endpoints: ['http://etcd:2379'] });
    return new Etcd3Storage({ process, client });
  }),
);
