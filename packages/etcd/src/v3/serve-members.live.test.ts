import assert from 'node:assert/strict';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LiveRuntime } from '@coracle/kernel';
import { EtcdClient } from '../client/client.ts';
import { http2Connector } from '../client/transport/http2-connector.ts';
import { parseInitialCluster } from '../member/initial-cluster.ts';
import { askReplacement } from '../member/transport/connect-peer.ts';
import { MemberControl } from '../member/transport/control-socket.ts';
import { TcpTransport } from '../member/transport/tcp-transport.ts';
import { prefixEnd } from '../watch-hub.ts';
import { type ServedStore, serveStore } from './serve-store.ts';

const host = '127.0.0.1';

/** Members as `coracle etcd` starts them, all in this process. */
class ServedMembers {
  readonly #runtime = new LiveRuntime();
  readonly #directory: string;
  readonly #ports: readonly number[];
  readonly served = new Map<string, ServedStore>();
  readonly #clients: EtcdClient[] = [];

  private constructor(directory: string, ports: readonly number[]) {
    this.#directory = directory;
    this.#ports = ports;
  }

  static async create(t: TestContext): Promise<ServedMembers> {
    const probes = [];
    for (let i = 0; i < 4; i++) probes.push(await TcpTransport.listen({ process: new LiveRuntime().process('probe'), host, port: 0 }));
    const ports = probes.map(({ port }) => port);
    for (const probe of probes) await probe.close();
    const directory = await mkdtemp(join(tmpdir(), 'served-'));
    const members = new ServedMembers(directory, ports);
    t.after(async () => {
      for (const client of members.#clients) client.close();
      for (const served of members.served.values()) await served.stop();
      await rm(directory, { recursive: true });
    });
    return members;
  }

  peerUrl(n: number): string {
    return `http://${host}:${this.#ports[n - 1]}`;
  }

  async start(
    n: number,
    options: { count?: number; state?: 'new' | 'existing'; token?: string; directory?: string } = {},
  ): Promise<ServedStore> {
    const { count = 3, state = 'new', token = 'etcd-cluster', directory = `m${n}` } = options;
    const named = Array.from({ length: count }, (_, i) => `m${i + 1}=${this.peerUrl(i + 1)}`).join(',');
    const served = await serveStore({
      process: this.#runtime.process(`m${n}`),
      directory: join(this.#directory, directory),
      name: `m${n}`,
      listen: [{ host, port: 0 }],
      peers: {
        listen: { host, port: this.#ports[n - 1] ?? 0 },
        advertise: [this.peerUrl(n)],
        initial: { members: parseInitialCluster(named), state, token },
        tickMs: 20,
        strictReconfigCheck: false, // it wants connections that have held for five seconds
      },
    });
    this.served.set(`m${n}`, served);
    return served;
  }

  async stop(n: number): Promise<void> {
    await this.served.get(`m${n}`)?.stop();
    this.served.delete(`m${n}`);
  }

  client(...served: readonly ServedStore[]): EtcdClient {
    const process = this.#runtime.process('client');
    const client = new EtcdClient({ process, connector: http2Connector(process), endpoints: served.flatMap(({ urls }) => urls) });
    this.#clients.push(client);
    return client;
  }

  control(n: number): MemberControl {
    return new MemberControl(join(this.#directory, `m${n}`));
  }

  /** Changes a few bytes of what was durable long ago. */
  async damage(n: number): Promise<void> {
    const log = join(this.#directory, `m${n}`, 'wal');
    const [first = ''] = (await readdir(log)).filter((name) => name.endsWith('.wal')).sort();
    const file = await open(join(log, first), 'r+');
    await file.write(Buffer.from([1, 2, 3, 4]), 0, 4, 150);
    await file.close();
  }

  async quarantined(n: number): Promise<readonly string[]> {
    const directory = join(this.#directory, `m${n}`);
    return (await readdir(directory)).includes('quarantine') ? readdir(join(directory, 'quarantine')) : [];
  }

  async wipe(n: number): Promise<void> {
    await rm(join(this.#directory, `m${n}`), { recursive: true });
  }
}

const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();
const put = (client: EtcdClient, key: string) =>
  client.txn({ compares: [], success: [{ op: 'put', key, value: Buffer.from(key) }], failure: [] });

test('three members serve one content; one more is added, promoted and removed; directories are not mixed up', {
  timeout: 60_000,
}, async (t) => {
  const members = await ServedMembers.create(t);
  const first = await Promise.all([1, 2, 3].map((n) => members.start(n)));
  await Promise.all(first.map(({ ready }) => ready));
  const [m1, m2, m3] = first;
  assert.ok(m1 !== undefined && m2 !== undefined && m3 !== undefined);
  await put(members.client(m1), '/a');
  for (const served of first) assert.equal(text((await members.client(served).range({ key: '/a' })).kvs[0]?.value), '/a');
  const listed = await members.client(m2).members();
  assert.deepEqual(listed.map(({ name }) => name).sort(), ['m1', 'm2', 'm3']);
  assert.deepEqual(listed.flatMap(({ clientUrls }) => clientUrls).sort(), first.flatMap(({ urls }) => urls).sort());
  const statuses = await Promise.all(first.map((served) => members.client(served).status()));
  assert.equal(new Set(statuses.map(({ leader }) => leader)).size, 1);

  await t.test('a member that nobody has added is refused', async () => {
    await assert.rejects(members.start(4, { count: 4, state: 'existing' }), { message: /: member count is unequal$/ });
  });

  await t.test('one that was added joins, is a learner and refuses reads, is promoted, and ends when it is removed', async () => {
    const { added } = await m1.store.cluster.addMember({ peerUrls: [members.peerUrl(4)], isLearner: true });
    const m4 = await members.start(4, { count: 4, state: 'existing' });
    await m4.ready;
    await assert.rejects(members.client(m4).range({ key: '/a' }), { message: 'etcdserver: rpc not supported for learner' });
    assert.equal(m4.store.range({ key: '/a' }).count, 1);
    // It is in sync when it has said its name, which is the last entry.
    const follower = first.find(({ store }) => store.view().role === 'follower');
    await follower?.store.cluster.promoteMember(added.id);
    while (m4.store.cluster.status().isLearner) await sleep(5); // it hears of its promotion later than who asked for it
    await put(members.client(m4), '/b');
    await m1.store.cluster.removeMember(added.id);
    await m4.removed;
    await members.stop(4);
    assert.equal((await members.client(m1).members()).length, 3);
  });

  await t.test('a leader that is cut off over its socket shows so, and follows another one afterwards', async () => {
    const controls = [1, 2, 3].map((n) => members.control(n));
    const reports = await Promise.all(controls.map((control) => control.report()));
    const leader = reports.find(({ role }) => role === 'leader');
    assert.ok(leader !== undefined);
    const others = reports.flatMap(({ id }) => (id === leader.id ? [] : id));
    const own = controls[reports.indexOf(leader)];
    await Promise.all(controls.map((control) => control.cut(control === own ? others : [leader.id])));
    const next = async (): Promise<number> => {
      const [now] = (await Promise.all(controls.map((control) => control.report()))).filter(
        ({ role, id }) => role === 'leader' && id !== leader.id,
      );
      return now?.id ?? next();
    };
    assert.notEqual(await next(), leader.id);
    assert.deepEqual((await own?.report())?.cutFrom, others);
    for (const control of controls) await control.cut([]);
    while ((await own?.report())?.leader === 0) assert.deepEqual((await own?.report())?.cutFrom, []);
  });

  await t.test('a directory goes on whatever the flags say of members, if not of founders', async () => {
    await members.stop(3);
    await assert.rejects(members.start(3, { token: 'another' }), {
      name: 'DirectoryOfAnotherMember',
      message: /which --initial-cluster names/,
    });
    await assert.rejects(members.start(3, { directory: 'm2' }), { name: 'DirectoryOfAnotherMember' });
    await members.start(3, { state: 'existing', token: 'another' }).then(({ ready }) => ready);
    await put(members.client(m1), '/c');
  });

  await t.test('a member whose log is damaged is taken in anew by the others, and votes once it has what they have', async () => {
    const { id } = await members.control(3).report();
    await members.stop(3);
    await members.damage(3);
    const mended = await members.start(3);
    await mended.ready;
    while (mended.store.view().role === 'learner') await sleep(5);
    assert.notEqual(mended.store.view().id, id);
    assert.ok((await members.quarantined(3)).length >= 2);
    const listed = await members.client(m1).members();
    assert.deepEqual(listed.map(({ name, isLearner }) => `${name} ${isLearner}`).sort(), ['m1 false', 'm2 false', 'm3 false']);
    await put(members.client(mended), '/d');
    // It needs no other flags from then on.
    await members.stop(3);
    const again = await members.start(3);
    await again.ready;
    assert.equal(again.store.view().id, mended.store.view().id);
    assert.equal((await members.client(again).range({ key: '/', end: prefixEnd('/') })).kvs.length, 4);
  });

  await t.test('nobody is taken in anew who is not of the cluster, or where another has a place', async () => {
    const process = new LiveRuntime().process('stranger');
    const clusterId = m1.store.cluster.clusterId.toString(16).padStart(16, '0');
    const id = m1.store.view().id;
    const ask = (of: string, who: number, url: string): Promise<string | undefined> =>
      askReplacement(
        { process, url: members.peerUrl(1), timeoutMs: 10_000 },
        { clusterId: of, members: [{ id: who, name: '', peerUrls: [url], clientUrls: [] }] },
      );
    assert.equal(await ask('0123456789abcdef', id + 1, members.peerUrl(2)), 'it belongs to another cluster');
    assert.equal(await ask(clusterId, id, members.peerUrl(2)), 'it names nobody else');
    const other = (await members.control(2).report()).id;
    assert.equal(await ask(clusterId, other, members.peerUrl(4)), 'etcdserver: member not found');
    assert.equal((await members.client(m1).members()).length, 3);
  });

  await t.test('a member that lost its directory is not taken for the one that it was', async () => {
    await members.stop(3);
    await members.wipe(3);
    for (const state of ['new', 'existing'] as const) {
      await assert.rejects(members.start(3, { state }), {
        name: 'BootstrapError',
        message: /has already been bootstrapped: the directory of "m3" was lost/,
      });
    }
    const { kvs } = await members.client(m1, m2).range({ key: '/', end: prefixEnd('/') });
    assert.deepEqual(
      kvs.map(({ key }) => key),
      ['/a', '/b', '/c', '/d'],
    );
  });

  await t.test('a damaged member that nobody answers says what is damaged, and nothing moves', async () => {
    await members.stop(1);
    await members.stop(2);
    await members.damage(2);
    await assert.rejects(members.start(2), { name: 'DirectoryDamaged' });
    assert.deepEqual(await members.quarantined(2), []);
  });
});

test('a member that is to join finds nobody', { timeout: 20_000 }, async (t) => {
  const members = await ServedMembers.create(t);
  await assert.rejects(members.start(1, { state: 'existing' }), {
    name: 'BootstrapError',
    message: 'cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs',
  });
});
