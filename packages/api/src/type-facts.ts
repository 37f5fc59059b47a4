import { assert } from '@coracle/kernel';
import { kindFactsText, typeFactsText } from './generated/facts.ts';

/** What a field holds: a scalar, one of the types with a codec of its own, another struct, or a list, map or pointer to one. */
export type TypeShape =
  | { readonly is: 'string' | 'int32' | 'int64' | 'float64' | 'bool' | 'bytes' }
  | { readonly is: SpecialType }
  | { readonly is: 'struct'; readonly name: string }
  | { readonly is: 'list' | 'map' | 'pointer'; readonly of: TypeShape };

/** Types whose JSON does not follow from the fields of a struct. */
export type SpecialType =
  | 'Quantity'
  | 'IntOrString'
  | 'Time'
  | 'MicroTime'
  | 'FieldsV1'
  | 'RawExtension'
  | 'JSON'
  | 'JSONSchemaPropsOrBool'
  | 'JSONSchemaPropsOrArray'
  | 'JSONSchemaPropsOrStringArray';

/** What is known of one field of a built-in kind: its names, numbers and shape. */
export interface FieldFacts {
  readonly json: string;
  /** Number in protobuf; 0: not in protobuf (`kind`, `apiVersion`, fields of an embedded message). */
  readonly number: number;
  readonly shape: TypeShape;
  /** Left out of JSON when empty: `""`, 0, false, null, no items. Structs that are not pointers are never empty. */
  readonly omitEmpty: boolean;
  /** The message of protobuf in which the following fields of the struct travel together; not a field of JSON. */
  readonly embedded: boolean;
  /** Strategic merge patch: `merge`, `retainKeys`, both or none, and the key by which items of a list are matched. */
  readonly patchStrategies: readonly string[];
  readonly patchMergeKey: string | undefined;
  /** OpenAPI: required, default (JSON text), list type and keys, map type, allowed values (of the items, for lists and maps). */
  readonly required: boolean;
  readonly defaultText: string | undefined;
  readonly listType: string | undefined;
  readonly listKeys: readonly string[];
  readonly mapType: string | undefined;
  readonly allowed: readonly string[];
  /** OpenAPI refers to the type with nothing around the reference, for lack of a description. */
  readonly bareRef: boolean;
  /** In protobuf the list is a message with one repeated field. So is every list that is a value of a map. */
  readonly wrapped: boolean;
}

/** OpenAPI's x-kubernetes-unions: of the named fields one is set, and `discriminator` says which. */
export interface UnionFacts {
  readonly discriminator?: string;
  readonly 'fields-to-discriminateBy': Readonly<Record<string, string>>;
}

/** One Go struct of the API, with all that coding, pruning and merging of its objects need. */
export interface StructFacts {
  /** `core.v1.Pod`. */
  readonly name: string;
  readonly mapType: string | undefined;
  readonly unions: readonly UnionFacts[];
  /** In the order of the Go struct, which is the order of JSON. */
  readonly fields: readonly FieldFacts[];
  readonly byJson: ReadonlyMap<string, FieldFacts>;
  /** Fields of the protobuf message by number, the last first: messages are written from back to front. */
  readonly byNumber: ReadonlyMap<number, FieldFacts>;
}

/** A built-in kind, and the struct that its objects are. */
export interface KindFacts {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Name of the struct. */
  readonly type: string;
}

/**
 * The facts about Go types behind the built-in kinds, parsed when first asked for: reading all of them takes longer than a
 * server needs to start.
 */
export class TypeTable {
  readonly #lines: ReadonlyMap<string, string>;
  readonly #structs = new Map<string, StructFacts>();
  readonly #kinds: ReadonlyMap<string, KindFacts>;

  constructor(typesText: string = typeFactsText, kindsText: string = kindFactsText) {
    this.#lines = splitStructs(typesText);
    this.#kinds = parseKinds(kindsText);
  }

  /** Throws when the name is unknown: names come from the same facts. */
  struct(name: string): StructFacts {
    let facts = this.#structs.get(name);
    if (facts === undefined) {
      const text = this.#lines.get(name);
      assert(text !== undefined, `unknown type "${name}"`);
      facts = parseStruct(name, text);
      this.#structs.set(name, facts);
    }
    return facts;
  }

