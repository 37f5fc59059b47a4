import { decodeStruct, type ResourceRow, resourceRows, type TypeTable } from '@coracle/api';
import { deepFreeze, humanDuration, parseTime, type Unstructured } from '@coracle/apimachinery';
import { conversionOf, viaStorage } from '../conversion/conversion.ts';
import type { ApiObject, Column, Decoded, ResourceDefinition, StrategicMerge, Strategy, Subresource, Verb } from './definition.ts';
import type { Cells, KindHooks } from './kind-hooks.ts';
import { storagePrefix } from './storage-prefix.ts';

export interface BuiltInOptions {
  readonly table: TypeTable;
  /** By `group/resource`. */
  readonly hooks: Readonly<Record<string, KindHooks>>;
  /** By `group/version/resource`. */
  readonly cells: Readonly<Record<string, Cells>>;
  strategicMerge(typeName: string): StrategicMerge;
}

const ageOnly: readonly Column[] = [
  { name: 'Name', type: 'string', format: 'name', priority: 0 },
  { name: 'Age', type: 'string', format: '', priority: 0 },
];
/** Resources of which a delete answers with the object. */
const returnDeleted: ReadonlySet<string> = new Set([
  '/persistentvolumeclaims',
  '/persistentvolumes',
  '/pods',
  '/podtemplates',
  '/resourcequotas',
  '/serviceaccounts',
  '/services',
  'resource.k8s.io/deviceclasses',
  'resource.k8s.io/resourceclaims',
  'resource.k8s.io/resourceclaimtemplates',
  'resource.k8s.io/resourceslices',
  'storage.k8s.io/csidrivers',
  'storage.k8s.io/csinodes',
  'storage.k8s.io/storageclasses',
  'storage.k8s.io/volumeattachments',
  'storage.k8s.io/volumeattributesclasses',
]);

/** Kinds of the time before garbage collection, whose deletion still spares what they own, and what is said about it. */
const orphaning: ReadonlyMap<string, Pick<Strategy, 'propagationWarning'>> = new Map([
  ['/replicationcontrollers', {}],
  [
    'batch/jobs',
    {
      propagationWarning:
        'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
    },
  ],
]);
/** By `group/version/resource`. */
const deprecations: Readonly<Record<string, string>> = {
  '/v1/endpoints': 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
};
/** A PUT of what does not exist creates it. */
const createdByUpdate: ReadonlySet<string> = new Set(
  ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'].map((resource) => `rbac.authorization.k8s.io/${resource}`),
);
const statusOnly: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'flowcontrol.apiserver.k8s.io/flowschemas',
  'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations',
  'storage.k8s.io/volumeattachments',
]);
/** Nothing is ever owned by these. */
const childless: ReadonlySet<string> = new Set(['/events', 'events.k8s.io/events']);

/**
 * The built-in kinds that are stored, as definitions: rows of facts joined with their hooks. Of subresources they have `status`.
 */
export function builtInDefinitions(options: BuiltInOptions): readonly ResourceDefinition[] {
  return resourceRows.filter(({ verbs }) => verbs.includes('create') && verbs.includes('get')).map((row) => definitionOf(row, options));
}

