import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job } from '@coracle/api';
import { validateJobStatus } from './job-status.ts';

type Status = NonNullable<Job['status']>;
type Conditions = NonNullable<Status['conditions']>;

const start = '2026-01-01T00:00:00Z';
const end = '2026-01-01T00:05:00Z';

function conditions(...types: readonly string[]): Conditions {
  return types.map((type) => ({ type, status: 'True' }));
}

function faults(status: Status, before: Status = {}, spec: Partial<Job['spec']> = {}): readonly string[] {
  const job = (own: Status): Job => ({
    kind: 'Job',
    apiVersion: 'batch/v1',
    metadata: { name: 'fire' },
    spec: { template: {}, completionMode: 'NonIndexed', completions: 5, parallelism: 2, ...spec },
    status: own,
  });
  return validateJobStatus(job(status), job(before)).map(({ text }) => text);
}

const complete: Status = { startTime: start, completionTime: end, conditions: conditions('SuccessCriteriaMet', 'Complete') };
const failed: Status = { startTime: start, conditions: conditions('FailureTarget', 'Failed') };

for (const { name, status, before, spec } of [
  { name: 'a job that runs', status: { active: 2, ready: 1, startTime: start } },
  { name: 'a job that is complete', status: complete, before: { active: 1, startTime: start } },
  { name: 'a job that has failed', status: failed },
  {
    name: 'what was wrong before and does not change',
    status: { ...failed, conditions: conditions('Failed') },
    before: { ...failed, conditions: conditions('Failed') },
  },
  {
    name: 'fewer successes where completions follow parallelism',
    status: { succeeded: 1 },
    before: { succeeded: 2 },
    spec: { completionMode: 'Indexed', completions: 2 },
  },
  { name: 'a new start of a suspended job', status: { startTime: end }, before: { startTime: start }, spec: { suspend: true } },
] as readonly { readonly name: string; readonly status: Status; readonly before?: Status; readonly spec?: Partial<Job['spec']> }[]) {
  test(`validateJobStatus() accepts ${name}`, () => assert.deepEqual(faults(status, before, spec), []));
}

for (const { status, before, spec, want } of [
  { status: { active: -1 }, want: /^status.active: Invalid value: -1: must be greater than or equal to 0$/ },
  { status: { ready: 2, active: 1 }, want: /cannot set more ready pods than active/ },
  {
    status: { uncountedTerminatedPods: { succeeded: ['a'], failed: ['a'] } },
    want: /^status.uncountedTerminatedPods.failed\[0\]: Duplicate value: "a"$/,
  },
  { status: { uncountedTerminatedPods: { succeeded: [''] } }, want: /must not be empty/ },
  {
    status: { ...complete, conditions: conditions('SuccessCriteriaMet', 'Complete', 'Failed', 'FailureTarget') },
    want: /cannot set Complete=True and Failed=true conditions/,
  },
  {
    status: { ...complete, completionTime: undefined } as unknown as Status, // what a client may send is not what the type allows
    want: /completionTime is required for Complete jobs/,
  },
  { status: { completionTime: end, startTime: start }, want: /cannot set completionTime when there is no Complete=True condition/ },
  { status: { ...complete, startTime: end, completionTime: start }, want: /must be equal to or after `startTime`/ },
  {
    status: { ...complete, conditions: conditions('Complete') },
    want: /^status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition$/,
  },
  { status: { ...failed, conditions: conditions('Failed') }, want: /without the FailureTarget=true condition/ },
  { status: { ...complete, active: 1 }, want: /active>0 is invalid for finished job/ },
  { status: { conditions: failed.conditions ?? [] }, want: /startTime is required for finished job/ },
  { status: { ...failed, terminating: 1 }, want: /terminating>0 is invalid for finished job/ },
  { status: { completedIndexes: '1' }, want: /cannot set non-empty completedIndexes when non-indexed completion mode/ },
  { status: { completedIndexes: '7' }, spec: { completionMode: 'Indexed' }, want: /error parsing completedIndexes: too large index: "7"/ },
  {
    status: { failedIndexes: '1' },
    spec: { completionMode: 'Indexed' },
    want: /cannot set non-null failedIndexes when backoffLimitPerIndex is null/,
  },
  {
    status: { completedIndexes: '0-2', failedIndexes: '2' },
    spec: { completionMode: 'Indexed', backoffLimitPerIndex: 1 },
    want: /overlap at index: 2/,
  },
  { status: {}, before: { conditions: conditions('FailureTarget') }, want: /cannot disable the terminal FailureTarget=True condition/ },
  { status: { failed: 1 }, before: { failed: 2 }, want: /cannot decrease the failed counter/ },
  { status: { succeeded: 1 }, before: { succeeded: 2 }, want: /cannot decrease the succeeded counter/ },
  { status: { startTime: end }, before: { startTime: start }, want: /field is immutable for unsuspended job once set/ },
  {
    status: { ...complete, completionTime: '2026-01-01T00:06:00Z' },
    before: complete,
    want: /^status.completionTime: .*field is immutable$/,
  },
] as readonly { readonly status: Status; readonly before?: Status; readonly spec?: Partial<Job['spec']>; readonly want: RegExp }[]) {
  test(`validateJobStatus() refuses: ${want.source}`, () => {
    const found = faults(status, before, spec);
    assert.ok(
      found.some((text) => want.test(text)),
      found.join('\n'),
    );
  });
}
