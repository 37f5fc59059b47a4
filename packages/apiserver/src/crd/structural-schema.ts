import { hasOwn } from '@coracle/apimachinery';
import { GoRegexp } from './go-regexp.ts';
import { itemsSchema, type JsonSchema } from './json-schema.ts';

/** A field that is filled in when it is absent. */
export interface DefaultedProperty {
  readonly name: string;
  readonly value: unknown;
  readonly isNullable: boolean;
}

/**
 * A schema of a custom resource, ready to prune, fill in and check objects (apiextensions-apiserver pkg/apiserver/schema). Its
 * parts are made when first asked for: the schema of a TidbCluster has some ten thousand, and an object touches a few hundred.
 *
 * Assumes the rules of `schemaFaults`; of a schema that breaks them it makes what it can.
 */
export class StructuralSchema {
  readonly source: JsonSchema;
  readonly isNullable: boolean;
  readonly preservesUnknownFields: boolean;
  /** The value is an object of some kind, with `apiVersion`, `kind` and `metadata` that go by the rules of these. */
  readonly isEmbeddedResource: boolean;
  readonly #inner = new Map<JsonSchema, StructuralSchema>();
  #defaulted: readonly DefaultedProperty[] | undefined;
  #pattern: GoRegexp | undefined;

  /** `isRoot`: an object has type and metadata even if its schema does not say so. */
  constructor(source: JsonSchema, { isRoot = false }: { readonly isRoot?: boolean } = {}) {
    this.source = source;
    this.isNullable = source.nullable === true;
    this.preservesUnknownFields = source['x-kubernetes-preserve-unknown-fields'] === true;
    this.isEmbeddedResource = isRoot || source['x-kubernetes-embedded-resource'] === true;
  }

  get items(): StructuralSchema | undefined {
    const items = itemsSchema(this.source);
    return items === undefined ? undefined : this.of(items);
  }

  /** The schema of a named field; undefined when the schema has none of that name. */
  property(name: string): StructuralSchema | undefined {
    const { properties } = this.source;
    const schema = properties !== undefined && hasOwn(properties, name) ? properties[name] : undefined;
    return schema === undefined ? undefined : this.of(schema);
  }

  /** Entries beyond the named fields are allowed. */
  get allowsEntries(): boolean {
    return this.source.additionalProperties !== undefined;
  }

  /** The schema of entries beyond the named fields; undefined when there is none. */
  get entries(): StructuralSchema | undefined {
    const { additionalProperties } = this.source;
    return typeof additionalProperties === 'object' ? this.of(additionalProperties) : undefined;
  }

  /** The fields that have a default, other than null. */
  get defaulted(): readonly DefaultedProperty[] {
    if (this.#defaulted === undefined) {
      const found: DefaultedProperty[] = [];
      for (const [name, schema] of Object.entries(this.source.properties ?? {})) {
        const value = schema.default;
        if (value !== undefined && value !== null) found.push({ name, value, isNullable: schema.nullable === true });
      }
      this.#defaulted = found;
    }
    return this.#defaulted;
  }

  /** The compiled `pattern`. Throws RegexpSyntaxError for one that `schemaFaults` would have refused. */
  get pattern(): GoRegexp | undefined {
    const { pattern } = this.source;
    if (pattern !== undefined && pattern !== '') this.#pattern ??= new GoRegexp(pattern);
    return this.#pattern;
  }

  /** A part of this schema, one of `allOf` and the like included; the same for the same source. */
  of(source: JsonSchema): StructuralSchema {
    let inner = this.#inner.get(source);
    if (inner === undefined) {
      inner = new StructuralSchema(source);
      this.#inner.set(source, inner);
    }
    return inner;
  }
}
