// The suite of faults of tools/cache/informer-faults.test.ts over real sockets, for our informer and for that of @kubernetes/client-node:
//   node --conditions=coracle-source packages/client/tools/compare-faults.ts [seeds]
// client-node is installed into a temporary folder from the registry that npm knows; some minutes of waiting, little CPU.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { ConfigMap } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { LiveRuntime } from '@coracle/kernel';
import { seededRandom } from '@coracle/simulator';
import { TestApiServer } from '../src/contract/api-server.fixture.ts';
import {
  Clientset,
  DeletedFinalStateUnknown,
  deletionKey,
  httpTransport,
  metaNamespaceKey,
  resources,
  SharedInformerFactory,
} from '../src/index.ts';
import { FaultGateway } from '../src/tools/cache/fixtures/fault-gateway.ts';
import { type Fault, FaultServer, faults } from '../src/tools/cache/fixtures/fault-server.ts';
import { InformerJudge } from '../src/tools/cache/fixtures/informer-judge.ts';

const clients = ['ours', 'client-node', 'client-node, started again after each error'] as const;
type Client = (typeof clients)[number];

/** What an informer has to do with the outside. */
interface Informer {
  /** Versions by key of what it holds now. */
  held(): ReadonlyMap<string, string>;
  stop(): Promise<void>;
}

/** Faults go on for so many changes, one each `stepMs`. */
const steps = 40;
const stepMs = 30;
/** Twice the longest pause: a back-off of 30 s with its jitter, as of client-go. */
const convergesWithinMs = 120_000;

interface Outcome {
  readonly row: string;
  readonly seed: number;
  readonly convergedMs: number | undefined;
  readonly findings: readonly string[];
  readonly requests: number;
}

function identity(object: Frozen<ConfigMap>): readonly [string, string] {
  return [metaNamespaceKey(object), object.metadata.resourceVersion ?? ''];
}

function ourInformer(url: string, judge: InformerJudge): Informer {
  const process = new LiveRuntime().process('informer');
  const transport = httpTransport({ process, config: { server: url } });
  const factory = new SharedInformerFactory(new Clientset({ process, transport }), { namespace: 'default' });
  const informer = factory.forResource(resources.core.v1.configMaps);
  informer.addEventHandler({
    onAdd: (map) => judge.add(...identity(map)),
    onUpdate: (old, map) => judge.update(...identity(map), identity(old)[1]),
    onDelete: (map) => {
      const version = map instanceof DeletedFinalStateUnknown ? undefined : ((map as Frozen<ConfigMap>).metadata.resourceVersion ?? '');
      judge.delete(deletionKey<ConfigMap>(map), version);
    },
  });
  factory.start();
  return {
    held: () => new Map(informer.indexer.list().map(identity)),
    async stop() {
      await factory.shutdown();
      await transport.close();
      await process.stop();
    },
  };
}

/** As much of client-node as is used here. */
interface ClientNode {
  readonly KubeConfig: new () => {
    loadFromOptions(options: object): void;
    makeApiClient(api: unknown): { listNamespacedConfigMap(of: object): Promise<unknown> };
  };
  readonly CoreV1Api: unknown;
  makeInformer(
    config: object,
    path: string,
    list: () => Promise<unknown>,
  ): {
    on(verb: string, told: (object: Frozen<ConfigMap>) => void): void;
    start(): Promise<void>;
    stop(): Promise<void>;
    list(namespace?: string): readonly Frozen<ConfigMap>[];
  };
}

