import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { builtInTypes } from '@coracle/api';
import { type Unstructured, writeJson } from '@coracle/apimachinery';
import { MemoryStore } from '@coracle/etcd';
import { seededRandom } from '@coracle/simulator';
import { admissionChain } from '../admission/admission.ts';
import { builtInDefinitions } from '../registry/built-in.ts';
import type { ApiObject, RequestContext, ResourceDefinition } from '../registry/definition.ts';
import { GenericRegistry } from '../registry/generic-registry.ts';
import { EmbeddedStorage } from '../storage/embedded.ts';
import { kindHooks } from './kinds.ts';

const definitions = builtInDefinitions({
  table: builtInTypes,
  hooks: kindHooks,
  cells: {},
  strategicMerge: () => () => assert.fail('nothing is patched'),
});
const container = { name: 'oven', image: 'registry.example/oven:1' };
const template = { metadata: { labels: { app: 'kiln' } }, spec: { containers: [container] } };
const selector = { matchLabels: { app: 'kiln' } };

function definitionOf(resource: string): ResourceDefinition {
  return definitions.find((one) => one.resource === resource) ?? assert.fail(`no ${resource}`);
}

/** One object, created and then changed, in a store of its own. */
class Subject {
  readonly warnings: string[] = [];
  readonly #definition: ResourceDefinition;
  readonly #registry: GenericRegistry;
  readonly #context: RequestContext;

  constructor(resource: string) {
    this.#definition = definitionOf(resource);
    this.#registry = new GenericRegistry(this.#definition, admissionChain([]));
    this.#context = {
      user: { name: 'admin', groups: [] },
      namespace: this.#definition.namespaced ? 'default' : '',
      dryRun: false,
      clock: { now: () => 0 },
      random: seededRandom(1),
      storage: new EmbeddedStorage(new MemoryStore()),
      userAgent: 'test',
      warn: (text) => this.warnings.push(text),
    };
  }

  async create(fields: object): Promise<ApiObject> {
    return (await this.#registry.create(this.#context, this.#decoded(fields))).object;
  }

  update(change: (object: Unstructured) => object): Promise<ApiObject> {
    return this.#registry.update(this.#context, 'a', (current) => this.#decoded(change(current as Unstructured))); // only read
  }

  #decoded(fields: object): Unstructured {
    const { metadata = {}, ...rest } = fields as Partial<Unstructured>;
    const namespace = this.#definition.namespaced ? { namespace: 'default' } : {};
    return this.#definition.decode({ ...rest, metadata: { name: 'a', ...namespace, ...metadata } }).object;
  }
}

describe('what a client may not say', () => {
  for (const { resource, fields } of [
    { resource: 'pods', fields: { spec: { containers: [container] } } },
    { resource: 'deployments', fields: { spec: { selector, template } } },
    { resource: 'replicasets', fields: { spec: { selector, template } } },
    { resource: 'statefulsets', fields: { spec: { selector, template, serviceName: 'a' } } },
    { resource: 'daemonsets', fields: { spec: { selector, template } } },
    { resource: 'jobs', fields: { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } } },
    { resource: 'poddisruptionbudgets', fields: { spec: { selector, minAvailable: 1 } } },
    { resource: 'services', fields: { spec: { ports: [{ port: 80 }] } } },
    {
      resource: 'persistentvolumeclaims',
      fields: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    },
    { resource: 'ingresses', fields: { spec: { defaultBackend: { service: { name: 'a', port: { number: 80 } } } } } },
  ]) {
    test(`${resource}: a status that is sent with a new object, or with a change of it, is dropped`, async () => {
      const subject = new Subject(resource);
      const conditions = [{ type: 'Sent', status: 'True' }];
      const created = await subject.create({ ...fields, status: { conditions } });
      const changed = await subject.update((object) => ({
        ...object,
        metadata: { ...object.metadata, labels: { x: 'y' } },
        status: { conditions },
      }));
      for (const object of [created, changed]) assert.ok(!writeJson(object).includes('"Sent"'), resource);
    });
  }

  test('nodes: a new one may come with a status, a change may not', async () => {
    const subject = new Subject('nodes');
    const created = await subject.create({ status: { capacity: { pods: '7' } } });
    assert.deepEqual((created['status'] as { readonly capacity?: unknown }).capacity, { pods: '7' });
    const changed = await subject.update((object) => ({ ...object, status: {} }));
    assert.deepEqual((changed['status'] as { readonly capacity?: unknown }).capacity, { pods: '7' });
  });
});

