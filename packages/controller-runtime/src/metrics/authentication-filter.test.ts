import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TokenRequest } from '@coracle/api';
import { type ApiRequest, type Transport, TransportError } from '@coracle/apimachinery';
import { Clientset } from '@coracle/client';
import { SimRuntime } from '@coracle/simulator';
import { type Scene, scene } from '../fixtures/scene.ts';
import type { HttpRequest } from '../transport/http-server.ts';
import { withAuthenticationAndAuthorization } from './authentication-filter.ts';
import type { MetricsFilter } from './metrics-endpoint.ts';

const plain = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' };

function request(
  authorization: string | undefined,
  { method = 'GET', path = '/metrics', signal = new AbortController().signal } = {},
): HttpRequest {
  return { method, url: new URL(path, 'http://localhost'), headers: authorization === undefined ? {} : { authorization }, signal };
}

/** What a caller gets from behind `filter`: status and text. */
async function ask(filter: MetricsFilter, asked: HttpRequest): Promise<string> {
  const answer = await filter(asked, async () => ({ status: 200, headers: {}, body: 'metrics' }));
  if (answer.status !== 200) assert.deepEqual(answer.headers, plain);
  return `${answer.status} ${String(answer.body)}`;
}

async function tokenOf({ cluster, admin }: Scene, name: string, expirationSeconds = 3_600): Promise<string> {
  const accounts = admin.coreV1.serviceAccounts('default');
  await cluster.drive(accounts.create({ metadata: { name } }));
  const asked = { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', metadata: {}, spec: { expirationSeconds } };
  const { status } = await cluster.drive(accounts.subresource<TokenRequest>(name, 'token').create(asked));
  return status?.token ?? '';
}

/** Lets the ServiceAccount `name` get `/metrics`. */
async function allow({ cluster, admin }: Scene, name: string): Promise<void> {
  const { clusterRoles, clusterRoleBindings } = admin.rbacV1;
  await cluster.drive(clusterRoles().create({ metadata: { name }, rules: [{ nonResourceURLs: ['/metrics'], verbs: ['get'] }] }));
  await cluster.drive(
    clusterRoleBindings().create({
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace: 'default' }],
    }),
  );
}

describe('withAuthenticationAndAuthorization() before our API server', () => {
  test('lets through who may get /metrics, and refuses everybody else with upstream’s texts', async () => {
    const of = await scene();
    const allowed = await tokenOf(of, 'prometheus');
    const denied = await tokenOf(of, 'other');
    await allow(of, 'prometheus');
    const filter = withAuthenticationAndAuthorization(of.manager.clientset);
    const forbidden = 'Authorization denied for user system:serviceaccount:default:';
    for (const [asked, want] of [
      [request(`Bearer ${allowed}`), '200 metrics'],
      [request(` bEARER ${allowed} and more`), '200 metrics'],
      [request(`Bearer ${allowed}`, { method: 'POST' }), `403 ${forbidden}prometheus\n`],
      [request(`Bearer ${allowed}`, { path: '/debug' }), `403 ${forbidden}prometheus\n`],
      [request(`Bearer ${denied}`), `403 ${forbidden}other\n`],
      [request(undefined), '401 Unauthorized\n'],
      [request(''), '401 Unauthorized\n'],
      [request('Bearer'), '401 Unauthorized\n'],
      [request(`Bearer  ${allowed}`), '401 Unauthorized\n'],
      [request(`Basic ${allowed}`), '401 Unauthorized\n'],
      [request('Bearer x'), '500 Authentication failed\n'],
      [request(`Bearer ${allowed}x`), '500 Authentication failed\n'],
    ] as const) {
      assert.equal(
        await of.cluster.drive(ask(filter, asked)),
        want,
        `${asked.method} ${asked.url.pathname} ${asked.headers['authorization']}`,
      );
    }
  });

  test('a token that has expired is known until it is asked for again', async () => {
    const of = await scene();
    const token = await tokenOf(of, 'prometheus', 600);
    await allow(of, 'prometheus');
    const filter = withAuthenticationAndAuthorization(of.manager.clientset);
    await of.cluster.advance(599_000);
    const scrape = (): Promise<string> => of.cluster.drive(ask(filter, request(`Bearer ${token}`)));
    assert.equal(await scrape(), '200 metrics');
    await of.cluster.advance(30_000);
    assert.equal(await scrape(), '200 metrics');
    await of.cluster.advance(91_000); // real servers take it for a minute more
    assert.equal(await scrape(), '500 Authentication failed\n');
  });

  test('what was allowed is so for five minutes, what was refused for 30 seconds', async () => {
    const of = await scene();
    const token = await tokenOf(of, 'prometheus');
    const filter = withAuthenticationAndAuthorization(of.manager.clientset);
    const scrape = async (): Promise<string> => (await of.cluster.drive(ask(filter, request(`Bearer ${token}`)))).slice(0, 3);
    assert.equal(await scrape(), '403');
    await allow(of, 'prometheus');
    assert.equal(await scrape(), '403');
    await of.cluster.advance(30_000);
    assert.equal(await scrape(), '200');
    await of.cluster.drive(of.admin.rbacV1.clusterRoleBindings().delete('prometheus'));
    await of.cluster.advance(299_000);
    assert.equal(await scrape(), '200');
    await of.cluster.advance(2_000);
    assert.equal(await scrape(), '403');
  });

  test('a manager that may not ask for reviews lets nobody through', async () => {
    const of = await scene();
    const token = await tokenOf(of, 'prometheus');
    await allow(of, 'prometheus');
    const filter = withAuthenticationAndAuthorization(of.cluster.cluster.clientset('stranger', { name: 'stranger', groups: [] }));
    assert.equal(await of.cluster.drive(ask(filter, request(`Bearer ${token}`))), '500 Authentication failed\n');
  });

  test('a manager serves with it, its extra handlers too', async () => {
    const base = await scene();
    const token = await tokenOf(base, 'prometheus');
    await allow(base, 'prometheus');
    const manager = base.another({
      metrics: {
        port: 0,
        filterProvider: withAuthenticationAndAuthorization,
        extraHandlers: { '/debug/': async ({ url }) => ({ status: 200, headers: {}, body: url.pathname }) },
      },
    });
    const scrape = async (path: string, authorization?: string): Promise<number> =>
      (await base.cluster.drive(manager.answerMetrics(request(authorization, { path })))).status;
    assert.deepEqual(
      [
        await scrape('/metrics', `Bearer ${token}`),
        await scrape('/debug/x', `Bearer ${token}`),
        await scrape('/debug/x'),
        await scrape('/metrics'),
        await scrape('/none'),
      ],
      [200, 403, 401, 401, 404],
    );
  });
});