  kind(group: string, version: string, kind: string): KindFacts | undefined {
    return this.#kinds.get(`${group}/${version} ${kind}`);
  }

  get kinds(): Iterable<KindFacts> {
    return this.#kinds.values();
  }

  get structNames(): Iterable<string> {
    return this.#lines.keys();
  }
}

/** The facts of this version of Kubernetes. Immutable: what is parsed later is only remembered. */
export const builtInTypes: TypeTable = new TypeTable();

function splitStructs(text: string): Map<string, string> {
  const found = new Map<string, string>();
  let start = 0;
  while (start < text.length) {
    const endOfName = text.indexOf('\n', start);
    let end = endOfName + 1;
    while (text.charCodeAt(end) === 0x20) end = text.indexOf('\n', end) + 1;
    const head = text.slice(start, endOfName);
    const space = head.indexOf(' ');
    found.set(space < 0 ? head : head.slice(0, space), text.slice(start, end));
    start = end;
  }
  return found;
}

function parseKinds(text: string): Map<string, KindFacts> {
  const found = new Map<string, KindFacts>();
  for (const line of text.split('\n')) {
    const [gv = '', kind = '', type = ''] = line.split(' ');
    if (kind === '') continue;
    const slash = gv.indexOf('/');
    found.set(`${gv} ${kind}`, { group: gv.slice(0, slash), version: gv.slice(slash + 1), kind, type });
  }
  return found;
}

function parseStruct(name: string, text: string): StructFacts {
  const [head = '', ...lines] = text.trimEnd().split('\n');
  const fields = lines.map(parseField);
  const named = fields.filter(({ embedded }) => !embedded);
  return {
    name,
    mapType: / map=(\S+)/.exec(head)?.[1],
    unions: JSON.parse(/ unions=(\S+)/.exec(head)?.[1] ?? '[]') as readonly UnionFacts[], // as the generator wrote it
    fields,
    byJson: new Map(named.map((field) => [field.json, field])),
    byNumber: new Map(fields.flatMap((field) => (field.number === 0 ? [] : [[field.number, field] as const])).sort(([a], [b]) => b - a)),
  };
}

function parseField(line: string): FieldFacts {
  const [, json = '', number = '', type = '', ...flags] = line.split(' ');
  // A default is JSON text, which may hold spaces; no flag behind it does.
  const value = (name: string): string | undefined => flags.find((flag) => flag.startsWith(`${name}=`))?.slice(name.length + 1);
  const list = (name: string, separator: string): readonly string[] => value(name)?.split(separator) ?? [];
  return {
    json,
    number: number === '-' ? 0 : Number(number),
    shape: parseShape(type),
    omitEmpty: flags.includes('?'),
    embedded: json === '<embedded>',
    patchStrategies: list('patch', ','),
    patchMergeKey: value('key'),
    required: flags.includes('required'),
    defaultText: value('default'),
    listType: value('list'),
    listKeys: list('keys', ','),
    mapType: value('map'),
    allowed: list('enum', '|').map(decodeURI),
    bareRef: flags.includes('bare'),
    wrapped: flags.includes('wrapped'),
  };
}

const plain: ReadonlySet<string> = new Set([
  'string',
  'int32',
  'int64',
  'float64',
  'bool',
  'bytes',
  'Quantity',
  'IntOrString',
  'Time',
  'MicroTime',
  'FieldsV1',
  'RawExtension',
  'JSON',
  'JSONSchemaPropsOrBool',
  'JSONSchemaPropsOrArray',
  'JSONSchemaPropsOrStringArray',
]);

function parseShape(text: string): TypeShape {
  if (text.startsWith('[]')) return { is: 'list', of: parseShape(text.slice(2)) };
  if (text.startsWith('{}')) return { is: 'map', of: parseShape(text.slice(2)) };
  if (text.startsWith('*')) return { is: 'pointer', of: parseShape(text.slice(1)) };
  if (plain.has(text)) return { is: text as SpecialType }; // one of the names above
  return { is: 'struct', name: text };
}
