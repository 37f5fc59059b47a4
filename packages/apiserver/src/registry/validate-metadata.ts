import {
  FieldError,
  type Frozen,
  isDns1123Label,
  isDns1123Subdomain,
  isQualifiedName,
  isValidLabelValue,
  isValidPathSegment,
  type OwnerReference,
  sortedEntries,
  type WireMap,
} from '@coracle/apimachinery';
import type { ApiObject, RequestContext, ResourceDefinition, Strategy } from './definition.ts';
import { validateImmutableMetadata } from './metadata.ts';

/** All annotations of one object together, in bytes of UTF-8 (api/validation TotalAnnotationSizeLimitB). */
const maxAnnotationBytes = 256 * 1024;
/** Finalizers that need no domain: those of the garbage collector and of core kinds. */
const standardFinalizers: ReadonlySet<string> = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

type Rules = Pick<ResourceDefinition, 'namespaced' | 'strategy'>;

/** Faults of a new object: its metadata, then what its kind says. `strategy` may be a subresource's. */
export function validateObject(definition: Rules, object: ApiObject, context: RequestContext): readonly FieldError[] {
  const faults = validateMetadata(definition, object);
  const own = definition.strategy.validate?.(object, context) ?? faults;
  return own === faults || own.length === 0 ? faults : [...faults, ...own];
}

/** Faults of a changed object. Rules of the name are not asked again: it is immutable. */
export function validateObjectUpdate(
  strategy: Strategy,
  object: ApiObject,
  old: ApiObject,
  context: RequestContext,
): readonly FieldError[] {
  const own = strategy.validateUpdate?.(object, old, context) ?? strategy.validate?.(object, context) ?? [];
  return [...validateImmutableMetadata(object, old), ...validateCommon(object, strategy), ...own];
}

function validateMetadata({ namespaced, strategy }: Rules, object: ApiObject): readonly FieldError[] {
  const { metadata } = object;
  const faults: FieldError[] = [];
  const name = metadata.name ?? '';
  const generateName = metadata.generateName ?? '';
  const validateName = strategy.validateName ?? nameIsDns1123Subdomain;
  if (generateName !== '') {
    for (const text of validateName(generateName, { prefix: true }))
      faults.push(FieldError.invalid('metadata.generateName', generateName, text));
  }
  if (name === '') faults.push(FieldError.required('metadata.name', 'name or generateName is required'));
  else {
    const texts = validateName(name, { prefix: false });
    // Whatever a kind allows, its name is one segment of a path.
    for (const text of texts.length > 0 ? texts : isValidPathSegment(name)) faults.push(FieldError.invalid('metadata.name', name, text));
  }
  const namespace = metadata.namespace ?? '';
  if (namespaced && namespace === '') faults.push(FieldError.required('metadata.namespace', ''));
  if (namespaced && namespace !== '')
    for (const text of isDns1123Label(namespace)) faults.push(FieldError.invalid('metadata.namespace', namespace, text));
  if (!namespaced && namespace !== '') faults.push(FieldError.forbidden('metadata.namespace', 'not allowed on this type'));
  return [...faults, ...validateCommon(object, strategy)];
}

