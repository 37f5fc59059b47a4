import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ApiRequest, type KubeObject, writeJson } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import fc from 'fast-check';
import { extractApplyConfiguration } from '../applyconfigurations/apply-configuration.ts';
import { resourceHandle } from '../kubernetes/resource-handle.ts';
import { MetadataClient } from '../metadata/metadata-client.ts';
import { answered, scripted, type Step } from '../rest/fixtures/scripted-transport.ts';
import { resourceClient } from '../rest/resource-client.ts';
import { RestClient } from '../rest/rest-client.ts';
import { ScaleClient } from '../scale/scale-client.ts';
import { DynamicClient } from './dynamic-client.ts';

const gvr = { group: 'flops', version: 'v1alpha1', resource: 'flips' };
const object = { metadata: { name: 'mips' } };

function over(...steps: readonly Step[]) {
  const runtime = new SimRuntime({ seed: 1 });
  const transport = scripted(...steps);
  const client = new DynamicClient({ process: runtime.process('test'), transport });
  return { runtime, transport, client, flips: client.resource(gvr).namespace('mops') };
}

/** A request in the form in which it goes over the wire. */
function shown({ method, path, query, headers, body }: ApiRequest): string {
  const parameters = query.length === 0 ? '' : `?${query.map(([name, value]) => `${name}=${value}`).join('&')}`;
  const type = headers['content-type'] === undefined ? '' : ` ${headers['content-type']}`;
  return `${method} ${path}${parameters}${type}${body?.form === 'object' ? ` ${writeJson(body.object)}` : ''}`;
}

