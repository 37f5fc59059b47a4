/**
 * `npm run bench:toolkit`: what the toolkit costs beside Go's client-go and @kubernetes/client-node, in one run against one server,
 *   -- [--pods=10000] [--events=20000] [--rounds=3] [--no-peers] [--go=PROGRAM] [--client-node=FOLDER]
 * and beside the floor: a reader of the same pods in JSON that does nothing with them, and one that calls JSON.parse.
 * Peers are fetched by npm and by `go` into temporary folders, and built; one that cannot be is left out, which is said.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from '../benchmark.ts';

type Figures = Readonly<Record<string, number>>;

/** Where the pod server listens: HTTP/1.1, and HTTP/2 in TLS. */
interface Address {
  readonly http: string;
  readonly https: string;
}

const { values } = parseArgs({
  options: {
    pods: { type: 'string', default: '10000' },
    events: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '3' },
    /** Ours and the floors only: nothing is fetched. */
    'no-peers': { type: 'boolean', default: false },
    /** Built before, which takes minutes where nothing of client-go is compiled yet. */
    go: { type: 'string' },
    /** A folder where client-node is installed. */
    'client-node': { type: 'string' },
  },
});
const { pods, events } = values;
const node = (file: string): readonly string[] => [
  process.execPath,
  '--conditions=coracle-source',
  '--expose-gc',
  path.join(import.meta.dirname, file),
];

/** The last line of what it prints, which is JSON. */
async function figuresOf([program = '', ...args]: readonly string[]): Promise<Figures> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`"${program} ${args.join(' ')}" ended with ${code}`);
  return JSON.parse(Buffer.concat(parts).toString().trim().split('\n').at(-1) ?? '') as Figures;
}

function run(program: string, args: readonly string[], cwd: string): boolean {
  const { status, stderr, error } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, GOFLAGS: '-mod=mod -buildvcs=false' },
  });
  if (status === 0) return true;
  console.error(`left out: "${program} ${args.join(' ')}" ended with ${status ?? error?.message}`);
  if (stderr) console.error(stderr);
  return false;
}

/** The program, or undefined when it cannot be built. */
function builtClientGo(folder: string): string | undefined {
  cpSync(path.join(import.meta.dirname, 'client-go.go'), path.join(folder, 'main.go'));
  writeFileSync(
    path.join(folder, 'go.mod'),
    'module peer\n\ngo 1.26.0\n\nrequire (\n\tk8s.io/api v0.37.2\n\tk8s.io/apimachinery v0.37.2\n\tk8s.io/client-go v0.37.2\n)\n',
  );
  return run('go', ['build', '-o', 'peer', '.'], folder) ? path.join(folder, 'peer') : undefined;
}

/** Where the library was installed, or undefined when it cannot be. */
function installedClientNode(folder: string): string | undefined {
  writeFileSync(path.join(folder, 'package.json'), '{"private":true}');
  return run('npm', ['install', '--no-audit', '--no-fund', '@kubernetes/client-node@2.0.1'], folder) ? folder : undefined;
}

async function measure(goFolder: string, nodeFolder: string): Promise<void> {
  const isFetching = !values['no-peers'];
  const go = values.go ?? (isFetching ? builtClientGo(goFolder) : undefined);
  const clientNode = values['client-node'] ?? (isFetching ? installedClientNode(nodeFolder) : undefined);
  const ours = ({ http, https }: Address, secure: boolean, ...how: string[]): readonly string[] => [
    ...node('ours.ts'),
    secure ? https : http,
    http,
    pods,
    events,
    ...how,
  ];
  const bare = ({ http, https }: Address, secure: boolean, how: string): readonly string[] => [
    ...node('bare-watch.ts'),
    secure ? https : http,
    http,
    events,
    how,
  ];
  const peers = new Map<string, (at: Address) => readonly string[]>([
    ['bare, split', (at) => bare(at, false, 'split')],
    ['bare, parse', (at) => bare(at, false, 'parse')],
    ['ours', (at) => ours(at, false)],
    ['ours, spec and status read', (at) => ours(at, false, 'read')],
    ['ours, with managedFields', (at) => ours(at, false, 'whole')],
    ['JSON: ours', (at) => ours(at, false)],
    ['JSON: ours, spec and status read', (at) => ours(at, false, 'read')],
    ['TLS: bare, split', (at) => bare(at, true, 'split')],
    ['TLS: bare, parse', (at) => bare(at, true, 'parse')],
    ['TLS: ours', (at) => ours(at, true)],
    ['TLS: ours, spec and status read', (at) => ours(at, true, 'read')],
    ['ours, in process', () => node('queue.ts')],
  ]);
  if (go !== undefined) {
    peers.set('client-go', ({ http }) => [go, http, pods, events]);
    peers.set('JSON: client-go', ({ http }) => [go, http, pods, events]);
  }
  if (clientNode !== undefined) {
    const library = pathToFileURL(path.join(clientNode, 'node_modules/@kubernetes/client-node/dist/index.js')).href;
    peers.set('client-node', ({ http }) => [...node('client-node.ts'), http, http, pods, events, library]);
  }
  const results = new Map<string, Figures[]>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, command] of peers) {
      // Like a server of Kubernetes: in protobuf for who asks for it, as clients of Go and ours do, unless a server has no more than JSON.
      const forms = name.startsWith('JSON') ? [] : ['protobuf'];
      const program = path.join(import.meta.dirname, 'pod-server.ts');
      const server = spawn(process.execPath, ['--conditions=coracle-source', program, pods, ...forms], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        const [line] = (await once(server.stdout, 'data')) as [Buffer];
        const figures = await figuresOf(command(JSON.parse(String(line)) as Address));
        console.error(`round ${round}, ${name}: ${JSON.stringify(figures)}`);
        results.set(name, [...(results.get(name) ?? []), figures]);
      } finally {
        server.kill();
        await once(server, 'exit');
      }
    }
  }
  for (const [name, rounds] of results) {
    const names = Object.keys(rounds[0] ?? {});
    const figures = Object.fromEntries(names.map((of) => [of, Number(median(rounds.map((round) => round[of] ?? 0)).toPrecision(3))]));
    console.log(
      JSON.stringify({ who: name, pods: Number(pods), rounds: rounds.length, loadavg: Number((loadavg()[0] ?? 0).toFixed(1)), ...figures }),
    );
  }
}

const folders = [mkdtempSync(path.join(tmpdir(), 'client-go-')), mkdtempSync(path.join(tmpdir(), 'client-node-'))] as const;
try {
  await measure(...folders);
} finally {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
