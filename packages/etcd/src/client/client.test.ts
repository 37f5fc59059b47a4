import { SimRuntime } from '@coracle/simulator';
import { serverOver } from '../v3/server-over.ts';
import { MemoryStore } from '../store.ts';
import { EtcdClient } from './client.ts';
import { type ClientBench, clientContract } from './client-contract.ts';
import { InProcessServers } from './in-process.ts';

const endpoint = 'http://etcd:2379';

async function simulated(): Promise<ClientBench> {
  const runtime = new SimRuntime({ seed: 7 });
  const server = runtime.process('etcd');
  const process = runtime.process('client');
  const servers = new InProcessServers(process);
  servers.up(endpoint, serverOver(server, new MemoryStore({ process: server })));
  return {
    client: new EtcdClient({ process, connector: servers, endpoints: [endpoint] }),
    prefix: '/test/',
    drive: (work) => runtime.drive(work),
    until: async (condition) => {
      for (let i = 0; i < 100 && !condition(); i++) await runtime.advance(100);
      if (!condition()) throw new Error('it does not happen');
    },
  };
}

clientContract('EtcdClient of a store in memory', simulated);
