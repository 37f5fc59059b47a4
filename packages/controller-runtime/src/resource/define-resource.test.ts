import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isInvalid } from '@coracle/apimachinery';
import { type Clientset, type ObjectOf, resources } from '@coracle/client';
import { SimulatedCluster } from '@coracle/cluster';
import { defineResource } from './define-resource.ts';
import { s } from './schema.ts';

const ships = defineResource({
  group: 'harbour.example.com',
  version: 'v1',
  kind: 'Ship',
  shortNames: ['sh'],
  spec: s.object({
    sails: s.integer({ minimum: 1, maximum: 9 }),
    rig: s.optional(s.enum(['sloop', 'ketch'], { default: 'sloop' })),
    crew: s.optional(s.array(s.object({ name: s.string(), rank: s.optional(s.string()) }), { list: { mapKeys: ['name'] } })),
    cargo: s.optional(s.map(s.intOrString())),
    notes: s.optional(s.anyObject()),
    launched: s.optional(s.time()),
  }),
  status: s.object({ afloat: s.boolean(), draught: s.optional(s.number()) }),
  columns: [{ name: 'Sails', type: 'integer', jsonPath: '.spec.sails' }],
});
type Ship = ObjectOf<typeof ships>;

async function harbour(): Promise<{ readonly cluster: SimulatedCluster; readonly admin: Clientset }> {
  const cluster = await SimulatedCluster.start({ seed: 1, nodes: 0 });
  const { admin } = cluster;
  await cluster.drive(admin.resource(resources.apiextensions.v1.customResourceDefinitions, '').create(ships.crd));
  await cluster.settle();
  return { cluster, admin };
}

describe('defineResource', () => {
  test('the server takes the definition, fills in defaults, and refuses what the type does not allow', async () => {
    const { cluster, admin } = await harbour();
    const client = admin.resource(ships, 'default');
    const full: Ship = {
      metadata: { name: 'argo' },
      spec: {
        sails: 2,
        crew: [{ name: 'orpheus' }],
        cargo: { fleece: 1, water: '2t' },
        notes: { deep: { kept: true } },
        launched: '2026-01-02T03:04:05Z',
      },
    };
    const created = await cluster.drive(client.create(full));
    assert.deepEqual(created.spec, { ...full.spec, rig: 'sloop' });
    assert.equal(created.kind, 'Ship');

    const wrong = { metadata: { name: 'wrong' }, spec: { sails: 10, rig: 'raft', crew: [{ rank: 'mate' }] } } as unknown as Ship; // wrong on purpose
    await assert.rejects(cluster.drive(client.create(wrong)), (error: unknown) => {
      assert.ok(isInvalid(error));
      assert.match(String(error), /spec\.sails: Invalid value: 10: spec\.sails in body should be less than or equal to 9/);
      assert.match(String(error), /spec\.rig: Unsupported value: "raft": supported values: "sloop", "ketch"/);
      assert.match(String(error), /spec\.crew\[0\]\.name: Required value/);
      return true;
    });
    const bare = { metadata: { name: 'bare' } } as unknown as Ship; // wrong on purpose
    await assert.rejects(cluster.drive(client.create(bare)), /spec: Required value/);
  });

  test('with a status there is a subresource for it, and nobody else changes it', async () => {
    const { cluster, admin } = await harbour();
    const client = admin.resource(ships, 'default');
    const created = await cluster.drive(client.create({ metadata: { name: 'argo' }, spec: { sails: 2 }, status: { afloat: true } }));
    assert.equal(created.status, undefined);
    const updated = await cluster.drive(client.updateStatus({ ...created, status: { afloat: true, draught: 1.5 } }));
    assert.deepEqual(updated.status, { afloat: true, draught: 1.5 });
  });

  test('names are guessed from the kind as kubectl guesses them', () => {
    const plural = (kind: string): string => defineResource({ group: 'x.example.com', version: 'v1', kind, spec: s.object({}) }).resource;
    assert.deepEqual(['Foo', 'Policy', 'Class', 'Endpoints'].map(plural), ['foos', 'policies', 'classes', 'endpoints']);
    assert.equal(ships.crd.metadata.name, 'ships.harbour.example.com');
  });

  test('a resource of the whole cluster, without status, with a spec that may be absent', () => {
    const { crd, namespaced } = defineResource({
      group: 'x.example.com',
      version: 'v1',
      kind: 'Flag',
      plural: 'flags',
      scope: 'Cluster',
      spec: s.optional(s.object({ colour: s.string({ default: 'red', rules: [{ rule: 'self != ""' }] }) })),
    });
    assert.equal(namespaced, false);
    assert.equal(crd.spec.scope, 'Cluster');
    assert.equal(crd.spec.versions[0]?.subresources, undefined);
    assert.deepEqual(crd.spec.versions[0]?.schema?.openAPIV3Schema, {
      type: 'object',
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: { type: 'object' },
        spec: {
          type: 'object',
          properties: { colour: { type: 'string', default: 'red', 'x-kubernetes-validations': [{ rule: 'self != ""' }] } },
          required: ['colour'],
        },
      },
    });
  });

  test('the compiler refuses what the schema does not know', () => {
    const of = (ship: Ship): Ship => ship;
    of({ metadata: {}, spec: { sails: 1, rig: 'ketch' } });
    // @ts-expect-error sails are required
    of({ metadata: {}, spec: {} });
    // @ts-expect-error no such rig
    of({ metadata: {}, spec: { sails: 1, rig: 'raft' } });
    // @ts-expect-error no such field
    of({ metadata: {}, spec: { sails: 1, oars: 3 } });
    // @ts-expect-error a draught is a number
    of({ metadata: {}, spec: { sails: 1 }, status: { afloat: true, draught: 'deep' } });
  });
});