function clientNodeInformer(library: ClientNode, url: string, judge: InformerJudge, startsAgain: boolean): Informer {
  const config = new library.KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'c', server: url, skipTLSVerify: true }],
    users: [{ name: 'u' }],
    contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
    currentContext: 'x',
  });
  const api = config.makeApiClient(library.CoreV1Api);
  const list = (): Promise<unknown> => api.listNamespacedConfigMap({ namespace: 'default' });
  const informer = library.makeInformer(config, '/api/v1/namespaces/default/configmaps', list);
  let isStopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  // As its README does; what `start` rejects with comes as an event, too.
  const start = (): void => void informer.start().catch(() => undefined);
  informer.on('add', (map) => judge.add(...identity(map)));
  informer.on('update', (map) => judge.update(...identity(map)));
  informer.on('delete', (map) => judge.delete(...identity(map)));
  informer.on('error', () => {
    if (isStopped || !startsAgain) return;
    clearTimeout(timer);
    timer = setTimeout(start, 1_000);
  });
  start();
  return {
    held: () => new Map(informer.list().map(identity)),
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await informer.stop();
    },
  };
}

async function run(
  start: (url: string, judge: InformerJudge) => Informer,
  row: string,
  allowed: readonly Fault[],
  seed: number,
): Promise<Outcome> {
  const runtime = new LiveRuntime();
  const server = new TestApiServer(runtime);
  const process = runtime.process('admin');
  const maps = new Clientset({ process, transport: server.connect(process) }).coreV1.configMaps('default');
  await new Clientset({ process, transport: server.connect(process) }).coreV1.namespaces().create({ metadata: { name: 'default' } });
  const history = new Map<string, string[]>();
  const script = seededRandom(seed);
  const watching = process.spawn('history', async (signal) => {
    for await (const frames of await maps.watch({}, { signal })) {
      for (const { object } of frames) {
        const [key, version] = identity(object as Frozen<ConfigMap>); // the watch is of nothing else
        history.set(key, [...(history.get(key) ?? []), version]);
      }
    }
  });
  void watching;
  const faulty = new FaultServer(server.connect(process), process, script.fork('faults'), allowed, faults.length / allowed.length);
  const gateway = await FaultGateway.listen(faulty, process);
  const judge = new InformerJudge(() => faulty.lists);
  const informer = start(gateway.url, judge);
  const ignoreRefusal = (): undefined => undefined; // made already, or gone already: either is as good here
  for (let i = 0; i < steps; i++) {
    const name = 'abcde'[script.below(5)] ?? 'a';
    const action = script.below(20);
    if (action < 5) await maps.delete(name).catch(ignoreRefusal);
    else if (action < 8) await server.compact();
    else
      await maps
        .create({ metadata: { name } })
        .catch(() => maps.patch(name, 'merge', { data: { i: String(i) } }))
        .catch(ignoreRefusal);
    await process.clock.sleep(stepMs);
  }
  faulty.isOver = true;
  const overMs = process.clock.monotonic();
  // Who is still there hears of it.
  await maps.create({ metadata: { name: 'last' } });
  const expected = new Map((await maps.list()).items.map(identity));
  const isEqual = (held: ReadonlyMap<string, string>): boolean =>
    held.size === expected.size && [...expected].every(([key, version]) => held.get(key) === version);
  let convergedMs: number | undefined;
  while (convergedMs === undefined && process.clock.monotonic() - overMs < convergesWithinMs) {
    await process.clock.sleep(50);
    if (isEqual(informer.held()) && isEqual(judge.known)) convergedMs = process.clock.monotonic() - overMs;
  }
  judge.checkNothingMissed(history);
  const findings = [...new Set(judge.findings.map(({ charge }) => charge))];
  await informer.stop().catch(() => undefined); // how it stops is not what is compared
  await gateway.close();
  await process.stop();
  await server.process.stop();
  return { row, seed, convergedMs, findings, requests: gateway.requests };
}

