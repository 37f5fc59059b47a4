import type { CronJob } from '@coracle/api';
import { defaulted, inField } from '../defaulted.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';
import { defaultJobParts } from './job-spec.ts';

export const cronjobs: KindHooks = hooksFor<CronJob>({
  default(job) {
    const spec = defaulted(job.spec, {
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
    });
    return { ...job, spec: inField(spec, 'jobTemplate', (template) => inField(template, 'spec', defaultJobParts)) };
  },
  strategy: { hasGeneration: true },
});
