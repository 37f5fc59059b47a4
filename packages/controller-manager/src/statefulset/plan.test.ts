import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PersistentVolumeClaim, Pod, StatefulSet } from '@coracle/api';
import { pod as podOf, type PodOptions } from '../fixtures/objects.ts';
import { claimOwners, isStale } from './claim-owners.ts';
import { nextStatefulSetActions, type StatefulSetPlan } from './plan.ts';
import { ordinalOf, podIndexLabel, podNameLabel, revisionLabel } from './pods.ts';

const template = { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'c', image: 'db' }] } };

function setOf(spec: Partial<StatefulSet['spec']> = {}, status?: StatefulSet['status']): StatefulSet {
  return {
    metadata: { name: 'db', namespace: 'default', uid: 'set', generation: 1 },
    spec: { replicas: 3, serviceName: 'db', selector: { matchLabels: { app: 'db' } }, template, ...spec },
    ...(status === undefined ? {} : { status }),
  };
}

/** Of revision `r1`, ready. */
function pod(ordinal: number, { revision = 'r1', ...more }: PodOptions & { readonly revision?: string } = {}): Pod {
  const name = `db-${ordinal}`;
  return podOf({
    readySince: 0,
    ...more,
    name,
    labels: { app: 'db', [podNameLabel]: name, [podIndexLabel]: String(ordinal), [revisionLabel]: revision },
  });
}

function planOf(set: StatefulSet, pods: readonly Pod[], update = 'r1', claims: readonly PersistentVolumeClaim[] = []): StatefulSetPlan {
  return nextStatefulSetActions({
    set,
    current: { name: 'r1', template },
    update: { name: update, template },
    collisionCount: 0,
    pods,
    claim: (name) => claims.find(({ metadata }) => metadata.name === name),
    nowMs: 1_000_000,
  });
}

const doneBy = ({ phases }: StatefulSetPlan): readonly string[] =>
  phases.flat().map((action) => `${action.do} ${action.pod.metadata.name}`);
const parallel = { podManagementPolicy: 'Parallel' } as const;

describe('nextStatefulSetActions()', () => {
  const sick = { phase: 'Running' } as const;
  const cases: readonly {
    readonly name: string;
    readonly set?: Partial<StatefulSet['spec']>;
    readonly pods: readonly Pod[];
    readonly update?: string;
    readonly want: readonly string[];
  }[] = [
    { name: 'the first comes alone', pods: [], want: ['create-pod db-0'] },
    { name: 'the next waits for the one before', pods: [pod(0, { ...sick, readySince: undefined as never })], want: [] },
    { name: 'and comes when that is ready', pods: [pod(0)], want: ['create-pod db-1'] },
    { name: 'a gap is filled first', pods: [pod(0), pod(2)], want: ['create-pod db-1'] },
    { name: 'Parallel makes all at once', set: parallel, pods: [], want: ['create-pod db-0', 'create-pod db-1', 'create-pod db-2'] },
    { name: 'a pod that has failed is removed', pods: [pod(0, { phase: 'Failed' }), pod(1), pod(2)], want: ['delete-pod db-0'] },
    { name: 'so is one that has succeeded', pods: [pod(0, { phase: 'Succeeded' }), pod(1), pod(2)], want: ['delete-pod db-0'] },
    { name: 'nothing happens while one is terminating', pods: [pod(0), pod(1, { deleting: true }), pod(2)], want: [] },
    { name: 'scaled down: the highest goes', set: { replicas: 1 }, pods: [pod(0), pod(1), pod(2)], want: ['delete-pod db-2'] },
    {
      name: 'scaled down: waits while one is terminating',
      set: { replicas: 1 },
      pods: [pod(0), pod(1), pod(2, { deleting: true })],
      want: [],
    },
    {
      name: 'scaled down, Parallel: all go',
      set: { replicas: 1, ...parallel },
      pods: [pod(0), pod(1), pod(2)],
      want: ['delete-pod db-2', 'delete-pod db-1'],
    },
    { name: 'numbers may start elsewhere', set: { ordinals: { start: 5 } }, pods: [], want: ['create-pod db-5'] },
    {
      name: 'with a new start the old ones go when the new ones are there',
      set: { replicas: 1, ordinals: { start: 1 } },
      pods: [pod(0), pod(1)],
      want: ['delete-pod db-0'],
    },
    { name: 'update: the highest first', pods: [pod(0), pod(1), pod(2)], update: 'r2', want: ['delete-pod db-2'] },
    {
      name: 'update: one after the other',
      pods: [pod(0), pod(1), pod(2, { revision: 'r2', phase: 'Running', ...{ readySince: undefined as never } })],
      update: 'r2',
      want: [],
    },
    { name: 'update: the next', pods: [pod(0), pod(1), pod(2, { revision: 'r2' })], update: 'r2', want: ['delete-pod db-1'] },
    {
      name: 'update: down to the partition',
      set: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } },
      pods: [pod(0), pod(1), pod(2, { revision: 'r2' })],
      update: 'r2',
      want: [],
    },
    {
      name: 'OnDelete: only what somebody deletes',
      set: { updateStrategy: { type: 'OnDelete' } },
      pods: [pod(0), pod(1), pod(2)],
      update: 'r2',
      want: [],
    },
    {
      name: 'update: as many as may be missing',
      set: { ...parallel, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } } },
      pods: [pod(0), pod(1), pod(2)],
      update: 'r2',
      want: ['delete-pod db-2', 'delete-pod db-1'],
    },
    {
      name: 'a pod that lost its name label gets it back',
      pods: [{ ...pod(0), metadata: { ...pod(0).metadata, labels: { app: 'db', [revisionLabel]: 'r1' } } }, pod(1), pod(2)],
      want: ['restore-identity db-0'],
    },
    { name: 'all is well', pods: [pod(0), pod(1), pod(2)], want: [] },
  ];
  for (const { name, set, pods, update, want } of cases) test(name, () => assert.deepEqual(doneBy(planOf(setOf(set), pods, update)), want));

  test('below the partition a pod is made anew as it was', () => {
    const set = setOf({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } }, ...parallel });
    const made = planOf(set, [], 'r2')
      .phases.flat()
      .map(({ pod: { metadata } }) => metadata.labels?.[revisionLabel]);
    assert.deepEqual(made, ['r1', 'r2', 'r2']);
  });

  test('does nothing for a set that is being deleted', () => {
    const set = setOf();
    assert.deepEqual(doneBy(planOf({ ...set, metadata: { ...set.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }, [])), []);
  });

  test('counts pods of both revisions', () => {
    const { status } = planOf(setOf(), [pod(0), pod(1), pod(2, { revision: 'r2' })], 'r2');
    assert.deepEqual(
      [status.replicas, status.readyReplicas, status.currentReplicas, status.updatedReplicas],
      [3, 3, 1, 1],
      'one of the current ones goes now',
    );
  });

  test('makes the claims that a pending pod lacks', () => {
    const claimed = setOf({ replicas: 1, volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] });
    assert.deepEqual(doneBy(planOf(claimed, [{ ...pod(0), status: { phase: 'Pending' } }])), ['create-claims db-0']);
  });
});

