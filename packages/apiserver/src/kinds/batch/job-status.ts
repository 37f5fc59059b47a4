import type { Job } from '@coracle/api';
import { FieldError, omitValue, parseTime, semanticEqual } from '@coracle/apimachinery';
import { nonNegative } from '../rules/numbers.ts';
import { firstCommonIndex, parseIndexes } from './job-indexes.ts';

type Status = NonNullable<Job['status']>;
type ConditionType = 'Complete' | 'Failed' | 'FailureTarget' | 'SuccessCriteriaMet' | 'Suspended';

/**
 * What a job's controller, which need not be ours (spec.managedBy), may say of it (validation.ValidateJobUpdateStatus). A rule
 * is asked only where what it is about changes: a status that was wrong before can be mended step by step. Order is upstream's.
 */
export function validateJobStatus(job: Job, old: Job): readonly FieldError[] {
  const change = changeOf(job, old);
  return [
    ...validateCounts(change.status),
    ...validateEnd(change),
    ...validateIndexes(change),
    ...validateTail(change),
    ...validateSteps(change),
  ];
}

interface Change {
  readonly spec: Job['spec'];
  readonly status: Status;
  readonly before: Status;
  readonly complete: boolean;
  readonly failed: boolean;
  readonly finished: boolean;
  is(type: ConditionType): boolean;
  was(type: ConditionType): boolean;
  /** Whether one of these conditions began or ceased to hold, or one of these fields changed. */
  changes(...what: readonly (ConditionType | keyof Status)[]): boolean;
}

function changeOf({ spec, status = {} }: Job, { status: before = {} }: Job): Change {
  const holds = ({ conditions = [] }: Status, type: string): boolean =>
    conditions.some((one) => one.type === type && one.status === 'True');
  const is = (type: ConditionType): boolean => holds(status, type);
  const was = (type: ConditionType): boolean => holds(before, type);
  const isField = (what: string): what is keyof Status => /^[a-z]/.test(what);
  return {
    spec,
    status,
    before,
    complete: is('Complete'),
    failed: is('Failed'),
    finished: is('Complete') || is('Failed'),
    is,
    was,
    changes: (...what) =>
      what.some((one) => (isField(one) ? !semanticEqual(status[one] ?? undefined, before[one] ?? undefined) : is(one) !== was(one))),
  };
}

function validateCounts(status: Status): readonly FieldError[] {
  const faults = (['active', 'succeeded', 'failed', 'ready', 'terminating'] as const).flatMap((key) =>
    nonNegative(`status.${key}`, status[key]),
  );
  const seen = new Set<string>();
  for (const list of ['succeeded', 'failed'] as const) {
    for (const [i, uid] of (status.uncountedTerminatedPods?.[list] ?? []).entries()) {
      const at = `status.uncountedTerminatedPods.${list}[${i}]`;
      if (uid === '') faults.push(FieldError.invalid(at, uid, 'must not be empty'));
      else if (seen.has(uid)) faults.push(FieldError.duplicate(at, uid));
      seen.add(uid);
    }
  }
  return faults;
}

/** How a job ends, and when. */
function validateEnd(change: Change): readonly FieldError[] {
  const { spec, status, complete, failed, finished, is, changes } = change;
  const faults: FieldError[] = [];
  const { completionTime, startTime, active = 0, uncountedTerminatedPods: uncounted } = status;
  const endChanges = changes('Complete', 'completionTime');
  const finishChanges = finished !== (change.was('Complete') || change.was('Failed'));
  if (complete && failed && changes('Complete', 'Failed'))
    faults.push(wrongConditions('cannot set Complete=True and Failed=true conditions'));
  if (complete && is('FailureTarget') && changes('Complete', 'FailureTarget'))
    faults.push(wrongConditions('cannot set Complete=True and FailureTarget=true conditions'));
  if (isSet(completionTime) && !complete && endChanges)
    faults.push(
      FieldError.invalid('status.completionTime', completionTime, 'cannot set completionTime when there is no Complete=True condition'),
    );
  if (!isSet(completionTime) && complete && endChanges)
    faults.push(FieldError.required('status.completionTime', 'completionTime is required for Complete jobs'));
  if (isBefore(completionTime, startTime) && changes('startTime', 'completionTime'))
    faults.push(FieldError.invalid('status.completionTime', completionTime, 'must be equal to or after `startTime`'));
  if (failed && !is('FailureTarget') && changes('Failed', 'failedIndexes'))
    faults.push(wrongConditions('cannot set Failed=True condition without the FailureTarget=true condition'));
  if (complete && !is('SuccessCriteriaMet') && changes('Complete', 'SuccessCriteriaMet'))
    faults.push(wrongConditions('cannot set Complete=True condition without the SuccessCriteriaMet=true condition'));
  if (active > 0 && finished && (finishChanges || changes('active')))
    faults.push(FieldError.invalid('status.active', active, 'active>0 is invalid for finished job'));
  const neverRan = spec.suspend === true && spec.completions === 0;
  if (!isSet(startTime) && finished && (finishChanges || changes('startTime')) && !neverRan)
    faults.push(FieldError.required('status.startTime', 'startTime is required for finished job'));
  const uncountedPods = (uncounted?.failed ?? []).length + (uncounted?.succeeded ?? []).length;
  if (finished && uncountedPods > 0 && (finishChanges || changes('uncountedTerminatedPods')))
    faults.push(FieldError.invalid('status.uncountedTerminatedPods', uncounted, 'must be empty for finished job'));
  return faults;
}

