import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type CustomResourceDefinition, DecodeError, type JSONSchemaProps, TypeTable } from '@coracle/api';
import { deepFreeze, StatusError, type Unstructured } from '@coracle/apimachinery';
import fc from 'fast-check';
import type { ApiObject, ResourceDefinition } from '../registry/definition.ts';
import { customResourceVersions, definitionsOf } from './custom-resource.ts';
import { openApiSchemas } from './open-api.ts';
import { contextFor } from './request-context.fixture.ts';

const table = new TypeTable();
const spec: JSONSchemaProps = {
  type: 'object',
  properties: {
    size: { type: 'integer', default: 1 },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    template: {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    },
    parts: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' }, port: { type: 'integer', default: 80 } } } },
  },
};

function bowls(
  versions: Partial<CustomResourceDefinition['spec']['versions'][number]>[] = [{}],
  strategy = 'None',
): CustomResourceDefinition {
  return deepFreeze({
    metadata: { name: 'bowls.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'bowls', kind: 'Bowl', singular: 'bowl', listKind: 'BowlList' },
      conversion: { strategy },
      versions: versions.map((version, i) => ({
        name: `v${i + 1}`,
        served: true,
        storage: i === 0,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec, status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        },
        ...version,
      })),
    },
  });
}

function only(crd: CustomResourceDefinition): ResourceDefinition {
  const [definition] = definitionsOf(crd, { table });
  assert.ok(definition !== undefined);
  return definition;
}

function bowl(fields: Readonly<Record<string, unknown>>, metadata: Readonly<Record<string, unknown>> = { name: 'b' }): unknown {
  return deepFreeze({ apiVersion: 'example.com/v1', kind: 'Bowl', metadata, ...fields });
}

