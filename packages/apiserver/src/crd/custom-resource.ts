import { createHash } from 'node:crypto';
import { DecodeError, type CustomResourceDefinition, type CustomResourceDefinitionVersion, type TypeTable } from '@coracle/api';
import { deepFreeze, type Frozen, goQuote, isQualifiedName, newNotImplemented, wireEqual, type Unstructured } from '@coracle/apimachinery';
import type { ApiObject, Decoded, RequestContext, ResourceDefinition, Strategy, Subresource } from '../registry/definition.ts';
import { nameIsPathSegment, validateObject } from '../registry/validate-metadata.ts';
import { applyDefaults, dropNulls } from './defaulting.ts';
import { coerceEmbedded, decodeMetadata, embeddedFaults, type MetadataCheck } from './embedded-resource.ts';
import { isJsonMap, type JsonMap, jsonText } from './json-value.ts';
import { JsonPath } from './json-path.ts';
import { listTypeFaults } from './list-types.ts';
import { openApiSchemas } from './open-api.ts';
import { printerColumns } from './printer-columns.ts';
import { prune } from './pruning.ts';
import { scaleFaults, type ScalePaths } from './scale.ts';
import { scaleSubresource } from './scale-subresource.ts';
import { StructuralSchema } from './structural-schema.ts';
import { schemaValueFaults } from './validation.ts';

export interface CustomResourceOptions {
  readonly table: TypeTable;
}

/** A version of a custom resource: a definition like any other, and what else its CustomResourceDefinition says. */
export interface CustomResourceVersion {
  readonly definition: ResourceDefinition;
  readonly schema: StructuralSchema;
  /** Where `/scale` finds its numbers. */
  readonly scale: ScalePaths | undefined;
  /** What a client is told that uses the version; undefined unless it is deprecated. */
  readonly deprecation: string | undefined;
}

const verbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'] as const;

/**
 * The served versions of a custom resource as definitions of the registry (apiextensions-apiserver
 * pkg/apiserver/customresource_handler.go and pkg/registry/customresource). `crd` has passed the rules of
 * `customResourceDefinitionHooks`. Cheap: schemas are compiled as objects need them.
 */
export function customResourceVersions(
  crd: Frozen<CustomResourceDefinition>,
  options: CustomResourceOptions,
): readonly CustomResourceVersion[] {
  return crd.spec.versions.filter(({ served }) => served).map((version) => versionOf(crd, version, options));
}

/** The definitions alone. */
export function definitionsOf(crd: Frozen<CustomResourceDefinition>, options: CustomResourceOptions): readonly ResourceDefinition[] {
  return customResourceVersions(crd, options).map(({ definition }) => definition);
}

function versionOf(
  crd: Frozen<CustomResourceDefinition>,
  version: Frozen<CustomResourceDefinitionVersion>,
  { table }: CustomResourceOptions,
): CustomResourceVersion {
  const { group, names, versions, scope, conversion } = crd.spec;
  const { kind } = names;
  const schema = new StructuralSchema(version.schema?.openAPIV3Schema ?? {}, { isRoot: true });
  const scale = version.subresources?.scale;
  const hasStatus = version.subresources?.status !== undefined;
  const apiVersion = `${group}/${version.name}`;
  const storageVersion = versions.find(({ storage }) => storage)?.name ?? version.name;
  const rules: Rules = { schema, table, scale, hasStatus, namespaced: scope === 'Namespaced' };
  const { columns, cells } = printerColumns(version.additionalPrinterColumns ?? []);
  const deprecation = deprecationOf(crd, version);
  const definition: ResourceDefinition = {
    group,
    version: version.name,
    resource: names.plural,
    kind,
    listKind: names.listKind ?? `${kind}List`,
    singular: names.singular ?? kind.toLowerCase(),
    namespaced: rules.namespaced,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    verbs,
    ...(deprecation === undefined ? {} : { deprecation }),
    storage: {
      prefix: `/registry/${group}/${names.plural}/`,
      apiVersion: `${group}/${storageVersion}`,
      hash: storageHash(group, storageVersion, kind),
    },
    columns,
    cells,
    typedItems: true,
    openApi: () => openApiSchemas(crd, version),
    selectableFields: selectableFields(version),
    decode: (value) => decode(value, { apiVersion, kind }, rules),
    default: (object) => applyDefaults(object, schema) as Unstructured, // fields are added, none is taken away
    convert: conversionOf({ group, storageVersion, version: version.name, isWebhook: conversion?.strategy === 'Webhook' }, rules),
    strategy: strategyOf(rules),
    ...(hasStatus ? { statusStrategy: statusStrategyOf(rules) } : {}),
    subresources: subresourcesOf({ group, version: version.name, kind }, rules),
  };
  return { definition, schema, scale, deprecation };
}

