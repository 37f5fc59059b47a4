import assert from 'node:assert/strict';
import test from 'node:test';
import type { Pod, StatefulSet } from '@coracle/api';
import type { TidbCluster, TidbClusterStatus } from './api/types.ts';
import { explain, type Seen } from './explain.ts';

const progress = (reason: string, message = '', status = 'True'): TidbClusterStatus => ({
  conditions: [{ type: 'Progressing', status, reason, message }],
});
const copy = (readyReplicas: number): { readonly replicas: number; readonly readyReplicas: number } => ({ replicas: 1, readyReplicas });
const member = { clientURL: '', health: true, id: '1', name: 'basic-pd-0' };
const pdUp: TidbClusterStatus = { pd: { phase: 'Normal', synced: true, members: { 'basic-pd-0': member }, statefulSet: copy(1) } };

function tc(status?: TidbClusterStatus, spec: Partial<TidbCluster['spec']> = {}): TidbCluster {
  const one = { replicas: 1 };
  return {
    apiVersion: 'pingcap.com/v1alpha1',
    kind: 'TidbCluster',
    metadata: { name: 'basic' },
    spec: { pd: one, tikv: one, tidb: one, ...spec },
    ...(status && { status }),
  };
}

function set(name: string, { replicas = 1, ready = 0, policy = 'Parallel' } = {}): StatefulSet {
  return { metadata: { name }, spec: { replicas, podManagementPolicy: policy }, status: { replicas, readyReplicas: ready } } as StatefulSet; // what is looked at
}

function pod(name: string, spec: object, status: object): Pod {
  return { metadata: { name }, spec, status } as Pod; // what is looked at
}

const onNode = { nodeName: 'node-1' };
const isReady = {
  phase: 'Running',
  conditions: [{ type: 'Ready', status: 'True' }],
  containerStatuses: [{ name: 'pd', state: { running: {} } }],
};
const container = (state: object, lastState: object = {}): object => ({
  phase: 'Running',
  containerStatuses: [{ name: 'pd', state, lastState }],
});
const pd = (...pods: readonly Pod[]): Seen => ({ statefulSets: [set('basic-pd')], pods });

