import { apiVersion } from './maintenance-service.ts';
import type { V3Context } from './v3-context.ts';

/** An answer of the HTTP side of the client port. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const plainText = 'text/plain; charset=utf-8';
const livezChecks = ['serializable_read'] as const;
const readyzChecks = ['data_corruption', 'serializable_read', 'linearizable_read', 'non_learner'] as const;
type Check = (typeof readyzChecks)[number];

/** What the client port answers to plain HTTP (etcdserver/api/etcdhttp): probes, version and metrics. */
export async function httpAnswer(context: V3Context, method: string, url: string): Promise<HttpAnswer> {
  const [path = '', search = ''] = url.split('?', 2);
  if (method !== 'GET') return { status: 405, contentType: plainText, body: 'Method Not Allowed\n' };
  const query = new URLSearchParams(search);
  switch (path) {
    case '/health':
      return health(context, query);
    case '/livez':
      return probe(context, livezChecks, query);
    case '/readyz':
      return probe(context, readyzChecks, query);
    case '/version': {
      const version = apiVersion.replace(/\.\d+$/, '.0');
      return {
        status: 200,
        contentType: 'application/json',
        body: JSON.stringify({ etcdserver: apiVersion, etcdcluster: version, storage: version }),
      };
    }
    case '/metrics':
      return { status: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body: context.process.metrics.text() };
    default: {
      const [, kind = '', name = ''] = /^\/(livez|readyz)\/(.+)$/.exec(path) ?? [];
      const check = (kind === 'livez' ? livezChecks : kind === 'readyz' ? readyzChecks : []).find((one) => one === name);
      return check === undefined ? { status: 404, contentType: plainText, body: '404 page not found\n' } : probe(context, [check], query);
    }
  }
}

async function health(context: V3Context, query: URLSearchParams): Promise<HttpAnswer> {
  const excluded = new Set(query.getAll('exclude'));
  const isSerializable = query.get('serializable') === 'true';
  const reason = await illness(context, excluded, isSerializable);
  const body = JSON.stringify({ health: reason === '' ? 'true' : 'false', reason });
  return reason === '' ? { status: 200, contentType: plainText, body } : { status: 503, contentType: plainText, body: `${body}\n` };
}

async function illness(context: V3Context, excluded: ReadonlySet<string>, isSerializable: boolean): Promise<string> {
  const raised = context.store.alarms.find(({ type }) => !excluded.has(type.toUpperCase()));
  if (raised !== undefined) return `ALARM ${raised.type.toUpperCase()}`;
  if (isSerializable) return '';
  if (context.cluster.status().leader === 0n) return 'RAFT NO LEADER';
  const failure = await failureOf(context, 'linearizable_read');
  return failure === undefined ? '' : `RANGE ERROR:${failure}`;
}

async function probe(context: V3Context, checks: readonly Check[], query: URLSearchParams): Promise<HttpAnswer> {
  const excluded = new Set(query.getAll('exclude'));
  let report = '';
  let isFine = true;
  for (const check of checks) {
    if (checks.length > 1 && excluded.has(check)) continue;
    const failure = await failureOf(context, check);
    report += failure === undefined ? `[+]${check} ok\n` : `[-]${check} failed: ${failure}\n`;
    isFine &&= failure === undefined;
  }
  if (!isFine) return { status: 503, contentType: plainText, body: `${report}\n` };
  return { status: 200, contentType: plainText, body: query.has('verbose') ? `${report}ok\n` : 'ok\n' };
}

/** Why the check fails; undefined when it does not. */
async function failureOf({ store, cluster }: V3Context, check: Check): Promise<string | undefined> {
  switch (check) {
    case 'data_corruption':
      return store.alarms.some(({ type }) => type === 'corrupt') ? 'alarm activated: CORRUPT' : undefined;
    case 'non_learner':
      return cluster.status().isLearner ? 'local is learner' : undefined;
    case 'serializable_read':
      store.range({ key: '\0', limit: 1, keysOnly: true });
      return undefined;
    case 'linearizable_read':
      try {
        await store.linearized();
        return undefined;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
  }
}
