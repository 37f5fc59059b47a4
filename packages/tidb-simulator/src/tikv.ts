import { call, envOf, pause, podNameOf, readJsonText, response, type TidbContainer } from './container.ts';

const dataFile = '/var/lib/tikv/store.json';
const heartbeatMs = 10_000;
const retryMs = 1_000;

/** What a store keeps on its volume. */
interface StoreData {
  readonly id: number;
  readonly clusterId: string;
}

/** tikv-server: registers its store with PD, then says every 10 s that it lives. The store's id stays with the volume. */
export async function tikvProgram(container: TidbContainer): Promise<number> {
  const namespace = envOf(container, 'NAMESPACE');
  const pdUrl = `http://${envOf(container, 'CLUSTER_NAME')}-pd.${namespace}:2379`;
  const host = `${podNameOf(container)}.${envOf(container, 'HEADLESS_SERVICE_NAME')}.${namespace}.svc`;
  const resumed = container.resumed as StoreData | undefined; // our own checkpoint
  const data = resumed ?? (await register(container, pdUrl, host));
  if (data === undefined) return container.terminated.aborted ? 0 : 1;
  container.checkpoint(() => data);
  let leaders = 0;
  using _server = container.network.listen(20160);
  using _status = container.network.listen(20180, async ({ url }) => {
    if (url.pathname === '/status') return response(200, '');
    if (url.pathname === '/metrics')
      return response(200, `tikv_raftstore_region_count{type="leader"} ${leaders}\n`, 'text/plain; version=0.0.4');
    return response(404, '');
  });
  container.stdout.write(`TiKV store ${data.id} of cluster ${data.clusterId} serves on ${host}:20160\n`);
  do {
    const answer = await call(container, `${pdUrl}/sim/stores/${data.id}/heartbeat`, { method: 'POST' });
    if (answer?.status === 410) {
      container.stdout.write(`[FATAL] store ${data.id} is tombstone\n`);
      return 1;
    }
    const load = answer?.status === 200 ? readJsonText(answer.text) : undefined;
    if (typeof load === 'object' && load !== null && 'leaders' in load) leaders = Number(load.leaders);
  } while (await pause(container, heartbeatMs, { background: true }));
  return 0;
}

/** Tries until PD answers. A refusal (duplicate address, tombstone) ends the program, as the real one panics. */
async function register(container: TidbContainer, pdUrl: string, host: string): Promise<StoreData | undefined> {
  const kept = readJsonText(container.files.read(dataFile) ?? '') as StoreData | undefined; // written below
  do {
    const answer = await call(container, `${pdUrl}/sim/stores`, {
      method: 'POST',
      body: { ...(kept && { id: kept.id }), address: `${host}:20160`, statusAddress: `${host}:20180`, version: versionOf(container) },
    });
    if (answer === undefined || answer.status >= 500) continue;
    if (answer.status >= 400) {
      container.stdout.write(`[FATAL] PD refused the store: ${answer.text}`);
      return undefined;
    }
    const data = readJsonText(answer.text) as StoreData; // from the PD program
    container.files.write(dataFile, JSON.stringify(data));
    return Object.freeze(data);
  } while (await pause(container, retryMs, { background: false }));
  return undefined;
}

function versionOf(container: TidbContainer): string {
  return container.image?.split(':')[1]?.replace(/^v/, '') ?? '8.5.7';
}