describe('claimOwners()', () => {
  const claim = (ownerReferences: PersistentVolumeClaim['metadata']['ownerReferences'] = []): PersistentVolumeClaim => ({
    metadata: { name: 'data-db-0', namespace: 'default', ownerReferences },
    spec: {},
  });
  const policy = (whenScaled: string, whenDeleted: string, replicas = 3): StatefulSet =>
    setOf({ replicas, persistentVolumeClaimRetentionPolicy: { whenScaled, whenDeleted } });
  const cases = [
    { name: 'kept', set: setOf(), ordinal: 0, want: undefined },
    { name: 'goes with the set', set: policy('Retain', 'Delete'), ordinal: 0, want: ['StatefulSet'] },
    { name: 'in use, goes with neither', set: policy('Delete', 'Retain'), ordinal: 0, want: undefined },
    { name: 'scaled away, goes with the pod', set: policy('Delete', 'Retain', 0), ordinal: 0, want: ['Pod'] },
    { name: 'scaled away, goes with the pod rather than the set', set: policy('Delete', 'Delete', 0), ordinal: 0, want: ['Pod'] },
  ];
  for (const { name, set, ordinal, want } of cases) {
    test(name, () =>
      assert.deepEqual(
        claimOwners(set, pod(ordinal), claim())?.map(({ kind }) => kind),
        want,
      ),
    );
  }
  test('leaves a claim alone that somebody else controls', () => {
    const others = [{ apiVersion: 'v1', kind: 'Other', name: 'o', uid: 'o', controller: true }];
    assert.equal(claimOwners(policy('Delete', 'Delete'), pod(0), claim(others)), undefined);
  });
  test('a claim of an earlier pod is stale', () => {
    const owned = (uid: string): PersistentVolumeClaim => claim([{ apiVersion: 'v1', kind: 'Pod', name: 'db-0', uid }]);
    const set = policy('Delete', 'Retain');
    assert.deepEqual(
      [isStale(set, pod(0), owned('earlier')), isStale(set, pod(0), owned('uid-db-0')), isStale(setOf(), pod(0), owned('earlier'))],
      [true, false, false],
    );
  });
});

describe('ordinalOf()', () => {
  const cases = [
    { name: 'db-0', want: 0 },
    { name: 'db-12', want: 12 },
    { name: 'db', want: undefined },
    { name: 'db-x', want: undefined },
    { name: 'other-db-0', want: undefined },
  ];
  for (const { name, want } of cases) test(name, () => assert.equal(ordinalOf(setOf(), { metadata: { name } }), want));
});
