import type { ResourceRequirements } from '@coracle/api';
import { compareQuantities, FieldError, getOwn, isQualifiedName, sortedEntries } from '@coracle/apimachinery';
import { isNegative, isWholeNumber } from '../resource-lists.ts';
import { qualifiedName } from './names.ts';

const compute: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage']);
const countable: ReadonlySet<string> = new Set([
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);
const quotaOnly: ReadonlySet<string> = new Set([
  ...countable,
  'storage',
  'requests.storage',
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
]);

export function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-');
}

function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

/** Resources that nodes advertise beyond those that Kubernetes knows (pkg/apis/core/helper). */
export function isExtendedResource(name: string): boolean {
  return !isNative(name) && !name.startsWith('requests.') && isQualifiedName(`requests.${name}`).length === 0;
}

/** Resources of which less can be requested than may be used. */
function canOvercommit(name: string): boolean {
  return isNative(name) && !isHugePages(name);
}

export function isStandardQuotaResource(name: string): boolean {
  return compute.has(name) || quotaOnly.has(name) || isHugePages(name) || name.startsWith('requests.hugepages-');
}

/** Names of any resources: qualified, or one that Kubernetes knows. */
export function resourceName(field: string, name: string): readonly FieldError[] {
  const faults = [...qualifiedName(field, name)];
  if (faults.length === 0 && !name.includes('/') && !isStandardQuotaResource(name)) {
    faults.push(FieldError.invalid(field, name, 'must be a standard resource type or fully qualified'));
  }
  return faults;
}

function containerResourceName(field: string, name: string): readonly FieldError[] {
  const faults = [...resourceName(field, name)];
  if (!name.includes('/')) {
    if (!compute.has(name) && !isHugePages(name))
      faults.push(FieldError.invalid(field, name, 'must be a standard resource for containers'));
  } else if (!isNative(name) && !isExtendedResource(name)) {
    faults.push(FieldError.invalid(field, name, "doesn't follow extended resource name standard"));
  }
  return faults;
}

export function nonNegativeQuantity(field: string, quantity: string): readonly FieldError[] {
  return isNegative(quantity) ? [FieldError.invalid(field, quantity, 'must be greater than or equal to 0')] : [];
}

/** Not negative, and whole where it counts things. */
export function resourceQuantity(field: string, name: string, quantity: string): readonly FieldError[] {
  const faults = [...nonNegativeQuantity(field, quantity)];
  if ((countable.has(name) || isExtendedResource(name)) && !isWholeNumber(quantity))
    faults.push(FieldError.invalid(field, quantity, 'must be an integer'));
  return faults;
}

/** What a container, or a pod as a whole, asks for (validation.ValidateContainerResourceRequirements). */
export function validateRequirements(
  field: string,
  resources: ResourceRequirements | undefined,
  claims: readonly string[] | undefined,
): readonly FieldError[] {
  if (resources === undefined) return [];
  const faults: FieldError[] = [];
  const { limits, requests } = resources;
  for (const [name, quantity] of sortedEntries(limits)) {
    faults.push(
      ...containerResourceName(`${field}.limits[${name}]`, name),
      ...resourceQuantity(`${field}.limits[${name}]`, name, quantity),
    );
  }
  for (const [name, quantity] of sortedEntries(requests)) {
    const at = `${field}.requests[${name}]`;
    faults.push(...containerResourceName(at, name), ...resourceQuantity(at, name, quantity));
    const limit = getOwn(limits, name);
    if (limit === undefined) {
      if (!canOvercommit(name)) faults.push(FieldError.required(`${field}.limits`, 'Limit must be set for non overcommitable resources'));
      continue;
    }
    const order = compareQuantities(quantity, limit);
    const texts = canOvercommit(name) ? (order > 0 ? 'less than or equal' : undefined) : order !== 0 ? 'equal' : undefined;
    if (texts !== undefined)
      faults.push(FieldError.invalid(`${field}.requests`, quantity, `must be ${texts} to ${name} limit of ${limit}`));
  }
  const names = [...sortedEntries(limits), ...sortedEntries(requests)].map(([name]) => name);
  if (names.some(isHugePages) && !names.includes('cpu') && !names.includes('memory')) {
    faults.push(FieldError.forbidden(field, 'HugePages require cpu or memory'));
  }
  return claims === undefined ? faults : [...faults, ...validateClaims(`${field}.claims`, resources, claims)];
}

function validateClaims(field: string, { claims = [] }: ResourceRequirements, known: readonly string[]): readonly FieldError[] {
  const faults: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { name, request = '' }] of claims.entries()) {
    const at = `${field}[${i}]`;
    if (name === '') faults.push(FieldError.required(`${at}.name`));
    else {
      const key = `${name}/${request}`;
      if (seen.has(key)) faults.push(FieldError.duplicate(at, request === '' ? name : key));
      seen.add(key);
      if (!known.includes(name)) {
        const detail = `must be one of the names in pod.spec.resourceClaims${known.length === 0 ? ' which is empty' : ''}`;
        faults.push(new FieldError({ type: 'NotFound', field: at, badValue: name, detail }));
      }
    }
  }
  return faults;
}
