import { untilAborted } from '@coracle/kernel';
import { call, envOf, readJsonText, response, type TidbContainer } from './container.ts';

interface Callers {
  readonly names: readonly string[];
  /** Who was told to start a new cluster. */
  readonly initial: string | undefined;
}

/**
 * tidb-discovery: tells each PD whether to start a cluster or to join one (upstream: pkg/discovery/discovery.go). The real
 * one reads replicas from the TidbCluster; this one from PD_REPLICAS.
 */
export async function discoveryProgram(container: TidbContainer): Promise<number> {
  const cluster = envOf(container, 'TC_NAME');
  const namespace = envOf(container, 'MY_POD_NAMESPACE');
  const replicas = Number(envOf(container, 'PD_REPLICAS'));
  let callers: Callers = readCallers(container.resumed);
  container.checkpoint(() => callers);
  using _discovery = container.network.listen(10261, async ({ url }) => {
    const encoded = /^\/new\/([A-Za-z0-9+/=_%-]{1,1024})(\/pd)?$/.exec(url.pathname)?.[1];
    if (encoded === undefined) return response(404, 'not found\n', 'text/plain');
    const caller = decodeCaller(encoded);
    if (caller === undefined) return response(400, 'the name is no base64 of host:port\n', 'text/plain');
    const join = await joinList(container, `http://${cluster}-pd.${namespace}:2379`, caller);
    if (join !== undefined && join.length > 0) return response(200, `--join=${join.join(',')}`, 'text/plain');
    const names = callers.names.includes(caller.name) ? callers.names : [...callers.names, caller.name];
    const isCompleting = callers.initial === caller.name || (callers.initial === undefined && names.length >= replicas);
    callers = Object.freeze({ names: Object.freeze(names), initial: isCompleting ? caller.name : callers.initial });
    if (isCompleting) return response(200, `--initial-cluster=${caller.name}=http://${caller.host}:2380`, 'text/plain');
    return response(
      500,
      `there are still ${Math.max(0, replicas - names.length)} PD to come, or the first has not started\n`,
      'text/plain',
    );
  });
  using _proxy = container.network.listen(10262, async () => response(502, 'the dashboard is not served\n', 'text/plain'));
  container.stdout.write(`discovery of ${cluster} listens on 10261\n`);
  await untilAborted(container.terminated);
  return 0;
}

/** Client URLs of the members that a new one joins; undefined when PD does not answer. */
async function joinList(
  container: TidbContainer,
  pdUrl: string,
  caller: { readonly name: string },
): Promise<readonly string[] | undefined> {
  const answer = await call(container, `${pdUrl}/pd/api/v1/members`);
  if (answer?.status !== 200) return undefined;
  const body = readJsonText(answer.text);
  if (typeof body !== 'object' || body === null || !('members' in body) || !Array.isArray(body.members)) return undefined;
  return body.members.flatMap((member: { readonly name?: unknown; readonly client_urls?: unknown }) =>
    member.name === caller.name || !Array.isArray(member.client_urls) ? [] : member.client_urls.map(String),
  );
}

function decodeCaller(encoded: string): { readonly name: string; readonly host: string } | undefined {
  const text = Buffer.from(encoded.replaceAll('%2B', '+').replaceAll('%2F', '/').replaceAll('%3D', '='), 'base64').toString();
  const match = /^(([a-z0-9-]+)\.[a-z0-9.-]+):\d+$/.exec(text);
  return match === null ? undefined : { host: match[1] ?? '', name: match[2] ?? '' };
}

function readCallers(resumed: unknown): Callers {
  return resumed === undefined ? { names: [], initial: undefined } : (resumed as Callers); // our own checkpoint
}
