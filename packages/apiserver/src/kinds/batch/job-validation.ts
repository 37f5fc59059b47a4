import type { JobSpec, PodFailurePolicyRule, PodTemplateSpec } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { validatePodTemplate } from '../core/pod-validation.ts';
import { validateLabelSelector } from '../rules/labels.ts';
import { domainPrefixedPath, supported } from '../rules/names.ts';
import { nonNegative } from '../rules/numbers.ts';
import { matchesSelector } from '../rules/workload.ts';
import { parseIndexes } from './job-indexes.ts';

const counts = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;
const maxExitCodes = 255;
const maxRules = 20;

/** A job's spec with the selector that it needs to run (validation.ValidateJobSpec). */
export function validateJobSpec(field: string, spec: JobSpec): readonly FieldError[] {
  const selector = spec.selector;
  return [
    ...validateJobParts(field, spec),
    ...(selector === undefined ? [FieldError.required(`${field}.selector`)] : validateLabelSelector(`${field}.selector`, selector)),
    ...matchesSelector(`${field}.template`, spec.template, selector),
  ];
}

/** What jobs and the templates of CronJobs have in common. */
export function validateJobParts(field: string, spec: JobSpec): readonly FieldError[] {
  const faults = counts.flatMap((key) => [...nonNegative(`${field}.${key}`, spec[key])]);
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    faults.push(FieldError.required(`${field}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  }
  if (spec.managedBy !== undefined) faults.push(...domainPrefixedPath(`${field}.managedBy`, spec.managedBy));
  faults.push(...validateMode(field, spec));
  if (spec.podFailurePolicy !== undefined) faults.push(...validateFailurePolicy(`${field}.podFailurePolicy`, spec));
  if (spec.successPolicy !== undefined) faults.push(...validateSuccessPolicy(`${field}.successPolicy`, spec));
  if (spec.podReplacementPolicy !== undefined) faults.push(...validateReplacement(`${field}.podReplacementPolicy`, spec));
  return [
    ...faults,
    ...validatePodTemplate(`${field}.template`, spec.template ?? {}),
    ...validateRestart(`${field}.template.spec.restartPolicy`, spec),
  ];
}

function validateMode(field: string, { completionMode, completions, backoffLimitPerIndex }: JobSpec): readonly FieldError[] {
  const faults: FieldError[] =
    completionMode === undefined ? [] : [...supported(`${field}.completionMode`, completionMode, ['NonIndexed', 'Indexed'])];
  if (completionMode === 'Indexed' && completions === undefined) {
    faults.push(FieldError.required(`${field}.completions`, 'when completion mode is Indexed'));
  }
  if (completionMode !== 'Indexed' && backoffLimitPerIndex !== undefined) {
    faults.push(FieldError.invalid(`${field}.backoffLimitPerIndex`, backoffLimitPerIndex, 'requires indexed completion mode'));
  }
  return faults;
}

function validateReplacement(field: string, { podReplacementPolicy, podFailurePolicy }: JobSpec): readonly FieldError[] {
  return supported(field, podReplacementPolicy, podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed']);
}

function validateRestart(field: string, { template, podFailurePolicy }: JobSpec): readonly FieldError[] {
  const { restartPolicy = '' } = template?.spec ?? {};
  if (restartPolicy === 'Always' || restartPolicy === '') return [FieldError.required(field, 'valid values: "OnFailure", "Never"')];
  if (restartPolicy !== 'OnFailure' && restartPolicy !== 'Never')
    return [FieldError.notSupported(field, restartPolicy, ['OnFailure', 'Never'])];
  if (podFailurePolicy === undefined || restartPolicy === 'Never') return [];
  return [FieldError.invalid(field, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified')];
}

function validateFailurePolicy(field: string, { podFailurePolicy, template }: JobSpec): readonly FieldError[] {
  const rules = podFailurePolicy?.rules ?? [];
  if (rules.length > maxRules) return [FieldError.tooMany(`${field}.rules`, rules.length, maxRules)];
  return rules.flatMap((rule, i) => validateFailureRule(`${field}.rules[${i}]`, rule, template));
}

function validateFailureRule(field: string, rule: PodFailurePolicyRule, template: PodTemplateSpec | undefined): readonly FieldError[] {
  const { onExitCodes, onPodConditions = [] } = rule;
  const faults = [...supported(`${field}.action`, rule.action, ['Count', 'FailIndex', 'FailJob', 'Ignore'])];
  if (onExitCodes !== undefined) {
    const { containerName, operator, values } = onExitCodes;
    const at = `${field}.onExitCodes`;
    const names = [...(template?.spec?.containers ?? []), ...(template?.spec?.initContainers ?? [])].map(({ name }) => name);
    if (containerName !== undefined && !names.includes(containerName)) {
      faults.push(
        FieldError.invalid(`${at}.containerName`, containerName, 'must be one of the container or initContainer names in the pod template'),
      );
    }
    faults.push(...supported(`${at}.operator`, operator, ['In', 'NotIn']));
    if (values.length === 0) faults.push(FieldError.invalid(`${at}.values`, values, 'at least one value is required'));
    else if (values.length > maxExitCodes) faults.push(FieldError.tooMany(`${at}.values`, values.length, maxExitCodes));
    for (const [i, value] of values.entries()) {
      if (operator === 'In' && value === 0)
        faults.push(FieldError.invalid(`${at}.values[${i}]`, value, 'must not be 0 for the In operator'));
      if (values.indexOf(value) < i) faults.push(FieldError.duplicate(`${at}.values[${i}]`, value));
    }
    if (values.some((value, i) => i > 0 && value < (values[i - 1] ?? value)))
      faults.push(FieldError.invalid(`${at}.values`, values, 'must be ordered'));
  }
  for (const [i, { status }] of onPodConditions.entries()) {
    faults.push(...supported(`${field}.onPodConditions[${i}].status`, status, ['False', 'True', 'Unknown']));
  }
  if (onExitCodes !== undefined && onPodConditions.length > 0) {
    faults.push(FieldError.invalid(field, '', 'specifying both OnExitCodes and OnPodConditions is not supported'));
  }
  if (onExitCodes === undefined && onPodConditions.length === 0)
    faults.push(FieldError.invalid(field, '', 'specifying one of OnExitCodes and OnPodConditions is required'));
  return faults;
}

function validateSuccessPolicy(field: string, { successPolicy, completionMode, completions = 0 }: JobSpec): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (completionMode !== 'Indexed') faults.push(FieldError.invalid(field, successPolicy, 'requires indexed completion mode'));
  const rules = successPolicy?.rules ?? [];
  if (rules.length === 0)
    faults.push(FieldError.required(`${field}.rules`, 'at least one rules must be specified when the successPolicy is specified'));
  if (rules.length > maxRules) faults.push(FieldError.tooMany(`${field}.rules`, rules.length, maxRules));
  for (const [i, { succeededCount, succeededIndexes }] of rules.entries()) {
    const at = `${field}.rules[${i}]`;
    if (succeededCount === undefined && succeededIndexes === undefined) {
      faults.push(FieldError.required(at, 'at least one of succeededCount or succeededIndexes must be specified'));
    }
    const indexes = succeededIndexes === undefined ? undefined : parseIndexes(succeededIndexes, completions);
    if (indexes?.fault !== undefined) {
      faults.push(FieldError.invalid(`${at}.succeededIndexes`, succeededIndexes, `error parsing succeededIndexes: ${indexes.fault}`));
    }
    if (succeededCount === undefined) continue;
    faults.push(...nonNegative(`${at}.succeededCount`, succeededCount));
    const tooHigh = (most: number, of: string): FieldError =>
      FieldError.invalid(`${at}.succeededCount`, succeededCount, `must be less than or equal to ${most} (the number of ${of})`);
    if (succeededCount > completions) faults.push(tooHigh(completions, 'specified completions'));
    if (indexes !== undefined && succeededCount > indexes.count) {
      faults.push(tooHigh(indexes.count, 'indexes in the specified succeededIndexes field'));
    }
  }
  return faults;
}