function validateIndexes({ spec, status, changes }: Change): readonly FieldError[] {
  const { completions, backoffLimitPerIndex, completionMode } = spec;
  const { completedIndexes = '', failedIndexes } = status;
  const faults: FieldError[] = [];
  const parse = (field: string, text: string): readonly FieldError[] => {
    const { fault } = parseIndexes(text, completions ?? 0);
    return fault === undefined ? [] : [FieldError.invalid(`status.${field}`, text, `error parsing ${field}: ${fault}`)];
  };
  const [completedChange, failedChange] = [changes('completedIndexes'), changes('failedIndexes')];
  if (completedChange && completions !== undefined) faults.push(...parse('completedIndexes', completedIndexes));
  if (failedChange && completions !== undefined && backoffLimitPerIndex !== undefined && failedIndexes !== undefined)
    faults.push(...parse('failedIndexes', failedIndexes));
  if (completedChange && completedIndexes !== '' && completionMode !== 'Indexed') {
    const text = 'cannot set non-empty completedIndexes when non-indexed completion mode';
    faults.push(FieldError.invalid('status.completedIndexes', completedIndexes, text));
  }
  if (failedIndexes === undefined) return faults;
  if (failedChange && backoffLimitPerIndex === undefined)
    faults.push(
      FieldError.invalid('status.failedIndexes', failedIndexes, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null'),
    );
  const common = completions === undefined ? undefined : firstCommonIndex(completedIndexes, failedIndexes, completions);
  if ((failedChange || completedChange) && common !== undefined)
    faults.push(
      FieldError.invalid('status.failedIndexes', failedIndexes, `failedIndexes and completedIndexes overlap at index: ${common}`),
    );
  return faults;
}

function validateTail({ spec, status, complete, failed, finished, is, was, changes }: Change): readonly FieldError[] {
  const { terminating = 0, ready = 0, active = 0 } = status;
  const faults: FieldError[] = [];
  const finishChanges = finished !== (was('Complete') || was('Failed'));
  if (terminating > 0 && finished && (finishChanges || changes('terminating')))
    faults.push(FieldError.invalid('status.terminating', terminating, 'terminating>0 is invalid for finished job'));
  if (ready > active && changes('ready', 'active'))
    faults.push(FieldError.invalid('status.ready', ready, 'cannot set more ready pods than active'));
  const met = is('SuccessCriteriaMet');
  if (met && failed) faults.push(wrongConditions('cannot set SuccessCriteriaMet=True and Failed=true conditions'));
  if (met && is('FailureTarget')) faults.push(wrongConditions('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'));
  if (spec.successPolicy !== undefined && !met && complete)
    faults.push(wrongConditions('cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True'));
  return faults;
}

/** What may not be taken back. */
function validateSteps({ spec, status, before, is, was }: Change): readonly FieldError[] {
  const faults: FieldError[] = [];
  for (const type of ['Failed', 'Complete', 'FailureTarget'] as const)
    if (was(type) && !is(type)) faults.push(wrongConditions(`cannot disable the terminal ${type}=True condition`));
  const { failed = 0, succeeded = 0, completionTime, startTime } = status;
  if (failed < (before.failed ?? 0)) faults.push(FieldError.invalid('status.failed', failed, 'cannot decrease the failed counter'));
  // An indexed job whose completions follow its parallelism may be scaled down.
  const scales = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism;
  if (!scales && succeeded < (before.succeeded ?? 0))
    faults.push(FieldError.invalid('status.succeeded', succeeded, 'cannot decrease the succeeded counter'));
  if (isSet(completionTime) && isSet(before.completionTime) && completionTime !== before.completionTime)
    faults.push(FieldError.invalid('status.completionTime', completionTime, 'field is immutable'));
  const resumes = was('Suspended') && (status.conditions ?? []).some((one) => one.type === 'Suspended' && one.status === 'False');
  if (isSet(before.startTime) && before.startTime !== startTime && spec.suspend !== true && !resumes)
    faults.push(FieldError.invalid('status.startTime', startTime ?? null, 'field is immutable for unsuspended job once set'));
  if (was('SuccessCriteriaMet') && !is('SuccessCriteriaMet'))
    faults.push(wrongConditions('cannot disable the SuccessCriteriaMet=True condition'));
  if (was('Complete') && !was('SuccessCriteriaMet') && is('SuccessCriteriaMet'))
    faults.push(wrongConditions('cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions'));
  return faults;
}

/** Upstream leaves the value out of these messages. */
function wrongConditions(detail: string): FieldError {
  return FieldError.invalid('status.conditions', omitValue, detail);
}

function isSet<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}

function isBefore(time: string | null | undefined, other: string | null | undefined): boolean {
  const [a, b] = [parseTime(time ?? undefined), parseTime(other ?? undefined)];
  return a !== undefined && b !== undefined && a < b;
}
