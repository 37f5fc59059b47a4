import { DecodeError, type TypeTable } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { coerceEmbedded, decodeMetadata, embeddedFaults, type MetadataCheck } from './embedded-resource.ts';
import { child, entry, type FieldPath, movedFault, pathText } from './field-path.ts';
import { itemsSchema, type JsonSchema } from './json-schema.ts';
import { isJsonMap } from './json-value.ts';
import { prune } from './pruning.ts';
import { StructuralSchema } from './structural-schema.ts';
import { schemaValueFaults } from './validation.ts';

export interface DefaultCheck {
  readonly table: TypeTable;
  readonly checkMetadata: MetadataCheck;
}

/** The object around a default that is inside metadata. */
type Surrounding = (value: unknown) => unknown;

/** Defaults of a structural schema that are no values of it (apiextensions-apiserver pkg/apiserver/schema/defaulting ValidateDefaults). */
export function defaultFaults(schema: JsonSchema, path: FieldPath, checks: DefaultCheck): readonly FieldError[] {
  const faults: FieldError[] = [];
  visit(schema, path, { isResource: true, surrounding: undefined }, checks, faults);
  return faults;
}

interface Place {
  readonly isResource: boolean;
  /** Set inside the metadata of a resource: from a value here to the whole `metadata`. */
  readonly surrounding: Surrounding | undefined;
}

function visit(schema: JsonSchema, path: FieldPath, place: Place, checks: DefaultCheck, faults: FieldError[]): void {
  const isResource = place.isResource || schema['x-kubernetes-embedded-resource'] === true;
  const surrounding = isResource ? undefined : place.surrounding;
  const value = schema.default ?? null;
  if (value !== null) faults.push(...faultsOf(value, schema, pathText(child(path, 'default')), surrounding, checks));
  const items = itemsSchema(schema);
  if (items !== undefined) {
    visit(
      items,
      child(path, 'items'),
      { isResource: false, surrounding: surrounding && ((inner) => surrounding([inner])) },
      checks,
      faults,
    );
  }
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const below = isResource && name === 'metadata' ? identity : surrounding && ((part: unknown) => surrounding({ [name]: part }));
    visit(inner, entry(child(path, 'properties'), name), { isResource: false, surrounding: below }, checks, faults);
  }
}

function identity(value: unknown): unknown {
  return value;
}

function faultsOf(
  value: unknown,
  source: JsonSchema,
  at: string,
  surrounding: Surrounding | undefined,
  checks: DefaultCheck,
): readonly FieldError[] {
  const schema = new StructuralSchema(source);
  if (surrounding !== undefined) {
    const wrong = metadataFault(surrounding(value), checks);
    return wrong === undefined
      ? schemaValueFaults(value, schema, { prefix: at })
      : [FieldError.invalid(at, value, `must result in valid metadata: ${wrong}`)];
  }
  const faults: FieldError[] = [];
  if (prune(value, schema).value !== value) faults.push(FieldError.invalid(at, value, 'must not have unknown fields'));
  try {
    coerceEmbedded(value, schema, checks.table);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return [...faults, FieldError.invalid(at, value, error.message)];
  }
  const embedded = embeddedFaults(value, schema, checks.checkMetadata);
  if (embedded.length > 0) return [...faults, ...embedded.map((fault) => movedFault(fault, `${at}.${fault.field}`))];
  return [...faults, ...schemaValueFaults(value, schema, { prefix: at })];
}

function metadataFault(metadata: unknown, { table, checkMetadata }: DefaultCheck): string | undefined {
  if (!isJsonMap(metadata)) return 'json: cannot unmarshal into Go value of type v1.ObjectMeta';
  try {
    const decoded = decodeMetadata({ name: 'fakename', ...metadata }, table);
    const faults = checkMetadata({ metadata: decoded.metadata });
    return faults.length === 0 ? undefined : faults.map(({ text }) => text).join(', ');
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return error.message;
  }
}
