import type { CustomResourceDefinition, CustomResourceDefinitionNames, TypeTable } from '@coracle/api';
import { FieldError, type Frozen, getOwn, goQuote, isDns1035Label, isDns1123Subdomain } from '@coracle/apimachinery';
import { customresourcedefinitions } from '../kinds/apiextensions/customresourcedefinitions.ts';
import { hooksFor } from '../kinds/typed-hooks.ts';
import type { ApiObject, RequestContext } from '../registry/definition.ts';
import type { KindHooks } from '../registry/kind-hooks.ts';
import { nameIsPathSegment, validateObject } from '../registry/validate-metadata.ts';
import { conversionFaults } from './conversion-rules.ts';
import type { DefaultCheck } from './default-rules.ts';
import { cleanupFinalizer, terminating, withStorageVersion } from './establish.ts';
import { withFinalizer } from '../server/finalizers.ts';
import { effectiveFormat } from './formats.ts';
import { commonParts, internalVersions } from './internal-form.ts';
import { itemsSchema, visitSchemas } from './json-schema.ts';
import {
  columnFaults,
  type CrdSpec,
  deprecationFaults,
  rootSchemaFaults,
  scalePathFaults,
  selectableFieldFaults,
} from './version-rules.ts';

type Crd = Frozen<CustomResourceDefinition>;
type Names = Frozen<CustomResourceDefinitionNames>;

const approvalAnnotation = 'api-approved.kubernetes.io';
const approvalRule = 'see https://github.com/kubernetes/enhancements/pull/1111';

/**
 * The rules of CustomResourceDefinitions themselves (apiextensions-apiserver pkg/registry/customresourcedefinition and
 * pkg/apis/apiextensions/validation).
 */
export function customResourceDefinitionHooks(table: TypeTable): KindHooks {
  return {
    ...customresourcedefinitions,
    ...hooksFor<CustomResourceDefinition>({
      strategy: {
        hasGeneration: true,
        allowUnconditionalUpdate: false,
        anyFinalizer: true,
        prepareForCreate: withStoredVersion,
        prepareForUpdate: (crd, old) => withStoredVersion({ ...crd, ...(old.status === undefined ? {} : { status: old.status }) }),
        validate: (crd, context) => [
          ...crdFaults(crd, checksOf(table, context)),
          ...approvalFaults(crd, undefined),
          ...preserveFaults(crd, undefined),
        ],
        validateUpdate: (crd, old, context) => [
          ...specFaults(crd.spec, checksOf(table, context)),
          ...immutableFaults(crd, old),
          // A new storage version is remembered in the status with the next step.
          ...statusFaults(withStoredVersion(crd)),
          ...approvalFaults(crd, old),
          ...preserveFaults(crd, old),
        ],
        warnings: crdWarnings,
        whenMarked,
      },
      statusStrategy: {
        validateUpdate: (crd) => namesFaults(crd.status?.acceptedNames ?? { plural: '', kind: '' }, 'status.acceptedNames'),
      },
    }),
    ...(customresourcedefinitions.default === undefined ? {} : { default: customresourcedefinitions.default }),
  };
}

/** Held until its objects are gone. No grace period, and no other generation: what is wanted of it has not changed. */
function whenMarked(object: ApiObject): ApiObject {
  const { deletionGracePeriodSeconds: _grace, generation, ...metadata } = object.metadata;
  const held = withFinalizer({ ...object, metadata }, cleanupFinalizer);
  const status = terminating(object as unknown as Crd, Date.parse(metadata.deletionTimestamp ?? '')); // hooks of definitions get definitions
  return {
    ...held,
    metadata: { ...held.metadata, ...(generation === undefined ? {} : { generation: generation - 1 }) },
    status,
  } as ApiObject; // still the definition
}

function checksOf(table: TypeTable, context: RequestContext): DefaultCheck {
  return {
    table,
    checkMetadata(object) {
      const namespaced = typeof object.metadata['namespace'] === 'string' && object.metadata['namespace'] !== '';
      return validateObject({ namespaced, strategy: { validateName: nameIsPathSegment } }, object as ApiObject, context); // decoded as metadata
    },
  };
}

/** With the storage version among those that are remembered. */
function withStoredVersion(crd: CustomResourceDefinition): CustomResourceDefinition {
  const storedVersions = withStorageVersion(crd);
  if (storedVersions.length === (crd.status?.storedVersions ?? []).length) return crd;
  return { ...crd, status: { conditions: [], acceptedNames: { plural: '', kind: '' }, ...crd.status, storedVersions } };
}