/** All rows of one client, at the same time: they wait, mostly. Prints each outcome as a line of JSON. */
async function runAll(client: Client, library: string | undefined, seeds: number): Promise<void> {
  let unhandled = 0;
  globalThis.process.on('unhandledRejection', () => unhandled++);
  const clientNode = library === undefined ? undefined : ((await import(library)) as ClientNode);
  const start = (url: string, judge: InformerJudge): Informer =>
    clientNode === undefined ? ourInformer(url, judge) : clientNodeInformer(clientNode, url, judge, client !== 'client-node');
  const rows: readonly (readonly [string, readonly Fault[]])[] = [
    ...faults.map((fault): readonly [string, readonly Fault[]] => [fault, [fault, 'short-watch']]),
    ['all at once', faults],
  ];
  const runs = rows.flatMap(([row, allowed]) => Array.from({ length: seeds }, (_, i) => run(start, row, allowed, i + 1)));
  for (const outcome of await Promise.all(runs)) console.log(JSON.stringify(outcome));
  console.log(JSON.stringify({ unhandled }));
  globalThis.process.exit();
}

async function outcomesOf(
  client: Client,
  library: string,
  seeds: number,
): Promise<{ readonly outcomes: readonly Outcome[]; readonly unhandled: number }> {
  const args = [...globalThis.process.execArgv, import.meta.filename, String(seeds), `--client=${client}`];
  const child = spawn(globalThis.process.execPath, client === 'ours' ? args : [...args, `--library=${library}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`"${client}" ended with ${code}`);
  const lines = Buffer.concat(parts)
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Outcome & { unhandled?: number });
  return { outcomes: lines.slice(0, -1), unhandled: lines.at(-1)?.unhandled ?? 0 };
}

function cell(outcomes: readonly Outcome[]): string {
  const converged = outcomes.flatMap(({ convergedMs }) => convergedMs ?? []);
  const slowest = (Math.max(0, ...converged) / 1000).toFixed(1);
  const charges = [...new Set(outcomes.flatMap(({ findings }) => findings))];
  const wrong = charges.map((charge) => `${charge}: ${outcomes.filter(({ findings }) => findings.includes(charge)).length}`);
  const recovered = converged.length === 0 ? `**0 of ${outcomes.length}**` : `${converged.length} of ${outcomes.length}, ≤ ${slowest} s`;
  return [recovered, ...wrong].join('; ');
}

async function compare(seeds: number): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'client-node-'));
  try {
    writeFileSync(path.join(folder, 'package.json'), '{"private":true}');
    const { status, stderr } = spawnSync('npm', ['install', '--no-audit', '--no-fund', '@kubernetes/client-node@2.0.1'], {
      cwd: folder,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`npm could not install client-node: ${stderr}`);
    const manifest = JSON.parse(readFileSync(path.join(folder, 'node_modules/@kubernetes/client-node/package.json'), 'utf8')) as {
      version: string;
    };
    const library = pathToFileURL(path.join(folder, 'node_modules/@kubernetes/client-node/dist/index.js')).href;
    const results = new Map<Client, Awaited<ReturnType<typeof outcomesOf>>>();
    for (const client of clients) results.set(client, await outcomesOf(client, library, seeds));
    console.log(
      `client-node ${manifest.version}, ${seeds} seeds for each row\n\n| Fault | ${clients.join(' | ')} |\n|---${'|---'.repeat(clients.length)}|`,
    );
    for (const row of [...faults, 'all at once'])
      console.log(
        `| ${row} | ${[...results.values()].map(({ outcomes }) => cell(outcomes.filter((each) => each.row === row))).join(' | ')} |`,
      );
    console.log(`| unhandled rejections | ${[...results.values()].map(({ unhandled }) => unhandled).join(' | ')} |`);
    const requests = [...results.values()].map(({ outcomes }) => outcomes.reduce((sum, each) => sum + each.requests, 0));
    console.log(`| requests | ${requests.join(' | ')} |`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { client: { type: 'string' }, library: { type: 'string' } } });
const seeds = Number(positionals[0] ?? '10');
const client = clients.find((each) => each === values.client);
if (client === undefined) await compare(seeds);
else await runAll(client, values.library, seeds);
