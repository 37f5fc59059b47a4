import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { builtInTypes, encodeWatchEvent } from '@coracle/api';
import type { Method } from '@coracle/apimachinery';
import { adminToken, startWholeServer, type WholeServer } from '../recorded/whole-server.fixture.ts';
import { protobufForm } from './protobuf.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  /** Parsed where it is JSON. */
  readonly body: Body;
}

interface Body {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly data?: object;
  readonly items?: readonly Body[];
  readonly rows?: readonly { readonly cells: readonly unknown[]; readonly object: unknown }[];
  readonly metadata: {
    readonly name?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
    readonly finalizers?: readonly string[];
    readonly deletionTimestamp?: string;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: unknown;
  readonly note?: string;
  readonly regarding?: { readonly name?: string };
}

const maps = '/api/v1/namespaces/default/configmaps';
const map = (name: string, more: object = {}): object => ({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name }, ...more });

describe('the resource handler', () => {
  let whole: WholeServer;
  before(async () => {
    whole = await startWholeServer();
  });

  async function ask(
    method: Method,
    target: string,
    sent?: string | object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const [path = '', search = ''] = target.split('?');
    const contentType = headers['content-type'] ?? 'application/json';
    const bytes = sent === undefined ? undefined : Buffer.from(typeof sent === 'string' ? sent : JSON.stringify(sent));
    const response = await whole.ask({
      method,
      path,
      query: [...new URLSearchParams(search)],
      headers: { authorization: `Bearer ${adminToken}`, accept: 'application/json', ...headers },
      ...(bytes === undefined ? {} : { body: { form: 'bytes', contentType, bytes } }),
    });
    assert.ok('body' in response && response.body.form === 'bytes');
    const text = Buffer.from(response.body.bytes).toString();
    const body = response.body.contentType.startsWith('application/json')
      ? (JSON.parse(text) as Body)
      : ({ metadata: {}, message: text } as Body);
    return { status: response.status, headers: response.headers, contentType: response.body.contentType, body };
  }

  describe('bad input', () => {
    const deep = `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"deep"},"data":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    for (const { name, sent, headers = {}, status, message } of [
      { name: 'nothing', sent: '', status: 400, message: /unexpected end of JSON input/ },
      { name: 'what is no JSON', sent: 'junk', status: 400, message: /invalid character 'j' looking for beginning of value/ },
      { name: 'JSON that nests too deep', sent: deep, status: 400, message: /exceeded max depth/ },
      {
        name: 'another kind',
        sent: { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'a' } },
        status: 400,
        message: /converting \(v1.Secret\) to \(core.ConfigMap\): unknown conversion/,
      },
      {
        name: 'a kind that nobody knows',
        sent: { kind: 'Teapot', apiVersion: 'v9', metadata: { name: 'a' } },
        status: 400,
        message: /no kind "Teapot" is registered for version "v9"/,
      },
      {
        name: 'a value of the wrong type',
        sent: map('a', { data: { n: 5 } }),
        status: 400,
        message: /cannot unmarshal number into Go struct field ConfigMap.data of type string/,
      },
      {
        name: 'a media type that is not read',
        sent: 'x',
        headers: { 'content-type': 'text/csv' },
        status: 415,
        message: /media types include: application\/json/,
      },
      {
        name: 'an answer that cannot be given',
        sent: map('a'),
        headers: { accept: 'text/csv' },
        status: 406,
        message: /Available representations/,
      },
      { name: 'an invalid name', sent: map('Not_Fine'), status: 422, message: /a lowercase RFC 1123 subdomain/ },
      {
        name: 'another namespace',
        sent: { ...map('a'), metadata: { name: 'a', namespace: 'other' } },
        status: 400,
        message: /does not match the namespace sent on the request/,
      },
    ]) {
      test(`${name} is refused with ${status}`, async () => {
        const answer = await ask('POST', maps, sent, headers);
        assert.equal(answer.status, status);
        assert.match(answer.body.message ?? '', message);
      });
    }

    test('unknown fields are told, refused or ignored as the client wants', async () => {
      const sent = map('strict', { shade: 'x' });
      const warned = await ask('POST', `${maps}?dryRun=All`, sent);
      assert.deepEqual([warned.status, warned.headers['warning']], [201, '299 - "unknown field \\"shade\\""']);
      const refused = await ask('POST', `${maps}?fieldValidation=Strict`, sent);
      assert.equal(refused.status, 400);
      assert.match(refused.body.message ?? '', /strict decoding error: unknown field "shade"/);
      const ignored = await ask('POST', `${maps}?dryRun=All&fieldValidation=Ignore`, sent);
      assert.deepEqual([ignored.status, ignored.headers['warning']], [201, undefined]);
      assert.equal((await ask('POST', `${maps}?fieldValidation=Perhaps`, sent)).status, 422);
    });

    test('a key `__proto__` is a key like any other', async () => {
      const sent = '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"proto"},"data":{"__proto__":"x","constructor":"y"}}';
      const { status, body } = await ask('POST', maps, sent);
      assert.equal(status, 201);
      assert.deepEqual(Object.entries(body.data ?? {}), [
        ['__proto__', 'x'],
        ['constructor', 'y'],
      ]);
    });
  });

  test('a PUT without a namespace is about the one of the path', async () => {
    await ask('POST', maps, map('put'));
    assert.equal((await ask('PUT', `${maps}/put`, map('put', { data: { a: '1' } }))).status, 200);
  });

  test('a PUT of an old version is a conflict, and of what is no version an error', async () => {
    const { body } = await ask('POST', maps, map('stale'));
    await ask('PUT', `${maps}/stale`, map('stale', { data: { a: '1' } }));
    const stale = { ...map('stale'), metadata: { name: 'stale', resourceVersion: body.metadata.resourceVersion } };
    assert.equal((await ask('PUT', `${maps}/stale`, stale)).body.reason, 'Conflict');
    assert.equal((await ask('PUT', `${maps}/stale`, { ...map('stale'), metadata: { name: 'stale', resourceVersion: 'new' } })).status, 500);
  });

  test('dry runs write nothing, whether asked for in the query or in a body', async () => {
    const before = whole.store.revision;
    assert.equal((await ask('POST', `${maps}?dryRun=All`, map('dry'))).status, 201);
    await ask('POST', maps, map('wet'));
    assert.equal((await ask('DELETE', `${maps}/wet`, { kind: 'DeleteOptions', apiVersion: 'v1', dryRun: ['All'] })).status, 200);
    assert.equal((await ask('GET', `${maps}/wet`)).status, 200);
    assert.equal(whole.store.revision, before + 1);
    assert.equal((await ask('POST', `${maps}?dryRun=Some`, map('dry'))).status, 422);
  });

  test('a delete whose preconditions do not hold is a conflict', async () => {
    const { body } = await ask('POST', maps, map('guarded'));
    const options = (preconditions: object): object => ({ kind: 'DeleteOptions', apiVersion: 'v1', preconditions });
    assert.equal((await ask('DELETE', `${maps}/guarded`, options({ uid: 'another' }))).status, 409);
    assert.equal((await ask('DELETE', `${maps}/guarded?resourceVersion=1`)).status, 409);
    assert.equal((await ask('DELETE', `${maps}/guarded`, options({ uid: body.metadata.uid }))).status, 200);
  });

  test('an object with finalizers stays, takes no new ones, and goes with the last', async () => {
    await ask('POST', maps, { ...map('held'), metadata: { name: 'held', finalizers: ['example.com/a'] } });
    const marked = await ask('DELETE', `${maps}/held`);
    assert.ok(marked.body.metadata.deletionTimestamp !== undefined);
    const patch = { 'content-type': 'application/merge-patch+json' };
    assert.equal((await ask('PATCH', `${maps}/held`, { metadata: { finalizers: ['example.com/a', 'example.com/b'] } }, patch)).status, 422);
    assert.equal((await ask('PATCH', `${maps}/held`, { metadata: { finalizers: null } }, patch)).status, 200);
    assert.equal((await ask('GET', `${maps}/held`)).status, 404);
  });

  test('pages have as many items as were asked for and say how many are left', async () => {
    await ask('POST', '/api/v1/namespaces', { kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'pages' } });
    const inPages = '/api/v1/namespaces/pages/configmaps';
    for (const name of ['a', 'b', 'c', 'd', 'e']) await ask('POST', inPages, map(name));
    const first = await ask('GET', `${inPages}?limit=2`);
    await ask('DELETE', `${inPages}/e`);
    const second = await ask('GET', `${inPages}?limit=2&continue=${first.body.metadata.continue}`);
    const third = await ask('GET', `${inPages}?limit=2&continue=${second.body.metadata.continue}`);
    assert.deepEqual(
      [first, second, third].map(({ body }) => [body.items?.map(({ metadata }) => metadata.name), body.metadata.remainingItemCount]),
      [
        [['a', 'b'], 3],
        [['c', 'd'], 1],
        [['e'], undefined], // as of the first page, when it was there
      ],
    );
    const deleted = await ask('DELETE', `${inPages}?labelSelector=none`);
    assert.deepEqual(deleted.body.items, []);
    assert.equal((await ask('DELETE', inPages)).body.items?.length, 4);
    assert.equal((await ask('GET', inPages)).body.items?.length, 0);
  });

  test('generateName gives names of their own', async () => {
    const make = (): Promise<Answer> => ask('POST', maps, { kind: 'ConfigMap', apiVersion: 'v1', metadata: { generateName: 'some-' } });
    const [one, two] = [await make(), await make()];
    assert.match(one.body.metadata.name ?? '', /^some-[a-z0-9]{5}$/);
    assert.notEqual(one.body.metadata.name, two.body.metadata.name);
  });

  test('/status changes the status alone, and the resource itself does not', async () => {
    const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const deployment = {
      kind: 'Deployment',
      apiVersion: 'apps/v1',
      metadata: { name: 'web' },
      spec: { selector: { matchLabels: { app: 'a' } }, template },
    };
    const path = '/apis/apps/v1/namespaces/default/deployments';
    await ask('POST', path, { ...deployment, status: { replicas: 7 } });
    const patch = { 'content-type': 'application/merge-patch+json' };
    const written = await ask('PATCH', `${path}/web/status`, { spec: { replicas: 5 }, status: { replicas: 3 } }, patch);
    assert.deepEqual([written.body.spec?.['replicas'], written.body.status], [1, { replicas: 3 }]);
    const scaled = await ask('PATCH', `${path}/web/scale`, { spec: { replicas: 4 } }, patch);
    assert.deepEqual([scaled.body.kind, scaled.body.spec], ['Scale', { replicas: 4 }]);
  });

  for (const includeObject of ['None', 'Metadata', 'Object']) {
    test(`a Table has rows with includeObject=${includeObject}`, async () => {
      await ask('POST', maps, map('row'));
      const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
      const { body } = await ask('GET', `${maps}?fieldSelector=metadata.name%3Drow&includeObject=${includeObject}`, undefined, { accept });
      const [row] = body.rows ?? [];
      assert.deepEqual(row?.cells.slice(0, 2), ['row', 0]);
      const kind = (row?.object as { readonly kind?: string } | null)?.kind;
      assert.equal(kind, { None: undefined, Metadata: 'PartialObjectMetadata', Object: 'ConfigMap' }[includeObject]);
    });
  }

  test('built-in kinds travel as protobuf, others as JSON', async () => {
    const accept = 'application/vnd.kubernetes.protobuf,application/json';
    assert.equal((await ask('GET', `${maps}`, undefined, { accept })).contentType, 'application/vnd.kubernetes.protobuf');
    assert.equal((await ask('GET', '/apis', undefined, { accept })).contentType, 'application/json');
  });

  test('protobuf says of objects, lists and watches what JSON says', async () => {
    const form = protobufForm(builtInTypes);
    const read = async (target: string, accept: string): Promise<Uint8Array> => {
      const [path = '', search = ''] = target.split('?');
      const headers = { authorization: `Bearer ${adminToken}`, accept };
      const response = await whole.ask({ method: 'GET', path, query: [...new URLSearchParams(search)], headers });
      assert.ok('body' in response && response.body.form !== 'object');
      if (response.body.form === 'bytes') return response.body.bytes;
      for await (const chunk of response.body.chunks) return chunk;
      assert.fail('no chunk');
    };
    const type = 'application/vnd.kubernetes.protobuf';
    for (const name of ['pb-a', 'pb-b'])
      await ask('POST', maps, { ...map(name), data: { key: name }, metadata: { name, labels: { form: 'pb' } } });
    for (const target of [`${maps}/pb-a`, `${maps}?labelSelector=form%3Dpb`, `${maps}?labelSelector=form%3Dpb&limit=1`]) {
      const { body } = await ask('GET', target);
      assert.deepEqual(form.read(await read(target, type)), body);
      assert.deepEqual(await read(target, type), await read(target, type), 'the second answer is made of what is kept');
    }
    const frames = Buffer.from(await read(`${maps}?watch=true&labelSelector=form%3Dpb`, `${type};stream=watch`));
    const length = frames.readUInt32BE(0);
    const kept = await read(`${maps}/pb-a`, type);
    assert.deepEqual(frames.subarray(4, 4 + length), Buffer.from(encodeWatchEvent('ADDED', kept)));
  });

  test('an Event is the same object in both of its groups', async () => {
    const event = {
      metadata: { name: 'note', namespace: 'default' },
      reason: 'Fired',
      involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
      message: 'warm',
    };
    const created = await ask('POST', '/api/v1/namespaces/default/events', { kind: 'Event', apiVersion: 'v1', ...event });
    const seen = await ask('GET', '/apis/events.k8s.io/v1/namespaces/default/events/note');
    assert.deepEqual([seen.body.apiVersion, seen.body.note, seen.body.regarding?.name], ['events.k8s.io/v1', 'warm', 'p']);
    assert.equal(seen.body.metadata.resourceVersion, created.body.metadata.resourceVersion);
    const listed = await ask('GET', '/apis/events.k8s.io/v1/events?fieldSelector=regarding.name%3Dp');
    assert.equal(listed.body.items?.length, 1);
  });

  test('a scaler keeps in autoscaling/v1 what only v2 has fields for', async () => {
    const path = (version: string): string => `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers`;
    const metrics = [
      {
        type: 'Pods',
        pods: { metric: { name: 'queue', selector: { matchLabels: { a: 'b' } } }, target: { type: 'AverageValue', averageValue: '5' } },
      },
      {
        type: 'Object',
        object: {
          describedObject: { kind: 'Service', name: 's', apiVersion: 'v1' },
          metric: { name: 'hits' },
          target: { type: 'Value', value: '10' },
        },
      },
      { type: 'External', external: { metric: { name: 'lag' }, target: { type: 'AverageValue', averageValue: '2' } } },
      {
        type: 'ContainerResource',
        containerResource: { name: 'memory', container: 'main', target: { type: 'Utilization', averageUtilization: 70 } },
      },
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 44 } } },
    ];
    const scaleDown = { stabilizationWindowSeconds: 7, policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] };
    const spec = {
      maxReplicas: 9,
      scaleTargetRef: { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' },
      metrics,
      behavior: { scaleDown },
    };
    const created = await ask('POST', path('v2'), {
      kind: 'HorizontalPodAutoscaler',
      apiVersion: 'autoscaling/v2',
      metadata: { name: 'grow' },
      spec,
    });
    assert.equal(created.status, 201, created.body.message);
    const first = await ask('GET', `${path('v1')}/grow`);
    assert.equal(first.body.spec?.['targetCPUUtilizationPercentage'], 44);
    const changed = await ask('PUT', `${path('v1')}/grow`, { ...first.body, spec: { ...first.body.spec, maxReplicas: 12 } });
    assert.equal(changed.status, 200, changed.body.message);
    const { body } = await ask('GET', `${path('v2')}/grow`);
    assert.deepEqual(body.spec, { ...created.body.spec, maxReplicas: 12 });
  });

  test('what Kubernetes has and this server has not answers 501, and 404 for objects that do not exist', async () => {
    await ask('POST', '/api/v1/namespaces/default/serviceaccounts', {
      kind: 'ServiceAccount',
      apiVersion: 'v1',
      metadata: { name: 'default' },
    });
    const pods = '/api/v1/namespaces/default/pods';
    const pod = { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    assert.equal((await ask('POST', pods, pod)).status, 201);
    assert.equal((await ask('GET', `${pods}/p/exec?command=ls`)).status, 501);
    assert.equal((await ask('GET', `${pods}/none/exec?command=ls`)).status, 404);
    assert.equal((await ask('PATCH', `${pods}/p`, {}, { 'content-type': 'application/apply-patch+yaml' })).status, 415);
    // As kubectl debug asks, whose kind of patch nothing else below an object takes.
    const debug = await ask('PATCH', `${pods}/p/ephemeralcontainers`, {}, { 'content-type': 'application/strategic-merge-patch+json' });
    assert.deepEqual(
      [debug.status, debug.body.message],
      [501, 'the subresource "ephemeralcontainers" of pods is not implemented by this server'],
    );
    for (const askedAs of [(name: string) => name, (name: string) => `${name}:80`, (name: string) => `https:${name}:443`]) {
      const name = askedAs('p');
      assert.equal((await ask('GET', `${pods}/${name}/proxy`)).status, 501, name);
      assert.equal((await ask('GET', `${pods}/${name}/proxy/a/b?c=d`)).status, 501, name);
      assert.equal((await ask('GET', `${pods}/${askedAs('none')}/proxy/`)).status, 404, name);
    }
  });

  test('nobody unknown gets further than health and version', async () => {
    const anonymous = { authorization: '' };
    for (const path of ['/healthz', '/livez', '/readyz', '/version'])
      assert.equal((await ask('GET', path, undefined, anonymous)).status, 200, path);
    for (const path of ['/api', '/apis', '/openapi/v3', maps])
      assert.equal((await ask('GET', path, undefined, anonymous)).status, 403, path);
    const refused = await ask('GET', maps, undefined, { authorization: 'Bearer wrong' });
    assert.deepEqual([refused.status, refused.body.message], [401, 'Unauthorized']);
    const forbidden = await ask('GET', maps, undefined, anonymous);
    assert.equal(
      forbidden.body.message,
      'configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" in the namespace "default"',
    );
  });
});
