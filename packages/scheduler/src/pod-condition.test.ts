import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodCondition } from '@coracle/api';
import { pod } from './fixtures/objects.ts';
import { failureCondition } from './pod-condition.ts';

const failure = { reason: 'Unschedulable', message: 'm', now: '2026-01-01T00:01:00Z' } as const;
const written: PodCondition = {
  type: 'PodScheduled',
  status: 'False',
  reason: 'Unschedulable',
  message: 'm',
  lastTransitionTime: '2026-01-01T00:00:00Z',
  observedGeneration: 2,
};

describe('failureCondition()', () => {
  for (const { what, before, generation = 2, want } of [
    { what: 'is nothing new where the pod says so already', before: written, want: undefined },
    { what: 'is the first', before: undefined, want: { ...written, lastTransitionTime: failure.now } },
    { what: 'takes the place of success', before: { ...written, status: 'True' }, want: { ...written, lastTransitionTime: failure.now } },
    { what: 'keeps the time of the first failure', before: { ...written, message: 'other' }, want: written },
    { what: 'tells of another reason', before: { ...written, reason: 'SchedulerError' }, want: written },
    { what: 'is of the newest spec', before: written, generation: 3, want: { ...written, observedGeneration: 3 } },
  ]) {
    test(what, () => {
      const { metadata, ...rest } = pod();
      const status = before === undefined ? {} : { conditions: [{ type: 'Ready', status: 'False' }, before] };
      assert.deepEqual(failureCondition({ ...rest, metadata: { ...metadata, generation }, status }, failure), want);
    });
  }
});
