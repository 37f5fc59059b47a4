import type { CronJob, Job } from '@coracle/api';
import { type Frozen, humanDuration, parseTime } from '@coracle/apimachinery';
import type { Cells } from '../registry/kind-hooks.ts';
import { containerCells, isTrue, rowOf, selectorText } from './row.ts';

export const batch: Readonly<Record<string, Cells>> = {
  'batch/v1/cronjobs': rowOf<CronJob>(({ metadata, spec, status }, { since }) => [
    metadata.name ?? '',
    spec?.schedule ?? '',
    spec?.timeZone ?? '<none>',
    spec?.suspend === undefined ? '<unset>' : spec.suspend ? 'True' : 'False',
    (status?.active ?? []).length,
    status?.lastScheduleTime === undefined ? '<none>' : since(status.lastScheduleTime),
    since(metadata.creationTimestamp),
    ...containerCells(spec?.jobTemplate.spec?.template.spec),
    selectorText(spec?.jobTemplate.spec?.selector),
  ]),
  'batch/v1/jobs': rowOf<Job>((job, { nowMs, since }) => [
    job.metadata.name ?? '',
    statusOf(job),
    completionsOf(job),
    durationOf(job, nowMs),
    since(job.metadata.creationTimestamp),
    ...containerCells(job.spec?.template.spec),
    selectorText(job.spec?.selector),
  ]),
};

function statusOf({ metadata, status }: Frozen<Job>): string {
  const { conditions } = status ?? {};
  if (isTrue(conditions, 'Complete')) return 'Complete';
  if (isTrue(conditions, 'Failed')) return 'Failed';
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find((type) => isTrue(conditions, type)) ?? 'Running';
}

function completionsOf({ spec, status }: Frozen<Job>): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationOf({ status }: Frozen<Job>, nowMs: number): string {
  const startedMs = parseTime(status?.startTime);
  return startedMs === undefined ? '' : humanDuration((parseTime(status?.completionTime) ?? nowMs) - startedMs);
}
