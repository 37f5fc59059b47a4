import type { PolicyRule, RoleRef, Subject } from '@coracle/api';
import { FieldError, semanticEqual } from '@coracle/apimachinery';
import { emptyText, goStruct } from '../rules/go-struct.ts';
import { dnsSubdomain, pathSegment, supported } from '../rules/names.ts';

const rbacGroup = 'rbac.authorization.k8s.io';

/** Rules of a role; those of a namespace say nothing about paths. */
export function validateRules(rules: readonly PolicyRule[] | null | undefined, isNamespaced: boolean): readonly FieldError[] {
  return (rules ?? []).flatMap((rule, i) => validateRule(`rules[${i}]`, rule, isNamespaced));
}

function validateRule(field: string, rule: PolicyRule, isNamespaced: boolean): readonly FieldError[] {
  const { verbs, nonResourceURLs: urls = [], apiGroups = [], resources = [], resourceNames = [] } = rule;
  const faults: FieldError[] = (verbs ?? []).length === 0 ? [FieldError.required(`${field}.verbs`)] : [];
  if (urls.length > 0) {
    if (isNamespaced)
      faults.push(FieldError.invalid(`${field}.nonResourceURLs`, urls, 'namespaced rules cannot apply to non-resource URLs'));
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0) {
      faults.push(
        FieldError.invalid(`${field}.nonResourceURLs`, urls, 'rules cannot apply to both regular resources and non-resource URLs'),
      );
    }
    return faults;
  }
  if (apiGroups.length === 0) faults.push(FieldError.required(`${field}.apiGroups`, 'resource rules must supply at least one api group'));
  if (resources.length === 0) faults.push(FieldError.required(`${field}.resources`, 'resource rules must supply at least one resource'));
  return faults;
}

interface Binding {
  readonly roleRef: RoleRef;
  readonly subjects?: readonly Subject[];
}

/** Who gets what: `kinds` of roles that can be referred to from here. */
export function validateBinding({ roleRef, subjects = [] }: Binding, kinds: readonly string[]): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (roleRef.apiGroup !== rbacGroup) faults.push(FieldError.notSupported('roleRef.apiGroup', roleRef.apiGroup, [rbacGroup]));
  faults.push(...supported('roleRef.kind', roleRef.kind, kinds));
  if (roleRef.name === '') faults.push(FieldError.required('roleRef.name'));
  else faults.push(...pathSegment('roleRef.name', roleRef.name));
  return [...faults, ...subjects.flatMap((subject, i) => validateSubject(`subjects[${i}]`, subject, !kinds.includes('Role')))];
}

export function immutableRef({ roleRef }: Binding, old: Binding): readonly FieldError[] {
  if (semanticEqual(roleRef, old.roleRef)) return [];
  const shown = goStruct(
    [
      ['APIGroup', 'apiGroup', emptyText],
      ['Kind', 'kind', emptyText],
      ['Name', 'name', emptyText],
    ],
    roleRef,
  );
  return [FieldError.invalid('roleRef', shown, 'field is immutable')];
}

function validateSubject(
  field: string,
  { kind, name, apiGroup = '', namespace = '' }: Subject,
  needsNamespace: boolean,
): readonly FieldError[] {
  const faults: FieldError[] = name === '' ? [FieldError.required(`${field}.name`)] : [];
  if (kind === 'ServiceAccount') {
    if (name !== '') faults.push(...dnsSubdomain(`${field}.name`, name));
    if (apiGroup !== '') faults.push(FieldError.notSupported(`${field}.apiGroup`, apiGroup, ['']));
    if (needsNamespace && namespace === '') faults.push(FieldError.required(`${field}.namespace`));
  } else if (kind === 'User' || kind === 'Group') {
    if (apiGroup !== rbacGroup) faults.push(FieldError.notSupported(`${field}.apiGroup`, apiGroup, [rbacGroup]));
  } else faults.push(FieldError.notSupported(`${field}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  return faults;
}
