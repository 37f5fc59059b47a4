import { compareBytes } from '@coracle/apimachinery';
import type { FieldFacts, StructFacts, TypeShape, TypeTable } from '../type-facts.ts';

/** A schema of OpenAPI 3.0 as the API server prints it. */
export type OpenApiSchema = Readonly<Record<string, unknown>>;

const refPrefix = '#/components/schemas/';

/** Types with a codec of their own: the name of the schema and the schema. */
const specialSchemas: Readonly<Record<string, readonly [name: string, schema: OpenApiSchema]>> = {
  Quantity: ['io.k8s.apimachinery.pkg.api.resource.Quantity', { oneOf: [{ type: 'string' }, { type: 'number' }] }],
  IntOrString: [
    'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  ],
  Time: ['io.k8s.apimachinery.pkg.apis.meta.v1.Time', { type: 'string', format: 'date-time' }],
  MicroTime: ['io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime', { type: 'string', format: 'date-time' }],
  FieldsV1: ['io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1', { type: 'object' }],
  RawExtension: ['io.k8s.apimachinery.pkg.runtime.RawExtension', { type: 'object' }],
  JSON: ['io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON', {}],
  JSONSchemaPropsOrBool: ['io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool', {}],
  JSONSchemaPropsOrArray: ['io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray', {}],
  JSONSchemaPropsOrStringArray: ['io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray', {}],
};

/** The body of any patch: a schema without a Go type behind it. */
export const patchSchemaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch';

/** `core.v1.Pod` → `io.k8s.api.core.v1.Pod`: Go's package with its host reversed. */
export function schemaName(typeName: string): string {
  const group = typeName.slice(0, typeName.indexOf('.'));
  switch (group) {
    case 'meta':
      return `io.k8s.apimachinery.pkg.apis.${typeName}`;
    case 'apiextensions':
      return `io.k8s.apiextensions-apiserver.pkg.apis.${typeName}`;
    case 'apiregistration':
      return `io.k8s.kube-aggregator.pkg.apis.${typeName}`;
    default:
      return `io.k8s.api.${typeName}`;
  }
}

export function refTo(schema: string): OpenApiSchema {
  return { $ref: refPrefix + schema };
}

/** Which document the schemas are for. */
export interface SchemaScope {
  /** `apps/v1`. Of the types that every group registers (DeleteOptions) only its kinds and `v1`'s are named. */
  readonly groupVersion: string;
  /** Whether anything in it can be patched. */
  readonly patches: boolean;
}

/** The schemas of `typeNames` and of all they refer to, by name, in order of name. */
export function schemasFrom(table: TypeTable, typeNames: Iterable<string>, scope: SchemaScope): Readonly<Record<string, OpenApiSchema>> {
  const found = new Map<string, OpenApiSchema>(scope.patches ? [[patchSchemaName, { type: 'object' }]] : []);
  const kinds = kindsByType(table, scope.groupVersion);
  const waiting = [...typeNames];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(schemaName(name))) continue;
    const facts = table.struct(name);
    found.set(schemaName(name), structSchema(facts, kinds.get(name)));
    for (const { shape, embedded } of facts.fields) {
      const leaf = leafOf(shape);
      if (embedded) continue;
      if (leaf.is === 'struct') waiting.push(leaf.name);
      const special = specialSchemas[leaf.is];
      if (special !== undefined) found.set(...special);
    }
  }
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface NamedKind {
  readonly group: string;
  readonly kind: string;
  readonly version: string;
}

function kindsByType(table: TypeTable, groupVersion: string): ReadonlyMap<string, readonly NamedKind[]> {
  const found = new Map<string, NamedKind[]>();
  for (const { group, version, kind, type } of table.kinds) {
    const gv = group === '' ? version : `${group}/${version}`;
    if (type.startsWith('meta.') && gv !== 'v1' && gv !== groupVersion) continue;
    const named = found.get(type);
    const one = { group, kind, version };
    if (named === undefined) found.set(type, [one]);
    else named.push(one);
  }
  return found;
}

function structSchema({ fields, mapType, unions }: StructFacts, kinds: readonly NamedKind[] | undefined): OpenApiSchema {
  const own = fields.filter(({ embedded }) => !embedded);
  const properties = own.toSorted((a, b) => compareBytes(a.json, b.json)).map((field) => [field.json, propertySchema(field)]);
  const required = own.filter((field) => field.required).map(({ json }) => json);
  return {
    type: 'object',
    ...(required.length === 0 ? {} : { required }),
    ...(own.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
    ...(kinds === undefined ? {} : { 'x-kubernetes-group-version-kind': kinds }),
    ...(mapType === undefined ? {} : { 'x-kubernetes-map-type': mapType }),
    ...(unions.length === 0 ? {} : { 'x-kubernetes-unions': unions }),
  };
}

function propertySchema(field: FieldFacts): OpenApiSchema {
  const value = valueSchema(field.shape, field.allowed);
  const isRef = '$ref' in value;
  const extensions = {
    ...(field.listKeys.length === 0 ? {} : { 'x-kubernetes-list-map-keys': field.listKeys }),
    ...(field.listType === undefined ? {} : { 'x-kubernetes-list-type': field.listType }),
    ...(field.mapType === undefined ? {} : { 'x-kubernetes-map-type': field.mapType }),
    ...(field.patchMergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': field.patchMergeKey }),
    ...(field.patchStrategies.length === 0 ? {} : { 'x-kubernetes-patch-strategy': field.patchStrategies.join(',') }),
  };
  const fallback = field.defaultText === undefined ? {} : { default: JSON.parse(field.defaultText) as unknown };
  if (!isRef || field.bareRef) return { ...value, ...fallback, ...extensions };
  return { ...fallback, allOf: [value], ...extensions };
}

function valueSchema(shape: TypeShape, allowed: readonly string[]): OpenApiSchema {
  switch (shape.is) {
    case 'string':
      return { type: 'string', ...(allowed.length === 0 ? {} : { enum: allowed }) };
    case 'bool':
      return { type: 'boolean' };
    case 'int32':
    case 'int64':
      return { type: 'integer', format: shape.is };
    case 'float64':
      return { type: 'number', format: 'double' };
    case 'bytes':
      return { type: 'string', format: 'byte' };
    case 'pointer':
      return valueSchema(shape.of, allowed);
    case 'list':
      return { type: 'array', items: valueSchema(shape.of, allowed) };
    case 'map':
      return { type: 'object', additionalProperties: valueSchema(shape.of, allowed) };
    case 'struct':
      return refTo(schemaName(shape.name));
    default:
      return refTo(specialSchemas[shape.is]?.[0] ?? shape.is);
  }
}

function leafOf(shape: TypeShape): TypeShape {
  return shape.is === 'list' || shape.is === 'map' || shape.is === 'pointer' ? leafOf(shape.of) : shape;
}
