import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LiveRuntime, type Process } from '@coracle/kernel';
import { digestOf } from '../../contract/disk-bench.ts';
import type { DurableStore } from '../../durable-store.ts';
import type { Txn } from '../../mvcc/types.ts';
import { openDurableStore } from '../../open.ts';
import type { MemberInfo } from '../members.ts';
import type { PeerTls } from './connect-peer.ts';
import type { PeerReceiver } from '../peer-transport.ts';
import { TcpTransport } from './tcp-transport.ts';

const clusterId = '00c0ffee00c0ffee';
const putOf = (key: string, value: string): Txn => ({
  compares: [],
  success: [{ op: 'put', key, value: Buffer.from(value) }],
  failure: [],
});

interface Running {
  readonly transport: TcpTransport;
  readonly process: Process;
  readonly store: DurableStore;
}

/** Three members on this machine, each with a directory and a port. */
class LiveGroup {
  readonly #directory: string;
  readonly #runtime = new LiveRuntime();
  readonly #ports: readonly number[];
  readonly running = new Map<number, Running>();

  private constructor(directory: string, ports: readonly number[]) {
    this.#directory = directory;
    this.#ports = ports;
  }

  static async create(t: TestContext): Promise<LiveGroup> {
    const directory = await mkdtemp(join(tmpdir(), 'members-'));
    const ports: number[] = [];
    for (let i = 0; i < 3; i++) {
      const probe = await TcpTransport.listen({ process: new LiveRuntime().process('probe'), host: '127.0.0.1', port: 0 });
      ports.push(probe.port);
      await probe.close();
    }
    const group = new LiveGroup(directory, ports);
    t.after(async () => {
      for (const id of group.running.keys()) await group.stop(id);
      await rm(directory, { recursive: true });
    });
    return group;
  }

  port(id: number): number {
    return this.#ports[id - 1] ?? 0;
  }

  async start(id: number): Promise<DurableStore> {
    const process = this.#runtime.process(`member ${id}`);
    const transport = await TcpTransport.listen({ process, host: '127.0.0.1', port: this.port(id) });
    const initialMembers = this.#ports.map(
      (port, at): MemberInfo => ({ id: at + 1, name: `m${at + 1}`, peerUrls: [`http://127.0.0.1:${port}`], clientUrls: [] }),
    );
    const store = await openDurableStore({
      process,
      directory: join(this.#directory, `${id}`),
      segmentBytes: 1 << 20,
      firstSegmentBytes: 1 << 18,
      window: { entries: 50, bytes: 1 << 16 },
      group: { clusterId, id, transport, initialMembers, tickMs: 20 },
    });
    this.running.set(id, { process, store, transport });
    return store;
  }

  async stop(id: number): Promise<void> {
    const member = this.running.get(id);
    this.running.delete(id);
    await member?.store.close();
    await member?.process.stop();
  }

  async leader(): Promise<DurableStore> {
    for (let i = 0; i < 1500; i++) {
      for (const { store } of this.running.values()) {
        const { role, id } = store.view();
        const followers = [...this.running.values()].filter((other) => other.store.view().leader === id).length;
        if (role === 'leader' && followers >= 2) return store;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error('nobody leads');
  }

  async converged(): Promise<void> {
    for (let i = 0; i < 1500; i++) {
      const applied = new Set([...this.running.values()].map(({ store }) => store.view().applied));
      if (applied.size === 1) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const digests = new Set([...this.running.values()].map(({ store }) => digestOf(store)));
    assert.equal(digests.size, 1, [...digests].join(' | '));
  }
}

test('three members over TCP: writes through each, the leader goes, it comes back by a snapshot', { timeout: 120_000 }, async (t) => {
  const group = await LiveGroup.create(t);
  const stores = [await group.start(1), await group.start(2), await group.start(3)];
  const leader = await group.leader();
  await Promise.all(stores.flatMap((store, at) => Array.from({ length: 20 }, (_, i) => store.txn(putOf(`k${3 * i + at}`, `${i}`)))));
  await Promise.all(stores.map((store) => store.linearized()));
  for (const store of stores) assert.equal(store.range({ key: 'k', end: 'l' }).count, 60);
  const gone = leader.view().id;
  await group.stop(gone);
  const next = await group.leader();
  // More than the others keep of the log: whoever comes back needs a snapshot.
  await Promise.all(Array.from({ length: 200 }, (_, i) => next.txn(putOf(`later${i}`, 'x'.repeat(2_000)))));
  const back = await group.start(gone);
  await back.linearized();
  await group.converged();
  assert.ok(back.view().messages.some(({ text }) => text.includes('MsgSnap')) || back.range({ key: 'later', end: 'lates' }).count === 200);
});

test('a leader whose peers are blocked is one no more; unblocked, it follows the next', { timeout: 60_000 }, async (t) => {
  const group = await LiveGroup.create(t);
  await Promise.all([group.start(1), group.start(2), group.start(3)]);
  const old = await group.leader();
  const { id } = old.view();
  group.running.get(id)?.transport.block(new Set([1, 2, 3]));
  let next = old;
  while (next === old) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    next = await group.leader();
  }
  await next.txn(putOf('a', 'b'));
  group.running.get(id)?.transport.block(new Set());
  await group.converged();
  assert.equal(old.range({ key: 'a' }).count, 1);
  assert.equal(old.view().leader, next.view().id);
});

test('a member hangs up on who sends nonsense, and goes on', { timeout: 60_000 }, async (t) => {
  const group = await LiveGroup.create(t);
  await Promise.all([group.start(1), group.start(2), group.start(3)]);
  const leader = await group.leader();
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from([1, 255, 255, 255, 255, 0]),
    Buffer.from([1, 4, 0, 0, 0, 9, 9, 9, 9]),
    Buffer.from([2, 1, 0, 0, 0, 0]),
  ]) {
    await new Promise<void>((resolve, reject) => {
      const socket = connect(group.port(leader.view().id), '127.0.0.1', () => socket.write(bytes));
      socket.on('close', () => resolve());
      socket.on('error', reject);
      socket.resume();
    });
  }
  await leader.txn(putOf('a', 'b'));
  await group.converged();
});

