import assert from 'node:assert/strict';
import test from 'node:test';
import type { Process } from '@coracle/kernel';
import { SimRuntime } from '@coracle/simulator';
import { tidbPrograms } from './index.ts';
import { SimulatedCluster } from './simulated-cluster.fixture.ts';

interface Fixture {
  readonly runtime: SimRuntime;
  readonly process: Process;
  readonly cluster: SimulatedCluster;
  get(url: string): Promise<{ status: number; text: string }>;
  send(method: string, url: string, body?: unknown): Promise<{ status: number; text: string }>;
  start(pod: string): void;
}

const env: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  pd: { NAMESPACE: 'ns', PEER_SERVICE_NAME: 'basic-pd-peer', SERVICE_NAME: 'basic-pd', SET_NAME: 'basic-pd' },
  tikv: { NAMESPACE: 'ns', CLUSTER_NAME: 'basic', HEADLESS_SERVICE_NAME: 'basic-tikv-peer' },
  tidb: { NAMESPACE: 'ns', CLUSTER_NAME: 'basic' },
};

function fixture(pdReplicas: number): Fixture {
  const runtime = new SimRuntime({ seed: 1 });
  const process = runtime.process('node');
  const cluster = new SimulatedCluster(process);
  const programs = tidbPrograms();
  const start = (pod: string): void => {
    const [, component = ''] = pod.split('-');
    const program = programs.get(component === 'discovery' ? 'pingcap/tidb-operator' : `pingcap/${component}`);
    assert.ok(program);
    cluster.start(pod, program, env[component] ?? { TC_NAME: 'basic', MY_POD_NAMESPACE: 'ns', PD_REPLICAS: String(pdReplicas) });
  };
  const send: Fixture['send'] = async (method, url, body) => {
    const answer = await cluster
      .dialer()
      .request(new URL(url), { method, ...(body !== undefined && { body: new TextEncoder().encode(JSON.stringify(body)) }) });
    return { status: answer.status, text: new TextDecoder().decode(answer.body) };
  };
  return { runtime, process, cluster, start, send, get: (url) => send('GET', url) };
}

const pd = 'http://basic-pd.ns:2379/pd/api/v1';

/** Runs `work` as somebody in the simulation and gives its result back. */
async function ask<T>({ runtime, process }: Fixture, work: () => Promise<T>): Promise<T> {
  let result: { value: T } | undefined;
  process.spawn('test', async () => {
    result = { value: await work() };
  });
  await runtime.settle();
  assert.ok(result);
  return result.value;
}

async function stores(f: Fixture, query = ''): Promise<readonly { id: number; state: string; leaders: number; regions: number }[]> {
  const { text } = await ask(f, () => f.get(`${pd}/stores${query}`));
  const body: { stores: readonly { store: { id: number; state_name: string }; status: { leader_count: number; region_count: number } }[] } =
    JSON.parse(text);
  return body.stores.map(({ store, status }) => ({
    id: store.id,
    state: store.state_name,
    leaders: status.leader_count,
    regions: status.region_count,
  }));
}

test('one PD founds a cluster; before the first TiKV the stores are "not bootstrapped", exactly', async () => {
  const f = fixture(1);
  for (const pod of ['basic-discovery-0', 'basic-pd-0']) f.start(pod);
  await f.runtime.settle();
  assert.deepEqual(await ask(f, () => f.get(`${pd}/stores`)), {
    status: 500,
    text: '"[PD:cluster:ErrNotBootstrapped]TiKV cluster not bootstrapped, please start TiKV first"\n',
  });
  const health = await ask(f, () => f.get(`${pd}/health`));
  assert.match(
    health.text,
    /^\[\{"name":"basic-pd-0","member_id":\d+,"client_urls":\["http:\/\/basic-pd-0\.basic-pd-peer\.ns\.svc:2379"\],"health":true\}\]\n$/,
  );
});

test('three PDs wait for each other, join and agree on one leader', async () => {
  const f = fixture(3);
  for (const pod of ['basic-discovery-0', 'basic-pd-0', 'basic-pd-1']) f.start(pod);
  await f.runtime.advance(5_000);
  await assert.rejects(f.get(`${pd}/health`), /ECONNREFUSED|Cannot connect/);
  f.start('basic-pd-2');
  await f.runtime.settle();
  const { text } = await ask(f, () => f.get(`${pd}/members`));
  const names: readonly string[] = JSON.parse(text).members.map((member: { name: string }) => member.name);
  assert.deepEqual(names.toSorted(), ['basic-pd-0', 'basic-pd-1', 'basic-pd-2']);
});

test('when the leader goes another takes over after its lease, and without quorum changes are refused', async () => {
  const f = fixture(3);
  for (const pod of ['basic-discovery-0', 'basic-pd-0', 'basic-pd-1', 'basic-pd-2']) f.start(pod);
  await f.runtime.settle();
  const leader: string = JSON.parse((await ask(f, () => f.get(`${pd}/leader`))).text).name;
  f.cluster.stop(leader);
  await f.runtime.advance(20_000);
  const next: string = JSON.parse((await ask(f, () => f.get(`${pd}/leader`))).text).name;
  assert.notEqual(next, leader);
  f.cluster.stop(next);
  await f.runtime.advance(20_000);
  const { status } = await ask(f, () => f.get(`${pd}/cluster`));
  assert.equal(status, 503);
});

