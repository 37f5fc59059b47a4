import type { DaemonSet, DaemonSetSpec } from '@coracle/api';
import { FieldError, getOwn, semanticEqual, withEntry } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { podWarnings } from '../core/pod-warnings.ts';
import { defaulted } from '../defaulted.ts';
import { isEmptySelector, validateLabelSelector } from '../rules/labels.ts';
import { countOrPercent, isZeroAmount, nonNegative, notOver100Percent } from '../rules/numbers.ts';
import { immutableSelector, matchesSelector, validateRunsForever } from '../rules/workload.ts';
import { validatePodTemplate } from '../core/pod-validation.ts';
import { hooksFor } from '../typed-hooks.ts';
import { shownStrategy } from './shown-strategy.ts';

export const daemonsets: KindHooks = hooksFor<DaemonSet>({
  default(set) {
    const spec = defaulted(set.spec, { revisionHistoryLimit: 10 });
    let updateStrategy = defaulted(spec.updateStrategy ?? {}, { type: 'RollingUpdate' });
    if (updateStrategy.type === 'RollingUpdate') {
      updateStrategy = {
        ...updateStrategy,
        rollingUpdate: defaulted(updateStrategy.rollingUpdate ?? {}, { maxUnavailable: 1, maxSurge: 0 }),
      };
    }
    return { ...set, spec: { ...spec, updateStrategy, template: defaultPodTemplate(spec.template) } };
  },
  strategy: {
    hasGeneration: true,
    prepareForCreate: (set) => withTemplateGeneration(set, Math.max(templateGeneration(set), 1)),
    prepareForUpdate: (set, old) =>
      withTemplateGeneration(set, templateGeneration(old) + (semanticEqual(set.spec.template, old.spec.template) ? 0 : 1)),
    validate: ({ spec }) => validateSpec(spec),
    validateUpdate: ({ spec }, old) => [...validateSpec(spec), ...immutableSelector('spec.selector', spec.selector, old.spec.selector)],
    warnings: ({ spec }, old) => (old === undefined ? podWarnings('spec.template', spec.template) : []),
  },
});

/** Counts changes of the template; a field once, since then an annotation that the server writes. */
const generationAnnotation = 'deprecated.daemonset.template.generation';

function templateGeneration({ metadata }: DaemonSet): number {
  const text = getOwn(metadata.annotations, generationAnnotation) ?? '';
  return /^\d+$/.test(text) ? Number(text) : 0;
}

function withTemplateGeneration(set: DaemonSet, generation: number): DaemonSet {
  return {
    ...set,
    metadata: { ...set.metadata, annotations: withEntry(set.metadata.annotations, generationAnnotation, String(generation)) },
  };
}

function validateSpec(spec: DaemonSetSpec): readonly FieldError[] {
  const { selector, template } = spec;
  const faults = [...validateLabelSelector('spec.selector', selector), ...matchesSelector('spec.template', template, selector)];
  if ((selector ?? undefined) !== undefined && isEmptySelector(selector))
    faults.push(FieldError.invalid('spec.selector', {}, 'empty selector is invalid for daemonset'));
  return [
    ...faults,
    ...validatePodTemplate('spec.template', template),
    ...validateRunsForever('spec.template', template, 'DaemonSet'),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...validateStrategy('spec.updateStrategy', spec.updateStrategy ?? {}),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
  ];
}

function validateStrategy(field: string, strategy: NonNullable<DaemonSetSpec['updateStrategy']>): readonly FieldError[] {
  const { type, rollingUpdate } = strategy;
  if (type === 'OnDelete') return [];
  if (type !== 'RollingUpdate') {
    return [FieldError.notSupported(field, shownStrategy(strategy), ['RollingUpdate', 'OnDelete'])];
  }
  if (rollingUpdate === undefined) return [FieldError.required(`${field}.rollingUpdate`)];
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate;
  const at = `${field}.rollingUpdate`;
  const faults = [
    ...countOrPercent(`${at}.maxUnavailable`, maxUnavailable),
    ...notOver100Percent(`${at}.maxUnavailable`, maxUnavailable),
    ...countOrPercent(`${at}.maxSurge`, maxSurge),
    ...notOver100Percent(`${at}.maxSurge`, maxSurge),
  ];
  const [keeps, adds] = [isZeroAmount(maxUnavailable), !isZeroAmount(maxSurge)];
  if (!keeps && adds) faults.push(FieldError.invalid(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  if (keeps && !adds) faults.push(FieldError.required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  return faults;
}
