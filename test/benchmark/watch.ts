import type { ClientHttp2Stream } from 'node:http2';
import { type Benchmark, inRounds, medians, ownCpuUs } from './benchmark.ts';
import { configMapBody, createNamespace, objectsOfNamespace } from './config-maps.ts';
import { freshBundle } from './fresh-bundle.ts';
import { type LoadClient, loadClients, spread } from './load-client.ts';

const rounds = 3;
const writers = 8;
const connections = 8;
const dataBytes = 256;
const newline = 10;
const cases = [
  { watchers: 100, updates: 1_000 },
  { watchers: 1_000, updates: 200 },
] as const;

export const watch: Benchmark = {
  name: 'watch',
  summary: 'fan-out of updates, as fast as 8 writers make them, to 100 and 1,000 watches on 8 connections',
  async run(report) {
    await using fresh = await freshBundle();
    const { bundle, durable } = fresh;
    const watchClients = await loadClients(bundle.config, connections);
    const writeClients = await loadClients(bundle.config, writers);
    const [client] = writeClients;
    if (client === undefined) return;
    for (const { watchers, updates } of cases) {
      const count = watchers * updates;
      const results = await inRounds(rounds, async (round) => {
        const path = await createNamespace(client, `bench-${watchers}-${round}`);
        for (let i = 0; i < writers; i++) await client.send('POST', path, configMapBody(`object-${i}`, dataBytes));
        const watches = new Watches(watchClients, path, watchers);
        await watches.receive(watchers * (writers + objectsOfNamespace));
        const bodies = Array.from({ length: writers }, (_, i) => configMapBody(`object-${i}`, dataBytes));
        const [serverUs, clientUs, startedMs] = [bundle.cpuUs(), ownCpuUs(), performance.now()];
        // Every update has other data: an update that changes nothing is no event.
        const write = spread(writeClients, updates, (each, i) => {
          const object = i % writers;
          const body = Buffer.from(bodies[object] ?? []);
          body.write(String(i).padStart(8, '0'), body.lastIndexOf('"') - 8);
          return each.send('PUT', `${path}/object-${object}`, body);
        });
        await Promise.all([write, watches.receive(count)]);
        const ms = performance.now() - startedMs;
        const figures = {
          events_per_s: (count / ms) * 1000,
          server_cpu_us_per_event: (bundle.cpuUs() - serverUs) / count,
          client_cpu_us_per_event: (ownCpuUs() - clientUs) / count,
        };
        watches.close();
        return figures;
      });
      report({ durable, count, rounds, figures: { watchers, ...medians(results) } });
    }
    for (const each of [...watchClients, ...writeClients]) each[Symbol.dispose]();
  },
};

/** Open watches of one collection, which count the ends of lines and read nothing else of what comes. */
class Watches {
  readonly #streams: readonly ClientHttp2Stream[];
  #events = 0;
  #claimed = 0;
  #look: () => void = () => undefined;

  constructor(clients: readonly LoadClient[], path: string, count: number) {
    this.#streams = Array.from({ length: count }, (_, i) => {
      const client = clients[i % clients.length];
      if (client === undefined) throw new RangeError('Watches without a client');
      return client.open('GET', `${path}?watch=true`).on('data', (chunk: Buffer) => {
        for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, at + 1)) this.#events++;
        this.#look();
      });
    });
  }

  /** Resolves when all watches together have seen `events` more than were asked for before. */
  receive(events: number): Promise<void> {
    this.#claimed += events;
    return new Promise((resolve) => {
      this.#look = () => {
        if (this.#events >= this.#claimed) resolve();
      };
      this.#look();
    });
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
  }
}
