import { setTimeout as wait } from 'node:timers/promises';
import type { Benchmark } from './benchmark.ts';
import { configMapBody, createNamespace } from './config-maps.ts';
import { freshBundle } from './fresh-bundle.ts';
import { loadClients, spread } from './load-client.ts';

const count = 100_000;
/** Of data: with its name and the rest of its metadata such an object is about 200 bytes of JSON as it is sent. */
const dataBytes = 100;
const restMs = 5_000;
const connections = 8;
const parallel = 64;

export const memory100k: Benchmark = {
  name: 'memory-100k',
  summary: 'resident memory that 100,000 ConfigMaps of about 200 bytes bring',
  async run(report) {
    await using fresh = await freshBundle();
    const { bundle, durable } = fresh;
    const clients = await loadClients(bundle.config, connections);
    const [client] = clients;
    if (client === undefined) return;
    const path = await createNamespace(client, 'bench');
    await wait(restMs);
    const before = bundle.rssMiB();
    await spread(
      Array.from({ length: parallel }, (_, i) => clients[i % connections] ?? client),
      count,
      (each, i) => each.send('POST', path, configMapBody(`object-${i}`, dataBytes)),
    );
    const atOnce = bundle.rssMiB();
    await wait(restMs);
    const after = bundle.rssMiB();
    for (const each of clients) each[Symbol.dispose]();
    report({
      durable,
      count,
      rounds: 1,
      figures: {
        before_MiB: before,
        at_once_MiB: atOnce,
        after_5s_MiB: after,
        per_object_B: ((after - before) * 1024 * 1024) / count,
        sent_per_object_B: configMapBody('object-50000', dataBytes).length,
      },
    });
  },
};
