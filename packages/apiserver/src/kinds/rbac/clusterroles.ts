import type { ClusterRole } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { nameIsPathSegment } from '../../registry/validate-metadata.ts';
import { isUsableSelector, validateLabelSelector } from '../rules/labels.ts';
import { hooksFor } from '../typed-hooks.ts';
import { validateRules } from './rule-validation.ts';

export const clusterroles: KindHooks = hooksFor<ClusterRole>({
  strategy: {
    validateName: nameIsPathSegment,
    validate: ({ rules, aggregationRule }) => [...validateRules(rules, false), ...validateAggregation(aggregationRule)],
  },
});

function validateAggregation(rule: ClusterRole['aggregationRule']): readonly FieldError[] {
  if (rule === undefined) return [];
  const { clusterRoleSelectors: selectors = [] } = rule;
  const field = 'aggregationRule.clusterRoleSelectors';
  if (selectors.length === 0)
    return [FieldError.required(field, 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  return selectors.flatMap((selector, i) => {
    const faults = [...validateLabelSelector(`${field}[${i}]`, selector)];
    return isUsableSelector(selector) ? faults : [...faults, FieldError.invalid(`${field}[${i}]`, null, 'invalid label selector.')];
  });
}
