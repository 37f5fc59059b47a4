import type { MatchResources, MutatingAdmissionPolicySpec, ParamRef, ValidatingAdmissionPolicySpec } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { validateLabelSelector } from '../rules/labels.ts';
import { oneOf, qualifiedName } from '../rules/names.ts';
import { validateConditionNames, validateRule } from './webhook-validation.ts';

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];

/** What of a policy is not CEL. Expressions are compiled elsewhere. */
export function validatePolicy(name: string, spec: ValidatingAdmissionPolicySpec): readonly FieldError[] {
  const { validations = [], auditAnnotations = [], matchConstraints, variables = [], failurePolicy } = spec;
  const faults: FieldError[] = [];
  if (failurePolicy !== undefined) faults.push(...oneOf('spec.failurePolicy', failurePolicy, ['Fail', 'Ignore']));
  faults.push(
    ...validateConstraints(matchConstraints),
    ...validateConditionNames('spec.matchConditions', spec.matchConditions ?? []),
    ...validateVariables(variables),
  );
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const text = 'validations or auditAnnotations must contain at least one item';
    faults.push(FieldError.required('spec.validations', text), FieldError.required('spec.auditAnnotations', text));
  }
  for (const [i, { expression, message = '', reason }] of validations.entries()) {
    const at = `spec.validations[${i}]`;
    if (expression.trim() === '') faults.push(FieldError.required(`${at}.expression`, 'expression is not specified'));
    if (message.includes('\n')) faults.push(FieldError.invalid(`${at}.message`, message, 'must not contain line breaks'));
    if (reason !== undefined && !reasons.includes(reason)) faults.push(FieldError.notSupported(`${at}.reason`, reason, reasons));
  }
  for (const [i, { key, valueExpression }] of auditAnnotations.entries()) {
    const at = `spec.auditAnnotations[${i}]`;
    faults.push(...(key === '' ? [FieldError.required(`${at}.key`)] : qualifiedName(`${at}.key`, `${name}/${key}`)));
    if (valueExpression.trim() === '') faults.push(FieldError.required(`${at}.valueExpression`, 'valueExpression is not specified'));
  }
  return faults;
}

export function validateMutatingPolicy(spec: MutatingAdmissionPolicySpec): readonly FieldError[] {
  const { mutations = [], matchConstraints, variables = [], reinvocationPolicy = '', failurePolicy } = spec;
  const faults: FieldError[] = [];
  if (failurePolicy !== undefined) faults.push(...oneOf('spec.failurePolicy', failurePolicy, ['Fail', 'Ignore']));
  faults.push(
    ...validateConstraints(matchConstraints),
    ...validateConditionNames('spec.matchConditions', spec.matchConditions ?? []),
    ...validateVariables(variables),
  );
  if (mutations.length === 0) faults.push(FieldError.required('spec.mutations', 'mutations must contain at least one item'));
  for (const [i, { patchType, applyConfiguration, jsonPatch }] of mutations.entries()) {
    const at = `spec.mutations[${i}]`;
    const sides = [
      ['ApplyConfiguration', 'applyConfiguration', applyConfiguration, 'jsonPatch', jsonPatch],
      ['JSONPatch', 'jsonPatch', jsonPatch, 'applyConfiguration', applyConfiguration],
    ] as const;
    const side = sides.find(([type]) => type === patchType);
    if (side === undefined) {
      faults.push(...oneOf(`${at}.patchType`, patchType, ['ApplyConfiguration', 'JSONPatch']));
      continue;
    }
    const [type, wanted, own, other, foreign] = side;
    if (own === undefined) faults.push(FieldError.required(`${at}.${wanted}`, `must be specified when patchType is ${type}`));
    else if ((own.expression ?? '').trim() === '')
      faults.push(FieldError.required(`${at}.${wanted}.expression`, 'expression is not specified'));
    if (foreign !== undefined)
      faults.push(FieldError.invalid(`${at}.${other}`, `{${other}}`, `must not be specified when patchType is ${type}`));
  }
  return reinvocationPolicy === ''
    ? [...faults, FieldError.required('spec.reinvocationPolicy')]
    : [...faults, ...oneOf('spec.reinvocationPolicy', reinvocationPolicy, ['IfNeeded', 'Never'])];
}

function validateVariables(variables: readonly { readonly name: string; readonly expression: string }[]): readonly FieldError[] {
  return variables.flatMap(({ name, expression }, i) => {
    const at = `spec.variables[${i}]`;
    const faults: FieldError[] = [];
    if (name === '') faults.push(FieldError.required(`${at}.name`, 'name is not specified'));
    else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) faults.push(FieldError.invalid(`${at}.name`, name, 'must be a valid CEL identifier'));
    if (expression.trim() === '') faults.push(FieldError.required(`${at}.expression`, 'expression is not specified'));
    return faults;
  });
}

function validateConstraints(match: MatchResources | undefined): readonly FieldError[] {
  if (match === undefined) return [FieldError.required('spec.matchConstraints')];
  const faults = [...validateMatch('spec.matchConstraints', match)];
  if ((match.resourceRules ?? []).length === 0) faults.push(FieldError.required('spec.matchConstraints.resourceRules'));
  return faults;
}

export function validateMatch(field: string, match: MatchResources): readonly FieldError[] {
  const faults: FieldError[] =
    match.matchPolicy === undefined ? [] : [...oneOf(`${field}.matchPolicy`, match.matchPolicy, ['Equivalent', 'Exact'])];
  faults.push(
    ...validateLabelSelector(`${field}.namespaceSelector`, match.namespaceSelector),
    ...validateLabelSelector(`${field}.objectSelector`, match.objectSelector),
  );
  for (const key of ['resourceRules', 'excludeResourceRules'] as const) {
    for (const [i, rule] of (match[key] ?? []).entries()) faults.push(...validateRule(`${field}.${key}[${i}]`, rule, true));
  }
  return faults;
}

/** How a binding finds its parameters: by name or by labels, not both. */
export function validateParamRef(field: string, ref: ParamRef | undefined): readonly FieldError[] {
  if (ref === undefined) return [];
  const { name = '', selector, parameterNotFoundAction } = ref;
  const faults: FieldError[] = [];
  if (name !== '' && selector !== undefined) {
    const text = 'name and selector are mutually exclusive';
    faults.push(FieldError.forbidden(`${field}.name`, text), FieldError.forbidden(`${field}.selector`, text));
  }
  if (name === '' && selector === undefined) faults.push(FieldError.required(field, 'one of name or selector must be specified'));
  return [...faults, ...oneOf(`${field}.parameterNotFoundAction`, parameterNotFoundAction, ['Allow', 'Deny'])];
}