/** What discovery shows of the stored form (discovery.StorageVersionHash). */
function storageHash(group: string, version: string, kind: string): string {
  return createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64');
}

interface Rules {
  readonly schema: StructuralSchema;
  readonly table: TypeTable;
  readonly scale: ScalePaths | undefined;
  readonly hasStatus: boolean;
  readonly namespaced: boolean;
}

/** As upstream's warning has it. */
function deprecationOf({ spec }: Frozen<CustomResourceDefinition>, version: Frozen<CustomResourceDefinitionVersion>): string | undefined {
  if (version.deprecated !== true) return undefined;
  return version.deprecationWarning ?? `${spec.group}/${version.name} ${spec.names.kind} is deprecated`;
}

function decode(value: unknown, type: { readonly apiVersion: string; readonly kind: string }, { schema, table }: Rules): Decoded {
  if (!isJsonMap(value))
    throw new DecodeError(
      `json: cannot unmarshal ${Array.isArray(value) ? 'array' : typeof value} into Go value of type map[string]interface {}`,
    );
  const { kind: _kind, apiVersion: _apiVersion, metadata: sent, ...fields } = value;
  const decoded = decodeMetadata(sent ?? {}, table);
  const pruned = prune(fields, schema);
  const coerced = coerceEmbedded(dropNulls(pruned.value, schema), schema, table);
  const unknown = [...decoded.unknown.map((path) => `metadata.${path}`), ...pruned.unknown, ...coerced.unknown];
  const object = { ...type, metadata: decoded.metadata, ...(coerced.value as JsonMap) } as Unstructured; // a map stays one
  return { object, strictErrors: unknown.map((path) => `unknown field ${goQuote(path)}`) };
}

/**
 * Between a version and what is stored. Without a webhook only `apiVersion` differs; but what is stored may be older than the
 * schema, so it is pruned and filled in when read. A version that only a webhook could convert is refused with a 501.
 */
function conversionOf(
  {
    group,
    storageVersion,
    version,
    isWebhook,
  }: { readonly group: string; readonly storageVersion: string; readonly version: string; readonly isWebhook: boolean },
  { schema }: Rules,
): NonNullable<ResourceDefinition['convert']> {
  const served = new WeakMap<ApiObject, ApiObject>();
  const requireSame = (): void => {
    if (isWebhook && storageVersion !== version) throw newNotImplemented('conversion of custom resources by a webhook');
  };
  return {
    toStorage(object) {
      requireSame();
      return version === storageVersion ? object : { ...object, apiVersion: `${group}/${storageVersion}` };
    },
    fromStorage(stored) {
      let object = served.get(stored);
      if (object === undefined) {
        if (stored.apiVersion !== `${group}/${version}`) requireSame();
        object = asServed(stored, `${group}/${version}`, schema);
        served.set(stored, object);
      }
      return object;
    },
  };
}

function asServed(stored: ApiObject, apiVersion: string, schema: StructuralSchema): ApiObject {
  const known = applyDefaults(dropNulls(prune(stored, schema).value, schema), schema) as ApiObject; // type and metadata stay
  return known.apiVersion === apiVersion ? deepFreeze(known) : deepFreeze({ ...known, apiVersion });
}