describe('generation', () => {
  for (const { resource, fields, change } of [
    { resource: 'deployments', fields: { spec: { selector, template } }, change: { replicas: 3 } },
    { resource: 'replicasets', fields: { spec: { selector, template } }, change: { replicas: 3 } },
    { resource: 'statefulsets', fields: { spec: { selector, template, serviceName: 'a' } }, change: { replicas: 3 } },
    { resource: 'daemonsets', fields: { spec: { selector, template } }, change: { minReadySeconds: 3 } },
    { resource: 'poddisruptionbudgets', fields: { spec: { selector, minAvailable: 1 } }, change: { minAvailable: 2 } },
    { resource: 'pods', fields: { spec: { containers: [container] } }, change: { activeDeadlineSeconds: 3 } },
  ]) {
    test(`${resource}: counts changes of the spec and of nothing else`, async () => {
      const subject = new Subject(resource);
      assert.equal((await subject.create(fields)).metadata.generation, 1);
      const labelled = await subject.update((object) => ({ ...object, metadata: { ...object.metadata, labels: { x: 'y' } } }));
      assert.equal(labelled.metadata.generation, 1);
      const changed = await subject.update((object) => ({ ...object, spec: { ...(object['spec'] as object), ...change } }));
      assert.equal(changed.metadata.generation, 2);
    });
  }

  test('daemonsets: an annotation counts changes of the template', async () => {
    const name = 'deprecated.daemonset.template.generation';
    const subject = new Subject('daemonsets');
    const spec = { selector, template };
    assert.equal((await subject.create({ spec })).metadata.annotations?.[name], '1');
    assert.equal(
      (await subject.update((object) => ({ ...object, spec: { ...spec, minReadySeconds: 3 } }))).metadata.annotations?.[name],
      '1',
    );
    const other = { ...template, spec: { containers: [{ ...container, image: 'registry.example/oven:2' }] } };
    assert.equal((await subject.update((object) => ({ ...object, spec: { ...spec, template: other } }))).metadata.annotations?.[name], '2');
    const forged = await subject.update((object) => ({ ...object, metadata: { ...object.metadata, annotations: { [name]: '9' } } }));
    assert.equal(forged.metadata.annotations?.[name], '2');
  });
});

