import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { readYamlDocuments } from '@coracle/apimachinery';
import { clientConfigFromKubeconfig, Clientset, httpTransport } from '@coracle/client';
import { LiveRuntime } from '@coracle/kernel';
import { CoracleProcess } from './coracle-process.ts';

const rounds = 20;
const writers = 16;

interface Acknowledged {
  readonly revision: number;
  readonly value: string;
}

/** A small generator: the printed seed gives the same delays and values again. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

async function withClient<T>(directory: string, use: (clientset: Clientset) => Promise<T>): Promise<T> {
  const [kubeconfig] = readYamlDocuments(readFileSync(path.join(directory, 'kubeconfig'), 'utf8'));
  await using process = new LiveRuntime().process('writer');
  await using transport = httpTransport({ process, config: clientConfigFromKubeconfig(kubeconfig) });
  return await use(new Clientset({ process, transport }));
}

/** Writes its own key until the server is gone: creates it, or updates what it wrote last. Resolves with what was acknowledged. */
async function write(
  clientset: Clientset,
  name: string,
  value: (count: number) => string,
  onAcknowledged: () => void,
): Promise<readonly Acknowledged[]> {
  const maps = clientset.coreV1.configMaps('default');
  const acknowledged: Acknowledged[] = [];
  for (let isThere = false; ; ) {
    // Counted, because an update that changes nothing is no write: it would have the revision of the one before.
    const text = value(acknowledged.length);
    try {
      const object = isThere
        ? await maps.patch(name, 'merge', { data: { text } })
        : await maps.create({ metadata: { name }, data: { text } } as never); // the client fills in the kind
      isThere = true;
      acknowledged.push({ revision: Number(object.metadata.resourceVersion), value: text });
      onAcknowledged();
    } catch {
      return acknowledged; // killed: what this write became is unknown, and nothing is claimed for it
    }
  }
}

test('after kill -9 under load every acknowledged write is read back, and no acknowledged revision is used again', async (t) => {
  const seed = randomInt(2 ** 31);
  t.diagnostic(`seed ${seed}`);
  const chance = generator(seed);
  const folder = mkdtempSync(path.join(tmpdir(), 'coracle-kill-'));
  const directory = path.join(folder, 'cluster');
  const last = new Map<string, Acknowledged>();
  const revisions = new Set<number>();
  let running = await CoracleProcess.up(directory, '--nodes', '0');
  try {
    for (let round = 0; round < rounds; round++) {
      const floor = Math.max(0, ...revisions);
      const results = await withClient(directory, async (clientset) => {
        // Not after a time: a slow machine would have acknowledged little by then.
        let left = writers + 1 + chance(4 * writers);
        const enough = Promise.withResolvers<void>();
        const count = (): void => void (--left === 0 && enough.resolve());
        const work = Array.from({ length: writers }, (_, writer) =>
          write(clientset, `r${round}-w${writer}`, (at) => `${seed} ${round} ${writer} ${at} ${'x'.repeat(chance(2_000))}`, count),
        );
        await Promise.race([enough.promise, Promise.all(work)]); // the latter: the server went by itself, which the next lines tell
        const [ended] = await Promise.all([running.kill('SIGKILL'), ...work]);
        assert.equal(ended.signal, 'SIGKILL');
        return await Promise.all(work);
      });
      for (const [writer, acknowledged] of results.entries()) {
        for (const write of acknowledged) {
          assert.ok(!revisions.has(write.revision), `revision ${write.revision} was acknowledged twice`);
          assert.ok(write.revision > floor, `revision ${write.revision} was acknowledged after ${floor}`);
          revisions.add(write.revision);
          last.set(`r${round}-w${writer}`, write);
        }
      }
      running = await CoracleProcess.up(directory, '--nodes', '0');
      const { items } = await withClient(directory, (clientset) => clientset.coreV1.configMaps('default').list());
      const found = new Map(
        items.map(({ metadata, data }) => [metadata?.name ?? '', { revision: Number(metadata?.resourceVersion), value: data?.['text'] }]),
      );
      for (const [name, write] of last) {
        const now = found.get(name);
        assert.ok(now !== undefined, `${name}, acknowledged at revision ${write.revision}, is lost`);
        // One more write may have been done without its answer having arrived.
        if (now.revision === write.revision) assert.equal(now.value, write.value, name);
        else
          assert.ok(
            now.revision > write.revision && !revisions.has(now.revision),
            `${name} is at ${now.revision}, acknowledged at ${write.revision}`,
          );
      }
    }
    t.diagnostic(`${revisions.size} acknowledged writes in ${rounds} rounds of ${writers} writers`);
    assert.ok(revisions.size > rounds * writers);
  } finally {
    await running.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
});

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  test(`after ${signal}, twice, port, lock and pid are gone and it ends with 0`, async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'coracle-stop-'));
    const directory = path.join(folder, 'cluster');
    try {
      const running = await CoracleProcess.up(directory);
      const port = Number(/127\.0\.0\.1:(\d+)/.exec(await running.says(/127/))?.[1]);
      running.child.kill(signal);
      const { code, err } = await running.kill(signal);
      assert.deepEqual([code, err], [0, '']);
      for (const file of ['pid', 'store/LOCK']) assert.ok(!existsSync(path.join(directory, file)), file);
      const refused = await new Promise((resolve) =>
        connect(port, '127.0.0.1')
          .once('connect', () => resolve('connected'))
          .once('error', (error: NodeJS.ErrnoException) => resolve(error.code)),
      );
      assert.equal(refused, 'ECONNREFUSED');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