function strategyOf(rules: Rules): Strategy {
  const { schema, scale, hasStatus } = rules;
  return {
    allowUnconditionalUpdate: false,
    anyFinalizer: true,
    returnsDeletedObject: false,
    prepareForCreate(object) {
      const { status: _status, ...withoutStatus } = object;
      const kept = hasStatus ? withoutStatus : object;
      return { ...kept, metadata: { ...object.metadata, generation: 1 } } as ApiObject; // the kind is there
    },
    prepareForUpdate(object, old) {
      const kept = hasStatus ? withStatusOf(object, old) : object;
      const generation = (old.metadata.generation ?? 0) + (sameButMetadata(kept, old) ? 0 : 1);
      return { ...kept, metadata: { ...kept.metadata, generation } };
    },
    validate: (object, context) => [
      ...schemaValueFaults(object, schema),
      ...(scale === undefined ? [] : scaleFaults(object, scale, ['spec', 'status'])),
      ...embeddedFaults(object, schema, metadataCheck(context)),
      ...listTypeFaults(object, schema),
    ],
    validateUpdate: (object, old, context) => [
      ...schemaValueFaults(object, schema, { old }),
      ...(scale === undefined ? [] : scaleFaults(object, scale, ['spec', 'status'])),
      ...embeddedFaults(object, schema, metadataCheck(context)),
      ...(listTypeFaults(old, schema).length > 0 ? [] : listTypeFaults(object, schema)),
    ],
    warnings: finalizerWarnings,
  };
}

/** Updates of `/status`: all but the status is what is stored. */
function statusStrategyOf({ schema, scale }: Rules): Strategy {
  const statusSchema = schema.property('status');
  return {
    allowUnconditionalUpdate: false,
    anyFinalizer: true,
    prepareForUpdate(object, old) {
      const { resourceVersion: _resourceVersion, managedFields: _managedFields, ...metadata } = old.metadata;
      const { managedFields } = object.metadata;
      const { status } = object;
      const { status: _status, ...rest } = old;
      const kept = { ...rest, metadata: { ...metadata, ...(managedFields === undefined ? {} : { managedFields }) } };
      return (status === undefined ? kept : { ...kept, status }) as ApiObject; // the kind is there
    },
    validateUpdate: (object, old) => [
      ...(statusSchema === undefined || object['status'] === undefined
        ? []
        : schemaValueFaults(object['status'], statusSchema, { prefix: 'status', old: old['status'] })),
      ...(scale === undefined ? [] : scaleFaults(object, scale, ['status'])),
    ],
  };
}

function metadataCheck(context: RequestContext): MetadataCheck {
  return (object) => {
    const namespaced = typeof object.metadata['namespace'] === 'string' && object.metadata['namespace'] !== '';
    const rules = { namespaced, strategy: { validateName: nameIsPathSegment, anyFinalizer: true } };
    return validateObject(rules, object as ApiObject, context); // its metadata was decoded as such
  };
}

function withStatusOf(object: ApiObject, old: ApiObject): ApiObject {
  const { status: _status, ...rest } = object;
  return (old['status'] === undefined ? rest : { ...rest, status: old['status'] }) as ApiObject; // the kind and metadata are there
}

function sameButMetadata({ metadata: _metadata, ...object }: ApiObject, { metadata: _oldMetadata, ...old }: ApiObject): boolean {
  return wireEqual(object, old);
}

const standardFinalizers: ReadonlySet<string> = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

/** New finalizers whose names others could take too. */
function finalizerWarnings(object: ApiObject, old: ApiObject | undefined): readonly string[] {
  const before = old?.metadata.finalizers ?? [];
  const added = (object.metadata.finalizers ?? []).filter((name) => !before.includes(name)).sort();
  return added.flatMap((name) => {
    const texts = isQualifiedName(name);
    const isOdd = !name.includes('/') && !standardFinalizers.has(name);
    const path = name.includes('.') ? ' including a path (/)' : '';
    const advice = `prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`;
    return [...texts, ...(isOdd ? [advice] : [])].map((text) => `metadata.finalizers: ${goQuote(name)}: ${text}`);
  });
}

function selectableFields(version: Frozen<CustomResourceDefinitionVersion>): ResourceDefinition['selectableFields'] {
  return Object.fromEntries(
    (version.selectableFields ?? []).map(({ jsonPath }) => {
      const path = new JsonPath(jsonPath);
      return [
        jsonPath.replace(/^\./, ''),
        (object: ApiObject) => {
          return jsonText(path.find(object)[0] ?? '');
        },
      ];
    }),
  );
}

function subresourcesOf(response: Subresource['response'], { hasStatus, scale }: Rules): Readonly<Record<string, Subresource>> {
  return {
    ...(hasStatus ? { status: { name: 'status', response, verbs: ['get', 'patch', 'update'] } } : {}),
    ...(scale === undefined ? {} : { scale: scaleSubresource(scale) }),
  };
}
