import type { DeviceTaintRule } from '@coracle/api';
import { FieldError, formatTime } from '@coracle/apimachinery';
import type { RequestContext } from '../../registry/definition.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { qualifiedName, supported } from '../rules/names.ts';
import { hooksFor } from '../typed-hooks.ts';

export const devicetaintrules: KindHooks = hooksFor<DeviceTaintRule>({
  strategy: {
    hasGeneration: true,
    allowUnconditionalUpdate: false,
    prepareForCreate: withTime,
    prepareForUpdate: (rule, _old, context) => withTime(rule, context),
    validate,
  },
});

/** A taint knows since when it holds. */
function withTime(rule: DeviceTaintRule, { clock }: RequestContext): DeviceTaintRule {
  const { taint = { key: '', effect: '' } } = rule.spec;
  if ((taint.timeAdded ?? undefined) !== undefined) return rule;
  return { ...rule, spec: { ...rule.spec, taint: { ...taint, timeAdded: formatTime(clock.now()) } } };
}

function validate({ spec }: DeviceTaintRule): readonly FieldError[] {
  const { key = '', effect = '' } = spec.taint ?? {};
  const faults = [...qualifiedName('spec.taint.key', key)];
  if (effect === '') return [...faults, FieldError.required('spec.taint.effect')];
  return [...faults, ...supported('spec.taint.effect', effect, ['NoExecute', 'NoSchedule', 'None'])];
}
