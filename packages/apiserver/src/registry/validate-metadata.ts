import {
  FieldError,
  isDns1123Label,
  isDns1123Subdomain,
  isQualifiedName,
  isValidLabelValue,
  isValidPathSegment,
  sortedEntries,
} from '@coracle/apimachinery';
import type { ApiObject, RequestContext, ResourceDefinition, Strategy } from './definition.ts';
import { validateImmutableMetadata } from './metadata.ts';

/** All annotations of one object together, in bytes of UTF-8 (api/validation TotalAnnotationSizeLimitB). */
const maxAnnotationBytes = 256 * 1024;
const maxNameLength = 253;
/** Finalizers that need no domain: those of the garbage collector and of core kinds. */
const standardFinalizers: ReadonlySet<string> = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

type Rules = Pick<ResourceDefinition, 'namespaced' | 'strategy'>;

/** Faults of a new object: its metadata, then what its kind says. `strategy` may be a subresource's. */
export function validateObject(definition: Rules, object: ApiObject, context: RequestContext): readonly FieldError[] {
  return [...validateMetadata(definition, object), ...(definition.strategy.validate?.(object, context) ?? [])];
}

/** Faults of a changed object. Rules of the name are not asked again: it is immutable. */
export function validateObjectUpdate(strategy: Strategy, object: ApiObject, old: ApiObject, context: RequestContext): readonly FieldError[] {
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
    for (const text of validateName(generateName, { prefix: true })) faults.push(FieldError.invalid('metadata.generateName', generateName, text));
  }
  if (name === '') faults.push(FieldError.required('metadata.name', 'name or generateName is required'));
  else {
    for (const text of validateName(name, { prefix: false })) faults.push(FieldError.invalid('metadata.name', name, text));
    if (!isValidPathSegment(name)) faults.push(FieldError.invalid('metadata.name', name, pathSegmentFault(name)));
  }
  const namespace = metadata.namespace ?? '';
  if (namespaced && namespace === '') faults.push(FieldError.required('metadata.namespace', ''));
  if (namespaced && namespace !== '' && !isDns1123Label(namespace)) faults.push(FieldError.invalid('metadata.namespace', namespace, dns1123LabelFault));
  if (!namespaced && namespace !== '') faults.push(FieldError.forbidden('metadata.namespace', 'not allowed on this type'));
  return [...faults, ...validateCommon(object, strategy)];
}

/** Labels, annotations, owner references and finalizers. */
function validateCommon({ metadata }: ApiObject, { anyFinalizer }: Pick<Strategy, 'anyFinalizer'>): readonly FieldError[] {
  const faults: FieldError[] = [];
  for (const [key, value] of sortedEntries(metadata.labels)) {
    if (!isQualifiedName(key)) faults.push(FieldError.invalid('metadata.labels', key, qualifiedNameFault(key)));
    if (!isValidLabelValue(value)) faults.push(FieldError.invalid('metadata.labels', value, labelValueFault(value)));
  }
  let bytes = 0;
  for (const [key, value] of sortedEntries(metadata.annotations)) {
    if (!isQualifiedName(key.toLowerCase())) faults.push(FieldError.invalid('metadata.annotations', key, qualifiedNameFault(key)));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > maxAnnotationBytes) faults.push(FieldError.tooLong('metadata.annotations', maxAnnotationBytes));
  let controllers = 0;
  for (const [i, owner] of (metadata.ownerReferences ?? []).entries()) {
    const at = `metadata.ownerReferences[${i}]`;
    if (owner.apiVersion === '') faults.push(FieldError.invalid(`${at}.apiVersion`, owner.apiVersion, 'version must not be empty'));
    if (owner.kind === '') faults.push(FieldError.invalid(`${at}.kind`, owner.kind, 'must not be empty'));
    if (owner.name === '') faults.push(FieldError.invalid(`${at}.name`, owner.name, 'must not be empty'));
    if (owner.uid === '') faults.push(FieldError.invalid(`${at}.uid`, owner.uid, 'must not be empty'));
    if (owner.controller === true && ++controllers > 1) {
      faults.push(FieldError.invalid('metadata.ownerReferences', metadata.ownerReferences, 'Only one reference can have Controller set to true'));
    }
  }
  for (const finalizer of metadata.finalizers ?? []) {
    if (!isQualifiedName(finalizer)) faults.push(FieldError.invalid('metadata.finalizers', finalizer, qualifiedNameFault(finalizer)));
    else if (anyFinalizer !== true && !finalizer.includes('/') && !standardFinalizers.has(finalizer)) {
      faults.push(FieldError.invalid('metadata.finalizers', finalizer, 'name is neither a standard finalizer name nor is it fully qualified'));
    }
  }
  return faults;
}

/** The rule of names where a kind has none of its own. */
export function nameIsDns1123Subdomain(name: string, { prefix }: { readonly prefix: boolean }): readonly string[] {
  const checked = prefix ? maskTrailingDash(name) : name;
  if (checked.length > maxNameLength) return [`must be no more than ${maxNameLength} characters`];
  return isDns1123Subdomain(checked) ? [] : [dns1123SubdomainFault];
}

/** Labels are the names of Services' and Namespaces' objects. */
export function nameIsDns1123Label(name: string, { prefix }: { readonly prefix: boolean }): readonly string[] {
  const checked = prefix ? maskTrailingDash(name) : name;
  if (checked.length > 63) return ['must be no more than 63 characters'];
  return isDns1123Label(checked) ? [] : [dns1123LabelFault];
}

/** A prefix may end in `-`, since something is appended. */
export function maskTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
}

/** Names of RBAC objects: anything that is one segment of a path. */
export function nameIsPathSegment(name: string): readonly string[] {
  return isValidPathSegment(name) ? [] : [pathSegmentFault(name)];
}

const dns1123SubdomainFault =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const dns1123LabelFault =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const namePartFault =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const labelValueTextFault =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/** Why `key` is no qualified name. Exported for the kinds whose fields are such names. */
export function qualifiedNameFault(key: string): string {
  const parts = key.split('/');
  if (parts.length > 2) return `a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`;
  const name = parts.at(-1) ?? '';
  if (parts.length === 2 && parts[0] === '') return 'prefix part must be non-empty';
  if (parts.length === 2 && !isDns1123Subdomain(parts[0] ?? '')) return `prefix part ${dns1123SubdomainFault}`;
  if (name === '') return 'name part must be non-empty';
  return name.length > 63 ? 'name part must be no more than 63 characters' : namePartFault;
}

export function labelValueFault(value: string): string {
  return value.length > 63 ? 'must be no more than 63 characters' : labelValueTextFault;
}

function pathSegmentFault(name: string): string {
  if (name === '.' || name === '..') return `may not be '${name}'`;
  return `may not contain '${name.includes('/') ? '/' : '%'}'`;
}

