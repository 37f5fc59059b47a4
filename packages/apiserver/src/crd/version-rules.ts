import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
} from '@coracle/api';
import { FieldError, type Frozen } from '@coracle/apimachinery';
import { type DefaultCheck, defaultFaults } from './default-rules.ts';
import { child } from './field-path.ts';
import { internalSchema } from './internal-form.ts';
import type { JsonSchema } from './json-schema.ts';
import { schemaAt } from './schema-field-path.ts';
import { openApiFaults } from './schema-rules.ts';
import { structuralFaults } from './structural-rules.ts';

type Version = Frozen<CustomResourceDefinitionVersion>;
export type CrdSpec = Frozen<CustomResourceDefinition>['spec'];

const columnTypes: readonly string[] = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats: readonly string[] = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const maxSelectableFields = 8;
const maxDeprecationWarningBytes = 256;

/** Faults of a version's warning of its deprecation. */
export function deprecationFaults({ deprecated, deprecationWarning }: Version, at: string): readonly FieldError[] {
  if (deprecationWarning === undefined) return [];
  const invalid = (detail: string): FieldError => FieldError.invalid(`${at}.deprecationWarning`, deprecationWarning, detail);
  if (deprecated !== true) return [invalid('can only be set for deprecated versions')];
  const faults: FieldError[] = [];
  if (Buffer.byteLength(deprecationWarning) > maxDeprecationWarningBytes) faults.push(invalid('must be <= 256 characters long'));
  if (deprecationWarning === '') faults.push(invalid('must not be an empty string'));
  let index = 0;
  for (const char of deprecationWarning) {
    if (!/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(char)) {
      faults.push(invalid(`must only contain printable UTF-8 characters; non-printable character found at index ${index}`));
      break;
    }
    index += Buffer.byteLength(char);
  }
  return faults;
}

/** Fields that the root of a schema may have where the status is checked alone, in upstream's names and order. */
const rootFields: readonly string[] = [
  'Description',
  'Type',
  'Format',
  'Title',
  'Maximum',
  'ExclusiveMaximum',
  'Minimum',
  'ExclusiveMinimum',
  'MaxLength',
  'MinLength',
  'Pattern',
  'MaxItems',
  'MinItems',
  'UniqueItems',
  'MultipleOf',
  'Required',
  'Items',
  'Properties',
  'ExternalDocs',
  'Example',
  'XPreserveUnknownFields',
  'XValidations',
];

/** Faults of the schema of a whole object. `at` is the path to it. */
export function rootSchemaFaults(schema: JsonSchema, at: string, hasStatus: boolean, checks: DefaultCheck): readonly FieldError[] {
  const path = child(undefined, at);
  const faults: FieldError[] = [...(hasStatus ? rootFieldFaults(schema, at) : [])];
  if (schema.nullable === true) faults.push(FieldError.forbidden(`${at}.nullable`, 'nullable cannot be true at the root'));
  const isConvertible = !hasUnsupported(schema);
  // Each check needs what the one before it found to hold.
  const structural = isConvertible ? structuralFaults(schema, path) : [];
  const defaults = isConvertible && structural.length === 0 ? defaultFaults(schema, path, checks) : [];
  return [...faults, ...structural, ...defaults, ...openApiFaults(schema, path)];
}

function rootFieldFaults(schema: JsonSchema, at: string): readonly FieldError[] {
  const internal = internalSchema(schema);
  for (const [field, value] of Object.entries(internal)) {
    if (value === null || value === '' || value === false || value === 0) continue;
    if (field === 'Type' && schema.type !== 'object') {
      const detail = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
      return [FieldError.invalid(`${at}.type`, schema.type, detail)];
    }
    if (!rootFields.includes(field)) {
      const detail = `only [${rootFields.join(' ')}] fields are allowed at the root of the schema if the status subresource is enabled`;
      return [FieldError.invalid(at, internal, detail)];
    }
  }
  return [];
}