describe('what stays as it was', () => {
  for (const { resource, fields, change, want } of [
    {
      resource: 'configmaps',
      fields: { immutable: true, data: { a: '1' } },
      change: { data: { a: '2' } },
      want: /data: Forbidden: field is immutable when `immutable` is set/,
    },
    {
      resource: 'secrets',
      fields: { immutable: true, data: { a: 'MQ==' } },
      change: { immutable: false },
      want: /immutable: Forbidden: field is immutable when `immutable` is set/,
    },
    {
      resource: 'secrets',
      fields: { type: 'example.test/a' },
      change: { type: 'example.test/b' },
      want: /type: Invalid value: "example.test\/b": field is immutable/,
    },
    {
      resource: 'rolebindings',
      fields: { roleRef: { kind: 'Role', name: 'r' } },
      change: { roleRef: { kind: 'Role', name: 's' } },
      want: /roleRef: .*field is immutable/,
    },
    {
      resource: 'storageclasses',
      fields: { provisioner: 'example.test/a' },
      change: { provisioner: 'example.test/b' },
      want: /provisioner: .*field is immutable/,
    },
    { resource: 'priorityclasses', fields: { value: 1 }, change: { value: 2 }, want: /value: Forbidden: may not be changed in an update/ },
    {
      resource: 'endpointslices',
      fields: { addressType: 'IPv4', endpoints: [] },
      change: { addressType: 'IPv6' },
      want: /addressType: Invalid value: "IPv6": field is immutable/,
    },
    {
      resource: 'deployments',
      fields: { spec: { selector, template } },
      change: { spec: { selector: { matchLabels: { app: 'x' } }, template: { ...template, metadata: { labels: { app: 'x' } } } } },
      want: /spec.selector: .*field is immutable/,
    },
    {
      resource: 'pods',
      fields: { spec: { containers: [container] } },
      change: { spec: { containers: [container, { ...container, name: 'two' }] } },
      want: /spec.containers: Forbidden: pod updates may not add or remove containers/,
    },
    {
      resource: 'pods',
      fields: { spec: { containers: [container] } },
      change: { spec: { containers: [container], nodeName: 'n' } },
      want: /spec: Forbidden: pod updates may not change fields other than/,
    },
  ]) {
    test(`${resource}: ${want.source}`, async () => {
      const subject = new Subject(resource);
      await subject.create(fields);
      await assert.rejects(
        subject.update((object) => ({ ...object, ...change })),
        want,
      );
    });
  }

  test('pods: the image of a container may change', async () => {
    const subject = new Subject('pods');
    await subject.create({ spec: { containers: [container] } });
    const image = 'registry.example/oven:2';
    const changed = await subject.update((object) => {
      const spec = object['spec'] as { readonly containers: readonly object[] };
      return { ...object, spec: { ...spec, containers: spec.containers.map((one) => ({ ...one, image })) } };
    });
    assert.ok(writeJson(changed).includes(image));
  });

  test('namespaces: their finalizers are changed by finalize only', async () => {
    const subject = new Subject('namespaces');
    await subject.create({});
    const changed = await subject.update((object) => ({
      ...object,
      metadata: { ...object.metadata, labels: { x: 'y' } },
      spec: { finalizers: [] },
    }));
    assert.deepEqual(changed['spec'], { finalizers: ['kubernetes'] });
  });
});

describe('what a new object is refused for, or warned about', () => {
  test('pods: one that mirrors a static pod needs its node', async () => {
    const metadata = { annotations: { 'kubernetes.io/config.mirror': 'x' } };
    await assert.rejects(
      new Subject('pods').create({ metadata, spec: { containers: [container] } }),
      /must set spec.nodeName if mirror pod annotation is set/,
    );
    await new Subject('pods').create({ metadata, spec: { containers: [container], nodeName: 'n' } });
  });

  test('pods: with gates they say that nobody schedules them', async () => {
    const pod = await new Subject('pods').create({ spec: { containers: [container], schedulingGates: [{ name: 'example.test/wait' }] } });
    const { conditions } = pod['status'] as { readonly conditions: readonly { readonly reason: string }[] };
    assert.deepEqual(
      conditions.map(({ reason }) => reason),
      ['SchedulingGated'],
    );
  });

  test('services: warnings about external addresses and names', async () => {
    const subject = new Subject('services');
    await subject.create({ spec: { ports: [{ port: 80 }], externalIPs: ['192.0.2.7'], externalName: 'x.example.test' } });
    assert.deepEqual(subject.warnings, [
      'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
      'spec.externalName is ignored when spec.type is not "ExternalName"',
    ]);
  });

  test('jobs: a warning about names that are no labels', async () => {
    const subject = new Subject('jobs');
    await subject.create({ metadata: { name: 'a.b' }, spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } });
    assert.match(subject.warnings[0] ?? '', /^metadata.name: this is used in Pod names and hostnames/);
  });

  for (const { name, spec, want } of [
    { name: 'a', spec: { trustBundle: '' }, want: /at least one trust anchor must be provided/ },
    { name: 'a:b', spec: { trustBundle: '' }, want: /ClusterTrustBundle without signer name must not have ":" in its name/ },
    { name: 'a', spec: { signerName: 'example.test/s', trustBundle: '' }, want: /must be named with prefix example.test:s:/ },
    { name: 'a', spec: { trustBundle: '-----BEGIN KEY-----\nAA==\n-----END KEY-----\n' }, want: /entry 0 has bad block type: KEY/ },
    {
      name: 'a',
      spec: { trustBundle: '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n' },
      want: /entry 0 does not parse as X.509/,
    },
  ]) {
    test(`clustertrustbundles: ${want.source}`, () =>
      assert.rejects(new Subject('clustertrustbundles').create({ metadata: { name }, spec }), want));
  }
});
