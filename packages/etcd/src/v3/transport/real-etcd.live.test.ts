import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { LiveRuntime } from '@coracle/kernel';
import { seededRandom } from '@coracle/simulator';
import type { Random } from '@coracle/kernel';
import { frameOf } from '../grpc/memory-stream.fixture.ts';
import { FrameReader } from '../grpc/frame.ts';
import type { Message } from '../message.ts';
import * as m from '../messages.ts';
import { serveStore } from '../serve-store.ts';
import { callUnary, openCall, sessionTo } from './grpc-client.fixture.ts';

/** etcd 3.7 itself, whose answers ours are compared with. */
const binary = process.env['ETCD_BINARY'];
const requests = Number(process.env['DIFFERENTIAL_REQUESTS'] ?? 400);

/** One request, in a form that fits both: what is sent, and how the answer is read. */
interface Request {
  readonly path: string;
  readonly bytes: Buffer;
  readonly answer: Message<never>;
}

function request<Q, A>(service: string, of: Message<Q>, value: Partial<Q>, answer: Message<A>): Request {
  return { path: `etcdserverpb.${service}`, bytes: of.encode(value), answer: answer as Message<never> }; // it is only shown
}

const names = ['a', 'b', 'b\0', 'c', 'd', '\xff'];
const ends = ['', '', 'b', 'd', '\0', 'A'];
const leases = [1n, 7n, (1n << 62n) + 1n];

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)] as T; // below its length
}

function sometimes<T>(random: Random, value: T, otherwise: T): T {
  return random.below(4) === 0 ? value : otherwise;
}

function randomRange(random: Random, revision: number): Partial<m.WireRangeRequest> {
  // Sorting by a value that keys share leaves their order to chance: by version and by value only with one key left.
  const sortTarget = pick(random, [0, 0, 3]);
  return {
    key: pick(random, names),
    rangeEnd: pick(random, ends),
    limit: sometimes(random, random.below(4), 0),
    revision: sometimes(random, random.below(revision + 3), 0),
    sortOrder: sometimes(random, random.below(4), 0),
    sortTarget: sometimes(random, sortTarget, 0),
    keysOnly: random.below(5) === 0,
    countOnly: random.below(8) === 0,
    minModRevision: sometimes(random, random.below(revision + 1), 0),
    maxModRevision: random.below(8) === 0 ? random.below(revision + 1) : 0,
    minCreateRevision: random.below(8) === 0 ? random.below(revision + 1) : 0,
    maxCreateRevision: random.below(8) === 0 ? random.below(revision + 1) : 0,
  };
}

function randomPut(random: Random, mayKeep = true): Partial<m.WirePutRequest> {
  const ignoreValue = mayKeep && random.below(8) === 0;
  const ignoreLease = mayKeep && random.below(8) === 0;
  return {
    key: sometimes(random, pick(random, ['', ...names]), pick(random, names)),
    value: Buffer.from(ignoreValue && random.below(8) > 0 ? '' : `v${random.below(5)}`),
    lease: ignoreLease && random.below(8) > 0 ? 0n : sometimes(random, pick(random, [...leases, 99n]), 0n),
    prevKv: random.below(2) === 0,
    ignoreValue,
    ignoreLease,
  };
}

function randomDelete(random: Random): Partial<m.WireDeleteRangeRequest> {
  return { key: pick(random, names), rangeEnd: pick(random, ends), prevKv: random.below(2) === 0 };
}

function randomCompare(random: Random, revision: number): Partial<m.WireCompare> {
  const target = random.below(5);
  const operand = random.below(3) === 0 ? -1 : random.below(revision + 1);
  const union = [
    { version: random.below(4) },
    { createRevision: operand },
    { modRevision: operand },
    { value: Buffer.from(`v${random.below(5)}`) },
    { lease: pick(random, [0n, -1n, ...leases]) },
  ][random.below(10) === 0 ? random.below(5) : target];
  return { result: random.below(4), target, key: pick(random, names), rangeEnd: sometimes(random, pick(random, ends), ''), ...union };
}

/** Either deletes or puts that keep what the key has: a put of the second kind behind a delete makes etcd panic. */
function randomTxn(random: Random, revision: number, depth = 0, deletes = random.below(2) === 0): Partial<m.WireTxnRequest> {
  const operation = (): Partial<m.WireRequestOp> => {
    switch (random.below(depth < 2 ? 7 : 6)) {
      case 0:
      case 1:
        return { requestRange: randomRange(random, revision) };
      case 2:
        return deletes ? { requestDeleteRange: randomDelete(random) } : { requestPut: randomPut(random) };
      case 6:
        return { requestTxn: randomTxn(random, revision, depth + 1, deletes) };
      default:
        return { requestPut: randomPut(random, !deletes) };
    }
  };
  const list = <T>(make: () => T): readonly T[] => Array.from({ length: random.below(3) }, make);
  return { compare: list(() => randomCompare(random, revision)), success: list(operation), failure: list(operation) };
}

