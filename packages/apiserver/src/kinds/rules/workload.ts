import type { PodTemplateSpec } from '@coracle/api';
import { FieldError, mapFrom, semanticEqual, sortedEntries } from '@coracle/apimachinery';
import { validatePodTemplate } from '../core/pod-validation.ts';
import { isEmptySelector, isUsableSelector, type MaybeSelector, selectsLabels, shownSelector, validateLabelSelector } from './labels.ts';

/** What a workload's template must be beyond a template: of pods that run for ever, and that its selector finds. */
export interface WorkloadRules {
  readonly selector: MaybeSelector;
  /** As messages call the kind; Deployments are called ReplicaSets. */
  readonly kind: 'DaemonSet' | 'ReplicaSet' | 'ReplicationController' | 'StatefulSet';
}

/** Message where the labels of a template are not what its selector wants. */
export const selectorMismatch = '`selector` does not match template `labels`';

export function validateWorkloadTemplate(
  field: string,
  template: PodTemplateSpec | undefined,
  rules: WorkloadRules,
): readonly FieldError[] {
  if (template === undefined) return [FieldError.required(field)];
  return [
    ...matchesSelector(field, template, rules.selector),
    ...validatePodTemplate(field, template),
    ...validateRunsForever(field, template, rules.kind),
  ];
}

export function matchesSelector(field: string, template: PodTemplateSpec, selector: MaybeSelector): readonly FieldError[] {
  if (isPresent(selector) && !isUsableSelector(selector)) return [];
  const labels = template.metadata?.labels;
  if (selectsLabels(selector, labels)) return [];
  return [FieldError.invalid(`${field}.metadata.labels`, labels === undefined ? null : mapFrom(sortedEntries(labels)), selectorMismatch)];
}

export function validateRunsForever(field: string, { spec }: PodTemplateSpec, kind: WorkloadRules['kind']): readonly FieldError[] {
  const faults: FieldError[] = [];
  const { restartPolicy, activeDeadlineSeconds } = spec ?? {};
  if (restartPolicy !== 'Always' && ['Never', 'OnFailure'].includes(restartPolicy ?? '')) {
    faults.push(FieldError.notSupported(`${field}.spec.restartPolicy`, restartPolicy, ['Always']));
  }
  if (activeDeadlineSeconds !== undefined) {
    faults.push(FieldError.forbidden(`${field}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`));
  }
  return faults;
}

/** A selector that a workload cannot do without; `forKind` as the message calls it. */
export function validateRequiredSelector(field: string, selector: MaybeSelector, forKind: string): readonly FieldError[] {
  if (!isPresent(selector)) return [FieldError.required(field)];
  const faults = [...validateLabelSelector(field, selector)];
  if (isEmptySelector(selector)) faults.push(FieldError.invalid(field, {}, `empty selector is invalid for ${forKind}`));
  return faults;
}

export function immutable(field: string, value: unknown, old: unknown): readonly FieldError[] {
  return semanticEqual(value, old) ? [] : [FieldError.invalid(field, value ?? null, 'field is immutable')];
}

export function immutableSelector(field: string, selector: MaybeSelector, old: MaybeSelector): readonly FieldError[] {
  return semanticEqual(selector, old) ? [] : [FieldError.invalid(field, shownSelector(selector), 'field is immutable')];
}

/** Said once more of a selector that is no good at all. */
export function unusableSelector(field: string, selector: MaybeSelector, text: string): readonly FieldError[] {
  return !isPresent(selector) || isUsableSelector(selector) ? [] : [FieldError.invalid(field, shownSelector(selector), text)];
}

function isPresent<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}
