import type { CronJob, CronJobSpec } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { nameIsDns1123Subdomain } from '../../registry/validate-metadata.ts';
import { podWarnings } from '../core/pod-warnings.ts';
import { defaulted, inField } from '../defaulted.ts';
import { scheduleFault } from '../rules/cron.ts';
import { oneOf } from '../rules/names.ts';
import { nonNegative } from '../rules/numbers.ts';
import { hooksFor } from '../typed-hooks.ts';
import { defaultJobParts } from './job-spec.ts';
import { validateJobParts } from './job-validation.ts';

/** The controller appends 11 characters to the names of its jobs. */
const maxName = 52;

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
  strategy: {
    hasGeneration: true,
    validateName: (name, options) => [
      ...nameIsDns1123Subdomain(name, options),
      ...(!options.prefix && name.length > maxName ? [`must be no more than ${maxName} characters`] : []),
    ],
    validate: ({ spec }) => validateSpec(spec),
    warnings: ({ spec }, old) =>
      old === undefined && spec.jobTemplate.spec !== undefined
        ? podWarnings('spec.jobTemplate.spec.template', spec.jobTemplate.spec.template)
        : [],
  },
});

function validateSpec(spec: CronJobSpec): readonly FieldError[] {
  const { schedule, jobTemplate, timeZone } = spec;
  const faults: FieldError[] = [];
  const { spec: job } = jobTemplate;
  if (job !== undefined) {
    if (job.manualSelector === true) faults.push(FieldError.notSupported('spec.jobTemplate.spec.manualSelector', true, ['nil', 'false']));
    faults.push(...validateJobParts('spec.jobTemplate.spec', job));
  }
  faults.push(...validateSchedule(schedule));
  if (timeZone !== undefined) faults.push(...validateTimeZone(timeZone));
  return [
    ...faults,
    ...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds),
    ...oneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']),
    ...nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit),
    ...nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit),
  ];
}

function validateSchedule(schedule: string): readonly FieldError[] {
  const field = 'spec.schedule';
  if (schedule === '') return [FieldError.required(field)];
  if (schedule.includes('TZ'))
    return [FieldError.invalid(field, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')];
  const fault = scheduleFault(schedule);
  return fault === undefined ? [] : [FieldError.invalid(field, schedule, fault)];
}

function validateTimeZone(timeZone: string): readonly FieldError[] {
  const field = 'spec.timeZone';
  if (timeZone === '') return [FieldError.invalid(field, timeZone, 'timeZone must be nil or non-empty string')];
  if (timeZone.toLowerCase() === 'local') {
    return [FieldError.invalid(field, timeZone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones')];
  }
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    return [];
  } catch {
    return [FieldError.invalid(field, timeZone, `unknown time zone ${timeZone}`)];
  }
}
