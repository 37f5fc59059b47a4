import assert from 'node:assert/strict';
import test from 'node:test';
import type { KubeObject } from '@coracle/apimachinery';
import { withDefaults } from '../api/defaulting.ts';
import type { TidbCluster, TidbClusterSpec } from '../api/types.ts';
import { explain } from '../explain.ts';
import { plan } from './plan.ts';
import type { Action, ClusterObjects, ClusterState, PDCall, PDStore, PDView, Plan } from './state.ts';

const options = { discoveryImage: 'pingcap/tidb-operator:v1.6.6' };
const spec: TidbClusterSpec = {
  version: 'v8.5.7',
  configUpdateStrategy: 'RollingUpdate',
  pd: { replicas: 1, requests: { storage: '1Gi' }, config: {} },
  tikv: { replicas: 3, requests: { storage: '1Gi' }, config: {} },
  tidb: { replicas: 2, service: { type: 'ClusterIP' }, config: {} },
};

/** A cluster's objects under the operator's hands, without a server: what the plan asks for is done, what others do is played. */
class World {
  readonly objects: Map<string, KubeObject> = new Map();
  readonly pdCalls: PDCall[] = [];
  tc: TidbCluster;
  pd: PDView = { answered: false, why: 'nothing is there' };
  nowMs = Date.UTC(2026, 0, 1);
  readonly healthyTidb: Set<string> = new Set();

  constructor(tcSpec: TidbClusterSpec = spec) {
    this.tc = {
      apiVersion: 'pingcap.com/v1alpha1',
      kind: 'TidbCluster',
      metadata: { name: 'basic', namespace: 'ns', uid: 'u', generation: 1 },
      spec: tcSpec,
    };
  }

  state(): ClusterState {
    return {
      tc: withDefaults(this.tc),
      nowMs: this.nowMs,
      objects: this.#view(),
      pd: this.pd,
      tidbHealth: new Map([...this.healthyTidb].map((name) => [name, true])),
    };
  }

  /** One sync of the operator. */
  sync(): Plan {
    const result = plan(this.state(), options);
    for (const action of result.actions) this.#do(action);
    this.tc = { ...this.tc, status: result.status };
    return result;
  }

