/** Structural schema as the generator writes it. */
export interface Schema {
  type?: string;
  description?: string;
  format?: string;
  minimum?: number;
  default?: unknown;
  enum?: readonly string[];
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  required?: string[];
  anyOf?: readonly Schema[];
  'x-kubernetes-int-or-string'?: true;
  'x-kubernetes-preserve-unknown-fields'?: true;
}

interface Field {
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
  readonly comment: string;
}

interface Interface {
  readonly bases: readonly string[];
  readonly fields: readonly Field[];
  readonly comment: string;
}

const scalars: Readonly<Record<string, Schema>> = {
  string: { type: 'string' },
  boolean: { type: 'boolean' },
  Int32: { type: 'integer', format: 'int32' },
  Int64: { type: 'integer', format: 'int64' },
  DateTime: { type: 'string', format: 'date-time' },
  Quantity: { anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true },
  Preserved: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  ComponentConfig: { 'x-kubernetes-preserve-unknown-fields': true },
  ObjectMeta: { type: 'object' },
};

/** Columns of upstream's CRD (tidb-operator manifests/crd.yaml). */
const columns: readonly Record<string, unknown>[] = [
  { jsonPath: '.status.conditions[?(@.type=="Ready")].status', name: 'Ready', type: 'string' },
  ...['pd', 'tikv', 'tidb'].flatMap((component) => columnsOf(component)),
  { jsonPath: '.status.conditions[?(@.type=="Ready")].message', name: 'Status', priority: 1, type: 'string' },
  { jsonPath: '.metadata.creationTimestamp', name: 'Age', type: 'date' },
];

function columnsOf(component: string): Record<string, unknown>[] {
  const title = { pd: 'PD', tikv: 'TiKV', tidb: 'TiDB' }[component] ?? component;
  return [
    { description: `The image for ${title} cluster`, jsonPath: `.status.${component}.image`, name: title, type: 'string' },
    ...(component === 'tidb'
      ? []
      : [
          {
            description: `The storage size specified for ${title} node`,
            jsonPath: `.spec.${component}.requests.storage`,
            name: 'Storage',
            type: 'string',
          },
        ]),
    {
      description: `The ready replicas number of ${title} cluster`,
      jsonPath: `.status.${component}.statefulSet.readyReplicas`,
      name: 'Ready',
      type: 'integer',
    },
    {
      description: `The desired replicas number of ${title} cluster`,
      jsonPath: `.spec.${component}.replicas`,
      name: 'Desire',
      type: 'integer',
    },
  ];
}

/** The CustomResourceDefinition of `TidbCluster` from the text of types.ts. Throws SyntaxError on TypeScript beyond the subset. */
export function crdFromTypes(source: string): Record<string, unknown> {
  const interfaces = readInterfaces(source);
  const aliases = readUnionAliases(source);
  const schema = schemaOfInterface('TidbCluster', { interfaces, aliases });
  // The API server adds these three itself; only metadata and spec are asked for, as upstream.
  schema.required = ['metadata', 'spec'];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'tidbclusters.pingcap.com' },
    spec: {
      group: 'pingcap.com',
      names: {
        kind: 'TidbCluster',
        listKind: 'TidbClusterList',
        plural: 'tidbclusters',
        shortNames: ['tc'],
        singular: 'tidbcluster',
      },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: schema },
          subresources: { status: {} },
        },
      ],
    },
  };
}

interface Types {
  readonly interfaces: ReadonlyMap<string, Interface>;
  readonly aliases: ReadonlyMap<string, string>;
}

function schemaOfInterface(name: string, types: Types): Schema {
  const fields = fieldsOf(name, types).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const properties: Record<string, Schema> = {};
  const required: string[] = [];
  for (const field of fields) {
    properties[field.name] = withComment(schemaOfType(field.type, types), field.comment);
    if (!field.optional) required.push(field.name);
  }
  return { type: 'object', properties, ...(required.length > 0 && { required }) };
}

function fieldsOf(name: string, types: Types): readonly Field[] {
  const found = types.interfaces.get(name);
  if (found === undefined) throw new SyntaxError(`Cannot make a schema of type "${name}"`);
  return [...found.bases.flatMap((base) => fieldsOf(base, types)), ...found.fields];
}

function schemaOfType(type: string, types: Types): Schema {
  const scalar = scalars[type];
  if (scalar !== undefined) return { ...scalar };
  const list = /^readonly (.+)\[\]$/.exec(type)?.[1];
  if (list !== undefined) return { type: 'array', items: schemaOfType(list, types) };
  const map = /^Readonly<Record<string, (.+)>>$/.exec(type)?.[1];
  if (map !== undefined) return { type: 'object', additionalProperties: schemaOfType(map, types) };
  if (/^'[^']*'( \| '[^']*')*$/.test(type)) return { type: 'string', enum: type.split(' | ').map((text) => text.slice(1, -1)) };
  const alias = types.aliases.get(type);
  if (alias !== undefined) return schemaOfType(alias, types);
  const schema = schemaOfInterface(type, types);
  const comment = types.interfaces.get(type)?.comment ?? '';
  return withComment(schema, comment);
}

/** Applies the words and tags of a doc comment: `@minimum N`, `@default text`. */
function withComment(schema: Schema, comment: string): Schema {
  const minimum = /@minimum (\d+)/.exec(comment)?.[1];
  const fallback = /@default (\S+)/.exec(comment)?.[1];
  const description = comment.replaceAll(/@(minimum|default) \S+/g, '').trim();
  return {
    ...(description !== '' && { description }),
    ...schema,
    ...(minimum !== undefined && { minimum: Number(minimum) }),
    ...(fallback !== undefined && { default: schema.type === 'integer' ? Number(fallback) : fallback }),
  };
}

function readInterfaces(source: string): Map<string, Interface> {
  const found = new Map<string, Interface>();
  const pattern = /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?export interface (\w+)(?: extends ([\w, ]+))? \{\n([\s\S]*?)\n\}/g;
  for (const [, comment = '', name = '', bases = '', body = ''] of source.matchAll(pattern)) {
    found.set(name, {
      comment: words(comment),
      bases: bases === '' ? [] : bases.split(', '),
      fields: readFields(name, body),
    });
  }
  return found;
}

function readFields(owner: string, body: string): Field[] {
  const pattern = /^(?:\s*\/\*\*((?:(?!\*\/)[\s\S])*)\*\/)?\s*readonly (\w+)(\??): ([^;]+);/;
  const fields: Field[] = [];
  let rest = body;
  while (rest.trim() !== '') {
    const match = pattern.exec(rest);
    if (match === null) throw new SyntaxError(`Cannot read the fields of "${owner}" at "${rest.trim().slice(0, 40)}"`);
    const [text, comment = '', name = '', optional = '', type = ''] = match;
    fields.push({ name, type, optional: optional === '?', comment: words(comment) });
    rest = rest.slice(text.length);
  }
  return fields;
}

function readUnionAliases(source: string): Map<string, string> {
  return new Map(Array.from(source.matchAll(/^export type (\w+) = ('[^;]+');$/gm), ([, name = '', type = '']) => [name, type]));
}

function words(comment: string): string {
  return comment
    .replaceAll(/^\s*\* ?/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