describe('DynamicClient sends what Kubernetes’ own does', () => {
  type Flips = ReturnType<typeof over>['flips'];
  const cases: readonly (readonly [string, (flips: Flips) => Promise<unknown>, string])[] = [
    [
      'create of a subresource',
      (flips) => flips.subresource('mips', 'fin').create(object, { fieldValidation: 'Warn' }),
      'POST /apis/flops/v1alpha1/namespaces/mops/flips/mips/fin?fieldValidation=Warn application/json {"metadata":{"name":"mips"}}',
    ],
    [
      'create',
      (flips) => flips.create(object as never),
      'POST /apis/flops/v1alpha1/namespaces/mops/flips application/json {"metadata":{"name":"mips"}}',
    ],
    [
      'update of a subresource',
      (flips) => flips.subresource('mips', 'fin').update(object, { fieldValidation: 'Warn' }),
      'PUT /apis/flops/v1alpha1/namespaces/mops/flips/mips/fin?fieldValidation=Warn application/json {"metadata":{"name":"mips"}}',
    ],
    [
      'update of the status',
      (flips) => flips.updateStatus(object as never, { fieldValidation: 'Warn' }),
      'PUT /apis/flops/v1alpha1/namespaces/mops/flips/mips/status?fieldValidation=Warn application/json {"metadata":{"name":"mips"}}',
    ],
    [
      'delete of a subresource',
      (flips) => flips.subresource('mips', 'fin').delete({ dryRun: ['All'] }),
      'DELETE /apis/flops/v1alpha1/namespaces/mops/flips/mips/fin application/json {"kind":"DeleteOptions","apiVersion":"v1","dryRun":["All"]}',
    ],
    [
      'delete of a collection',
      (flips) => flips.deleteCollection({ dryRun: ['All'] }, { resourceVersion: '42' }),
      'DELETE /apis/flops/v1alpha1/namespaces/mops/flips?resourceVersion=42 application/json {"kind":"DeleteOptions","apiVersion":"v1","dryRun":["All"]}',
    ],
    [
      'get of a subresource',
      (flips) => flips.subresource('mips', 'fin').get({ resourceVersion: '42' }),
      'GET /apis/flops/v1alpha1/namespaces/mops/flips/mips/fin?resourceVersion=42',
    ],
    ['get', (flips) => flips.get('mips'), 'GET /apis/flops/v1alpha1/namespaces/mops/flips/mips'],
    ['list', (flips) => flips.list({ resourceVersion: '42' }), 'GET /apis/flops/v1alpha1/namespaces/mops/flips?resourceVersion=42'],
    [
      'watch',
      (flips) => flips.watch({ resourceVersion: '42' }).catch(() => undefined),
      'GET /apis/flops/v1alpha1/namespaces/mops/flips?resourceVersion=42&watch=true',
    ],
    [
      'patch of a subresource',
      (flips) => flips.subresource('mips', 'fin').patch('strategic', { foo: 'bar' }, { fieldManager: 'baz' }),
      'PATCH /apis/flops/v1alpha1/namespaces/mops/flips/mips/fin?fieldManager=baz application/strategic-merge-patch+json {"foo":"bar"}',
    ],
    [
      'apply of a subresource',
      (flips) => flips.subresource('mips', 'fin').apply(object, { fieldManager: 'me', force: true }),
      'PATCH /apis/flops/v1alpha1/namespaces/mops/flips/mips/fin?fieldManager=me&force=true application/apply-patch+yaml {"metadata":{"name":"mips"}}',
    ],
    [
      'apply of the status',
      (flips) => flips.applyStatus(object, { fieldManager: 'me', force: true }),
      'PATCH /apis/flops/v1alpha1/namespaces/mops/flips/mips/status?fieldManager=me&force=true application/apply-patch+yaml {"metadata":{"name":"mips"}}',
    ],
  ];
  for (const [name, call, want] of cases) {
    test(`sends ${name} as it goes over the wire`, async () => {
      const { runtime, transport, flips } = over(answered(200, { apiVersion: 'flops/v1alpha1', kind: 'Flip', ...object }));
      await runtime.drive(call(flips));
      assert.equal(transport.asked.map(shown).join('\n'), want);
    });
  }

  test('without namespace: the cluster scope', async () => {
    const { runtime, transport, client } = over(answered(200, {}));
    await runtime.drive(client.resource(gvr).get('mips'));
    await runtime.drive(client.resource({ group: '', version: 'v1', resource: 'nodes' }).create({ metadata: { name: 'n' } } as never));
    assert.deepEqual(
      transport.asked.map(({ path }) => path),
      ['/apis/flops/v1alpha1/flips/mips', '/api/v1/nodes'],
    );
  });

  test('objects of a list have the kind that their list has', async () => {
    const { runtime, flips } = over(
      answered(200, { apiVersion: 'flops/v1alpha1', kind: 'FlipList', metadata: { resourceVersion: '7' }, items: [object] }),
    );
    const list = await runtime.drive(flips.list());
    assert.deepEqual([list.metadata, list.items], [{ resourceVersion: '7' }, [{ apiVersion: 'flops/v1alpha1', kind: 'Flip', ...object }]]);
  });

  test('names that would lead elsewhere are refused before anything is sent', async () => {
    const { runtime, transport, flips } = over(answered(200));
    for (const name of ['', '.', '..', 'a/b', 'a%']) await assert.rejects(async () => runtime.drive(flips.get(name)), TypeError);
    await assert.rejects(async () => runtime.drive(flips.subresource('a', '..').get()), TypeError);
    await assert.rejects(runtime.drive(flips.apply({ metadata: { name: '' } }, { fieldManager: 'me' })), /name is required/);
    await assert.rejects(runtime.drive(flips.apply(object, { fieldManager: '' })), /is required for apply patch/);
    assert.equal(transport.asked.length, 0);
  });
});

test('what a client does not know survives reading, changing and writing', () => {
  const json = fc.jsonValue({ maxDepth: 3 });
  const isPlain = (key: string): boolean => !['apiVersion', 'kind', 'metadata', 'data', '__proto__'].includes(key);
  const extras = fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }).filter(isPlain), json, { maxKeys: 5 });
  return fc.assert(
    fc.asyncProperty(extras, extras, fc.bigInt({ min: 2n ** 60n, max: 2n ** 63n - 1n }), async (top, nested, big) => {
      const read = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","resourceVersion":"1"},"big":${big},"nested":${JSON.stringify(nested)},"top":${JSON.stringify(top)}}`;
      const runtime = new SimRuntime({ seed: 1 });
      const answer: Step = {
        status: 200,
        headers: {},
        body: { form: 'bytes', contentType: 'application/json', bytes: new TextEncoder().encode(read) },
      };
      const transport = scripted(answer);
      const rest = new RestClient({ process: runtime.process('test'), transport, bigints: true });
      const maps = resourceClient(
        rest,
        resourceHandle<KubeObject>({ group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true }),
        'n',
      );
      const object = await runtime.drive(maps.get('a'));
      await runtime.drive(maps.update({ ...object, metadata: { ...object.metadata, labels: { changed: 'yes' } } }));
      const body = transport.asked[1]?.body;
      assert.ok(body?.form === 'object');
      const written = writeJson(body.object);
      assert.ok(written.includes(`"big":${big}`), 'an integer beyond 2^53 is exact');
      const expected = JSON.parse(read) as { metadata: object };
      assert.deepEqual(JSON.parse(written), { ...expected, metadata: { ...expected.metadata, labels: { changed: 'yes' } } });
    }),
    { numRuns: 200 },
  );
});

