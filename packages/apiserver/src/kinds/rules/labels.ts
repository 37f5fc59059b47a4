import {
  FieldError,
  isValidLabelValue,
  labelMatcher,
  type LabelSelector,
  type LabelSelectorRequirement,
  sortedEntries,
  type WireMap,
} from '@coracle/apimachinery';
import { qualifiedName } from './names.ts';

/** A selector of an object: null where the field is always written and holds none. */
export type MaybeSelector = LabelSelector | null | undefined;

/** Keys and values of labels, wherever they stand. */
export function validateLabels(field: string, labels: WireMap | undefined): readonly FieldError[] {
  const faults: FieldError[] = [];
  for (const [key, value] of sortedEntries(labels)) {
    faults.push(...qualifiedName(field, key));
    for (const text of isValidLabelValue(value)) faults.push(FieldError.invalid(field, value, text));
  }
  return faults;
}

/** Key, operator and values of a selector's requirements. */
export function validateLabelSelector(field: string, selector: MaybeSelector): readonly FieldError[] {
  if (selector === undefined || selector === null) return [];
  const faults = [...validateLabels(`${field}.matchLabels`, selector.matchLabels)];
  for (const [i, requirement] of (selector.matchExpressions ?? []).entries()) {
    faults.push(...validateRequirement(`${field}.matchExpressions[${i}]`, requirement));
  }
  return faults;
}

function validateRequirement(field: string, { key, operator, values = [] }: LabelSelectorRequirement): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (operator === 'In' || operator === 'NotIn') {
    if ((values ?? []).length === 0)
      faults.push(FieldError.required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if ((values ?? []).length > 0)
      faults.push(FieldError.forbidden(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  } else faults.push(FieldError.invalid(`${field}.operator`, operator, 'not a valid selector operator'));
  faults.push(...qualifiedName(`${field}.key`, key));
  for (const [i, value] of (values ?? []).entries()) {
    for (const text of isValidLabelValue(value)) faults.push(FieldError.invalid(`${field}.values[${i}]`, value, text));
  }
  return faults;
}

/** Whether `selector` can be evaluated at all. */
export function isUsableSelector(selector: LabelSelector): boolean {
  return validateLabelSelector('', selector).length === 0;
}

/** Whether the labels of a template are those that the selector of its workload wants. An unusable selector matches nothing. */
export function selectsLabels(selector: MaybeSelector, labels: WireMap | undefined): boolean {
  return selector !== undefined && selector !== null && isUsableSelector(selector) && labelMatcher(selector).matches(labels);
}

export function isEmptySelector(selector: MaybeSelector): boolean {
  return Object.keys(selector?.matchLabels ?? {}).length === 0 && (selector?.matchExpressions ?? []).length === 0;
}

/** A selector as messages show it: its members in the order of Go's struct. */
export function shownSelector(selector: MaybeSelector): unknown {
  if (selector === undefined || selector === null) return null;
  const { matchLabels, matchExpressions } = selector;
  return {
    ...(matchLabels === undefined ? {} : { matchLabels }),
    ...(matchExpressions === undefined
      ? {}
      : { matchExpressions: matchExpressions.map(({ key, operator, values }) => ({ key, operator, values })) }),
  };
}
