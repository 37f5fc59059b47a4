import type { ResourceQuota, ResourceQuotaSpec } from '@coracle/api';
import { FieldError, semanticEqual, sortedEntries, type WireMap } from '@coracle/apimachinery';
import { isStandardQuotaResource, resourceName, resourceQuantity } from '../rules/resources.ts';

const scopes: ReadonlySet<string> = new Set([
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
  'VolumeAttributesClass',
]);
const bestEffortResources: ReadonlySet<string> = new Set(['pods']);
const podResources: ReadonlySet<string> = new Set([
  'cpu',
  'memory',
  'requests.cpu',
  'requests.memory',
  'limits.cpu',
  'limits.memory',
  'pods',
  'ephemeral-storage',
  'requests.ephemeral-storage',
  'limits.ephemeral-storage',
]);

export function validateQuota({ spec }: ResourceQuota): readonly FieldError[] {
  return [...validateHard('spec.hard', spec.hard), ...validateScopes(spec), ...validateScopeSelector(spec)];
}

export function validateQuotaUpdate({ spec }: ResourceQuota, { spec: old }: ResourceQuota): readonly FieldError[] {
  const names = ({ scopes: list = [] }: ResourceQuotaSpec): readonly string[] => [...list].sort();
  return semanticEqual(names(spec), names(old)) ? [] : [FieldError.invalid('spec.scopes', spec.scopes ?? null, 'field is immutable')];
}

export function validateQuotaStatus({ status = {} }: ResourceQuota): readonly FieldError[] {
  return [...validateHard('status.hard', status.hard), ...validateHard('status.used', status.used)];
}

function validateHard(field: string, hard: WireMap | undefined): readonly FieldError[] {
  return sortedEntries(hard).flatMap(([name, quantity]) => {
    const at = `${field}[${name}]`;
    const faults = [...resourceName(at, name)];
    if (!name.includes('/') && !isStandardQuotaResource(name))
      faults.push(FieldError.invalid(at, name, 'must be a standard resource for quota'));
    return [...faults, ...resourceQuantity(at, name, quantity)];
  });
}

function validateScopes({ scopes: list = [], hard }: ResourceQuotaSpec): readonly FieldError[] {
  const faults: FieldError[] = [];
  for (const scope of list) {
    if (!scopes.has(scope)) faults.push(FieldError.invalid('spec.scopes', list, 'unsupported scope'));
    for (const [name] of sortedEntries(hard)) {
      if (!isScopeFor(scope, name)) faults.push(FieldError.invalid('spec.scopes', list, 'unsupported scope applied to resource'));
    }
  }
  for (const [a, b] of [
    ['Terminating', 'NotTerminating'],
    ['BestEffort', 'NotBestEffort'],
  ] as const) {
    if (list.includes(a) && list.includes(b)) faults.push(FieldError.invalid('spec.scopes', list, 'conflicting scopes'));
  }
  return faults;
}

/** Scopes of pods make sense only for what pods use; of best-effort pods nothing but their number counts. */
function isScopeFor(scope: string, resource: string): boolean {
  if (scope === 'BestEffort') return bestEffortResources.has(resource);
  if (scope === 'VolumeAttributesClass') return resource === 'persistentvolumeclaims' || resource === 'requests.storage';
  if (!scopes.has(scope)) return true;
  return (
    podResources.has(resource) ||
    resource.startsWith('requests.') ||
    resource.startsWith('limits.') ||
    resource.startsWith('count/') ||
    resource.includes('/')
  );
}

function validateScopeSelector({ scopeSelector, hard }: ResourceQuotaSpec): readonly FieldError[] {
  const at = 'spec.scopeSelector.matchExpressions';
  return (scopeSelector?.matchExpressions ?? []).flatMap(({ scopeName, operator, values = [] }) => {
    const faults: FieldError[] = [];
    if (!scopes.has(scopeName)) faults.push(FieldError.invalid(`${at}.scopeName`, scopeName, 'unsupported scope'));
    for (const [name] of sortedEntries(hard)) {
      if (!isScopeFor(scopeName, name)) faults.push(FieldError.invalid(at, scopeSelector, 'unsupported scope applied to resource'));
    }
    const mustExist = !['PriorityClass', 'VolumeAttributesClass'].includes(scopeName) && scopes.has(scopeName);
    if (mustExist && operator !== 'Exists') {
      const text =
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
      faults.push(FieldError.invalid(`${at}.operator`, operator, text));
    }
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0)
        faults.push(
          FieldError.required(`${at}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"),
        );
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) {
        faults.push(
          FieldError.invalid(`${at}.values`, values, "must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope selector"),
        );
      }
    } else faults.push(FieldError.invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    return faults;
  });
}