function crdFaults(crd: Crd, checks: DefaultCheck): readonly FieldError[] {
  const { name = '' } = crd.metadata;
  const isNamed = name === `${crd.spec.names.plural}.${crd.spec.group}`;
  const nameFaults = isNamed ? [] : [FieldError.invalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group')];
  return [...nameFaults, ...specFaults(crd.spec, checks), ...statusFaults(crd)];
}

function statusFaults({ spec, status }: Crd): readonly FieldError[] {
  const accepted = namesFaults(status?.acceptedNames ?? { plural: '', kind: '' }, 'status.acceptedNames');
  return [...accepted, ...storedVersionFaults(status?.storedVersions ?? null, spec.versions ?? [])];
}

function storedVersionFaults(stored: readonly string[] | null, versions: CrdSpec['versions']): readonly FieldError[] {
  const at = 'status.storedVersions';
  if (stored === null || stored.length === 0) return [FieldError.invalid(at, stored, 'must have at least one stored version')];
  const missing = versions.filter(({ name, storage }) => storage && !stored.includes(name));
  const faults = missing.map(({ name }) => FieldError.invalid(at, stored, `must have the storage version ${name}`));
  for (const [i, version] of stored.entries()) {
    if (versions.some(({ name }) => name === version)) continue;
    const rule = `must remain in spec.versions until a storage migration ensures no data remains persisted in ${version} and removes ${version} from status.storedVersions`;
    faults.push(
      FieldError.invalid(`${at}[${i}]`, version, `missing from spec.versions; ${version} was previously a storage version, and ${rule}`),
    );
  }
  return faults;
}

function specFaults(spec: CrdSpec, checks: DefaultCheck): readonly FieldError[] {
  const faults: FieldError[] = [...groupFaults(spec.group), ...scopeFaults(spec.scope)];
  const versions = spec.versions ?? [];
  const common = commonParts(versions);
  for (const [i, version] of versions.entries()) {
    if (version.schema?.openAPIV3Schema === undefined) faults.push(FieldError.required(`spec.versions[${i}].schema.openAPIV3Schema`));
  }
  for (const [i, version] of versions.entries()) {
    const at = `spec.versions[${i}]`;
    const nameTexts = isDns1035Label(version.name);
    if (nameTexts.length > 0) faults.push(FieldError.invalid(`${at}.name`, version.name, nameTexts.join(',')));
    faults.push(...deprecationFaults(version, at));
    faults.push(
      ...versionFaults(
        version,
        at,
        {
          schema: !common.schema,
          subresources: !common.subresources,
          additionalPrinterColumns: !common.additionalPrinterColumns,
          selectableFields: !common.selectableFields,
        },
        checks,
      ),
    );
  }
  const storageCount = versions.filter(({ storage }) => storage).length;
  if (new Set(versions.map(({ name }) => name)).size < versions.length) {
    faults.push(FieldError.invalid('spec.versions', internalVersions(versions), 'must contain unique version names'));
  }
  if (storageCount !== 1) {
    faults.push(FieldError.invalid('spec.versions', internalVersions(versions), 'must have exactly one version marked as storage version'));
  }
  for (const name of ['plural', 'singular', 'kind', 'listKind'] as const) {
    if ((spec.names[name] ?? '') === '') faults.push(FieldError.required(`spec.names.${name}`));
  }
  faults.push(...namesFaults(spec.names, 'spec.names'));
  const [first] = versions;
  if (first !== undefined) faults.push(...versionFaults(first, 'spec', common, checks));
  if (spec.conversion !== undefined) faults.push(...conversionFaults(spec.conversion, 'spec.conversion'));
  return faults;
}

type Version = CrdSpec['versions'][number];

/** Faults of those parts of a version that are told at `at`: of one version, or above all of them. */
function versionFaults(version: Version, at: string, parts: ReturnType<typeof commonParts>, checks: DefaultCheck): readonly FieldError[] {
  const faults: FieldError[] = [];
  const schema = version.schema?.openAPIV3Schema;
  const { subresources, additionalPrinterColumns = [], selectableFields = [] } = version;
  if (parts.schema && schema !== undefined) {
    const schemaAt = at === 'spec' ? 'spec.validation.openAPIV3Schema' : `${at}.schema.openAPIV3Schema`;
    faults.push(...rootSchemaFaults(schema, schemaAt, subresources?.status !== undefined, checks));
  }
  if (parts.subresources && subresources?.scale !== undefined) faults.push(...scalePathFaults(subresources.scale, `${at}.subresources`));
  if (parts.additionalPrinterColumns) {
    for (const [i, column] of additionalPrinterColumns.entries())
      faults.push(...columnFaults(column, `${at}.additionalPrinterColumns[${i}]`));
  }
  if (parts.selectableFields && selectableFields.length > 0) {
    faults.push(...selectableFieldFaults(selectableFields, schema, `${at}.selectableFields`));
  }
  return faults;
}

function groupFaults(group: string): readonly FieldError[] {
  if (group === '') return [FieldError.required('spec.group')];
  const texts = isDns1123Subdomain(group);
  if (texts.length > 0) return [FieldError.invalid('spec.group', group, texts.join(','))];
  return group.includes('.') ? [] : [FieldError.invalid('spec.group', group, 'should be a domain with at least one dot')];
}

function scopeFaults(scope: string): readonly FieldError[] {
  if (scope === '') return [FieldError.required('spec.scope')];
  return scope === 'Cluster' || scope === 'Namespaced' ? [] : [FieldError.notSupported('spec.scope', scope, ['Cluster', 'Namespaced'])];
}

function namesFaults(names: Names, at: string): readonly FieldError[] {
  const faults: FieldError[] = [];
  const label = (field: string, value: string, { mixedCase }: { readonly mixedCase: boolean }): void => {
    const texts = value === '' ? [] : isDns1035Label(mixedCase ? value.toLowerCase() : value);
    if (texts.length === 0) return;
    faults.push(
      FieldError.invalid(
        `${at}.${field}`,
        value,
        `${mixedCase ? 'may have mixed case, but should otherwise match: ' : ''}${texts.join(',')}`,
      ),
    );
  };
  label('plural', names.plural, { mixedCase: false });
  label('singular', names.singular ?? '', { mixedCase: false });
  label('kind', names.kind, { mixedCase: true });
  label('listKind', names.listKind ?? '', { mixedCase: true });
  const each = (field: 'shortNames' | 'categories'): void => {
    for (const [i, value] of (names[field] ?? []).entries()) {
      const texts = isDns1035Label(value);
      if (texts.length > 0) faults.push(FieldError.invalid(`${at}.${field}[${i}]`, value, texts.join(',')));
    }
  };
  each('shortNames');
  if (names.kind !== '' && names.kind === names.listKind) {
    faults.push(FieldError.invalid(`${at}.listKind`, names.listKind, 'kind and listKind may not be the same'));
  }
  each('categories');
  return faults;
}

/** What identifies the resource's objects, in requests and once they are stored. */
function immutableFaults({ spec }: Crd, { spec: old, status }: Crd): readonly FieldError[] {
  const faults: FieldError[] = [];
  const immutable = (field: string, value: string, before: string): void => {
    if (value !== before) faults.push(FieldError.invalid(field, value, 'field is immutable'));
  };
  const isEstablished = (status?.conditions ?? []).some((condition) => condition.type === 'Established' && condition.status === 'True');
  if (isEstablished) {
    immutable('spec.scope', spec.scope, old.scope);
    immutable('spec.names.kind', spec.names.kind, old.names.kind);
  }
  immutable('spec.group', spec.group, old.group);
  immutable('spec.names.plural', spec.names.plural, old.names.plural);
  return faults;
}

type Approval = 'none needed' | 'missing' | 'invalid' | 'approved' | 'bypassed';

/** Groups of the Kubernetes community need an approval, or to say that they have none. */
function approvalOf({ spec: { group }, metadata }: Crd): Approval {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(group)) return 'none needed';
  const text = getOwn(metadata.annotations, approvalAnnotation) ?? '';
  if (text === '') return 'missing';
  if (text.startsWith('unapproved')) return 'bypassed';
  return /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/\s]+/.test(text) ? 'approved' : 'invalid';
}

