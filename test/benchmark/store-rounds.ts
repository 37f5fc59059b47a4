import { median } from './benchmark.ts';
import type { EtcdClients, EtcdServer, ServerName } from './etcd-servers.ts';

const rounds = 7;
const roundMs = 700;
export const value: Uint8Array = new Uint8Array(1024).fill(65);

export interface Round {
  readonly perSecond: number;
  /** For each of what was counted. */
  readonly cpuUs: number;
}

/** Rounds of both in turn, after one that does not count; the ratios are medians of those of the rounds. */
export async function besideEtcd(
  measure: Readonly<Record<ServerName, () => Promise<Round>>>,
): Promise<{ readonly rounds: number; readonly figures: Record<string, number> }> {
  const results: Record<ServerName, Round[]> = { etcd: [], coracle: [] };
  for (let i = 0; i <= rounds; i++) {
    const [etcd, coracle] = [await measure.etcd(), await measure.coracle()];
    if (i === 0) continue;
    results.etcd.push(etcd);
    results.coracle.push(coracle);
  }
  const medianOf = (name: ServerName, figure: keyof Round): number => median(results[name].map((round) => round[figure]));
  const ratioOf = (figure: keyof Round): number =>
    median(results.coracle.map((ours, i) => ours[figure] / (results.etcd[i]?.[figure] ?? Number.NaN)));
  const figures = {
    etcd_per_second: medianOf('etcd', 'perSecond'),
    coracle_per_second: medianOf('coracle', 'perSecond'),
    etcd_cpu_us: medianOf('etcd', 'cpuUs'),
    coracle_cpu_us: medianOf('coracle', 'cpuUs'),
    rate_ratio: ratioOf('perSecond'),
    cpu_ratio: ratioOf('cpuUs'),
  };
  return { rounds, figures };
}

/** CPU time of all members of a cluster. */
export function cpuOf(servers: readonly EtcdServer[]): number {
  return servers.reduce((sum, server) => sum + server.cpuUs(), 0);
}

/** As many puts of 1 KB as so many workers can do in a while. */
export async function putRound(
  servers: readonly EtcdServer[],
  clients: EtcdClients,
  inFlight: number,
  lastsMs: number = roundMs,
): Promise<Round> {
  const cpuUs = cpuOf(servers);
  const { puts, perSecond } = await putting(inFlight, (key, worker) => clients.put(key, value, worker), lastsMs);
  return { perSecond, cpuUs: (cpuOf(servers) - cpuUs) / puts };
}

/** So many workers put one key after the other, each a thousand of its own again and again. */
export async function putting(
  workers: number,
  put: (key: string, worker: number) => Promise<unknown>,
  lastsMs: number = roundMs,
): Promise<{ readonly puts: number; readonly perSecond: number }> {
  const startedMs = performance.now();
  let puts = 0;
  const work = async (worker: number): Promise<void> => {
    for (let i = 0; performance.now() - startedMs < lastsMs; i++, puts++) await put(`/k/${worker}/${i % 1000}`, worker);
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  return { puts, perSecond: (puts * 1000) / (performance.now() - startedMs) };
}
