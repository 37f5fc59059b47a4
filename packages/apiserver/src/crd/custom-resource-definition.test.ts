import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CustomResourceDefinition, type CustomResourceDefinitionVersion, TypeTable } from '@coracle/api';
import { deepFreeze, type Unstructured } from '@coracle/apimachinery';
import type { ApiObject } from '../registry/definition.ts';
import { customResourceDefinitionHooks } from './custom-resource-definition.ts';
import type { JsonSchema } from './json-schema.ts';
import { contextFor } from './request-context.fixture.ts';

const hooks = customResourceDefinitionHooks(new TypeTable());
const context = contextFor(1);

function crdOf(version: Partial<CustomResourceDefinitionVersion>, spec: Partial<CustomResourceDefinition['spec']> = {}): ApiObject {
  const names = { plural: 'bowls', kind: 'Bowl' };
  const group = spec.group ?? 'example.com';
  const versions = [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } }, ...version }];
  const crd = { metadata: { name: `bowls.${group}` }, spec: { group, scope: 'Namespaced', names, versions, ...spec } } as Unstructured;
  const defaulted = deepFreeze(hooks.default?.(crd) ?? crd) as ApiObject;
  return deepFreeze(hooks.strategy?.prepareForCreate?.(defaulted, context) ?? defaulted);
}

function withField(field: JsonSchema): ApiObject {
  return crdOf({ schema: { openAPIV3Schema: { type: 'object', properties: { spec: field } } } });
}

function texts(crd: ApiObject): readonly string[] {
  return hooks.strategy?.validate?.(crd, context).map(({ text }) => text) ?? [];
}

const at = 'spec.validation.openAPIV3Schema.properties[spec]';
const schemas: readonly { readonly name: string; readonly field: JsonSchema; readonly faults: readonly string[] }[] = [
  { name: 'a plain object', field: { type: 'object', properties: { a: { type: 'string', default: 'x', pattern: '^x$' } } }, faults: [] },
  {
    name: 'a field without a type',
    field: { properties: { a: { type: 'string' } } },
    faults: [`${at}.type: Required value: must not be empty for specified object fields`],
  },
  {
    name: 'a type in an alternative',
    field: { type: 'object', anyOf: [{ type: 'object' }] },
    faults: [`${at}.anyOf[0].type: Forbidden: must be empty to be structural`],
  },
  {
    name: 'the types of int-or-string',
    field: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
    faults: [],
  },
  {
    name: 'a pattern that Go does not know',
    field: { type: 'string', pattern: '(?=x)' },
    faults: [
      `${at}.pattern: Invalid value: "(?=x)": must be a valid regular expression, but isn't: error parsing regexp: invalid or unsupported Perl syntax: \`(?=\``,
    ],
  },
  {
    name: 'a default of another type',
    field: { type: 'object', default: 'x' },
    faults: [`${at}.default: Invalid value: "string":  in body must be of type object: "string"`],
  },
  {
    name: 'a default with unknown fields',
    field: { type: 'object', default: { b: 1 } },
    faults: [`${at}.default: Invalid value: {"b":1}: must not have unknown fields`],
  },
  { name: 'a reference', field: { $ref: '#/x' }, faults: [`${at}.$ref: Forbidden: $ref is not supported`] },
  {
    name: 'a list map without keys',
    field: { type: 'array', 'x-kubernetes-list-type': 'map', items: { type: 'object' } },
    faults: [`${at}.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`],
  },
  {
    name: 'an embedded resource that is no object',
    field: { type: 'string', 'x-kubernetes-embedded-resource': true },
    faults: [
      `${at}.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields`,
      `${at}.type: Invalid value: "string": must be object if x-kubernetes-embedded-resource is true`,
    ],
  },
  {
    name: 'an empty rule',
    field: { type: 'object', 'x-kubernetes-validations': [{ rule: ' ' }] },
    faults: [`${at}.x-kubernetes-validations[0].rule: Required value: rule is not specified`],
  },
];

for (const { name, field, faults } of schemas) {
  test(`validate() ${name}`, () => assert.deepEqual(texts(withField(field)), faults));
}

const metadata = 'spec.validation.openAPIV3Schema.properties[metadata]';
test('validate() lets the root restrict names and no more of the metadata', () => {
  const root = (field: JsonSchema): ApiObject =>
    crdOf({ schema: { openAPIV3Schema: { type: 'object', properties: { metadata: field } } } });
  assert.deepEqual(texts(root({ type: 'object', properties: { name: { type: 'string', maxLength: 5 } } })), []);
  assert.deepEqual(texts(root({ type: 'object', properties: { labels: { type: 'object' } } })), [
    `${metadata}: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified`,
  ]);
});

test('validate() names the version where versions differ', () => {
  const [v1] = (crdOf({})['spec'] as CustomResourceDefinition['spec']).versions;
  assert.ok(v1 !== undefined);
  const v2 = { ...v1, name: 'v2', storage: false, schema: { openAPIV3Schema: { type: 'object', properties: { spec: {} } } } };
  assert.deepEqual(texts(crdOf({}, { versions: [v1, v2] })), [
    'spec.versions[1].schema.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields',
  ]);
});

test('validate() wants approval for groups of the community', () => {
  const [fault] = texts(crdOf({}, { group: 'x.k8s.io' }));
  assert.match(fault ?? '', /^metadata\.annotations\[api-approved\.kubernetes\.io\]: Required value: protected groups/);
});

test('validateUpdate() keeps the identity, and a storage version that is still in use', () => {
  const old = crdOf({});
  const status = { ...(old['status'] as object), conditions: [{ type: 'Established', status: 'True' }], storedVersions: ['v1', 'v0'] };
  const established = deepFreeze({ ...old, status }) as ApiObject;
  const spec = old['spec'] as CustomResourceDefinition['spec'];
  const changed = deepFreeze({ ...established, spec: { ...spec, scope: 'Cluster', names: { ...spec.names, kind: 'Pot' } } }) as ApiObject;
  const found = hooks.strategy?.validateUpdate?.(changed, established, context).map(({ text }) => text) ?? [];
  assert.deepEqual(found.slice(0, 2), [
    'spec.scope: Invalid value: "Cluster": field is immutable',
    'spec.names.kind: Invalid value: "Pot": field is immutable',
  ]);
  assert.match(found[2] ?? '', /^status\.storedVersions\[1\]: Invalid value: "v0": missing from spec\.versions/);
});

test('warnings() tell of formats that nobody knows, once they are new', () => {
  const crd = withField({ type: 'string', format: 'teapot' });
  assert.deepEqual(hooks.strategy?.warnings?.(crd, undefined), ['unrecognized format "teapot"']);
  assert.deepEqual(hooks.strategy?.warnings?.(crd, crd), []);
});