/** Whether the schema has something that no structural schema can hold; `openApiFaults` says what. */
function hasUnsupported(schema: JsonSchema): boolean {
  if ((schema.id ?? '') !== '' || (schema.$schema ?? '') !== '' || (schema.$ref ?? '') !== '') return true;
  if (schema.additionalItems !== undefined || schema['x-kubernetes-preserve-unknown-fields'] === false) return true;
  if ([schema.patternProperties, schema.dependencies, schema.definitions].some((map) => Object.keys(map ?? {}).length > 0)) return true;
  const { items, not, additionalProperties: entries } = schema;
  if (Array.isArray(items)) return items.length > 0;
  const inner = [...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...Object.values(schema.properties ?? {})];
  if (items !== undefined) inner.push(items as JsonSchema); // no list: see above
  if (not !== undefined) inner.push(not);
  if (typeof entries === 'object') inner.push(entries);
  return inner.some(hasUnsupported);
}

export function scalePathFaults(scale: Frozen<CustomResourceSubresourceScale>, at: string): readonly FieldError[] {
  const { specReplicasPath, statusReplicasPath, labelSelectorPath = '' } = scale;
  return [
    ...requiredPath(specReplicasPath, ['.spec.'], 'should be a json path under .spec', `${at}.scale.specReplicasPath`),
    ...requiredPath(statusReplicasPath, ['.status.'], 'should be a json path under .status', `${at}.scale.statusReplicasPath`),
    ...(labelSelectorPath === ''
      ? []
      : requiredPath(
          labelSelectorPath,
          ['.spec.', '.status.'],
          'should be a json path under either .spec or .status',
          `${at}.scale.labelSelectorPath`,
        )),
  ];
}

function requiredPath(path: string, roots: readonly string[], detail: string, at: string): readonly FieldError[] {
  if (path === '') return [FieldError.required(at)];
  if (!path.startsWith('.')) return [FieldError.invalid(at, path, 'must be a simple json path starting with .')];
  return roots.some((root) => path.startsWith(root)) ? [] : [FieldError.invalid(at, path, detail)];
}

export function columnFaults(column: Frozen<CustomResourceColumnDefinition>, at: string): readonly FieldError[] {
  const { name, type, format = '', jsonPath } = column;
  const faults: FieldError[] = [];
  if (name === '') faults.push(FieldError.required(`${at}.name`));
  const typeDetail = `must be one of ${columnTypes.join(',')}`;
  if (type === '') faults.push(FieldError.required(`${at}.type`, typeDetail));
  else if (!columnTypes.includes(type)) faults.push(FieldError.invalid(`${at}.type`, type, typeDetail));
  if (format !== '' && !columnFormats.includes(format)) {
    faults.push(FieldError.invalid(`${at}.format`, format, `must be one of ${columnFormats.join(',')}`));
  }
  if (jsonPath === '') faults.push(FieldError.required(`${at}.JSONPath`));
  else if (!jsonPath.startsWith('.'))
    faults.push(FieldError.invalid(`${at}.JSONPath`, jsonPath, 'must be a simple json path starting with .'));
  return faults;
}

export function selectableFieldFaults(
  fields: NonNullable<Version['selectableFields']>,
  schema: JsonSchema | undefined,
  at: string,
): readonly FieldError[] {
  const faults: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { jsonPath }] of fields.entries()) {
    const field = `${at}[${i}].jsonPath`;
    if (jsonPath === '') {
      faults.push(FieldError.required(field));
      continue;
    }
    const place = schemaAt(jsonPath, schema ?? {}, { brackets: false });
    if ('fault' in place) {
      faults.push(FieldError.invalid(field, jsonPath, `is an invalid path: ${place.fault}`));
      continue;
    }
    if (place.names[0] === 'metadata') faults.push(FieldError.invalid(field, jsonPath, 'must not point to fields in metadata'));
    if (!['string', 'boolean', 'integer'].includes(place.schema.type ?? '')) {
      const detail = 'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
      faults.push(FieldError.invalid(field, jsonPath, detail));
    }
    const name = JSON.stringify(place.names);
    if (seen.has(name)) faults.push(FieldError.duplicate(field, jsonPath));
    seen.add(name);
  }
  return seen.size > maxSelectableFields ? [...faults, FieldError.tooMany(at, seen.size, maxSelectableFields)] : faults;
}