/** An API server of a few lines, for answers that ours does not give. */
function filterBefore(answer: (asked: ApiRequest, signal: AbortSignal | undefined) => Promise<unknown>): {
  readonly runtime: SimRuntime;
  readonly filter: MetricsFilter;
  readonly asked: string[];
  readonly logged: string[];
} {
  const logged: string[] = [];
  const runtime = new SimRuntime({
    log: ({ level, message, fields }) => (level === 'error' ? logged.push(`${message}: ${String(fields['error'])}`) : 0),
  });
  const asked: string[] = [];
  const transport: Transport = {
    async exchange(sent, options) {
      asked.push(sent.path);
      const object = (await answer(sent, options?.signal)) as Readonly<Record<string, unknown>>;
      return { status: Number(object['code'] ?? 201), headers: {}, body: { form: 'object', object } };
    },
    upgrade: () => Promise.reject(new TransportError('There is no upgrade', { executed: 'no' })),
  };
  const clientset = new Clientset({ process: runtime.process('operator'), transport });
  return { runtime, asked, logged, filter: withAuthenticationAndAuthorization(clientset) };
}

const reviewed = (status: object): object => ({ status });
const isTokenReview = ({ path }: ApiRequest): boolean => path.endsWith('/tokenreviews');

describe('withAuthenticationAndAuthorization() before a server in trouble', () => {
  test('500 after ten seconds when it does not answer', async () => {
    const { runtime, filter, logged } = filterBefore(() => new Promise(() => undefined));
    const startMs = runtime.process('clock').clock.monotonic();
    assert.equal(await runtime.drive(ask(filter, request('Bearer x'))), '500 Authentication failed\n');
    assert.equal(runtime.process('clock').clock.monotonic() - startMs, 10_000);
    assert.match(logged.join(), /^Authentication failed: TimeoutError: Deadline of 10000 ms exceeded$/);
    const half = filterBefore((sent) =>
      isTokenReview(sent) ? Promise.resolve(reviewed({ authenticated: true, user: { username: 'u' } })) : new Promise(() => undefined),
    );
    assert.equal(await half.runtime.drive(ask(half.filter, request('Bearer x'))), '500 Authorization for user u failed\n');
  });

  test('one review of each kind however many ask, and a caller that goes does not end it for the others', async () => {
    const { runtime, filter, asked } = filterBefore(async (sent) => {
      await runtime.process('server').clock.sleep(1_000);
      return reviewed(isTokenReview(sent) ? { authenticated: true, user: { username: 'u' } } : { allowed: true });
    });
    const gone = new AbortController();
    const first = ask(filter, request('Bearer x', { signal: gone.signal }));
    const others = Array.from({ length: 50 }, () => ask(filter, request('Bearer x')));
    await runtime.advance(500);
    gone.abort(new Error('The client has gone'));
    assert.equal(await runtime.drive(first), '500 Authentication failed\n');
    assert.deepEqual([...new Set(await runtime.drive(Promise.all(others)))], ['200 metrics']);
    assert.deepEqual(asked, ['/apis/authentication.k8s.io/v1/tokenreviews', '/apis/authorization.k8s.io/v1/subjectaccessreviews']);
  });

  test('what is likely to pass is tried five times, what is not once; failures are not kept', async () => {
    for (const { code, reason, tries } of [
      { code: 500, reason: 'InternalError', tries: 5 },
      { code: 504, reason: 'Timeout', tries: 5 },
      { code: 429, reason: 'TooManyRequests', tries: 5 },
      { code: 403, reason: 'Forbidden', tries: 1 },
      { code: 503, reason: 'ServiceUnavailable', tries: 1 },
    ]) {
      let isWell = false;
      const { runtime, filter, asked } = filterBefore(async (sent) => {
        if (!isWell) return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'no', reason, code };
        return reviewed(isTokenReview(sent) ? { authenticated: true, user: { username: 'u' } } : { allowed: true });
      });
      assert.equal(await runtime.drive(ask(filter, request('Bearer x'))), '500 Authentication failed\n', reason);
      assert.equal(asked.length, tries, reason);
      isWell = true;
      assert.equal(await runtime.drive(ask(filter, request('Bearer x'))), '200 metrics', reason);
    }
    const broken = filterBefore(() => Promise.reject(new TransportError('connection reset', { executed: 'unknown' })));
    assert.equal(await broken.runtime.drive(ask(broken.filter, request('Bearer x'))), '500 Authentication failed\n');
    assert.equal(broken.asked.length, 5);
    const refused = filterBefore(() => Promise.reject(new TransportError('connection refused', { executed: 'no' })));
    assert.equal(await refused.runtime.drive(ask(refused.filter, request('Bearer x'))), '500 Authentication failed\n');
    assert.equal(refused.asked.length, 1);
  });

  test('a token that nothing is said about is not asked for again in a minute, one that something is said about is', async () => {
    for (const { status, asks } of [
      { status: { authenticated: false }, asks: 1 },
      { status: { authenticated: false, error: 'the authenticator is down' }, asks: 2 },
    ]) {
      const { runtime, filter, asked, logged } = filterBefore(async () => reviewed(status));
      for (let i = 0; i < 2; i++) assert.equal(await runtime.drive(ask(filter, request('Bearer x'))), '500 Authentication failed\n');
      assert.equal(asked.length, asks);
      assert.match(logged[0] ?? '', status.error === undefined ? /invalid bearer token$/ : /the authenticator is down$/);
      await runtime.advance(60_000);
      await runtime.drive(ask(filter, request('Bearer x')));
      assert.equal(asked.length, asks + 1);
    }
  });

  test('asks for the user as the server knows it, with the group of those who are known', async () => {
    const user = { username: 'u', uid: '1', groups: ['g'], extra: { key: ['value'] } };
    for (const { known, groups } of [
      { known: user, groups: ['g', 'system:authenticated'] },
      { known: { ...user, groups: ['system:unauthenticated'] }, groups: ['system:unauthenticated'] },
      { known: { ...user, username: 'system:anonymous' }, groups: ['g'] },
    ]) {
      const bodies: unknown[] = [];
      const { runtime, filter } = filterBefore(async (sent) => {
        if (sent.body?.form === 'object') bodies.push(sent.body.object);
        return reviewed(isTokenReview(sent) ? { authenticated: true, user: known } : { allowed: true });
      });
      assert.equal(await runtime.drive(ask(filter, request('Bearer x', { method: 'HEAD', path: '/metrics?name=a' }))), '200 metrics');
      const metadata = {};
      assert.deepEqual(bodies, [
        { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', metadata, spec: { token: 'x' } },
        {
          kind: 'SubjectAccessReview',
          apiVersion: 'authorization.k8s.io/v1',
          metadata,
          spec: {
            user: known.username,
            uid: '1',
            groups,
            extra: { key: ['value'] },
            nonResourceAttributes: { path: '/metrics', verb: 'head' },
          },
        },
      ]);
    }
  });

  test('a server that both allows and denies is not trusted', async () => {
    const { runtime, filter, logged } = filterBefore(async (sent) =>
      reviewed(isTokenReview(sent) ? { authenticated: true, user: { username: 'u' } } : { allowed: true, denied: true }),
    );
    assert.equal(await runtime.drive(ask(filter, request('Bearer x'))), '500 Authorization for user u failed\n');
    assert.match(logged.join(), /both allow and deny/);
  });
});