function definitionOf(row: ResourceRow, options: BuiltInOptions): ResourceDefinition {
  const { group, version, resource, kind } = row;
  const { table } = options;
  const type = table.kind(group, version, kind)?.type;
  if (type === undefined) throw new TypeError(`No facts about ${kind} of ${group}/${version}`);
  const conversion = conversionOf(table, row);
  const ownHooks = options.hooks[`${group}/${resource}`] ?? {};
  const hooks = conversion?.sharesRules === true ? viaStorage(ownHooks, conversion.convert) : ownHooks;
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const hasStatus = row.subresources.some(({ name }) => name === 'status');
  const status: Subresource = { name: 'status', response: { group, version, kind }, verbs: ['get', 'patch', 'update'] };
  const own = options.cells[`${group}/${version}/${resource}`];
  return {
    ...row,
    listKind: `${kind}List`,
    verbs: row.verbs as readonly Verb[], // discovery lists no others
    storage: {
      prefix: storagePrefix(group, resource),
      apiVersion: conversion?.apiVersion ?? apiVersion,
      hash: row.storageVersionHash ?? '',
    },
    ...deprecationOf(`${group}/${version}/${resource}`),
    columns: own === undefined || row.columns.length === 0 ? ageOnly : row.columns,
    cells: own === undefined || row.columns.length === 0 ? ageCells : own,
    typedItems: false,
    selectableFields: hooks.selectableFields ?? {},
    decode: (value) => decodeBuiltIn(table, { type, apiVersion, kind }, value),
    ...(hooks.default === undefined ? {} : { default: hooks.default }),
    ...(conversion === undefined ? {} : { convert: conversion.convert }),
    strategicMerge: options.strategicMerge(type),
    strategy: {
      allowUnconditionalUpdate: true,
      ...traitsOf(`${group}/${resource}`),
      ...(hasStatus ? dropStatus(hooks.strategy ?? {}, zeroStatus(table, type)) : hooks.strategy),
    },
    ...(hasStatus ? { statusStrategy: hooks.statusStrategy ?? {} } : {}),
    subresources: hasStatus ? { status } : {},
  };
}

function deprecationOf(name: string): Pick<ResourceDefinition, 'deprecation'> {
  const deprecation = deprecations[name];
  return deprecation === undefined ? {} : { deprecation };
}

/** What is known of a kind besides its own rules. */
function traitsOf(name: string): Partial<Strategy> {
  const orphans = orphaning.get(name);
  return {
    returnsDeletedObject: returnDeleted.has(name),
    ...(name === 'apps/deployments' ? { generationCountsAnnotations: true } : {}),
    ...(createdByUpdate.has(name) ? { allowCreateOnUpdate: true } : {}),
    ...(statusOnly.has(name) ? { statusKeepsMetadata: true } : {}),
    ...(orphans === undefined ? {} : { ...orphans, propagation: 'orphan' }),
    ...(childless.has(name) ? { propagation: 'none' } : {}),
  };
}

/** Where status is a subresource, the resource itself neither takes nor changes it (the strategy of every such kind upstream). */
function dropStatus(strategy: Strategy, zero: () => unknown): Strategy {
  return {
    ...strategy,
    prepareForCreate(object, context) {
      const fresh = strategy.keepsStatusOnCreate === true ? object : { ...object, status: zero() };
      return strategy.prepareForCreate?.(fresh, context) ?? fresh;
    },
    prepareForUpdate(object, old, context) {
      const kept = { ...object, status: old['status'] ?? zero() };
      return strategy.prepareForUpdate?.(kept, old, context) ?? kept;
    },
  };
}

/** A status that holds nothing, as Go writes it; made when first wanted. */
function zeroStatus(table: TypeTable, type: string): () => unknown {
  let zero: unknown;
  return () => {
    const shape = table.struct(type).byJson.get('status')?.shape;
    zero ??= shape?.is === 'struct' ? deepFreeze(decodeStruct(table, shape.name, {}).object) : {};
    return zero;
  };
}

function decodeBuiltIn(
  table: TypeTable,
  row: { readonly type: string; readonly apiVersion: string; readonly kind: string },
  value: unknown,
): Decoded {
  const { object, unknown } = decodeStruct(table, row.type, value);
  // Written first, as every object of the wire starts.
  const typed = { kind: row.kind, apiVersion: row.apiVersion, ...object } as unknown as Unstructured; // metadata is a struct, hence present
  return { object: typed, strictErrors: unknown.map((path) => `unknown field "${path}"`) };
}

function ageCells({ metadata }: ApiObject, nowMs: number): readonly unknown[] {
  const created = parseTime(metadata.creationTimestamp);
  return [metadata.name ?? '', created === undefined ? '<unknown>' : humanDuration(nowMs - created)];
}
