// Kills members with SIGKILL while clients write, and explains afterwards all that clients were told:
//   node --conditions=coracle-source packages/etcd/tools/kill-rounds.ts [ROUNDS] [MEMBERS] [ROUNDS-OF-ONE-DIRECTORY] [TOTALS-FILE]
// After each directory that was explained it prints what there is so far. Given a file for it, it goes on from there when it is run again.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import path from 'node:path';
import { LiveRuntime, type Process } from '@coracle/kernel';
import { EtcdClient } from '../src/client/client.ts';
import type { TxnAnswer } from '../src/client/codec.ts';
import { CallLostError } from '../src/client/errors.ts';
import { http2Connector } from '../src/client/transport/http2-connector.ts';
import { RevisionHistory } from '../src/fixtures/revision-history.ts';
import { checkHistory, type ClientOperation, type ClientRequest, type ClientResponse, readTextOf } from '../src/fixtures/store-model.ts';
import { byRevision, txnOf } from '../src/fixtures/store-requests.ts';
import { isRefusal } from '../src/mvcc/refusals.ts';
import type { ServeStoreOptions } from '../src/v3/serve-store.ts';

const [rounds = 1000, memberCount = 1, roundsOfOne = 100] = process.argv.slice(2, 5).map(Number);
const totalsFile = process.argv[5];
const root = path.resolve(import.meta.dirname, '../../..');
/** In one file, since a member from its sources takes three times as long to start. */
const program = path.join(mkdtempSync(path.join(tmpdir(), 'kill-rounds-member-')), 'member.mjs');
// Processes are killed at the operating system's leisure, so a seed would repeat nothing.
const { random } = new LiveRuntime().process('chance');
const writers = 8;
const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  const ports = await Promise.all(
    servers.map(async (server) => {
      await once(server, 'listening');
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : 0;
    }),
  );
  for (const server of servers) server.close();
  return ports;
}

/** One member, and the process that it is at the moment. */
class Member {
  readonly url: string;
  readonly #options: Omit<ServeStoreOptions, 'process'>;
  /** The one that runs, if one does. */
  readonly #running: ChildProcess[] = [];
  #said = '';

  constructor(url: string, options: Omit<ServeStoreOptions, 'process'>) {
    this.url = url;
    this.#options = options;
  }

