import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LiveRuntime } from '@coracle/kernel';
import { frameOf } from '../grpc/memory-stream.fixture.ts';
import { FrameReader } from '../grpc/frame.ts';
import * as m from '../messages.ts';
import { serveStore } from '../serve-store.ts';
import { callUnary, openCall, sessionTo } from './grpc-client.fixture.ts';
import type { Request } from './random-requests.fixture.ts';

/** etcd 3.7 itself, whose answers ours are compared with. */
export const binary: string | undefined = process.env['ETCD_BINARY'];
export const requests: number = Number(process.env['DIFFERENTIAL_REQUESTS'] ?? 400);
export const seed: number = Number(process.env['DIFFERENTIAL_SEED'] ?? 1);

/** Clients of our server and of etcd, each with an empty directory. */
export interface TwoServers extends AsyncDisposable {
  readonly ours: ClientHttp2Session;
  readonly theirs: ClientHttp2Session;
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

export async function ask(session: ClientHttp2Session, { path: to, bytes, answer }: Request, token?: string): Promise<unknown> {
  const headers = token === undefined ? {} : { token };
  const { messages, status, text } = await callUnary(session, to, bytes, headers).catch((error: unknown) => {
    throw new Error(`${to} ${bytes.toString('base64')}`, { cause: error });
  });
  return { status, text, messages: messages.map((each) => shown(answer.decode(each))) };
}

/** All events of everything, as one watch from the first revision that is served tells them. */
export async function history(session: ClientHttp2Session, from: number, until: number): Promise<unknown> {
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
  const args = [
    '--data-dir',
    directory,
    '--bcrypt-cost',
    '4',
    '--listen-client-urls',
    url,
    '--advertise-client-urls',
    url,
    '--listen-peer-urls',
    peerUrl,
  ];
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

export async function startBoth(command: string): Promise<TwoServers> {
  const directory = mkdtempSync(path.join(tmpdir(), 'differential-'));
  const process_ = new LiveRuntime().process('etcd');
  const served = await serveStore({
    process: process_,
    directory: path.join(directory, 'ours'),
    name: 'default',
    listen: [{ host: '127.0.0.1', port: 0 }],
  });
  const { child, url } = await startEtcd(command, path.join(directory, 'theirs'));
  const [ours, theirs] = [sessionTo(served.urls[0] ?? ''), sessionTo(url)];
  return {
    ours,
    theirs,
    async [Symbol.asyncDispose]() {
      ours.destroy();
      theirs.destroy();
      child.kill('SIGKILL');
      await served.stop();
      await process_.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
