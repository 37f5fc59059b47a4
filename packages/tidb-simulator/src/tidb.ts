import { untilAborted } from '@coracle/kernel';
import { call, envOf, pause, podNameOf, readJsonText, response, type TidbContainer } from './container.ts';

const retryMs = 1_000;

/** tidb-server: starts once PD has a store that is Up, then serves its MySQL port (connections only) and its status port. */
export async function tidbProgram(container: TidbContainer): Promise<number> {
  const namespace = envOf(container, 'NAMESPACE');
  const pdUrl = `http://${envOf(container, 'CLUSTER_NAME')}-pd.${namespace}:2379`;
  if (container.resumed === undefined && !(await waitForStore(container, pdUrl))) return 0;
  container.checkpoint(() => Object.freeze({ started: true }));
  const version = `8.0.11-TiDB-${container.image?.split(':')[1] ?? 'v8.5.7'}`;
  using _mysql = container.network.listen(4000);
  using _status = container.network.listen(10080, async ({ method, url }) => {
    if (url.pathname === '/status') return response(200, JSON.stringify({ connections: 0, version, git_hash: '' }));
    if (url.pathname === '/info')
      return response(
        200,
        JSON.stringify({ is_owner: podNameOf(container).endsWith('-0'), version, listening_port: 4000, status_port: 10080 }),
      );
    if (url.pathname === '/labels' && method === 'POST') return response(200, '');
    if (url.pathname === '/metrics') return response(200, 'tidb_server_connections 0\n', 'text/plain; version=0.0.4');
    return response(404, '');
  });
  container.stdout.write(`TiDB ${version} serves on 4000\n`);
  await untilAborted(container.terminated);
  return 0;
}

async function waitForStore(container: TidbContainer, pdUrl: string): Promise<boolean> {
  for (;;) {
    const answer = await call(container, `${pdUrl}/pd/api/v1/stores`);
    if (answer?.status === 200 && hasStoreUp(readJsonText(answer.text))) return true;
    if (!(await pause(container, retryMs, { background: false }))) return false;
  }
}

function hasStoreUp(body: unknown): boolean {
  if (typeof body !== 'object' || body === null || !('stores' in body) || !Array.isArray(body.stores)) return false;
  return body.stores.some((one: { readonly store?: { readonly state_name?: unknown } }) => one.store?.state_name === 'Up');
}
