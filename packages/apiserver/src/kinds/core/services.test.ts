import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { TypeTable } from '@coracle/api';
import { isInvalid, type Unstructured } from '@coracle/apimachinery';
import { MemoryStore } from '@coracle/etcd';
import { seededRandom } from '@coracle/simulator';
import { admissionChain } from '../../admission/admission.ts';
import { builtInDefinitions } from '../../registry/built-in.ts';
import type { RequestContext, ResourceDefinition } from '../../registry/definition.ts';
import { GenericRegistry } from '../../registry/generic-registry.ts';
import { EmbeddedStorage } from '../../storage/embedded.ts';
import { services } from './services.ts';

const definition = serviceDefinition();

function serviceDefinition(): ResourceDefinition {
  const options = {
    table: new TypeTable(),
    hooks: { '/services': services },
    cells: {},
    strategicMerge: () => () => assert.fail(),
  };
  const found = builtInDefinitions(options).find(({ group, resource }) => group === '' && resource === 'services');
  assert.ok(found);
  return found;
}

interface Spec {
  readonly clusterIP: string;
  readonly ports: readonly { readonly nodePort?: number }[];
}

describe('services', () => {
  let context: RequestContext;
  let registry: GenericRegistry;

  beforeEach(() => {
    context = {
      user: { name: 'admin', groups: [] },
      namespace: 'default',
      dryRun: false,
      clock: { now: () => 0 },
      random: seededRandom(7),
      storage: new EmbeddedStorage(new MemoryStore()),
      userAgent: 'test',
      warn: () => {},
    };
    registry = new GenericRegistry(definition, admissionChain([]));
  });

  async function create(name: string, spec: object = {}): Promise<Spec> {
    const sent = { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec: { ports: [{ port: 80 }], ...spec } };
    return specOf((await registry.create(context, definition.decode(sent).object)).object);
  }

  function specOf(object: unknown): Spec {
    return (object as { readonly spec: Spec }).spec;
  }

  async function addresses(): Promise<readonly string[]> {
    const { items } = await context.storage.list('/registry/ipaddresses/');
    return items.map(({ object }) => object.metadata.name ?? '');
  }

  test('begin gives Services that are created at once addresses of their own', async () => {
    const specs = await Promise.all(Array.from({ length: 60 }, (_, i) => create(`s${i}`)));
    assert.equal(new Set(specs.map(({ clusterIP }) => clusterIP)).size, 60);
    assert.equal((await addresses()).length, 60);
  });

  test('begin refuses an address that somebody has, one outside the range, and any when all are taken', async () => {
    await create('first', { clusterIP: '10.0.0.201' });
    await assert.rejects(
      create('second', { clusterIP: '10.0.0.201' }),
      (error: Error) => isInvalid(error) && /provided IP is already allocated/.test(error.message),
    );
    await assert.rejects(create('outside', { clusterIP: '192.0.2.1' }), /the provided network does not match the current range/);
    for (let i = 0; i < 253; i++) await create(`s${i}`);
    await assert.rejects(create('last'), /range is full/);
  });

  test('an address is free again when its Service is gone', async () => {
    await create('first', { clusterIP: '10.0.0.201' });
    await registry.delete(context, 'first', {});
    assert.deepEqual(await addresses(), []);
    assert.equal((await create('second', { clusterIP: '10.0.0.201' })).clusterIP, '10.0.0.201');
  });

  test('what was taken is given back when the Service cannot be written', async () => {
    await create('first');
    await assert.rejects(create('first'), /already exists/);
    assert.equal((await addresses()).length, 1);
  });

  test('node ports are distinct, kept by updates, refused when taken, and free again when the type changes', async () => {
    const [port] = (await create('first', { type: 'NodePort' })).ports;
    const nodePort = port?.nodePort ?? 0;
    assert.ok(nodePort >= 30000 && nodePort <= 32767);
    await assert.rejects(create('second', { type: 'NodePort', ports: [{ port: 80, nodePort }] }), /provided port is already allocated/);
    assert.equal(specOf(await update('first', { type: 'NodePort', ports: [{ port: 80 }] })).ports[0]?.nodePort, nodePort);
    assert.equal(specOf(await update('first', { type: 'ClusterIP', ports: [{ port: 80 }] })).ports[0]?.nodePort, undefined);
    assert.equal((await create('third', { type: 'NodePort', ports: [{ port: 80, nodePort }] })).ports[0]?.nodePort, nodePort);
  });

  for (const { name, before, after, keeps } of [
    { name: 'its name', before: { name: 'a', port: 80 }, after: { name: 'a', port: 81 }, keeps: true },
    { name: 'its number but not its name', before: { name: 'a', port: 80 }, after: { name: 'b', port: 80 }, keeps: false },
  ]) {
    test(`a port that keeps ${name} ${keeps ? 'keeps' : 'loses'} its node port`, async () => {
      const [old] = (await create('first', { type: 'NodePort', ports: [before] })).ports;
      const [port] = specOf(await update('first', { type: 'NodePort', ports: [after] })).ports;
      assert.equal(port?.nodePort === old?.nodePort, keeps);
    });
  }

  async function update(name: string, spec: object): Promise<unknown> {
    const sent = { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec };
    const object: Unstructured = definition.decode(sent).object;
    return (await registry.replace(context, name, object)).object;
  }
});