const waiting = progress('WaitingForPDAnswer', 'PD of basic-pd does not answer: refused');
const ofPD: readonly {
  readonly name: string;
  readonly status?: TidbClusterStatus;
  readonly seen?: Seen;
  readonly spec?: Partial<TidbCluster['spec']>;
  readonly says: string;
}[] = [
  { name: 'nobody has looked', says: 'operator: TidbCluster basic has no status: the operator has not looked at it' },
  {
    name: 'the spec is refused',
    status: progress('FailedValidation', 'spec.pd.requests.storage: Required value'),
    says: 'user: spec.pd.requests.storage: Required value',
  },
  { name: 'it is paused', status: progress('Paused', 'paused', 'False'), says: 'user: paused' },
  { name: 'there is no set', status: waiting, seen: { statefulSets: [] }, says: 'operator: StatefulSet basic-pd is not created yet' },
  {
    name: 'there is no pod',
    status: waiting,
    seen: pd(),
    says: 'statefulset-controller: StatefulSet basic-pd has 0 of 1 pods: basic-pd-0 is not created',
  },
  { name: 'there is no node', status: waiting, seen: pd(pod('basic-pd-0', {}, {})), says: 'scheduler: pod basic-pd-0 has no node' },
  {
    name: 'no node is good',
    status: waiting,
    seen: pd(pod('basic-pd-0', {}, { conditions: [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes are available' }] })),
    says: 'scheduler: pod basic-pd-0 has no node: 0/3 nodes are available',
  },
  {
    name: 'another scheduler is asked for',
    status: waiting,
    seen: pd(pod('basic-pd-0', { schedulerName: 'tidb-scheduler' }, {})),
    says: 'scheduler: pod basic-pd-0 has no node (it asks for tidb-scheduler)',
  },
  {
    name: 'the node is silent',
    status: waiting,
    seen: pd(pod('basic-pd-0', onNode, { phase: 'Pending' })),
    says: 'kubelet: pod basic-pd-0 is assigned to node-1, which has not started it',
  },
  {
    name: 'the image cannot be pulled',
    status: waiting,
    seen: pd(pod('basic-pd-0', onNode, container({ waiting: { reason: 'ImagePullBackOff', message: 'back-off' } }))),
    says: 'kubelet: pod basic-pd-0 does not start on node-1: ImagePullBackOff: back-off',
  },
  {
    name: 'the program crashes',
    status: waiting,
    seen: pd(pod('basic-pd-0', onNode, container({ waiting: { reason: 'CrashLoopBackOff' } }, { terminated: { exitCode: 1 } }))),
    says: 'pd: container pd of pod basic-pd-0 ended with exit code 1 and is started again later',
  },
  {
    name: 'the probe fails',
    status: waiting,
    seen: pd(
      pod('basic-pd-0', onNode, {
        ...container({ running: {} }),
        conditions: [{ type: 'Ready', status: 'False', message: 'containers with unready status: [pd]' }],
      }),
    ),
    says: 'pd: pod basic-pd-0 runs and is not ready: containers with unready status: [pd]',
  },
  {
    name: 'the set has not counted',
    status: waiting,
    seen: pd(pod('basic-pd-0', onNode, isReady)),
    says: 'statefulset-controller: StatefulSet basic-pd counts 0 of 1 pods as ready, and all are',
  },
  {
    name: 'the operator has not noted it',
    status: waiting,
    seen: { statefulSets: [set('basic-pd', { ready: 1 })], pods: [pod('basic-pd-0', onNode, isReady)] },
    says: 'operator: StatefulSet basic-pd has 1 ready pods, which the operator has not noted (it knows of 0)',
  },
  {
    name: 'PD does not answer',
    status: { ...waiting, pd: { synced: false, statefulSet: copy(1) } },
    seen: { statefulSets: [set('basic-pd', { ready: 1 })], pods: [pod('basic-pd-0', onNode, isReady)] },
    says: 'pd: PD of basic-pd does not answer: refused',
  },
  {
    name: 'a member is ill',
    status: {
      ...progress('WaitingForPDQuorum'),
      pd: { synced: true, statefulSet: copy(1), members: { 'basic-pd-0': { ...member, health: false } } },
    },
    says: 'pd: 0 of 1 PD members are healthy',
  },
  {
    name: 'the operator has not scaled',
    status: progress('Settled', '', 'False'),
    spec: { pd: { replicas: 3 } },
    seen: pd(),
    says: 'operator: StatefulSet basic-pd is asked for 1 pods, not for 3',
  },
  {
    name: 'a member leaves',
    status: progress('ScalingIn', 'member basic-pd-2 leaves PD'),
    seen: { statefulSets: [set('basic-pd', { replicas: 3 })], pods: [] },
    says: 'pd: member basic-pd-2 leaves PD',
  },
  {
    name: 'one pod comes after the other',
    status: waiting,
    spec: { pd: { replicas: 2 } },
    seen: { statefulSets: [set('basic-pd', { replicas: 2, policy: 'OrderedReady' })], pods: [pod('basic-pd-0', {}, {})] },
    says: 'scheduler: pod basic-pd-0 has no node',
  },
];

for (const { name, status, seen, spec, says } of ofPD) {
  test(`explain() when ${name}`, () => {
    const waitsFor = explain(tc(status, spec), seen)[0]?.waitsFor;
    assert.equal(`${waitsFor?.who}: ${waitsFor?.message}`, says);
  });
}

for (const [name, status, seen, tikv, tidb] of [
  [
    'PD has not come',
    waiting,
    { statefulSets: [] },
    'pd: PD comes first: 0 healthy members, at least 1 needed',
    'tikv: TiKV comes first: 0 stores in state Up, at least 1 needed',
  ],
  [
    'PD is up',
    { ...progress('WaitingForTiKV'), ...pdUp },
    { statefulSets: [] },
    'operator: StatefulSet basic-tikv is not created yet',
    'tikv: TiKV comes first: 0 stores in state Up, at least 1 needed',
  ],
  [
    'PD has one member of three',
    { ...progress('WaitingForPDQuorum'), pd: { ...pdUp.pd, statefulSet: { replicas: 3, readyReplicas: 3 } } },
    { statefulSets: [] },
    'pd: PD comes first: 1 healthy members, at least 2 needed',
    'tikv: TiKV comes first: 0 stores in state Up, at least 1 needed',
  ],
  [
    'PD answers, and its pod is not ready',
    { ...progress('WaitingForPDQuorum'), pd: { ...pdUp.pd, statefulSet: copy(0) } },
    { statefulSets: [] },
    'pd: PD comes first: 0 ready pods, at least 1 needed',
    'tikv: TiKV comes first: 0 stores in state Up, at least 1 needed',
  ],
  [
    'PD is lost again',
    { ...waiting, pd: { synced: false } },
    {},
    'pd: its stores are not known while PD does not answer',
    'tidb: 0 of 1 TiDB servers answer /status',
  ],
  [
    'no store is Up',
    { ...progress('WaitingForTiKV'), ...pdUp },
    {},
    'tikv: 0 of 1 TiKV stores are Up',
    'tidb: 0 of 1 TiDB servers answer /status',
  ],
] as const) {
  test(`explain() of TiKV and TiDB when ${name}`, () => {
    const lines = explain(tc(status), seen).map(({ waitsFor }) => `${waitsFor?.who}: ${waitsFor?.message}`);
    assert.deepEqual(lines.slice(1), [tikv, tidb]);
  });
}

test('explain() leaves out components that are not asked for', () => {
  const { tikv: _tikv, tidb: _tidb, ...spec } = tc().spec;
  assert.deepEqual(
    explain({ ...tc(), spec }).map(({ component }) => component),
    ['pd'],
  );
});
