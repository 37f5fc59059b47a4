import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonSchema } from './json-schema.ts';
import { listTypeFaults } from './list-types.ts';
import { StructuralSchema } from './structural-schema.ts';
import { schemaValueFaults } from './validation.ts';

function texts(field: JsonSchema, value: unknown, old?: unknown): readonly string[] {
  const schema = new StructuralSchema({ type: 'object', properties: { f: field } }, { isRoot: true });
  return schemaValueFaults({ f: value }, schema, old === undefined ? {} : { old: { f: old } }).map(({ text }) => text);
}

const required = (name: string): JsonSchema => ({ required: [name] });
const cases: readonly {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly value: unknown;
  readonly faults: readonly string[];
}[] = [
  {
    name: 'a type',
    schema: { type: 'integer' },
    value: 'x',
    faults: ['f: Invalid value: "string": f in body must be of type integer: "string"'],
  },
  {
    name: 'a fraction where an integer is wanted',
    schema: { type: 'integer' },
    value: 1.5,
    faults: [
      'f: Invalid value: "number": f in body must be of type integer: "number"',
      '<nil>: Invalid value: "": Checked value must be of type integer (default format) in f',
    ],
  },
  { name: 'an integer where a number is wanted', schema: { type: 'number' }, value: 1, faults: [] },
  {
    name: 'an integer beyond 2^53',
    schema: { type: 'integer', maximum: 5 },
    value: 2n ** 60n,
    faults: ['f: Invalid value: 1152921504606846976: f in body should be less than or equal to 5'],
  },
  {
    name: 'an integer beyond int64',
    schema: { type: 'integer' },
    value: 2n ** 70n,
    faults: ['<nil>: Invalid value: "": Checked value must be of type integer (default format) in f'],
  },
  { name: 'null', schema: { type: 'string' }, value: null, faults: ['f: Invalid value: "null": f in body must be of type string: "null"'] },
  { name: 'null where it is allowed', schema: { type: 'string', nullable: true }, value: null, faults: [] },
  {
    name: 'int or string',
    schema: { 'x-kubernetes-int-or-string': true },
    value: true,
    faults: ['f: Invalid value: "boolean": f in body must be of type integer,string: "boolean"'],
  },
  {
    name: 'a format of another type',
    schema: { type: 'string', format: 'date' },
    value: 5,
    faults: ['f: Invalid value: "int64": f in body must be of type date: "int64"'],
  },
  {
    name: 'a format',
    schema: { type: 'string', format: 'ipv4' },
    value: 'x',
    faults: ['f: Invalid value: "x": f in body must be of type ipv4: "x"'],
  },
  {
    name: 'an enumeration',
    schema: { type: 'integer', enum: [1, 2] },
    value: 3,
    faults: ['f: Unsupported value: 3: supported values: "1", "2"'],
  },
  { name: 'a length in characters', schema: { type: 'string', maxLength: 1 }, value: '🙂', faults: [] },
  { name: 'too long a text', schema: { type: 'string', maxLength: 1 }, value: 'ab', faults: ['f: Too long: may not be more than 1 byte'] },
  {
    name: 'a pattern',
    schema: { type: 'string', pattern: '^a' },
    value: 'b',
    faults: [`f: Invalid value: "b": f in body should match '^a'`],
  },
  {
    name: 'a factor of nothing',
    schema: { type: 'integer', multipleOf: 0 },
    value: 3,
    faults: ['f: Invalid value: 0: factor MultipleOf declared for f must be positive: 0'],
  },
  { name: 'multiples of fractions', schema: { type: 'number', multipleOf: 0.1 }, value: 0.3, faults: [] },
  {
    name: 'an exclusive bound',
    schema: { type: 'number', minimum: 0, exclusiveMinimum: true },
    value: 0,
    faults: ['f: Invalid value: 0: f in body should be greater than 0'],
  },
  {
    name: 'too few items',
    schema: { type: 'array', minItems: 1, items: { type: 'string' } },
    value: [],
    faults: ['f: Invalid value: 0: f in body should have at least 1 items'],
  },
  {
    name: 'items',
    schema: { type: 'array', items: { type: 'string' } },
    value: ['a', 1],
    faults: ['f[1]: Invalid value: "integer": f[1] in body must be of type string: "integer"'],
  },
  {
    name: 'entries',
    schema: { type: 'object', additionalProperties: { type: 'integer' } },
    value: { k: 'x' },
    faults: ['f.k: Invalid value: "string": f.k in body must be of type integer: "string"'],
  },
  {
    name: 'entries that are forbidden',
    schema: { type: 'object', additionalProperties: false },
    value: { k: 1 },
    faults: ['f: Invalid value: "k": f.k in body is a forbidden property'],
  },
  {
    name: 'none of several alternatives',
    schema: { type: 'object', anyOf: [required('a'), { properties: { b: { type: 'string' } }, required: ['a'] }] },
    value: { b: 'x' },
    faults: ['<nil>: Invalid value: "": "f" must validate at least one schema (anyOf)', 'f.a: Required value'],
  },
  {
    name: 'two alternatives of which one may hold',
    schema: { type: 'object', oneOf: [required('a'), required('b')] },
    value: { a: 1, b: 1 },
    faults: ['<nil>: Invalid value: "": "f" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
  },
  {
    name: 'nothing of what all must hold',
    schema: { type: 'integer', allOf: [{ minimum: 5 }, { minimum: 6 }] },
    value: 1,
    faults: [
      'f: Invalid value: 1: f in body should be greater than or equal to 5',
      'f: Invalid value: 1: f in body should be greater than or equal to 6',
      '<nil>: Invalid value: "": "f" must validate all the schemas (allOf). None validated',
    ],
  },
  {
    name: 'what must not hold',
    schema: { type: 'string', not: { enum: ['a'] } },
    value: 'a',
    faults: ['<nil>: Invalid value: "": "f" must not validate the schema (not)'],
  },
];

for (const { name, schema, value, faults } of cases) {
  test(`schemaValueFaults() ${name}`, () => assert.deepEqual(texts(schema, value), faults));
}

test('schemaValueFaults() passes over what did not change', () => {
  const strict: JsonSchema = { type: 'object', properties: { a: { type: 'string', maxLength: 1 }, b: { type: 'string' } } };
  assert.deepEqual(texts(strict, { a: 'long', b: 'y' }, { a: 'long', b: 'x' }), []);
  assert.equal(texts(strict, { a: 'longer', b: 'x' }, { a: 'long', b: 'x' }).length, 1);
});

test('schemaValueFaults() knows items of lists by their keys', () => {
  const items: JsonSchema = { type: 'object', properties: { k: { type: 'string' }, a: { type: 'string', maxLength: 1 } } };
  const list: JsonSchema = { type: 'array', items, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] };
  const old = [{ k: 'x', a: 'long' }];
  assert.deepEqual(texts(list, [{ k: 'new' }, { k: 'x', a: 'long' }], old), []);
  assert.deepEqual(texts({ type: 'array', items }, [{ k: 'new' }, { k: 'x', a: 'long' }], old), [
    'f[1].a: Too long: may not be more than 1 byte',
  ]);
});

test('listTypeFaults() finds each value that comes again, once', () => {
  const set = new StructuralSchema({
    type: 'object',
    properties: { s: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' } },
  });
  const found = listTypeFaults({ s: ['a', 'b', 'a', 'a', 'b'] }, set).map(({ text }) => text);
  assert.deepEqual(found, ['s[2]: Duplicate value: "a"', 's[4]: Duplicate value: "b"']);
});

test('listTypeFaults() compares list maps by their keys', () => {
  const items: JsonSchema = { type: 'object', properties: { p: { type: 'integer' }, q: { type: 'string' } } };
  const map: JsonSchema = { type: 'array', items, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['p', 'q'] };
  const schema = new StructuralSchema({ type: 'object', additionalProperties: map });
  const found = listTypeFaults({ m: [{ p: 1 }, { p: 1, q: 'a' }, { p: 1, q: 'a', r: 1 }], n: [{ p: 1 }, 5] }, schema).map(
    ({ text }) => text,
  );
  assert.deepEqual(found, [
    '[m][2]: Duplicate value: {"p":1,"q":"a"}',
    '[n][1]: Invalid value: 5: must be an object for an array of list-type map',
  ]);
});