  /** Plays the StatefulSet controller, the scheduler and the kubelet: pods run, claims are there, status is current. */
  runPods(): void {
    for (const set of this.#of('StatefulSet')) {
      const name = set.metadata.name ?? '';
      const replicas = Number(field(set, 'spec', 'replicas'));
      for (let i = 0; i < replicas; i++) {
        const pod = `${name}-${i}`;
        if (!this.objects.has(`Pod/${pod}`))
          this.put({
            kind: 'Pod',
            metadata: { name: pod, uid: pod },
            ...{ spec: { nodeName: 'n' }, status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } },
          });
        const claim = `${name.split('-')[1]}-${pod}`;
        if (!this.objects.has(`PersistentVolumeClaim/${claim}`))
          this.put({ kind: 'PersistentVolumeClaim', metadata: { name: claim, uid: claim } });
      }
      for (const key of [...this.objects.keys()]) {
        const ordinal = key.startsWith(`Pod/${name}-`) ? Number(key.slice(`Pod/${name}-`.length)) : Number.NaN;
        if (ordinal >= replicas) this.objects.delete(key);
      }
      this.put({
        ...set,
        ...{ status: { replicas, readyReplicas: replicas, observedGeneration: 1, currentRevision: 'a', updateRevision: 'a' } },
      });
    }
  }

  /** PD as it answers with these stores. */
  answerPD(stores: readonly Partial<PDStore>[] | undefined, tombstones: readonly Partial<PDStore>[] = []): void {
    const full = (store: Partial<PDStore>, i: number): PDStore => ({
      id: String(i + 1),
      address: `basic-tikv-${i}.basic-tikv-peer.ns.svc:20160`,
      stateName: 'Up',
      leaderCount: 0,
      regionCount: 20,
      ...store,
    });
    this.pd = {
      answered: true,
      clusterId: '8148274967755769641',
      members: [
        { name: 'basic-pd-0', memberId: '9007199254740993', clientUrls: ['http://basic-pd-0.basic-pd-peer.ns.svc:2379'], health: true },
      ],
      leader: 'basic-pd-0',
      stores: stores?.map(full),
      tombstones: tombstones.map(full),
      maxReplicas: 3,
    };
  }

  put(object: KubeObject): void {
    this.objects.set(`${object.kind}/${object.metadata.name}`, object);
  }

  get(key: string): KubeObject | undefined {
    return this.objects.get(key);
  }

  #of(kind: string): readonly KubeObject[] {
    return [...this.objects.values()].filter((object) => object.kind === kind);
  }

  #view(): ClusterObjects {
    const map = <T extends KubeObject>(kind: string): ReadonlyMap<string, T> =>
      new Map(this.#of(kind).map((object) => [object.metadata.name ?? '', object as T]));
    return {
      serviceAccounts: map('ServiceAccount'),
      roles: map('Role'),
      roleBindings: map('RoleBinding'),
      deployments: map('Deployment'),
      services: map('Service'),
      configMaps: map('ConfigMap'),
      statefulSets: map('StatefulSet'),
      pods: map('Pod'),
      claims: map('PersistentVolumeClaim'),
      volumes: map('PersistentVolume'),
    };
  }

  #do(action: Action): void {
    const kinds = {
      services: 'Service',
      configmaps: 'ConfigMap',
      statefulsets: 'StatefulSet',
      deployments: 'Deployment',
      pods: 'Pod',
      persistentvolumeclaims: 'PersistentVolumeClaim',
      persistentvolumes: 'PersistentVolume',
    };
    if (action.verb === 'create') this.put(action.object);
    else if (action.verb === 'delete-claim') this.objects.delete(`PersistentVolumeClaim/${action.name}`);
    else if (action.verb === 'pd') this.pdCalls.push(action.request);
    else {
      const key = `${kinds[action.target]}/${action.name}`;
      const before = this.objects.get(key);
      assert.ok(before, `patch of ${key}, which is not there`);
      this.objects.set(key, merge(before, action.patch) as KubeObject);
    }
  }
}

function merge(base: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = typeof base === 'object' && base !== null ? { ...base } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}

function field(object: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? Object.entries(at).find(([name]) => name === key)?.[1] : undefined),
    object,
  );
}

function ready(): World {
  const world = new World();
  world.sync();
  world.runPods();
  world.answerPD(undefined);
  world.sync();
  world.runPods();
  world.answerPD([{}, {}, {}]);
  world.sync();
  world.runPods();
  for (const pod of ['basic-tidb-0', 'basic-tidb-1']) world.healthyTidb.add(pod);
  world.sync();
  return world;
}

function condition(
  world: World,
  type: string,
): { readonly status: string; readonly reason?: string; readonly message?: string } | undefined {
  return world.tc.status?.conditions?.find((one) => one.type === type);
}

test('plan() brings PD, TiKV and TiDB up in order, and says what it waits for', () => {
  const world = new World();
  assert.equal(world.sync().wait?.reason, 'WaitingForPD');
  assert.deepEqual([...world.objects.keys()].toSorted(), [
    `ConfigMap/${[...world.objects.keys()].find((key) => key.startsWith('ConfigMap/'))?.slice(10)}`,
    'Deployment/basic-discovery',
    'Role/basic-discovery',
    'RoleBinding/basic-discovery',
    'Service/basic-discovery',
    'Service/basic-pd',
    'Service/basic-pd-peer',
    'ServiceAccount/basic-discovery',
    'StatefulSet/basic-pd',
  ]);
  world.runPods();
  assert.equal(world.sync().wait?.reason, 'WaitingForPDAnswer');
  assert.equal(world.get('StatefulSet/basic-tikv'), undefined);
  world.answerPD(undefined);
  assert.equal(world.sync().wait?.reason, 'WaitingForTiKV');
  assert.ok(world.get('StatefulSet/basic-tikv'));
  assert.equal(world.get('StatefulSet/basic-tidb'), undefined);
  world.runPods();
  world.answerPD([{}, { stateName: 'Down' }, { stateName: 'Down' }]);
  assert.equal(world.sync().wait?.reason, 'WaitingForTiDB', 'one store is enough to go on');
  world.runPods();
  world.healthyTidb.add('basic-tidb-0');
  assert.equal(world.sync().wait?.message, '1 of 2 TiDB servers are healthy');
  world.healthyTidb.add('basic-tidb-1');
  assert.equal(world.sync().wait?.message, '1 of 3 stores are Up');
  assert.equal(condition(world, 'Ready')?.reason, 'TiKVStoreNotUp');
});