async function withStores(count: number): Promise<Fixture> {
  const f = fixture(1);
  for (const pod of ['basic-discovery-0', 'basic-pd-0', 'basic-tidb-0']) f.start(pod);
  for (let i = 0; i < count; i++) f.start(`basic-tikv-${i}`);
  await f.runtime.settle();
  return f;
}

test('stores register, leaders and regions spread, TiDB serves once a store is Up', async () => {
  const f = await withStores(3);
  const all = await stores(f);
  assert.deepEqual(
    all.map((store) => [store.state, store.regions]),
    [
      ['Up', 20],
      ['Up', 20],
      ['Up', 20],
    ],
  );
  assert.equal(
    all.reduce((sum, store) => sum + store.leaders, 0),
    20,
  );
  const tidb = await ask(f, () => f.get('http://basic-tidb-0.basic-tidb-peer.ns:10080/status'));
  assert.equal(tidb.status, 200);
});

test('a settled cluster has nothing in the foreground', async () => {
  const f = await withStores(3);
  assert.equal((await f.runtime.settle()).steps, 0);
});

test('a deleted store is Offline, then a Tombstone; with as many stores as replicas it is refused', async () => {
  const f = await withStores(4);
  const id = (await stores(f))[3]?.id;
  const deleted = await ask(f, () => f.send('DELETE', `${pd}/store/${id}`));
  assert.deepEqual(deleted, { status: 200, text: '"The store is set as Offline."\n' });
  await f.runtime.settle();
  assert.deepEqual(await stores(f, '?state=2'), [{ id, state: 'Tombstone', leaders: 0, regions: 0 }]);
  const refused = await ask(f, () => f.send('DELETE', `${pd}/store/1`));
  assert.deepEqual(refused, { status: 400, text: '"can not remove store 1 since the number of up stores would be 2 while need 3"\n' });
  await f.runtime.advance(15_000);
  assert.equal(f.cluster.exits.get('basic-tikv-3'), 1, 'a tombstone does not go on');
});

test('a store without heartbeat is Disconnected after 20 s and Down after 30 min', async () => {
  const f = await withStores(3);
  f.cluster.stop('basic-tikv-2');
  await f.runtime.advance(35_000);
  assert.deepEqual(
    (await stores(f)).map((store) => store.state),
    ['Up', 'Up', 'Disconnected'],
  );
  await f.runtime.advance(31 * 60_000);
  assert.equal((await stores(f))[2]?.state, 'Down');
});

test('evicted leaders leave a store', async () => {
  const f = await withStores(3);
  const made = await ask(f, () => f.send('POST', `${pd}/schedulers`, { name: 'evict-leader-scheduler', store_id: 1 }));
  assert.equal(made.status, 200);
  await f.runtime.settle();
  assert.equal((await stores(f))[0]?.leaders, 0);
  const ended = await ask(f, () => f.send('DELETE', `${pd}/schedulers/evict-leader-scheduler-1`));
  assert.equal(ended.status, 200);
  assert.equal((await ask(f, () => f.send('DELETE', `${pd}/schedulers/evict-leader-scheduler-1`))).status, 404);
});

test('bad requests are refused', async () => {
  const f = await withStores(1);
  for (const [method, path, status] of [
    ['GET', '/nothing', 404],
    ['PUT', '/cluster', 405],
    ['GET', '/stores?state=9', 500],
    ['DELETE', '/store/77', 404],
    ['POST', '/store/1/state?state=Down', 400],
    ['POST', '/schedulers', 400],
    ['DELETE', '/members/name/%', 400],
    ['DELETE', '/members/name/nobody', 404],
    ['POST', '/leader/transfer/nobody', 500],
  ] as const) {
    assert.equal((await ask(f, () => f.send(method, `${pd}${path}`))).status, status, `${method} ${path}`);
  }
  assert.equal((await ask(f, () => f.get('http://basic-discovery-0.ns:10261/new/%25%25'))).status, 400);
});

test('stores that come at the same time, to three members of PD, are all known to the one that takes over', async () => {
  const f = fixture(3);
  for (const pod of ['basic-discovery-0', 'basic-pd-0', 'basic-pd-1', 'basic-pd-2']) f.start(pod);
  await f.runtime.settle();
  const leader: string = JSON.parse((await ask(f, () => f.get(`${pd}/leader`))).text).name;
  const register = (i: number): Promise<{ status: number }> =>
    f.send('POST', `http://${leader}.ns:2379/sim/stores`, { address: `kv-${i}:20160`, statusAddress: '', version: '8.5.7' });
  const answers = await ask(f, () => Promise.all([0, 1, 2, 3, 4].map(register)));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 200, 200],
  );
  f.cluster.stop(leader);
  await f.runtime.advance(20_000);
  assert.equal((await stores(f)).length, 5);
});