/** Generation, labels, annotations, owner references and finalizers. */
function validateCommon({ metadata }: ApiObject, { anyFinalizer }: Pick<Strategy, 'anyFinalizer'>): readonly FieldError[] {
  const faults: FieldError[] = [];
  const { generation = 0 } = metadata;
  if (generation < 0) faults.push(FieldError.invalid('metadata.generation', generation, 'must be greater than or equal to 0'));
  for (const [key, value] of sortedEntries(metadata.labels)) {
    for (const text of isQualifiedName(key)) faults.push(FieldError.invalid('metadata.labels', key, text));
    for (const text of isValidLabelValue(value)) faults.push(FieldError.invalid('metadata.labels', value, text));
  }
  faults.push(...validateAnnotations('metadata.annotations', metadata.annotations), ...validateOwners(metadata.ownerReferences ?? []));
  const { finalizers = [] } = metadata;
  for (const finalizer of finalizers) {
    const texts = isQualifiedName(finalizer);
    for (const text of texts) faults.push(FieldError.invalid('metadata.finalizers', finalizer, text));
    if (texts.length === 0 && anyFinalizer !== true && !finalizer.includes('/') && !standardFinalizers.has(finalizer)) {
      faults.push(
        FieldError.invalid('metadata.finalizers', finalizer, 'name is neither a standard finalizer name nor is it fully qualified'),
      );
    }
  }
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    const text = 'finalizer orphan and foregroundDeletion cannot be both set';
    faults.push(FieldError.invalid('metadata.finalizers', finalizers, text));
  }
  return faults;
}

/** Keys of annotations, in any case, and how much there is of all. */
export function validateAnnotations(field: string, annotations: WireMap | undefined): readonly FieldError[] {
  const faults: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of sortedEntries(annotations)) {
    for (const text of isQualifiedName(key.toLowerCase())) faults.push(FieldError.invalid(field, key, text));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > maxAnnotationBytes) faults.push(FieldError.tooLong(field, maxAnnotationBytes));
  return faults;
}

type Owner = Frozen<OwnerReference>;

function validateOwners(owners: readonly Owner[]): readonly FieldError[] {
  const field = 'metadata.ownerReferences';
  const faults: FieldError[] = [];
  let controller: string | undefined;
  for (const [i, owner] of owners.entries()) {
    faults.push(...validateOwner(`${field}[${i}]`, owner));
    if (owner.controller !== true) continue;
    const shown = `${owner.kind}/${owner.name}`;
    if (controller === undefined) controller = shown;
    else {
      const text = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${shown}`;
      faults.push(FieldError.invalid(field, owners.map(shownOwner), text));
    }
  }
  return faults;
}

function validateOwner(field: string, owner: Owner): readonly FieldError[] {
  const { apiVersion, kind } = owner;
  const empty = (['apiVersion', 'kind', 'name', 'uid'] as const).filter((name) => (owner[name] ?? '') === '');
  const faults = empty.map((name) => FieldError.required(`${field}.${name}`, 'must not be empty'));
  // `/` alone passes for no version at all, and is none.
  const isVersion = apiVersion === '' || (apiVersion.split('/').length <= 2 && !apiVersion.endsWith('/'));
  if (!isVersion) faults.unshift(FieldError.invalid(`${field}.apiVersion`, apiVersion, 'must be <group>/<version> or <version>'));
  if (apiVersion === 'v1' && kind === 'Event')
    faults.push(FieldError.invalid(field, shownOwner(owner), '/v1, Kind=Event is disallowed from being an owner'));
  return faults;
}

/** As messages show it: its fields in the order of Go's struct. */
function shownOwner({ apiVersion, kind, name, uid, controller, blockOwnerDeletion }: Owner): unknown {
  return {
    ...{ apiVersion, kind, name, uid },
    ...(controller === undefined ? {} : { controller }),
    ...(blockOwnerDeletion === undefined ? {} : { blockOwnerDeletion }),
  };
}

/** The rule of names where a kind has none of its own. */
export function nameIsDns1123Subdomain(name: string, { prefix }: { readonly prefix: boolean }): readonly string[] {
  return isDns1123Subdomain(prefix ? maskTrailingDash(name) : name);
}

/** Names of namespaces and the like. */
export function nameIsDns1123Label(name: string, { prefix }: { readonly prefix: boolean }): readonly string[] {
  return isDns1123Label(prefix ? maskTrailingDash(name) : name);
}

/** Names of RBAC objects: anything that is one segment of a path. */
export function nameIsPathSegment(name: string): readonly string[] {
  return isValidPathSegment(name);
}

/** A prefix may end in `-`, since something is appended. */
function maskTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
}
