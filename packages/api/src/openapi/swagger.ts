import { isDeepStrictEqual } from 'node:util';
import type { OpenApiDocument } from './open-api.ts';
import type { OpenApiSchema } from './schema.ts';

/** The document of `/openapi/v2` (Swagger 2.0). */
export interface SwaggerDocument {
  readonly swagger: '2.0';
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, OpenApiSchema>>;
  readonly definitions: Readonly<Record<string, OpenApiSchema>>;
  readonly securityDefinitions: Readonly<Record<string, OpenApiSchema>>;
  readonly security: readonly OpenApiSchema[];
}

/** What is read of a document of OpenAPI v3. */
export type V3Document = Pick<OpenApiDocument, 'paths'> & { readonly components: Pick<OpenApiDocument['components'], 'schemas'> };

const methods: ReadonlySet<string> = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch']);
/** What Swagger 2.0 has no word for (kube-openapi pkg/schemaconv leaves them out too). */
const withoutWord: ReadonlySet<string> = new Set(['oneOf', 'anyOf', 'allOf', 'not', 'nullable']);

/**
 * All documents of OpenAPI v3 as one of Swagger 2.0. Helm, older kubectl, and kubectl's validation of kinds that are not served
 * yet read it. A schema that two documents have names all its kinds once.
 */
export function swaggerDocument(documents: readonly V3Document[]): SwaggerDocument {
  const paths = new Map<string, OpenApiSchema>();
  const definitions = new Map<string, OpenApiSchema>();
  for (const { paths: ofVersion, components } of documents) {
    for (const [path, item] of Object.entries(ofVersion)) paths.set(path, pathItem(item));
    for (const [name, schema] of Object.entries(components.schemas)) {
      const definition = schemaOf(schema);
      const present = definitions.get(name);
      definitions.set(name, present === undefined ? definition : withKindsOf(present, definition));
    }
  }
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: '1.37' },
    paths: sorted(paths),
    definitions: sorted(definitions),
    securityDefinitions: {
      BearerToken: { type: 'apiKey', name: 'authorization', in: 'header', description: 'Bearer Token authentication' },
    },
    security: [{ BearerToken: [] }],
  };
}

function sorted(map: ReadonlyMap<string, OpenApiSchema>): Readonly<Record<string, OpenApiSchema>> {
  return Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const kindsExtension = 'x-kubernetes-group-version-kind';

/** DeleteOptions and its like are registered in every group; each document knows of its own. */
function withKindsOf(schema: OpenApiSchema, other: OpenApiSchema): OpenApiSchema {
  const kinds = (schema[kindsExtension] ?? []) as readonly unknown[]; // a list where it is present
  const more = ((other[kindsExtension] ?? []) as readonly unknown[]).filter((kind) => !kinds.some((one) => isDeepStrictEqual(one, kind)));
  return more.length === 0 ? schema : { ...schema, [kindsExtension]: [...kinds, ...more] };
}

function pathItem(item: OpenApiSchema): OpenApiSchema {
  return Object.fromEntries(
    Object.entries(item).map(([key, value]) => {
      if (methods.has(key)) return [key, operation(value as OpenApiSchema)]; // as resource-paths.ts made it
      return [key, key === 'parameters' ? (value as readonly OpenApiSchema[]).map(parameter) : value]; // the same
    }),
  );
}

interface V3Operation {
  readonly parameters?: readonly OpenApiSchema[];
  readonly requestBody?: { readonly content: Content; readonly required?: boolean };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

type Content = Readonly<Record<string, { readonly schema: OpenApiSchema }>>;

function operation(item: OpenApiSchema): OpenApiSchema {
  const { parameters = [], requestBody, responses, ...rest } = item as unknown as V3Operation & OpenApiSchema; // as resource-paths.ts made it
  const [body] = Object.values(requestBody?.content ?? {});
  const inBody =
    body === undefined
      ? []
      : [{ name: 'body', in: 'body', ...(requestBody?.required === true ? { required: true } : {}), schema: schemaOf(body.schema) }];
  const all = [...parameters.map(parameter), ...inBody];
  const produces = Object.keys(Object.values(responses).find(({ content }) => content !== undefined)?.content ?? {});
  return {
    ...rest,
    consumes: requestBody === undefined ? ['*/*'] : Object.keys(requestBody.content),
    produces,
    schemes: ['https'],
    ...(all.length === 0 ? {} : { parameters: all }),
    responses: Object.fromEntries(Object.entries(responses).map(([code, answer]) => [code, response(code, answer)])),
  };
}

const reasons: Readonly<Record<string, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted', 401: 'Unauthorized' };

function response(code: string, { content = {} }: { readonly content?: Content }): OpenApiSchema {
  const [first] = Object.values(content);
  return { description: reasons[code] ?? '', ...(first === undefined ? {} : { schema: schemaOf(first.schema) }) };
}

function parameter({ schema, ...rest }: OpenApiSchema): OpenApiSchema {
  return { ...(schema as OpenApiSchema), ...rest }; // every parameter has one
}

function schemaOf(schema: OpenApiSchema): OpenApiSchema {
  // A reference with a default beside it is wrapped in `allOf` in v3 only.
  const [only] = (schema['allOf'] ?? []) as readonly OpenApiSchema[]; // a list where it is present
  if (typeof only?.['$ref'] === 'string') {
    const { allOf: _, ...rest } = schema;
    return { ...rest, $ref: definitionRef(only['$ref']) };
  }
  if (schema['format'] === 'int-or-string' || schema['x-kubernetes-int-or-string'] === true) {
    const { oneOf: _, anyOf: __, type: ___, nullable: ____, ...rest } = schema;
    return schema['format'] === 'int-or-string' ? { ...rest, type: 'string' } : rest;
  }
  const entries = Object.entries(schema).flatMap(([key, value]): readonly (readonly [string, unknown])[] => {
    if (withoutWord.has(key)) return [];
    if (key === '$ref') return [[key, definitionRef(String(value))]];
    if (key === 'properties')
      return [
        [key, Object.fromEntries(Object.entries(value as OpenApiSchema).map(([name, one]) => [name, schemaOf(one as OpenApiSchema)]))],
      ]; // schemas by name
    if ((key === 'items' || key === 'additionalProperties') && typeof value === 'object') return [[key, schemaOf(value as OpenApiSchema)]]; // a schema
    return [[key, value]];
  });
  const converted = Object.fromEntries(entries);
  // A quantity is a number or text in v3; v2 knows one type.
  return Array.isArray(schema['oneOf']) && converted['type'] === undefined ? { ...converted, type: 'string' } : converted;
}

function definitionRef(ref: string): string {
  return ref.replace('#/components/schemas/', '#/definitions/');
}
