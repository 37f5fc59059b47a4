import type { CustomResourceDefinitionVersion } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { isSchemaList, type JsonSchema } from './json-schema.ts';
import { jsonEqual } from './json-value.ts';

type Version = Frozen<CustomResourceDefinitionVersion>;

/**
 * What all versions of a CustomResourceDefinition have in common. Upstream keeps that above the versions, and names its faults
 * there: `spec.validation.openAPIV3Schema` in place of `spec.versions[0].schema.openAPIV3Schema`.
 */
export interface CommonParts {
  readonly schema: boolean;
  readonly subresources: boolean;
  readonly additionalPrinterColumns: boolean;
  readonly selectableFields: boolean;
}

export function commonParts(versions: readonly Version[]): CommonParts {
  const [first, ...rest] = versions;
  const isCommon = (part: keyof CommonParts): boolean =>
    first !== undefined && rest.every((version) => jsonEqual(version[part] ?? null, first[part] ?? null));
  return {
    schema: isCommon('schema'),
    subresources: isCommon('subresources'),
    additionalPrinterColumns: isCommon('additionalPrinterColumns'),
    selectableFields: isCommon('selectableFields'),
  };
}

/** The versions as upstream's messages show them: in the form and with the names of its internal types. */
export function internalVersions(versions: readonly Version[]): readonly unknown[] {
  const common = commonParts(versions);
  return versions.map((version) => ({
    Name: version.name,
    Served: version.served,
    Storage: version.storage,
    Deprecated: version.deprecated ?? false,
    DeprecationWarning: version.deprecationWarning ?? null,
    Schema:
      common.schema || version.schema === undefined ? null : { OpenAPIV3Schema: orNull(version.schema.openAPIV3Schema, internalSchema) },
    Subresources: common.subresources ? null : orNull(version.subresources, internalSubresources),
    AdditionalPrinterColumns: common.additionalPrinterColumns ? null : orNull(version.additionalPrinterColumns, internalColumns),
    SelectableFields: common.selectableFields
      ? null
      : orNull(version.selectableFields, (fields) => fields.map(({ jsonPath }) => ({ JSONPath: jsonPath }))),
  }));
}

function internalSubresources({ status, scale }: NonNullable<Version['subresources']>): unknown {
  return {
    Status: status === undefined ? null : {},
    Scale:
      scale === undefined
        ? null
        : {
            SpecReplicasPath: scale.specReplicasPath,
            StatusReplicasPath: scale.statusReplicasPath,
            LabelSelectorPath: scale.labelSelectorPath ?? null,
          },
  };
}

function internalColumns(columns: NonNullable<Version['additionalPrinterColumns']>): unknown {
  return columns.map(({ name, type, format = '', description = '', priority = 0, jsonPath }) => ({
    Name: name,
    Type: type,
    Format: format,
    Description: description,
    Priority: priority,
    JSONPath: jsonPath,
  }));
}

/** A schema in the order and with the names of upstream's internal JSONSchemaProps. */
export function internalSchema(schema: JsonSchema): Readonly<Record<string, unknown>> {
  const list = (schemas: readonly JsonSchema[] | undefined): unknown => orNull(schemas, (all) => all.map(internalSchema));
  const map = (schemas: Readonly<Record<string, JsonSchema>> | undefined): unknown =>
    orNull(schemas, (all) => Object.fromEntries(Object.entries(all).map(([name, one]) => [name, internalSchema(one)])));
  const orBool = (one: JsonSchema | boolean): unknown =>
    typeof one === 'boolean' ? { Allows: one, Schema: null } : { Allows: true, Schema: internalSchema(one) };
  return {
    ID: schema.id ?? '',
    Schema: schema.$schema ?? '',
    Ref: schema.$ref ?? null,
    Description: schema.description ?? '',
    Type: schema.type ?? '',
    Nullable: schema.nullable ?? false,
    Format: schema.format ?? '',
    Title: schema.title ?? '',
    Default: schema.default ?? null,
    Maximum: schema.maximum ?? null,
    ExclusiveMaximum: schema.exclusiveMaximum ?? false,
    Minimum: schema.minimum ?? null,
    ExclusiveMinimum: schema.exclusiveMinimum ?? false,
    MaxLength: schema.maxLength ?? null,
    MinLength: schema.minLength ?? null,
    Pattern: schema.pattern ?? '',
    MaxItems: schema.maxItems ?? null,
    MinItems: schema.minItems ?? null,
    UniqueItems: schema.uniqueItems ?? false,
    MultipleOf: schema.multipleOf ?? null,
    Enum: schema.enum ?? null,
    MaxProperties: schema.maxProperties ?? null,
    MinProperties: schema.minProperties ?? null,
    Required: schema.required ?? null,
    Items: orNull(schema.items, (items) =>
      isSchemaList(items) ? { Schema: null, JSONSchemas: items.map(internalSchema) } : { Schema: internalSchema(items), JSONSchemas: null },
    ),
    AllOf: list(schema.allOf),
    OneOf: list(schema.oneOf),
    AnyOf: list(schema.anyOf),
    Not: orNull(schema.not, internalSchema),
    Properties: map(schema.properties),
    AdditionalProperties: orNull(schema.additionalProperties, orBool),
    PatternProperties: map(schema.patternProperties),
    Dependencies: schema.dependencies ?? null,
    AdditionalItems: orNull(schema.additionalItems, orBool),
    Definitions: map(schema.definitions),
    ExternalDocs: orNull(schema.externalDocs, ({ description = '', url = '' }) => ({ Description: description, URL: url })),
    Example: schema.example ?? null,
    XPreserveUnknownFields: schema['x-kubernetes-preserve-unknown-fields'] ?? null,
    XEmbeddedResource: schema['x-kubernetes-embedded-resource'] ?? false,
    XIntOrString: schema['x-kubernetes-int-or-string'] ?? false,
    XListMapKeys: schema['x-kubernetes-list-map-keys'] ?? null,
    XListType: schema['x-kubernetes-list-type'] ?? null,
    XMapType: schema['x-kubernetes-map-type'] ?? null,
    XValidations: orNull(schema['x-kubernetes-validations'], (rules) =>
      rules.map(({ rule, message = '', messageExpression = '', reason = null, fieldPath = '', optionalOldSelf = null }) => ({
        Rule: rule,
        Message: message,
        MessageExpression: messageExpression,
        Reason: reason,
        FieldPath: fieldPath,
        OptionalOldSelf: optionalOldSelf,
      })),
    ),
  };
}

function orNull<T>(value: T | undefined, convert: (value: T) => unknown): unknown {
  return value === undefined ? null : convert(value);
}
