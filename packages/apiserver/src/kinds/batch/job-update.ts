import type { Job, JobSpec, PodTemplateSpec } from '@coracle/api';
import { FieldError, type ObjectMeta, semanticEqual } from '@coracle/apimachinery';
import { shownTemplate } from '../core/shown-template.ts';
import { immutable, immutableSelector } from '../rules/workload.ts';

/** What a job keeps once it exists (validation.ValidateJobSpecUpdate). */
export function validateJobUpdate({ spec }: Job, { spec: old, status }: Job): readonly FieldError[] {
  // A job that has not begun may still be told where to run.
  const isWaiting = old.suspend === true && (status?.startTime ?? undefined) === undefined;
  const template = isWaiting ? withPlacement(spec.template, old.template) : spec.template;
  return [
    ...validateCompletions(spec, old),
    ...immutableSelector('spec.selector', spec.selector, old.selector),
    ...(semanticEqual(template, old.template)
      ? []
      : [FieldError.invalid('spec.template', shownTemplate(spec.template), 'field is immutable')]),
    ...immutable('spec.completionMode', spec.completionMode, old.completionMode),
    ...immutable('spec.podFailurePolicy', spec.podFailurePolicy, old.podFailurePolicy),
    ...immutable('spec.backoffLimitPerIndex', spec.backoffLimitPerIndex, old.backoffLimitPerIndex),
    ...immutable('spec.managedBy', spec.managedBy, old.managedBy),
    ...immutable('spec.successPolicy', spec.successPolicy, old.successPolicy),
  ];
}

function validateCompletions(spec: JobSpec, old: JobSpec): readonly FieldError[] {
  const { completions, parallelism, completionMode } = spec;
  if (completions === old.completions) return [];
  if (completionMode !== 'Indexed' || completions === undefined || old.completions === undefined)
    return immutable('spec.completions', completions, old.completions);
  if (completions === parallelism) return [];
  return [FieldError.invalid('spec.completions', completions, 'can only be modified in tandem with spec.parallelism')];
}

const placement = ['affinity', 'nodeSelector', 'tolerations', 'schedulingGates'] as const;

/** `template` with all that says where its pods run as it was. */
function withPlacement(template: PodTemplateSpec, old: PodTemplateSpec): PodTemplateSpec {
  const { labels: _l, annotations: _a, ...metadata } = template.metadata ?? {};
  const { labels, annotations } = old.metadata ?? {};
  const kept: ObjectMeta = {
    ...metadata,
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  const { affinity: _f, nodeSelector: _n, tolerations: _t, schedulingGates: _g, ...spec } = template.spec ?? { containers: [] };
  const before = Object.fromEntries(placement.flatMap((key) => (old.spec?.[key] === undefined ? [] : [[key, old.spec[key]]])));
  return { ...template, metadata: kept, spec: { ...spec, ...before } };
}
