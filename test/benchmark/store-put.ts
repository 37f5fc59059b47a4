import path from 'node:path';
import type { Benchmark } from './benchmark.ts';
import { TemporaryFolder } from './bundle.ts';
import { EtcdClients, EtcdServer, hasEtcd } from './etcd-servers.ts';
import { besideEtcd, putRound } from './store-rounds.ts';

export const storePut: Benchmark = {
  name: 'store-put',
  summary: 'puts of 1 KB through gRPC, 1, 16, 64 and 256 in flight, in turn with a real etcd on the same disk',
  async run(report) {
    if (!hasEtcd('store-put')) return;
    using folder = new TemporaryFolder();
    await using etcd = await EtcdServer.start('etcd', path.join(folder.path, 'etcd'));
    await using coracle = await EtcdServer.start('coracle', path.join(folder.path, 'coracle'));
    await using ofEtcd = new EtcdClients(etcd.url, 8);
    await using ofCoracle = new EtcdClients(coracle.url, 8);
    // Code that is not compiled yet is no part of what a put costs, and with one in flight it takes long until it is.
    await putRound([coracle], ofCoracle, 64, warmMs);
    for (const inFlight of [1, 16, 64, 256]) {
      const { rounds, figures } = await besideEtcd({
        etcd: () => putRound([etcd], ofEtcd, inFlight),
        coracle: () => putRound([coracle], ofCoracle, inFlight),
      });
      report({ durable: folder.isOnDisk, count: inFlight, rounds, figures });
    }
  },
};

const warmMs = 4_000;
