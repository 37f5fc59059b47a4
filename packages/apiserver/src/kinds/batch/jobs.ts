import type { Job, PodTemplateSpec } from '@coracle/api';
import { FieldError, getOwn, isDns1123Label, withEntry } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { podWarnings } from '../core/pod-warnings.ts';
import { defaulted } from '../defaulted.ts';
import { selectsLabels, shownSelector } from '../rules/labels.ts';
import { hooksFor } from '../typed-hooks.ts';
import { defaultJobParts } from './job-spec.ts';
import { validateJobStatus } from './job-status.ts';
import { validateJobUpdate } from './job-update.ts';
import { validateJobSpec } from './job-validation.ts';

/** Failures are counted per index, not of the job. */
const noBackoffLimit = 2 ** 31 - 1;
const uidLabel = 'batch.kubernetes.io/controller-uid';

export const jobs: KindHooks = hooksFor<Job>({
  default(job) {
    const { spec } = job;
    const once = spec.completions === undefined && spec.parallelism === undefined ? { completions: 1 } : {};
    const filled = defaulted(spec, {
      ...once,
      parallelism: 1,
      backoffLimit: spec.backoffLimitPerIndex === undefined ? 6 : noBackoffLimit,
      completionMode: 'NonIndexed',
      suspend: false,
      manualSelector: false,
      podReplacementPolicy: spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed',
    });
    const labels = spec.template.metadata?.labels;
    const metadata = labels === undefined || job.metadata.labels !== undefined ? job.metadata : { ...job.metadata, labels };
    return { ...job, metadata, spec: defaultJobParts(filled) };
  },
  strategy: {
    hasGeneration: true,
    prepareForCreate: (job) => (job.spec.manualSelector === true ? job : withGeneratedSelector(job)),
    validate: (job) => [...validateGenerated(job), ...validateJobSpec('spec', job.spec)],
    validateUpdate: (job, old) => [...validateJobSpec('spec', job.spec), ...validateJobUpdate(job, old)],
    warnings: ({ metadata, spec }, old) =>
      old === undefined ? [...nameWarnings(metadata.name ?? ''), ...podWarnings('spec.template', spec.template)] : [],
  },
  statusStrategy: { validateUpdate: validateJobStatus },
  selectableFields: { 'status.successful': (job) => String(job.status?.succeeded ?? 0) },
});

/** Pods are named after their job, and hosts after their pods. */
function nameWarnings(name: string): readonly string[] {
  const texts = isDns1123Label(name);
  if (texts.length === 0) return [];
  const consequence = 'this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended';
  return [`metadata.name: ${consequence}: [${texts.join(' ')}]`];
}

/** The labels by which a job finds its pods, and only its own. */
function generatedLabels({ metadata: { uid = '', name = '' } }: Job): readonly (readonly [key: string, value: string])[] {
  return [
    ['controller-uid', uid],
    ['job-name', name],
    [uidLabel, uid],
    ['batch.kubernetes.io/job-name', name],
  ];
}

function withGeneratedSelector(job: Job): Job {
  const { spec } = job;
  let labels = spec.template.metadata?.labels;
  for (const [key, value] of generatedLabels(job)) if (getOwn(labels, key) === undefined) labels = withEntry(labels, key, value);
  const template: PodTemplateSpec = {
    ...spec.template,
    metadata: { ...spec.template.metadata, ...(labels === undefined ? {} : { labels }) },
  };
  const matchLabels = spec.selector?.matchLabels;
  const selector =
    getOwn(matchLabels, uidLabel) === undefined
      ? { ...spec.selector, matchLabels: withEntry(matchLabels, uidLabel, job.metadata.uid ?? '') }
      : spec.selector;
  // A job that has no labels of its own has those of its template; defaulting has given it the very same map.
  const shares = job.metadata.labels === undefined || job.metadata.labels === spec.template.metadata?.labels;
  const metadata = shares && labels !== undefined ? { ...job.metadata, labels } : job.metadata;
  return { ...job, metadata, spec: { ...spec, template, ...(selector === undefined ? {} : { selector }) } };
}

/** A selector that was asked to be generated must be what is generated. */
function validateGenerated(job: Job): readonly FieldError[] {
  const { selector, manualSelector, template } = job.spec;
  if (manualSelector === true || selector === undefined) return [];
  const generated = generatedLabels(job);
  const faults: FieldError[] = [];
  for (const [key, value] of generated) {
    const found = getOwn(template.metadata?.labels, key);
    if (found !== value)
      faults.push(FieldError.invalid('spec.template.metadata.labels', template.metadata?.labels ?? null, `must be '${value}'`));
  }
  if (!selectsLabels(selector, Object.fromEntries(generated))) {
    faults.push(FieldError.invalid('spec.selector', shownSelector(selector), '`selector` not auto-generated'));
  }
  return faults;
}
