import path from 'node:path';
import type { Benchmark } from './benchmark.ts';
import { TemporaryFolder } from './bundle.ts';
import { EtcdClients, EtcdServer, hasEtcd } from './etcd-servers.ts';
import { besideEtcd, putRound } from './store-rounds.ts';

const inFlight = 64;

export const storeMembers: Benchmark = {
  name: 'store-members',
  summary: 'puts of 1 KB to clusters of three members on this machine, 64 in flight, in turn with three of etcd; CPU of all three together',
  async run(report) {
    if (!hasEtcd('store-members')) return;
    using folder = new TemporaryFolder();
    await using stack = new AsyncDisposableStack();
    const started = async (name: 'etcd' | 'coracle'): Promise<readonly EtcdServer[]> => {
      const servers = await EtcdServer.startThree(name, path.join(folder.path, name));
      for (const server of servers) stack.use(server);
      return servers;
    };
    const [etcd, coracle] = [await started('etcd'), await started('coracle')];
    const clientsOf = (servers: readonly EtcdServer[]): EtcdClients =>
      stack.use(
        new EtcdClients(
          servers.map(({ url }) => url),
          9,
        ),
      );
    const [ofEtcd, ofCoracle] = [clientsOf(etcd), clientsOf(coracle)];
    await putRound(coracle, ofCoracle, inFlight, 3_000); // code that is not compiled yet
    const { rounds, figures } = await besideEtcd({
      etcd: () => putRound(etcd, ofEtcd, inFlight),
      coracle: () => putRound(coracle, ofCoracle, inFlight),
    });
    report({ durable: folder.isOnDisk, count: inFlight, rounds, figures });
  },
};