  start(): void {
    const text = JSON.stringify(this.#options, (_, value: unknown) => (value instanceof Map ? [...value] : value));
    const child = spawn(process.execPath, [program, text], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#running.push(child);
    this.#said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (this.#said = (this.#said + String(chunk)).slice(-4000)));
  }

  async ready(): Promise<void> {
    const [child] = this.#running;
    const ended = child === undefined ? undefined : once(child, 'close');
    for (let ms = 0; !this.#said.includes('ready to serve'); ms += 10) {
      if (child?.exitCode !== null || ms > 120_000) throw new Error(`it does not start: ${this.#said}`);
      await Promise.race([ended, sleep(10)]);
    }
  }

  async kill(): Promise<void> {
    const child = this.#running.pop();
    if (child === undefined) return;
    if (child.exitCode !== null) throw new Error(`a member ended by itself: ${this.#said}`);
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  }
}

async function makeMembers(directory: string): Promise<readonly Member[]> {
  const ports = await freePorts(2 * memberCount);
  const peerPorts = ports.slice(memberCount);
  const urlOf = (port: number): string => `http://127.0.0.1:${port}`;
  const cluster = new Map(peerPorts.map((port, i) => [`m${i}`, [urlOf(port)]]));
  return ports.slice(0, memberCount).map((port, i) => {
    const host = '127.0.0.1';
    const peerPort = peerPorts[i] ?? 0;
    const initial = { members: cluster, state: 'new', token: 'kill-rounds' } as const;
    const peers = { listen: { host, port: peerPort }, advertise: [urlOf(peerPort)], initial };
    const alone = { directory: path.join(directory, `m${i}`), name: `m${i}`, listen: [{ host, port }], advertise: [urlOf(port)] };
    return new Member(urlOf(port), memberCount === 1 ? alone : { ...alone, peers });
  });
}

/** What clients asked for and were told since a directory was empty. */
class Series {
  readonly operations: ClientOperation[] = [];
  readonly history: RevisionHistory;
  readonly #client: EtcdClient;
  /** Answered since somebody asked last. */
  answered = 0;
  #moment = 0;
  #values = 0;
  #isOver = false;
  unknown = 0;
  failure: unknown;

  constructor(client: EtcdClient) {
    this.#client = client;
    this.history = new RevisionHistory({ now: () => ++this.#moment });
  }

  follow(): { readonly told: number } {
    return this.#client.watch(
      { key: '\0', end: '\0' },
      { from: 2, previous: true },
      {
        changes: (batch) => {
          try {
            for (const [revision, changes] of byRevision(batch)) this.history.show(0, revision, changes, false);
          } catch (error) {
            this.failure ??= error;
          }
        },
        ended: (error) => (this.failure ??= error),
      },
    );
  }

  stop(): void {
    this.#isOver = true;
  }

  /** Asks for one thing after the other until `isOver`. */
  async write(name: string, client: EtcdClient, isOver: () => boolean): Promise<void> {
    while (!isOver() && !this.#isOver) {
      const request = this.#request();
      const operation: ClientOperation = { client: name, calledAt: ++this.#moment, request, returned: undefined };
      const isRead = request.kind === 'get' || request.kind === 'list';
      this.operations.push(operation);
      try {
        const output = isRead ? await read(client, request) : written(await client.txn(txnOf(request)));
        operation.returned = { at: ++this.#moment, output };
        this.answered++;
      } catch (error) {
        const wasNotDone = isRead || isRefusal(error) || (error instanceof CallLostError && !error.sent);
        if (wasNotDone) this.operations.splice(this.operations.lastIndexOf(operation), 1);
        else this.unknown++;
        await sleep(20);
      }
    }
  }

  #request(): ClientRequest {
    const key = keys[random.below(keys.length)] ?? 'a';
    const value = `${++this.#values}${'v'.repeat(random.below(1500))}`;
    switch (random.below(8)) {
      case 0:
        return { kind: 'delete', key };
      case 1:
        return { kind: 'get', key };
      case 2:
        return { kind: 'list' };
      case 3: {
        const expected = this.history.content(this.history.newest)?.get(key)?.modRevision ?? 0;
        return { kind: 'swap', key, expected, value };
      }
      default:
        return { kind: 'put', keys: [key], value, lease: 0n };
    }
  }
}

async function read(client: EtcdClient, request: ClientRequest): Promise<ClientResponse> {
  const { revision, kvs } = await client.range(request.kind === 'get' ? { key: request.key } : { key: '\0', end: '\0' });
  return { revision, hasWritten: false, read: readTextOf(kvs) };
}

function written({ revision, succeeded, results }: TxnAnswer): ClientResponse {
  const [first] = results;
  if (!succeeded && first?.op === 'range') return { revision, hasWritten: false, read: readTextOf(first.kvs) };
  return { revision, hasWritten: first?.op === 'put' || (first?.op === 'delete' && first.deleted > 0), read: undefined };
}

interface Totals {
  readonly members: number;
  rounds: number;
  kills: number;
  operations: number;
  unknown: number;
  revisions: number;
}

/** What earlier runs have shown. */
function readTotals(): Totals {
  const none = { members: memberCount, rounds: 0, kills: 0, operations: 0, unknown: 0, revisions: 0 };
  if (totalsFile === undefined || !existsSync(totalsFile)) return none;
  // Only this program writes it.
  const found = JSON.parse(readFileSync(totalsFile, 'utf8')) as Totals;
  if (found.members !== memberCount) throw new Error(`${totalsFile} is of ${found.members} members`);
  return found;
}

const total = readTotals();

/** What the members have come to, once they answer again: the client takes its time to find them. */
async function lastRevision(client: EtcdClient): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    try {
      return (await client.range({ key: '\0', end: '\0', countOnly: true })).revision;
    } catch (error) {
      if (attempt === 10) throw error;
    }
  }
}

/** Rounds over one directory for each member, which is empty at first. Throws what was not as it must be. */
async function runSeries(count: number, of: Process): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'kill-rounds-'));
  const members = await makeMembers(directory);
  const client = new EtcdClient({ process: of, connector: http2Connector(of), endpoints: members.map(({ url }) => url), timeoutMs: 5000 });
  const series = new Series(client);
  let kills = 0;
  try {
    for (const member of members) member.start();
    await Promise.all(members.map((member) => member.ready()));
    const watch = series.follow();
    for (let round = 0; round < count; round++) {
      // Clients of their own: those that lost their server would wait before they look for it again.
      const own = new EtcdClient({ process: of, connector: http2Connector(of), endpoints: members.map(({ url }) => url), timeoutMs: 2000 });
      let isOver = false;
      const work = Array.from({ length: writers }, (_, i) => series.write(`${round} ${i}`, own, () => isOver));
      series.answered = 0;
      for (let ms = 0; series.answered < writers && ms < 20_000; ms += 5) await sleep(5);
      await sleep(random.below(60));
      const everybody = memberCount === 1 || random.below(10) === 0;
      const one = random.below(memberCount);
      const chosen = everybody ? members : members.filter((_, i) => i === one);
      await Promise.all(chosen.map((member) => member.kill()));
      kills += chosen.length;
      isOver = true;
      for (const member of chosen) member.start();
      await Promise.all(chosen.map((member) => member.ready()));
      own.close();
      await Promise.all(work);
      if (series.failure !== undefined) throw series.failure;
    }
    const revision = await lastRevision(client);
    for (let i = 0; i < 600 && watch.told < revision; i++) {
      client.requestProgress();
      await sleep(50);
    }
    if (series.failure !== undefined) throw series.failure;
    if (watch.told < revision) throw new Error(`the watch was told of ${watch.told} of ${revision} revisions`);
    checkHistory(series.operations, series.history);
    total.rounds += count;
    total.kills += kills;
    total.operations += series.operations.length;
    total.unknown += series.unknown;
    total.revisions += revision;
  } finally {
    series.stop();
    client.close();
    for (const member of members) await member.kill().catch(() => undefined); // it may be the one that ended
  }
  rmSync(directory, { recursive: true }); // after a failure it is there to be looked at
}

const source = path.join(import.meta.dirname, 'kill-rounds-member.ts');
const bundling = JSON.stringify({
  input: source,
  platform: 'node',
  resolve: { conditionNames: ['coracle-source', 'node', 'import', 'default'] },
  output: { file: program, format: 'esm', codeSplitting: false },
  logLevel: 'warn',
});
// The bundler belongs to the repository, not to this package.
const script = `import { build } from 'rolldown'; await build(${bundling});`;
const bundled = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8', cwd: root });
if (bundled.status !== 0) throw new Error(`Cannot make one file of a member: ${bundled.stderr}`);
const runtime = new LiveRuntime({ onFailure: ({ error }) => process.stdout.write(`${String(error)}\n`) });
while (total.rounds < rounds) {
  const of = runtime.process('writers');
  await runSeries(Math.min(roundsOfOne, rounds - total.rounds), of);
  await of.stop();
  const text = `${JSON.stringify(total)}\n`;
  process.stdout.write(text);
  if (totalsFile !== undefined) writeFileSync(totalsFile, text);
}
rmSync(path.dirname(program), { recursive: true });