describe('MetadataClient', () => {
  const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'a', namespace: 'n' } };
  const reading = (...steps: readonly Step[]) => {
    const runtime = new SimRuntime({ seed: 1 });
    const transport = scripted(...steps);
    return {
      runtime,
      transport,
      pods: new MetadataClient({ process: runtime.process('test'), transport }).resource(
        { group: '', version: 'v1', resource: 'pods' },
        'n',
      ),
    };
  };
  test('asks for metadata only, and takes it from a server that sends all', async () => {
    const { runtime, transport, pods } = reading(
      answered(200, partial),
      answered(200, { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'a' }, spec: { x: 1 } }),
    );
    assert.deepEqual(await runtime.drive(pods.get('a')), partial);
    assert.deepEqual(await runtime.drive(pods.get('a')), { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'a' } });
    assert.equal(transport.asked[0]?.headers['accept'], 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json');
    assert.equal(transport.asked[0]?.path, '/api/v1/namespaces/n/pods/a');
  });
  test('lists, patches and deletes', async () => {
    const { runtime, transport, pods } = reading(
      answered(200, { kind: 'PartialObjectMetadataList', metadata: { resourceVersion: '1' }, items: [partial] }),
      answered(200, partial),
    );
    assert.deepEqual((await runtime.drive(pods.list())).items, [partial]);
    await runtime.drive(pods.patch('a', 'merge', { metadata: { labels: { a: 'b' } } }, { subresource: 'status' }));
    await runtime.drive(pods.delete('a'));
    await runtime.drive(pods.deleteCollection({}, { labelSelector: 'a=b' }));
    assert.deepEqual(transport.asked.slice(1).map(shown), [
      'PATCH /api/v1/namespaces/n/pods/a/status application/merge-patch+json {"metadata":{"labels":{"a":"b"}}}',
      'DELETE /api/v1/namespaces/n/pods/a application/json {"kind":"DeleteOptions","apiVersion":"v1"}',
      'DELETE /api/v1/namespaces/n/pods?labelSelector=a=b application/json {"kind":"DeleteOptions","apiVersion":"v1"}',
    ]);
  });
  test('refuses what has no metadata', async () => {
    for (const value of [{ kind: 'Pod', apiVersion: 'v1', metadata: {} }, { kind: 'x', apiVersion: 'v1' }, {}]) {
      const { runtime, pods } = reading(answered(200, value));
      await assert.rejects(runtime.drive(pods.get('a')), /does not appear to match the ObjectMeta schema/);
    }
  });
});