test('with TLS a message arrives from whoever has a certificate of the same authority, and from nobody else', {
  timeout: 30_000,
}, async () => {
  const pem = (name: string): string => readFileSync(new URL(`../../v3/transport/testdata/${name}`, import.meta.url), 'utf8');
  const tlsOf = (name: string): PeerTls => ({ ca: pem('ca.crt'), cert: pem(`${name}.crt`), key: pem(`${name}.key`) });
  const process = new LiveRuntime().process('tls');
  const listening = await TcpTransport.listen({ process, host: '127.0.0.1', port: 0, tls: tlsOf('server') });
  const received: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const deaf: PeerReceiver = {
    describe: () => ({ clusterId, members: [] }),
    replace: () => Promise.resolve('nobody is'),
    receive: () => {},
    receiveSnapshot: () => Promise.reject(new Error('none is sent')),
    unreachable: () => {},
  };
  listening.start({
    ...deaf,
    receive: ({ from }) => {
      received.push(from);
      if (from === 2) resolve();
    },
  });
  const envelope = { clusterId, to: 1, diskId: 5, body: { kind: 'hello', isFresh: true } } as const;
  /** Resolves when the message has arrived, or the connection was closed with it. */
  const sendAs = async (from: number, tls: PeerTls | undefined): Promise<void> => {
    const sending = await TcpTransport.listen({ process, host: '127.0.0.1', port: 0, ...(tls === undefined ? {} : { tls }) });
    const lost = Promise.withResolvers<void>();
    sending.start({ ...deaf, unreachable: () => lost.resolve() });
    sending.setPeers(new Map([[1, [`https://127.0.0.1:${listening.port}`]]]));
    sending.send({ ...envelope, from });
    await Promise.race([lost.promise, promise]);
    await sending.close();
  };
  await Promise.all([sendAs(3, tlsOf('stranger')), sendAs(4, undefined)]);
  await sendAs(2, tlsOf('client'));
  await listening.close();
  assert.deepEqual(received, [2]);
});

test('what comes from a blocked peer is lost, too, until it is blocked no more', { timeout: 20_000 }, async () => {
  const process = new LiveRuntime().process('blocked');
  const listening = await TcpTransport.listen({ process, host: '127.0.0.1', port: 0 });
  const received: number[] = [];
  let heard = Promise.withResolvers<void>();
  listening.start({
    describe: () => ({ clusterId, members: [] }),
    replace: () => Promise.resolve('nobody is'),
    receive: ({ from }) => {
      received.push(from);
      heard.resolve();
    },
    receiveSnapshot: () => Promise.reject(new Error('none is sent')),
    unreachable: () => {},
  });
  const sending = await TcpTransport.listen({ process, host: '127.0.0.1', port: 0 });
  sending.setPeers(new Map([[1, [`http://127.0.0.1:${listening.port}`]]]));
  const send = (from: number): void => sending.send({ clusterId, from, to: 1, diskId: 5, body: { kind: 'hello', isFresh: true } });
  for (const blocked of [[2], []]) {
    listening.block(new Set(blocked));
    heard = Promise.withResolvers();
    send(2);
    send(3); // behind it on the same connection
    await heard.promise;
  }
  while (received.length < 3) await new Promise((settle) => setTimeout(settle, 5));
  await sending.close();
  await listening.close();
  assert.deepEqual(received, [3, 2, 3]);
});
