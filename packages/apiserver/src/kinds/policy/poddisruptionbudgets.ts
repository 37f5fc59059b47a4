import type { PodDisruptionBudget } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { nameIsPathSegment } from '../../registry/validate-metadata.ts';
import { goStruct } from '../rules/go-struct.ts';
import { shownSelector, validateLabelSelector } from '../rules/labels.ts';
import { supported } from '../rules/names.ts';
import { countOrPercent, nonNegative, notOver100Percent } from '../rules/numbers.ts';
import { hooksFor } from '../typed-hooks.ts';

export const poddisruptionbudgets: KindHooks = hooksFor<PodDisruptionBudget>({
  // Upstream asks nothing of the name of a budget but that it is a segment of a path.
  strategy: { hasGeneration: true, allowUnconditionalUpdate: false, validateName: nameIsPathSegment, validate },
  statusStrategy: { validateUpdate: ({ status }) => validateStatus(status) },
});

function validate({ spec }: PodDisruptionBudget): readonly FieldError[] {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec;
  const faults: FieldError[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    const shown = goStruct(
      [
        ['MinAvailable', 'minAvailable'],
        ['Selector', 'selector'],
        ['MaxUnavailable', 'maxUnavailable'],
        ['UnhealthyPodEvictionPolicy', 'unhealthyPodEvictionPolicy'],
      ],
      {
        ...spec,
        selector: shownSelector(selector),
      },
    );
    faults.push(FieldError.invalid('spec', shown, 'minAvailable and maxUnavailable cannot be both set'));
  }
  for (const [key, amount] of [
    ['minAvailable', minAvailable],
    ['maxUnavailable', maxUnavailable],
  ] as const) {
    if (amount !== undefined) faults.push(...countOrPercent(`spec.${key}`, amount), ...notOver100Percent(`spec.${key}`, amount));
  }
  faults.push(...validateLabelSelector('spec.selector', selector));
  return policy === undefined
    ? faults
    : [...faults, ...supported('spec.unhealthyPodEvictionPolicy', policy, ['AlwaysAllow', 'IfHealthyBudget'])];
}

function validateStatus(status: PodDisruptionBudget['status']): readonly FieldError[] {
  const counts = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const;
  return counts.flatMap((key) => nonNegative(`status.${key}`, status?.[key]));
}