function approvalFaults(crd: Crd, old: Crd | undefined): readonly FieldError[] {
  const approval = approvalOf(crd);
  if (old !== undefined && approvalOf(old) === approval) return [];
  const at = `metadata.annotations[${approvalAnnotation}]`;
  const rule = `protected groups must have approval annotation ${goQuote(approvalAnnotation)}`;
  if (approval === 'missing') return [FieldError.required(at, `${rule}, ${approvalRule}`)];
  if (approval !== 'invalid') return [];
  const detail = `${rule} with either a URL or a reason starting with "unapproved", ${approvalRule}`;
  return [FieldError.invalid(at, getOwn(crd.metadata.annotations, approvalAnnotation), detail)];
}

function preserveFaults({ spec }: Crd, old: Crd | undefined): readonly FieldError[] {
  if (spec.preserveUnknownFields !== true || old?.spec.preserveUnknownFields === true) return [];
  const detail = 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
  return [FieldError.invalid('spec.preserveUnknownFields', true, detail)];
}

/** What is allowed and does not do what its writer may think; on an update, what is new of that. */
function crdWarnings(crd: Crd, old: Crd | undefined): readonly string[] {
  const before = new Set(old === undefined ? [] : oddities(old));
  return oddities(crd).filter((text) => !before.has(text));
}

function oddities({ spec }: Crd): readonly string[] {
  const formats: string[] = [];
  const sets = new Set<string>();
  // Versions that share a schema share its oddities.
  const versions = commonParts(spec.versions ?? []).schema ? (spec.versions ?? []).slice(0, 1) : (spec.versions ?? []);
  for (const { schema } of versions) {
    visitSchemas(schema?.openAPIV3Schema ?? {}, (inner) => {
      // The type alone decides what a format means here, whatever else the schema allows.
      const { type, format = '' } = inner;
      if (format !== '' && effectiveFormat({ ...(type === undefined ? {} : { type }), format }) === undefined)
        formats.push(`unrecognized format ${goQuote(format)}`);
      const itemType = itemsSchema(inner)?.type;
      if (inner['x-kubernetes-list-type'] !== 'set' || (itemType !== 'object' && itemType !== 'array')) return;
      sets.add(
        `x-kubernetes-list-type: set for items of type ${goQuote(itemType)} is not supported by server-side apply or CEL validation rules`,
      );
    });
  }
  return [...formats, ...[...sets].sort()];
}