test('plan() of a settled cluster does nothing and keeps every byte of the status', () => {
  const world = ready();
  assert.equal(condition(world, 'Ready')?.message, 'TiDB cluster is fully up and running');
  world.sync();
  const before = world.tc.status;
  world.nowMs += 60_000;
  const { actions, status, wait, notices } = plan(world.state(), options);
  assert.deepEqual({ actions, wait, notices }, { actions: [], wait: undefined, notices: [] });
  assert.deepEqual(status, before);
});

test('statuses carry uint64 ids as text, and config maps the digest in their names', () => {
  const world = ready();
  assert.equal(world.tc.status?.clusterID, '8148274967755769641');
  assert.equal(world.tc.status?.pd?.members?.['basic-pd-0']?.id, '9007199254740993');
  const names = [...world.objects.keys()].filter((key) => key.startsWith('ConfigMap/'));
  assert.equal(names.length, 3);
  for (const name of names) assert.match(name, /^ConfigMap\/basic-(pd|tikv|tidb)-[36][0-9a-f][36][0-9a-f][36][0-9a-f][36]$/);
});

test('scale out of TiKV deletes the deferred claim first, then adds a pod', () => {
  const world = ready();
  world.put({
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'tikv-basic-tikv-3', uid: 'old', annotations: { 'tidb.pingcap.com/pvc-defer-deleting': 'then' } },
  });
  world.tc = { ...world.tc, spec: { ...spec, tikv: { ...spec.tikv, replicas: 4 } } };
  const first = world.sync();
  assert.deepEqual(first.actions, [{ verb: 'delete-claim', name: 'tikv-basic-tikv-3', uid: 'old' }]);
  assert.equal(first.wait?.reason, 'ScalingOut');
  world.sync();
  assert.equal(field(world.get('StatefulSet/basic-tikv'), 'spec', 'replicas'), 4);
  assert.equal(field(world.get('StatefulSet/basic-tikv'), 'spec', 'updateStrategy', 'rollingUpdate', 'partition'), 4);
});

test('scale in of TiKV: leaders leave, Offline, Tombstone, claim marked, pod removed', () => {
  const world = ready();
  world.tc = { ...world.tc, spec: { ...spec, tikv: { ...spec.tikv, replicas: 4 } } };
  world.answerPD([{}, {}, {}, { leaderCount: 5 }]);
  world.sync();
  world.runPods();
  world.sync();
  world.tc = { ...world.tc, spec };
  assert.equal(world.sync().wait?.reason, 'EvictingLeaders');
  assert.equal(world.tc.status?.tikv?.phase, 'Scale');
  assert.equal(world.sync().wait?.message, '5 leaders leave TiKV basic-tikv-3 store 4');
  world.answerPD([{}, {}, {}, { leaderCount: 0 }]);
  assert.equal(world.sync().wait?.reason, 'StoreOffline');
  world.answerPD([{}, {}, {}, { stateName: 'Offline', regionCount: 7 }]);
  assert.equal(world.sync().wait?.message, 'TiKV basic-tikv-3 store 4 still in cluster, state: Offline, 7 regions left');
  world.answerPD([{}, {}, {}], [{ id: '4', address: 'basic-tikv-3.basic-tikv-peer.ns.svc:20160', stateName: 'Tombstone' }]);
  assert.equal(world.sync().wait?.reason, 'ScalingIn');
  assert.deepEqual(world.pdCalls, [
    { call: 'evict-leaders', id: '4' },
    { call: 'delete-store', id: '4' },
    { call: 'end-evict-leaders', id: '4' },
  ]);
  assert.equal(field(world.get('StatefulSet/basic-tikv'), 'spec', 'replicas'), 3);
  assert.equal(
    world.get('PersistentVolumeClaim/tikv-basic-tikv-3')?.metadata.annotations?.['tidb.pingcap.com/pvc-defer-deleting'],
    '2026-01-01T00:00:00Z',
  );
  world.runPods();
  assert.equal(world.sync().wait, undefined);
});

