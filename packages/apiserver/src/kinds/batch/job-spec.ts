import type { JobSpec } from '@coracle/api';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { inEach, inField } from '../defaulted.ts';

/** What a job's spec gets wherever it stands: in a Job, or in the template of a CronJob. */
export function defaultJobParts(spec: JobSpec): JobSpec {
  const policy = inField(spec, 'podFailurePolicy', (failure) =>
    inField(failure, 'rules', (rules) =>
      inEach(rules, (rule) =>
        inField(rule, 'onPodConditions', (patterns) =>
          inEach(patterns, (pattern) => (pattern.status === '' ? { ...pattern, status: 'True' } : pattern)),
        ),
      ),
    ),
  );
  return inField(policy, 'template', defaultPodTemplate);
}
