import type { JSONSchemaProps } from '@coracle/api';

/**
 * A structural schema and, by type, the values that it lets through. `s` makes them; the same value is the CRD's schema and
 * the program's type, so the two cannot differ.
 */
export interface Schema<T> {
  readonly openApi: JSONSchemaProps;
  /** Whether an object may lack it. */
  readonly optional?: boolean;
  /** Never present: carries the type. */
  readonly __type?: T;
}

/** The schema of a field that an object may lack; `s.optional` makes it. */
export interface OptionalSchema<T> extends Schema<T> {
  readonly optional: true;
}

/** The type of a schema's values. */
export type TypeOf<S> = S extends Schema<infer T> ? T : never;

/** Fields of an object, by name. */
export type Fields = Readonly<Record<string, Schema<unknown>>>;

type Flat<T> = { [K in keyof T]: T[K] };
type OptionalNames<F> = { [K in keyof F]: F[K] extends OptionalSchema<unknown> ? K : never }[keyof F];

/** The object that the fields describe. */
export type ObjectOfFields<F extends Fields> = Flat<
  { readonly [K in Exclude<keyof F, OptionalNames<F>>]: TypeOf<F[K]> } & { readonly [K in OptionalNames<F>]?: TypeOf<F[K]> }
>;

/** What every schema may say. `rules` are CEL. */
export interface SchemaOptions<T> {
  readonly description?: string;
  /** What the server puts where the field is absent. Wrap it in `s.optional` for those who write. */
  readonly default?: T;
  readonly rules?: readonly { readonly rule: string; readonly message?: string }[];
}

type Limits<K extends keyof JSONSchemaProps> = Pick<JSONSchemaProps, K>;
type StringLimits = Limits<'minLength' | 'maxLength' | 'pattern' | 'format'>;
type NumberLimits = Limits<'minimum' | 'maximum' | 'exclusiveMinimum' | 'exclusiveMaximum' | 'multipleOf' | 'format'>;
type ListLimits = Limits<'minItems' | 'maxItems'> & {
  /** How appliers merge it: `set` of scalars, `map` of objects that `keys` tell apart. */
  readonly list?: 'atomic' | 'set' | { readonly mapKeys: readonly string[] };
};

function schema<T>(props: JSONSchemaProps, options: SchemaOptions<T> = {}): Schema<T> {
  const { rules, ...rest } = options;
  return { openApi: { ...props, ...rest, ...(rules === undefined ? {} : { 'x-kubernetes-validations': rules }) } };
}

/** Makers of schemas. Each gives what the API server calls a structural schema. */
export const s = {
  string: (options: SchemaOptions<string> & StringLimits = {}): Schema<string> => schema({ type: 'string' }, options),
  /** One of `values`. */
  enum: <const V extends string>(values: readonly V[], options?: SchemaOptions<V>): Schema<V> =>
    schema<V>({ type: 'string', enum: values }, options),
  /** A time as Kubernetes writes it, RFC 3339. */
  time: (options?: SchemaOptions<string>): Schema<string> => schema({ type: 'string', format: 'date-time' }, options),
  integer: (options: SchemaOptions<number> & NumberLimits = {}): Schema<number> => schema({ type: 'integer' }, options),
  number: (options: SchemaOptions<number> & NumberLimits = {}): Schema<number> => schema({ type: 'number' }, options),
  boolean: (options?: SchemaOptions<boolean>): Schema<boolean> => schema({ type: 'boolean' }, options),
  intOrString: (options?: SchemaOptions<number | string>): Schema<number | string> =>
    schema({ 'x-kubernetes-int-or-string': true }, options),
  /** A list of values. */
  array: <T>(item: Schema<T>, { list, ...options }: SchemaOptions<readonly T[]> & ListLimits = {}): Schema<readonly T[]> =>
    schema<readonly T[]>({ type: 'array', items: item.openApi, ...listType(list) }, options),
  /** Values by names that are not known before. */
  map: <T>(value: Schema<T>, options?: SchemaOptions<Readonly<Record<string, T>>>): Schema<Readonly<Record<string, T>>> =>
    schema<Readonly<Record<string, T>>>({ type: 'object', additionalProperties: value.openApi }, options),
  object: <F extends Fields>(fields: F, options?: SchemaOptions<ObjectOfFields<F>>): Schema<ObjectOfFields<F>> => {
    const required = Object.keys(fields).filter((name) => fields[name]?.optional !== true);
    const properties = Object.fromEntries(Object.entries(fields).map(([name, { openApi }]) => [name, openApi]));
    return schema<ObjectOfFields<F>>({ type: 'object', properties, ...(required.length > 0 && { required }) }, options);
  },
  /** Any object, kept as it is. */
  anyObject: (options?: SchemaOptions<Readonly<Record<string, unknown>>>): Schema<Readonly<Record<string, unknown>>> =>
    schema<Readonly<Record<string, unknown>>>({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, options),
  /** A field that may be absent. */
  optional: <T>({ openApi }: Schema<T>): OptionalSchema<T> => ({ openApi, optional: true }),
};

function listType(list: ListLimits['list']): JSONSchemaProps {
  if (list === undefined) return {};
  if (typeof list === 'string') return { 'x-kubernetes-list-type': list };
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': list.mapKeys };
}