function randomRequest(random: Random, revision: number): Request {
  switch (random.below(16)) {
    case 0:
      return request('KV/Compact', m.compactionRequest, { revision: Math.max(1, random.below(revision + 3) - 2) }, m.headerOnly);
    case 1:
      return request(
        'Lease/LeaseGrant',
        m.leaseGrantRequest,
        { id: pick(random, leases), ttl: pick(random, [600, 1000, 9_000_000_001]) },
        m.leaseGrantResponse,
      );
    case 2:
      return request('Lease/LeaseRevoke', m.leaseId, { id: pick(random, [...leases, 99n]) }, m.headerOnly);
    case 3:
      return request('Lease/LeaseTimeToLive', m.leaseTimeToLiveRequest, { id: pick(random, [99n]), keys: true }, m.leaseTimeToLiveResponse);
    case 4:
    case 5:
      return request('KV/DeleteRange', m.deleteRangeRequest, randomDelete(random), m.deleteRangeResponse);
    case 6:
    case 7:
    case 8:
      return request('KV/Range', m.rangeRequest, randomRange(random, revision), m.rangeResponse);
    case 9:
      // With a target and no order, etcd counts from wherever the last of the sorted keys is: ours counts what there is.
      return request('KV/RangeStream', m.rangeRequest, { ...randomRange(random, revision), sortTarget: 0 }, m.rangeStreamResponse);
    case 10:
    case 11:
      return request('KV/Put', m.putRequest, randomPut(random), m.putResponse);
    default:
      return request('KV/Txn', m.txnRequest, randomTxn(random, revision), m.txnResponse);
  }
}

/** An answer without what differs between any two clusters. */
function shown(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => !['clusterId', 'memberId', 'raftTerm'].includes(name));
  return Object.fromEntries(entries.map(([name, of]) => [name, shown(of)]));
}

async function ask(session: ClientHttp2Session, { path: to, bytes, answer }: Request): Promise<unknown> {
  const { messages, status, text } = await callUnary(session, to, bytes).catch((error: unknown) => {
    throw new Error(`${to} ${bytes.toString('base64')}`, { cause: error });
  });
  return { status, text, messages: messages.map((each) => shown(answer.decode(each))) };
}

/** All events of everything, as one watch from the first revision that is served tells them. */
async function history(session: ClientHttp2Session, from: number, until: number): Promise<unknown> {
  const stream = openCall(session, 'etcdserverpb.Watch/Watch');
  stream.write(frameOf(m.watchRequest.encode({ createRequest: { key: '\0', rangeEnd: '\0', startRevision: from, prevKv: true } })));
  const frames = new FrameReader(1 << 30);
  const events: Partial<m.WireEvent>[] = [];
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if ((events.at(-1)?.kv?.modRevision ?? 0) >= until) resolve();
    };
    stream.on('data', (chunk: Buffer) => {
      frames.push(chunk, (message) => events.push(...m.watchResponse.decode(message).events));
      look();
    });
  });
  stream.close();
  return shown(events);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function startEtcd(command: string, directory: string): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const [client, peer] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const args = ['--data-dir', directory, '--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peerUrl];
  const child = spawn(command, [...args, '--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `default=${peerUrl}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`etcd ended with ${code}`)));
    child.stderr?.on('data', (chunk: Buffer) => {
      if (chunk.includes('ready to serve client requests')) resolve();
    });
  });
  return { child, url };
}

test('every request is answered as etcd itself answers it', {
  skip: binary === undefined ? 'ETCD_BINARY names no etcd' : false,
}, async () => {
  const seed = Number(process.env['DIFFERENTIAL_SEED'] ?? 1);
  const directory = mkdtempSync(path.join(tmpdir(), 'differential-'));
  const process_ = new LiveRuntime().process('etcd');
  const served = await serveStore({
    process: process_,
    directory: path.join(directory, 'ours'),
    name: 'default',
    listen: [{ host: '127.0.0.1', port: 0 }],
  });
  const { child, url } = await startEtcd(binary ?? '', path.join(directory, 'theirs'));
  const [ours, theirs] = [sessionTo(served.urls[0] ?? ''), sessionTo(url)];
  try {
    const random = seededRandom(seed);
    let revision = 1;
    let compacted = 0;
    for (let i = 0; i < requests; i++) {
      const one = randomRequest(random, revision);
      const [ourAnswer, theirAnswer] = await Promise.all([ask(ours, one), ask(theirs, one)]);
      const what = `seed ${seed}, request ${i}: ${one.path} ${one.bytes.toString('base64')}`;
      assert.deepEqual(ourAnswer, theirAnswer, what);
      const {
        messages: [first],
        status,
      } = theirAnswer as { readonly messages: readonly { readonly header?: { readonly revision?: number } }[]; readonly status: string };
      revision = Math.max(revision, first?.header?.revision ?? 0);
      if (one.path.endsWith('Compact') && status === '0') compacted = m.compactionRequest.decode(one.bytes).revision;
    }
    // A watch sees the same, with what was there before.
    const last = request('KV/Put', m.putRequest, { key: 'z' }, m.putResponse);
    await Promise.all([ask(ours, last), ask(theirs, last)]);
    const from = Math.max(1, compacted);
    assert.deepEqual(await history(ours, from, revision + 1), await history(theirs, from, revision + 1), `seed ${seed}`);
  } finally {
    ours.destroy();
    theirs.destroy();
    child.kill('SIGKILL');
    await served.stop();
    await process_.stop();
    rmSync(directory, { recursive: true, force: true });
  }
});