describe('decode()', () => {
  const { decode } = only(bowls());

  test('prunes unknown fields and names them', () => {
    const sent = bowl({ spec: { size: 2, sise: 3, parts: [{ name: 'a', nam: 1 }] }, odd: 1 }, { name: 'b', odd: 1 });
    const { object, strictErrors } = decode(sent);
    assert.deepEqual(object['spec'], { size: 2, parts: [{ name: 'a' }] });
    assert.deepEqual(strictErrors, [
      'unknown field "metadata.odd"',
      'unknown field "odd"',
      'unknown field "spec.parts[0].nam"',
      'unknown field "spec.sise"',
    ]);
  });

  test('keeps keys of maps whatever they are', () => {
    const labels = JSON.parse('{"__proto__":"p","constructor":"c","":"e","10":"t","2":"z"}') as unknown;
    const { object } = decode(bowl({ spec: { labels } }));
    assert.deepEqual(object['spec'], { labels });
  });

  test('makes the metadata of embedded resources such', () => {
    const { object, strictErrors } = decode(
      bowl({ spec: { template: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', odd: 1 }, spec: { any: [1] } } } }),
    );
    assert.deepEqual(object['spec'], { template: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { any: [1] } } });
    assert.deepEqual(strictErrors, ['unknown field "spec.template.metadata.odd"']);
  });

  test('refuses metadata of the wrong type', () => {
    assert.throws(() => decode(bowl({}, { name: 'b', labels: { a: 5 } })), DecodeError);
    assert.throws(() => decode(bowl({ spec: { template: { metadata: { labels: 5 } } } })), DecodeError);
    assert.throws(() => decode('hello'), DecodeError);
  });
});

test('default() is idempotent and leaves its argument alone', () => {
  const definition = only(bowls());
  const part = fc.record({ name: fc.constant('a'), port: fc.constantFrom(1, null) }, { requiredKeys: [] });
  const anySpec = fc.record({ size: fc.constantFrom(7, null), parts: fc.array(part, { maxLength: 3 }) }, { requiredKeys: [] });
  fc.assert(
    fc.property(anySpec, (sent) => {
      const object = deepFreeze(definition.decode(bowl({ spec: sent })).object);
      const once = deepFreeze(definition.default?.(object as Unstructured));
      assert.equal(definition.default?.(once as Unstructured), once);
    }),
  );
});

describe('convert', () => {
  const crd = bowls([
    {},
    {
      schema: {
        openAPIV3Schema: {
          type: 'object',
          properties: { spec: { type: 'object', properties: { size: { type: 'integer' }, lid: { type: 'string', default: 'flat' } } } },
        },
      },
    },
  ]);
  const [v1, v2] = definitionsOf(crd, { table });
  const stored = bowl({ spec: { size: 3, old: 1 } }) as ApiObject;

  test('fromStorage() changes the version, prunes and fills in', () => {
    assert.deepEqual(v2?.convert?.fromStorage(stored), { ...stored, apiVersion: 'example.com/v2', spec: { size: 3, lid: 'flat' } });
    assert.deepEqual(v1?.convert?.fromStorage(stored)['spec'], { size: 3 });
  });

  test('fromStorage() returns what needs no change as it is', () => {
    const plain = bowl({ spec: { size: 3 } }) as ApiObject;
    assert.equal(v1?.convert?.fromStorage(plain), plain);
  });

  test('toStorage() gives the storage version', () => {
    const object = { ...(stored as Unstructured), apiVersion: 'example.com/v2' };
    assert.equal(v2?.convert?.toStorage(object).apiVersion, 'example.com/v1');
  });

  test('a version that only a webhook converts is refused', () => {
    const [own, other] = definitionsOf(bowls([{}, {}], 'Webhook'), { table });
    assert.ok(own?.convert?.fromStorage(stored) !== undefined);
    assert.throws(
      () => other?.convert?.fromStorage(stored),
      (error) => error instanceof StatusError && error.status.code === 501,
    );
  });
});

describe('strategy', () => {
  const status = { subresources: { status: {} } };
  const context = contextFor(1);
  const old = { ...(bowl({ spec: { size: 1 }, status: { a: 1 } }) as ApiObject), metadata: { name: 'b', generation: 4 } };

  test('counts changes of the status where it is no subresource', () => {
    const { strategy } = only(bowls());
    assert.equal(strategy.prepareForUpdate?.({ ...old, status: { a: 2 } }, old, context).metadata.generation, 5);
    assert.equal(
      strategy.prepareForUpdate?.({ ...old, metadata: { ...old.metadata, labels: { a: 'b' } } }, old, context).metadata.generation,
      4,
    );
  });

  test('keeps the status where it is a subresource', () => {
    const { strategy } = only(bowls([status]));
    assert.deepEqual(strategy.prepareForUpdate?.({ ...old, status: { a: 2 } }, old, context)['status'], { a: 1 });
    assert.equal(strategy.prepareForCreate?.(old, context)['status'], undefined);
  });

  test('changes nothing but the status through the status', () => {
    const { statusStrategy } = only(bowls([status]));
    const sent = { ...old, metadata: { ...old.metadata, labels: { a: 'b' } }, spec: { size: 9 }, status: { a: 2 } };
    assert.deepEqual(statusStrategy?.prepareForUpdate?.(sent, old, context), { ...old, status: { a: 2 } });
  });

  test('warns of finalizers that others could have too', () => {
    const [text] = only(bowls()).strategy.warnings?.({ ...old, metadata: { name: 'b', finalizers: ['orphan', 'mine'] } }, undefined) ?? [];
    assert.equal(
      text,
      'metadata.finalizers: "mine": prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers',
    );
  });

  test('refuses faults of embedded metadata', () => {
    const object = bowl({
      spec: { template: { kind: 'A B', metadata: { ownerReferences: [{ apiVersion: 'v1', kind: '', name: 'o', uid: 'u' }] } } },
    }) as ApiObject;
    const texts =
      only(bowls())
        .strategy.validate?.(object, context)
        .map(({ text }) => text) ?? [];
    assert.equal(texts[0], 'spec.template.apiVersion: Required value');
    assert.match(texts[1] ?? '', /^spec\.template\.kind: Invalid value: "A B": may have mixed case/);
    assert.equal(texts[2], 'spec.template.metadata.ownerReferences[0].kind: Required value: must not be empty');
  });
});

test('cells() shows the columns that were asked for', () => {
  const columns = [
    { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status', priority: 1 },
    { name: 'Since', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Odd', type: 'string', jsonPath: '.a[' },
    { name: 'Map', type: 'string', jsonPath: '.spec.labels' },
  ];
  const { cells, columns: shown } = only(bowls([{ additionalPrinterColumns: columns }]));
  const object = bowl(
    { spec: { size: 2, labels: { a: 'b' } }, status: { conditions: [{ type: 'Ready', status: 'True' }] } },
    { name: 'b', creationTimestamp: '2026-01-01T00:00:00Z' },
  );
  assert.deepEqual(cells(object as ApiObject, Date.UTC(2026, 0, 1, 0, 5)), ['b', 2, 'True', '5m', null, '{"a":"b"}']);
  assert.deepEqual(
    shown.map(({ name, priority }) => `${name} ${priority}`),
    ['Name 0', 'Size 0', 'Ready 1', 'Since 0', 'Odd 0', 'Map 0'],
  );
});

test('customResourceVersions() leaves out what is not served and tells what is deprecated', () => {
  const versions = customResourceVersions(
    bowls([{}, { served: false }, { deprecated: true }, { deprecated: true, deprecationWarning: 'old' }]),
    { table },
  );
  assert.deepEqual(
    versions.map(({ definition, deprecation }) => [definition.version, deprecation]),
    [
      ['v1', undefined],
      ['v3', 'example.com/v3 Bowl is deprecated'],
      ['v4', 'old'],
    ],
  );
});

test('openApiSchemas() adds type and metadata, at the root and in embedded resources', () => {
  const crd = bowls();
  const [version] = crd.spec.versions;
  assert.ok(version !== undefined);
  const schemas = openApiSchemas(crd, version);
  assert.deepEqual(Object.keys(schemas), ['com.example.v1.Bowl', 'com.example.v1.BowlList']);
  const own = schemas['com.example.v1.Bowl'] as {
    readonly properties: { readonly spec: { readonly properties: { readonly template: { readonly required: unknown } } } };
  };
  assert.deepEqual(Object.keys(own.properties).sort(), ['apiVersion', 'kind', 'metadata', 'spec', 'status']);
  assert.deepEqual(own.properties.spec.properties.template.required, ['kind', 'apiVersion']);
  assert.deepEqual(schemas['com.example.v1.Bowl']?.['x-kubernetes-group-version-kind'], [
    { group: 'example.com', version: 'v1', kind: 'Bowl' },
  ]);
});