describe('ScaleClient', () => {
  const scale = {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name: 'a', namespace: 'n' },
    spec: { replicas: 2 },
    status: { replicas: 1 },
  };
  const mapper = {
    handleForName: async (name: string) => ({
      group: name === 'deployments.apps' ? 'apps' : '',
      version: 'v1',
      resource: 'deployments',
      kind: 'Deployment',
      namespaced: true,
    }),
  };
  test('reads, writes and patches the scale of the preferred version', async () => {
    const runtime = new SimRuntime({ seed: 1 });
    const transport = scripted(answered(200, scale));
    const scales = new ScaleClient(new RestClient({ process: runtime.process('test'), transport }), mapper);
    const resource = { group: 'apps', resource: 'deployments' };
    const read = await runtime.drive(scales.get('n', resource, 'a'));
    await runtime.drive(scales.update('n', resource, { ...read, spec: { replicas: 3 } }, { dryRun: 'All' }));
    await runtime.drive(scales.patch('n', resource, 'a', 'merge', { spec: { replicas: 4 } }));
    assert.deepEqual(
      transport.asked.map(({ method, path }) => `${method} ${path}`),
      ['GET', 'PUT', 'PATCH'].map((method) => `${method} /apis/apps/v1/namespaces/n/deployments/a/scale`),
    );
    assert.ok(
      transport.asked[1] !== undefined &&
        shown(transport.asked[1]).includes('?dryRun=All application/json {"kind":"Scale","apiVersion":"autoscaling/v1"'),
    );
  });
  test('refuses what is no scale', async () => {
    const runtime = new SimRuntime({ seed: 1 });
    const scales = new ScaleClient(
      new RestClient({ process: runtime.process('test'), transport: scripted(answered(200, object)) }),
      mapper,
    );
    await assert.rejects(runtime.drive(scales.get('', { group: '', resource: 'x' }, 'a')), /not convertible to autoscaling Scale/);
  });
});

describe('extractApplyConfiguration', () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'a',
      namespace: 'n',
      labels: { mine: '1', theirs: '2' },
      finalizers: ['x/mine', 'x/theirs'],
      managedFields: [
        {
          manager: 'me',
          operation: 'Apply',
          fieldsV1: {
            'f:metadata': { 'f:labels': { 'f:mine': {} }, 'f:finalizers': { 'v:"x/mine"': {} } },
            'f:spec': { 'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:image': {} } }, 'f:gone': {} },
          },
        },
        { manager: 'me', operation: 'Apply', subresource: 'status', fieldsV1: { 'f:status': { 'f:phase': {} } } },
        { manager: 'other', operation: 'Update', fieldsV1: { 'f:spec': {} } },
      ],
    },
    spec: { containers: [{ name: 'c', image: 'i', command: ['x'] }, { name: 'd' }], nodeName: 'n' },
    status: { phase: 'Running', podIP: '1.2.3.4' },
  };
  test('gives back what the manager applied', () => {
    assert.deepEqual(extractApplyConfiguration(pod, 'me'), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a', namespace: 'n', labels: { mine: '1' }, finalizers: ['x/mine'] },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    assert.deepEqual(extractApplyConfiguration(pod, 'me', 'status'), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a', namespace: 'n' },
      status: { phase: 'Running' },
    });
  });
  test('does not give what others own within a map or list that the manager applied empty', () => {
    const by = (manager: string, fieldsV1: object) => ({ manager, operation: 'Apply', fieldsV1 });
    const map = {
      metadata: {
        name: 'a',
        finalizers: ['x/theirs'],
        managedFields: [
          by('me', { 'f:data': {}, 'f:binaryData': {}, 'f:metadata': { 'f:finalizers': {} } }),
          by('they', { 'f:data': { '.': {}, 'f:b': {} }, 'f:metadata': { 'f:finalizers': { 'v:"x/theirs"': {} } } }),
        ],
      },
      data: { b: '1' },
      binaryData: { whole: 'eA==' },
    };
    assert.deepEqual(extractApplyConfiguration(map, 'me'), {
      metadata: { name: 'a', finalizers: [] },
      data: {},
      binaryData: { whole: 'eA==' }, // nobody owns a part: it is owned as a whole
    });
  });
  test('knows the elements of a set however their value is written', () => {
    const managedFields = [{ manager: 'me', operation: 'Apply', fieldsV1: { 'f:set': { 'v:"a\\u003cb"': {}, 'v:2.0': {} } } }];
    const object = { metadata: { name: 'a', managedFields }, set: ['a<b', 'c', 2] };
    assert.deepEqual((extractApplyConfiguration(object, 'me') as { set?: unknown } | undefined)?.set, ['a<b', 2]);
  });
  test('and nothing for who only updated, or never came', () => {
    assert.equal(extractApplyConfiguration(pod, 'other'), undefined);
    assert.equal(extractApplyConfiguration({ metadata: { name: 'a' } }, 'me'), undefined);
  });
});