test('scale in of TiKV to fewer stores than replicas is refused', () => {
  const world = ready();
  world.tc = { ...world.tc, spec: { ...spec, tikv: { ...spec.tikv, replicas: 2 } } };
  assert.equal(world.sync().wait?.reason, 'FailedScaleIn');
  assert.deepEqual(world.pdCalls, []);
});

test('PD is not scaled to 0 while others run', () => {
  const world = ready();
  world.tc = { ...world.tc, spec: { ...spec, pd: { ...spec.pd, replicas: 0 } } };
  assert.equal(world.sync().wait?.reason, 'FailedScaleIn');
});

test('a paused cluster keeps its status and is left alone', () => {
  const world = new World({ ...spec, paused: true });
  assert.deepEqual(world.sync().actions, []);
  assert.equal(condition(world, 'Ready')?.reason, 'StatefulSetNotUpToDate');
  assert.equal(condition(world, 'Progressing')?.reason, 'Paused');
});

test('a changed template is not applied, and said', () => {
  const world = ready();
  world.tc = { ...world.tc, spec: { ...spec, version: 'v9.0.0' } };
  const { actions, notices } = world.sync();
  assert.deepEqual(actions, []);
  assert.deepEqual(
    notices.map((notice) => notice.reason),
    ['UpgradeNotSupported', 'UpgradeNotSupported', 'UpgradeNotSupported'],
  );
});

test('explain() names the link of the chain that has not done its part', () => {
  const world = new World();
  const who = (): readonly (string | undefined)[] => {
    const { statefulSets, pods } = world.state().objects;
    return explain(world.tc, { statefulSets: [...statefulSets.values()], pods: [...pods.values()] }).map((one) => one.waitsFor?.who);
  };
  assert.deepEqual(who(), ['operator', 'operator', 'operator']);
  world.sync();
  assert.deepEqual(who(), ['statefulset-controller', 'pd', 'tikv']);
  world.put({ kind: 'Pod', metadata: { name: 'basic-pd-0' }, ...{ status: { phase: 'Pending' } } });
  assert.deepEqual(who(), ['scheduler', 'pd', 'tikv']);
  world.put({ kind: 'Pod', metadata: { name: 'basic-pd-0' }, ...{ spec: { nodeName: 'n' }, status: { phase: 'Pending' } } });
  assert.deepEqual(who(), ['kubelet', 'pd', 'tikv']);
  world.objects.delete('Pod/basic-pd-0');
  world.runPods();
  world.sync();
  assert.deepEqual(who(), ['pd', 'pd', 'tikv']);
  assert.deepEqual(
    explain(ready().tc).map((one) => one.waitsFor),
    [undefined, undefined, undefined],
  );
});

test('a scale-in that is taken back is undone: leaders may come again, an Offline store stays', () => {
  const world = ready();
  const four = { ...spec, tikv: { ...spec.tikv, replicas: 4 } };
  world.tc = { ...world.tc, spec: four };
  world.answerPD([{}, {}, {}, { leaderCount: 5 }]);
  world.sync();
  world.runPods();
  world.sync();
  world.tc = { ...world.tc, spec };
  assert.equal(world.sync().wait?.reason, 'EvictingLeaders');
  world.answerPD([{}, {}, {}, { stateName: 'Offline', regionCount: 7 }]);
  world.pdCalls.length = 0;
  world.tc = { ...world.tc, spec: four };
  world.sync();
  assert.deepEqual(world.pdCalls, [
    { call: 'keep-store', id: '4' },
    { call: 'end-evict-leaders', id: '4' },
  ]);
  world.answerPD([{}, {}, {}, {}]);
  assert.equal(world.sync().wait, undefined);
  assert.equal(world.pdCalls.length, 2, 'once');
});

