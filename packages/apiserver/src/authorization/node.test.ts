import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import type { Method } from '@coracle/apimachinery';
import { mastersGroup, type UserInfo } from '../authentication/user.ts';
import { startWholeServer, type WholeServer } from '../recorded/whole-server.fixture.ts';

type Asked = readonly [method: Method, path: string, body?: object | null];
type Answered = readonly [...Required<Asked>, status: number, message: string];

interface Recording {
  readonly csrs: Readonly<Record<string, string>>;
  readonly setup: readonly Asked[];
  readonly reads: readonly Answered[];
  readonly writes: readonly Answered[];
}

const recorded = JSON.parse(readFileSync(path.join(import.meta.dirname, 'testdata/node-access.json'), 'utf8')) as Recording;

const admin: UserInfo = { name: 'admin', groups: [mastersGroup] };
const node = (name: string): UserInfo => ({ name: `system:node:${name}`, groups: ['system:nodes', 'system:authenticated'] });

/** A server with two nodes, a pod on each, and what these refer to. */
class Nodes {
  readonly #whole: WholeServer;
  readonly #uids = new Map<string, string>();

  private constructor(whole: WholeServer) {
    this.#whole = whole;
  }

  static async start(): Promise<Nodes> {
    const nodes = new Nodes(await startWholeServer());
    const account: Asked = ['POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } }];
    for (const asked of [account, ...recorded.setup]) {
      const { status, message } = await nodes.ask(admin, asked);
      assert.ok(status < 300 || status === 409, `${asked[1]}: ${message}`);
    }
    for (const [resource, names] of Object.entries({ nodes: ['n1', 'n2'], 'namespaces/default/pods': ['a', 'b'] }))
      for (const name of names) nodes.#uids.set(name, (await nodes.ask(admin, ['GET', `/api/v1/${resource}/${name}`])).uid);
    return nodes;
  }

  async ask(
    user: UserInfo,
    [method, target, body]: Asked,
  ): Promise<{ readonly status: number; readonly message: string; readonly uid: string }> {
    const [bare = '', search = ''] = target.split('?');
    const text = body === undefined || body === null ? undefined : this.#filled(JSON.stringify(body));
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const { runtime, server } = this.#whole;
    const response = await runtime.drive(
      server.handle(
        {
          method,
          path: bare,
          query: [...new URLSearchParams(search)],
          headers: { 'content-type': contentType },
          ...(text === undefined ? {} : { body: { form: 'bytes', contentType, bytes: new TextEncoder().encode(text) } as const }),
        },
        { user, form: 'bytes', signal: new AbortController().signal },
      ),
    );
    assert.ok('body' in response && response.body.form === 'bytes');
    const value = JSON.parse(new TextDecoder().decode(response.body.bytes)) as {
      readonly message?: string;
      readonly metadata?: { readonly uid?: string };
    };
    const { message = '', metadata } = value;
    return { status: response.status, message: response.status < 300 ? '' : this.#masked(message), uid: metadata?.uid ?? '' };
  }

  #filled(text: string): string {
    return text
      .replaceAll(/\{uid:(\w+)\}/g, (_all, name: string) => this.#uids.get(name) ?? '')
      .replaceAll(/\{csr:(\w+)\}/g, (_all, name: string) => recorded.csrs[name] ?? '');
  }

  #masked(message: string): string {
    let masked = message;
    for (const [name, uid] of this.#uids) masked = masked.replaceAll(uid, `{uid:${name}}`);
    return masked;
  }
}

describe('a node', () => {
  for (const kind of ['reads', 'writes'] as const) {
    test(`${kind} what the real server lets it, and is refused all else in the same words`, async () => {
      const nodes = await Nodes.start();
      const got: unknown[] = [];
      for (const [method, target, body] of recorded[kind]) {
        const { status, message } = await nodes.ask(node('n1'), [method, target, body]);
        got.push([method, target, body, status, message]);
      }
      assert.deepEqual(got, recorded[kind]);
    });
  }

  const secret: Asked = ['GET', '/api/v1/namespaces/default/secrets/s-vol'];
  const refusal = /no relationship found between node 'n1' and this object/;

  test('reads what its pod refers to from the binding to the end of the pod', async () => {
    const nodes = await Nodes.start();
    const spec = {
      automountServiceAccountToken: false,
      containers: [{ name: 'c', image: 'c' }],
      volumes: [{ name: 'v', secret: { secretName: 's-other' } }],
    };
    const other: Asked = ['GET', '/api/v1/namespaces/default/secrets/s-other'];
    await nodes.ask(admin, ['POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'late' }, spec }]);
    assert.match((await nodes.ask(node('n1'), other)).message, refusal);
    await nodes.ask(admin, [
      'POST',
      '/api/v1/namespaces/default/pods/late/binding',
      { metadata: { name: 'late' }, target: { name: 'n1' } },
    ]);
    assert.equal((await nodes.ask(node('n1'), other)).status, 200);
    await nodes.ask(admin, ['DELETE', '/api/v1/namespaces/default/pods/late?gracePeriodSeconds=0']);
    assert.match((await nodes.ask(node('n1'), other)).message, refusal);
    assert.equal((await nodes.ask(node('n1'), secret)).status, 200);
  });

  test('gets the names of claims that are made for its pod later', async () => {
    const nodes = await Nodes.start();
    const claim: Asked = ['GET', '/apis/resource.k8s.io/v1/namespaces/default/resourceclaims/made'];
    const spec = {
      nodeName: 'n1',
      automountServiceAccountToken: false,
      containers: [{ name: 'c', image: 'c' }],
      resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 't' }],
    };
    await nodes.ask(admin, ['POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'dra' }, spec }]);
    assert.match((await nodes.ask(node('n1'), claim)).message, refusal);
    const status = { resourceClaimStatuses: [{ name: 'gpu', resourceClaimName: 'made' }] };
    await nodes.ask(admin, ['PATCH', '/api/v1/namespaces/default/pods/dra/status', { status }]);
    assert.equal((await nodes.ask(node('n1'), claim)).message, 'resourceclaims.resource.k8s.io "made" not found');
  });

  test('gets nothing by a pod that mirrors a file of its own', async () => {
    const nodes = await Nodes.start();
    const mirror = { name: 'm', annotations: { 'kubernetes.io/config.mirror': 'x' } };
    const spec = { nodeName: 'n1', containers: [{ name: 'c', image: 'c' }], volumes: [{ name: 'v', configMap: { name: 'm-other' } }] };
    assert.equal((await nodes.ask(admin, ['POST', '/api/v1/namespaces/default/pods', { metadata: mirror, spec }])).status, 201);
    assert.match((await nodes.ask(node('n1'), ['GET', '/api/v1/namespaces/default/configmaps/m-other'])).message, refusal);
  });

  test('without a name may nothing', async () => {
    const nodes = await Nodes.start();
    assert.match((await nodes.ask(node(''), secret)).message, /: node: unknown node for user "system:node:"$/);
  });

  test('that is no member of system:nodes is a user like any other', async () => {
    const nodes = await Nodes.start();
    const { message } = await nodes.ask({ name: 'system:node:n1', groups: ['system:authenticated'] }, secret);
    assert.match(message, /in the namespace "default"$/);
  });
});

describe('a review of what a node may', () => {
  test('lists what everybody may, and says that there may be more', async () => {
    const { server, runtime } = await startWholeServer();
    const path = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews';
    const body = { form: 'object', object: { spec: { namespace: 'default' } } } as const;
    const request = { method: 'POST', path, query: [], headers: {}, body } as const;
    const response = await runtime.drive(
      server.handle(request, { user: node('n1'), form: 'object', signal: new AbortController().signal }),
    );
    assert.ok('body' in response && response.body.form === 'object');
    const { status } = response.body.object as { readonly status: { readonly resourceRules: readonly object[] } };
    const { resourceRules, ...rest } = status;
    assert.deepEqual(
      resourceRules.find((rule) => 'resources' in rule && String(rule.resources) === 'selfsubjectreviews'),
      {
        verbs: ['create'],
        apiGroups: ['authentication.k8s.io'],
        resources: ['selfsubjectreviews'],
      },
    );
    assert.partialDeepStrictEqual(rest, { incomplete: true, evaluationError: 'node authorizer does not support user rule resolution' });
  });

  const selectors: readonly { readonly fieldSelector: object; readonly allowed: boolean }[] = [
    { fieldSelector: { rawSelector: 'spec.nodeName=n1' }, allowed: true },
    { fieldSelector: { rawSelector: 'spec.nodeName=n2' }, allowed: false },
    { fieldSelector: { rawSelector: 'spec.nodeName' }, allowed: false },
    { fieldSelector: { requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['n1'] }] }, allowed: true },
    { fieldSelector: { requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['n1', 'n2'] }] }, allowed: false },
    { fieldSelector: { requirements: [{ key: 'spec.nodeName', operator: 'NotIn', values: ['n1'] }] }, allowed: false },
  ];
  for (const { fieldSelector, allowed } of selectors) {
    test(`goes by the fields ${JSON.stringify(fieldSelector)}`, async () => {
      const { server, runtime } = await startWholeServer();
      const spec = {
        user: 'system:node:n1',
        groups: ['system:nodes'],
        resourceAttributes: { verb: 'list', resource: 'pods', fieldSelector },
      };
      const request = {
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        query: [],
        headers: {},
        body: { form: 'object', object: { spec } },
      } as const;
      const response = await runtime.drive(server.handle(request, { user: admin, form: 'object', signal: new AbortController().signal }));
      assert.ok('body' in response && response.body.form === 'object');
      const { status } = response.body.object as { readonly status: object };
      const reason = 'node: can only list/watch pods with spec.nodeName field selector';
      assert.deepEqual(status, allowed ? { allowed } : { allowed, reason });
    });
  }
});
