import assert from 'node:assert/strict';
import test from 'node:test';
import { resourceRows } from '../generated/resources.ts';
import { WireReader } from '../protobuf/wire-reader.ts';
import { TypeTable } from '../type-facts.ts';
import { openApiDocument } from './open-api.ts';
import { swaggerDocument } from './swagger.ts';
import { encodeSwagger } from './swagger-protobuf.ts';

const table = new TypeTable();
const v3 = [openApiDocument(resourceRows, table, 'apps', 'v1'), openApiDocument(resourceRows, table, '', 'v1')];
const swagger = swaggerDocument(v3);

test('swaggerDocument has the paths and schemas of all documents, in words of Swagger 2.0', () => {
  assert.deepEqual(
    Object.keys(swagger.paths).length,
    v3.reduce((sum, { paths }) => sum + Object.keys(paths).length, 0),
  );
  const text = JSON.stringify(swagger);
  for (const word of ['#/components/', '"oneOf"', '"anyOf"', '"allOf"', '"nullable"', '"requestBody"', '"content"'])
    assert.ok(!text.includes(word), word);
  for (const [, name = ''] of text.matchAll(/"#\/definitions\/([^"]+)"/g)) assert.ok(name in swagger.definitions, name);
});

test('swaggerDocument says what kubectl asks about a patch', () => {
  const { patch } = swagger.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'] as {
    readonly patch: Readonly<Record<string, unknown>>;
  };
  assert.deepEqual(patch['x-kubernetes-group-version-kind'], { group: 'apps', version: 'v1', kind: 'Deployment' });
  const parameters = patch['parameters'] as readonly { readonly name: string; readonly in: string; readonly type?: string }[];
  assert.deepEqual(
    parameters.map(({ name, in: place, type }) => `${place} ${name} ${type ?? ''}`),
    ['query dryRun string', 'query fieldManager string', 'query fieldValidation string', 'query force boolean', 'body body '],
  );
});

test('swaggerDocument gives a schema of several documents the kinds of all', () => {
  const kinds = swagger.definitions['io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions']?.['x-kubernetes-group-version-kind'] as readonly {
    readonly group: string;
  }[];
  assert.deepEqual([...new Set(kinds.map(({ group }) => group))].sort(), ['', 'apps']);
});

test('swaggerDocument writes custom schemas without what v2 cannot say', () => {
  const schema = {
    type: 'object',
    nullable: true,
    properties: {
      size: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
      extra: { type: 'object', additionalProperties: true },
    },
  };
  const { definitions } = swaggerDocument([{ paths: {}, components: { schemas: { Bowl: schema } } }]);
  assert.deepEqual(definitions['Bowl'], {
    type: 'object',
    properties: { size: { 'x-kubernetes-int-or-string': true }, extra: { type: 'object', additionalProperties: true } },
  });
});

/** The fields of a message, by number. */
function fieldsOf(reader: WireReader): ReadonlyMap<number, readonly Uint8Array[]> {
  const found = new Map<number, Uint8Array[]>();
  while (!reader.isDone) {
    const tag = reader.tag();
    if ((tag & 7) !== 2) {
      reader.skip(tag);
      continue;
    }
    const list = found.get(tag >>> 3) ?? [];
    found.set(tag >>> 3, [...list, reader.bytes()]);
  }
  return found;
}

const inside = (bytes: Uint8Array | undefined): ReadonlyMap<number, readonly Uint8Array[]> =>
  fieldsOf(new WireReader(bytes ?? new Uint8Array()));
const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

test('encodeSwagger writes every path and every definition in order, as openapi.v2 numbers them', () => {
  const document = inside(encodeSwagger(swagger));
  assert.equal(textOf(document.get(1)?.[0]), '2.0');
  const names = (bytes: Uint8Array | undefined, number: number): readonly string[] =>
    (inside(bytes).get(number) ?? []).map((entry) => textOf(inside(entry).get(1)?.[0]));
  assert.deepEqual(names(document.get(8)?.[0], 2), Object.keys(swagger.paths));
  assert.deepEqual(names(document.get(9)?.[0], 1), Object.keys(swagger.definitions));
});

test('encodeSwagger writes extensions as YAML', () => {
  const bytes = encodeSwagger(
    swaggerDocument([{ paths: {}, components: { schemas: { Bowl: { type: 'object', 'x-kubernetes-list-type': 'atomic' } } } }]),
  );
  const definition = inside(inside(inside(bytes).get(9)?.[0]).get(1)?.[0]);
  const extension = inside(inside(definition.get(2)?.[0]).get(31)?.[0]);
  assert.equal(textOf(extension.get(1)?.[0]), 'x-kubernetes-list-type');
  assert.equal(textOf(inside(extension.get(2)?.[0]).get(2)?.[0]), '"atomic"');
});