test("a tombstone of an earlier pod of the same name does not count for the pod's own", () => {
  const world = ready();
  world.tc = { ...world.tc, spec: { ...spec, tikv: { ...spec.tikv, replicas: 4 } } };
  world.sync();
  world.runPods();
  world.answerPD([{}, {}, {}], [{ id: '9', address: 'basic-tikv-3.basic-tikv-peer.ns.svc:20160', stateName: 'Tombstone' }]);
  world.sync();
  world.tc = { ...world.tc, spec };
  assert.match(world.sync().wait?.message ?? '', /basic-tikv-3 has no store yet/);
  assert.equal(field(world.get('StatefulSet/basic-tikv'), 'spec', 'replicas'), 4);
  world.nowMs += 150_000;
  world.sync();
  assert.equal(field(world.get('StatefulSet/basic-tikv'), 'spec', 'replicas'), 3);
});

for (const [name, change, says] of [
  ['TLS', { tlsCluster: { enabled: true } }, 'spec.tlsCluster'],
  ['TLS for clients', { tidb: { ...spec.tidb, replicas: 2, tlsClient: { enabled: true } } }, 'spec.tidb.tlsClient'],
  ["another cluster's PD", { cluster: { name: 'other' } }, 'spec.cluster'],
  ['PD elsewhere', { pdAddresses: ['http://pd:2379'] }, 'spec.pdAddresses'],
  ['many Kubernetes', { acrossK8s: true }, 'spec.acrossK8s'],
  ['recovery', { recoveryMode: true }, 'spec.recoveryMode'],
  ['PD as microservices', { pdms: [{ name: 'tso' }] }, 'spec.pdms'],
  [
    'suspension',
    { suspendAction: { suspendStatefulSet: true } },
    'spec.pd.suspendAction, spec.tikv.suspendAction, spec.tidb.suspendAction',
  ],
] as const) {
  test(`a cluster that asks for ${name} is not begun, and says why`, () => {
    const world = new World({ ...spec, ...change });
    const { actions, wait } = world.sync();
    assert.deepEqual(actions, []);
    assert.deepEqual(wait, {
      component: 'cluster',
      reason: 'NotSupported',
      message: `${says}: not supported by this operator, nothing is changed`,
    });
    assert.deepEqual(
      explain(world.tc, {}).map((one) => one.waitsFor?.who),
      ['user', 'user', 'user'],
    );
  });
}

test('a component that is not run keeps the cluster from being Ready; the others come up', () => {
  const world = ready();
  world.tc = { ...world.tc, spec: { ...spec, tiflash: { replicas: 1 }, pump: { replicas: 1 } } };
  const { notices, wait } = world.sync();
  assert.equal(wait, undefined);
  assert.deepEqual(notices, [
    {
      type: 'Warning',
      reason: 'ComponentNotSupported',
      message: 'tiflash, pump: this operator does not run it, the cluster will not be Ready',
    },
  ]);
  assert.deepEqual([condition(world, 'Ready')?.status, condition(world, 'Ready')?.reason], ['False', 'ComponentNotSupported']);
});

test('a field that is not acted on is said', () => {
  const world = new World({ ...spec, tidb: { ...spec.tidb, replicas: 2, plugins: ['audit-1'], initializer: { createPassword: true } } });
  assert.deepEqual(world.sync().notices, [
    { type: 'Warning', reason: 'FieldIgnored', message: 'spec.tidb.initializer, spec.tidb.plugins: not acted on by this operator' },
  ]);
});

test("an object of somebody else's is left alone, one of a deleted cluster of the name is waited for", () => {
  const world = new World();
  const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'mine', uid: 'x', controller: true };
  for (const [ownerReferences, says, passing] of [
    [[], 'nobody, not to this TidbCluster', false],
    [[owner], 'Deployment mine, not to this TidbCluster', false],
    [[{ ...owner, kind: 'TidbCluster', name: 'basic' }], 'TidbCluster basic, not to this TidbCluster: it is being collected', true],
  ] as const) {
    world.put({ kind: 'Service', metadata: { name: 'basic-pd', ownerReferences } });
    const { actions, wait } = world.sync();
    assert.deepEqual(actions, []);
    assert.deepEqual(wait, { component: 'cluster', reason: 'NotOwned', message: `Service basic-pd belongs to ${says}`, passing });
  }
});

