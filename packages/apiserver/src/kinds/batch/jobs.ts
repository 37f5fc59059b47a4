import type { Job } from '@coracle/api';
import { defaulted } from '../defaulted.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';
import { defaultJobParts } from './job-spec.ts';

/** Failures are counted per index, not of the job. */
const noBackoffLimit = 2 ** 31 - 1;

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
  strategy: { hasGeneration: true },
  selectableFields: { 'status.successful': (job) => String(job.status?.succeeded ?? 0) },
});
