import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ApiObject, Strategy } from './definition.ts';
import { type DeleteOptions, planDeletion } from './deletion.ts';

const nowMs = Date.UTC(2026, 0, 1);
const graceful: Strategy = { gracePeriodSeconds: (_object, requested) => requested ?? 30 };

describe('planDeletion()', () => {
  const cases: readonly {
    readonly name: string;
    readonly strategy?: Strategy;
    readonly metadata?: object;
    readonly options?: DeleteOptions;
    readonly want: { readonly outcome: 'delete' | 'keep'; readonly metadata?: object };
  }[] = [
    { name: 'takes out what nothing holds', want: { outcome: 'delete' } },
    {
      name: 'marks what a finalizer holds',
      metadata: { finalizers: ['a/b'], generation: 1 },
      want: {
        outcome: 'keep',
        metadata: { finalizers: ['a/b'], generation: 2, deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 },
      },
    },
    {
      name: 'does not mark twice',
      metadata: { finalizers: ['a/b'], deletionTimestamp: '2025-12-31T00:00:00Z', deletionGracePeriodSeconds: 0 },
      want: { outcome: 'keep' },
    },
    {
      name: 'adds the finalizer of a foreground deletion',
      options: { propagationPolicy: 'Foreground' },
      want: {
        outcome: 'keep',
        metadata: { finalizers: ['foregroundDeletion'], deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 },
      },
    },
    {
      name: 'adds the finalizer of orphaning where the kind wants it',
      strategy: { propagation: 'orphan' },
      want: {
        outcome: 'keep',
        metadata: { finalizers: ['orphan'], deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 },
      },
    },
    {
      name: 'lets the request overrule the kind',
      strategy: { propagation: 'orphan' },
      options: { propagationPolicy: 'Background' },
      want: { outcome: 'delete' },
    },
    {
      name: 'takes the finalizer off again',
      metadata: { finalizers: ['orphan'] },
      options: { propagationPolicy: 'Background' },
      want: { outcome: 'delete' },
    },
    {
      name: 'knows kinds without dependents',
      strategy: { propagation: 'none' },
      options: { propagationPolicy: 'Foreground' },
      want: { outcome: 'delete' },
    },
    {
      name: 'gives a grace period',
      strategy: graceful,
      metadata: { generation: 1 },
      want: { outcome: 'keep', metadata: { generation: 2, deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 } },
    },
    {
      name: 'marks before it takes out when the period is 0',
      strategy: graceful,
      options: { gracePeriodSeconds: 0 },
      want: { outcome: 'delete', metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 } },
    },
    {
      name: 'shortens a period that runs',
      strategy: graceful,
      metadata: { deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 },
      options: { gracePeriodSeconds: 10 },
      want: { outcome: 'keep', metadata: { deletionTimestamp: '2026-01-01T00:00:10Z', deletionGracePeriodSeconds: 10 } },
    },
    {
      name: 'never lengthens one',
      strategy: graceful,
      metadata: { deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 },
      options: { gracePeriodSeconds: 60 },
      want: { outcome: 'keep' },
    },
    {
      name: 'takes a negative period for the shortest',
      strategy: graceful,
      options: { gracePeriodSeconds: -5 },
      want: { outcome: 'keep', metadata: { deletionTimestamp: '2026-01-01T00:00:01Z', deletionGracePeriodSeconds: 1 } },
    },
  ];
  for (const { name, strategy = {}, metadata = {}, options = {}, want } of cases) {
    test(name, () => {
      const object: ApiObject = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a', ...metadata } };
      const { marked, outcome } = planDeletion({ strategy }, object, options, nowMs);
      assert.equal(outcome, want.outcome);
      assert.deepEqual(marked?.metadata, want.metadata === undefined ? undefined : { name: 'a', ...want.metadata });
    });
  }
});