test('storage volumes get claims of their own, which are mounted, labelled and deferred with the pod', () => {
  const storageVolumes = [
    { name: 'wal', storageSize: '2Gi', mountPath: '/var/lib/wal' },
    { name: 'raw', storageSize: '3Gi', storageClassName: 'fast' },
  ];
  const world = new World({ ...spec, tikv: { ...spec.tikv, replicas: 3, storageClassName: 'slow', storageVolumes } });
  world.sync();
  world.runPods();
  world.answerPD(undefined);
  world.sync();
  const set = world.get('StatefulSet/basic-tikv');
  assert.deepEqual(
    (
      field(set, 'spec', 'volumeClaimTemplates') as readonly {
        metadata: { name: string };
        spec: { storageClassName: string; resources: unknown };
      }[]
    ).map((one) => [one.metadata.name, one.spec.storageClassName, one.spec.resources]),
    [
      ['tikv', 'slow', { requests: { storage: '1Gi' } }],
      ['tikv-wal', 'slow', { requests: { storage: '2Gi' } }],
      ['tikv-raw', 'fast', { requests: { storage: '3Gi' } }],
    ],
  );
  assert.match(JSON.stringify(set), /\{"mountPath":"\/var\/lib\/wal","name":"tikv-wal"\}/);
});

test('pods, claims and volumes say which member or store they are', () => {
  const world = ready();
  world.put({ kind: 'PersistentVolumeClaim', metadata: { name: 'tikv-basic-tikv-0', uid: 'c' }, ...{ spec: { volumeName: 'pv-1' } } });
  world.put({ kind: 'PersistentVolume', metadata: { name: 'pv-1' }, ...{ spec: { persistentVolumeReclaimPolicy: 'Retain' } } });
  world.sync();
  const ids = { 'tidb.pingcap.com/cluster-id': '8148274967755769641', 'tidb.pingcap.com/store-id': '1' };
  const annotations = { 'tidb.pingcap.com/pod-name': 'basic-tikv-0' };
  assert.deepEqual(world.get('Pod/basic-tikv-0')?.metadata.labels, ids);
  assert.deepEqual(world.get('PersistentVolumeClaim/tikv-basic-tikv-0')?.metadata, {
    name: 'tikv-basic-tikv-0',
    uid: 'c',
    labels: ids,
    annotations,
  });
  assert.deepEqual(world.get('PersistentVolume/pv-1')?.metadata, {
    name: 'pv-1',
    labels: {
      'app.kubernetes.io/component': 'tikv',
      'app.kubernetes.io/instance': 'basic',
      'app.kubernetes.io/managed-by': 'tidb-operator',
      'app.kubernetes.io/name': 'tidb-cluster',
      'app.kubernetes.io/namespace': 'ns',
      ...ids,
    },
    annotations,
  });
  assert.deepEqual(world.sync().actions, []);
});

test('a Service follows the annotations and labels of the spec, and keeps those of others', () => {
  const world = ready();
  const service = world.get('Service/basic-tidb');
  assert.ok(service);
  world.put({ ...service, metadata: { ...service.metadata, annotations: { ...service.metadata.annotations, 'cloud/address': 'x' } } });
  assert.deepEqual(world.sync().actions, []);
  world.tc = {
    ...world.tc,
    spec: { ...spec, tidb: { ...spec.tidb, replicas: 2, service: { type: 'ClusterIP', annotations: { a: '1' }, labels: { b: '2' } } } },
  };
  world.sync();
  const { annotations, labels } = world.get('Service/basic-tidb')?.metadata ?? {};
  assert.deepEqual([annotations?.['a'], annotations?.['cloud/address'], labels?.['b']], ['1', 'x', '2']);
  assert.deepEqual(world.sync().actions, []);
});
