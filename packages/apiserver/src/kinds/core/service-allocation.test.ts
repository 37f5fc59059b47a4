import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { builtInTypes, type Service } from '@coracle/api';
import { StatusError } from '@coracle/apimachinery';
import { MemoryStore } from '@coracle/etcd';
import type { Process, Random } from '@coracle/kernel';
import { seededRandom, SimRuntime, uniform } from '@coracle/simulator';
import { admissionChain } from '../../admission/admission.ts';
import { builtInDefinitions } from '../../registry/built-in.ts';
import type { RequestContext } from '../../registry/definition.ts';
import { GenericRegistry } from '../../registry/generic-registry.ts';
import { EmbeddedStorage } from '../../storage/embedded.ts';
import { steppedStorage } from '../../storage/stepped.ts';
import type { Storage } from '../../storage/storage.ts';
import { services } from './services.ts';

/** Services that requests fight over; fewer than requests, so that names, addresses and ports collide. */
const names = ['bowl', 'cup', 'dish', 'ewer', 'flask'];
/** What clients ask for by number. */
const wantedIps = ['10.0.0.201', '10.0.0.202'];
const wantedPorts = [30_100, 30_101];
const requests = 40;
const seeds = Array.from({ length: 25 }, (_, i) => i + 1);

const definition =
  builtInDefinitions({
    table: builtInTypes,
    hooks: { '/services': services },
    cells: {},
    strategicMerge: () => () => assert.fail('nothing is patched'),
  }).find(({ group, resource }) => group === '' && resource === 'services') ?? assert.fail('Services are built in');
const registry = new GenericRegistry(definition, admissionChain([]));

describe('allocations of Services, with requests that interleave at every operation of the store', () => {
  for (const seed of seeds) {
    test(`seed ${seed}: nothing is given twice, and what no Service has is free`, async () => {
      const store = new MemoryStore();
      await load(seed, new EmbeddedStorage(store));
      const state = await stateOf(new EmbeddedStorage(store));
      assert.deepEqual(doublesOf(state), []);
      assert.deepEqual(state.heldIps.toSorted(), state.ips.toSorted());
      assert.deepEqual(state.heldPorts.toSorted(), state.ports.toSorted());
    });

    test(`seed ${seed}: a server that dies at any operation leaves nothing that is given twice by the next one`, async () => {
      const store = new MemoryStore();
      await load(seed, dyingAfter(new EmbeddedStorage(store), seed * 7));
      await load(seed + 1_000, new EmbeddedStorage(store));
      const state = await stateOf(new EmbeddedStorage(store));
      assert.deepEqual(doublesOf(state), []);
      for (const ip of state.ips) assert.ok(state.heldIps.includes(ip), `${ip} is not held`);
      for (const port of state.ports) assert.ok(state.heldPorts.includes(port), `${port} is not held`);
    });
  }

  test('a store that forgets to compare is found', async () => {
    const found: number[] = [];
    for (const seed of seeds) {
      const store = new MemoryStore();
      await load(seed, forgetfulOfRanges(new EmbeddedStorage(store)));
      const state = await stateOf(new EmbeddedStorage(store));
      if (doublesOf(state).length > 0 || state.ports.some((port) => !state.heldPorts.includes(port))) found.push(seed);
    }
    assert.ok(found.length > 0);
  });
});

/** Creates, updates and deletes at once. Refusals are part of the game. */
async function load(seed: number, storage: Storage): Promise<void> {
  const runtime = new SimRuntime({ seed, strategy: uniform() });
  const process = runtime.process('kube-apiserver');
  const random = seededRandom(seed);
  const work = Array.from({ length: requests }, async (_, i) => {
    try {
      await request(contextOf(process, steppedStorage(storage, process, `request/${i}`)), random);
    } catch (error) {
      if (!(error instanceof StatusError) && !(error instanceof ServerDied)) throw error;
    }
  });
  await runtime.drive(Promise.all(work));
}

async function request(context: RequestContext, random: Random): Promise<void> {
  const name = pick(random, names);
  const kind = random.below(5);
  if (kind === 0) {
    await registry.delete(context, name, {});
    return;
  }
  const nodePort = random.below(3) === 0 ? { nodePort: pick(random, wantedPorts) } : {};
  const clusterIP = random.below(3) === 0 ? { clusterIP: pick(random, wantedIps) } : {};
  const type = pick(random, ['ClusterIP', 'NodePort', 'LoadBalancer', 'NodePort']);
  const ports = [{ port: 80, ...(type === 'ClusterIP' ? {} : nodePort) }];
  const spec = { type, ports, ...(kind < 3 ? clusterIP : {}) };
  const sent = definition.decode({ metadata: { name, namespace: 'default' }, spec }).object;
  if (kind < 3) await registry.create(context, sent);
  else await registry.replace(context, name, sent);
}

function contextOf(process: Process, storage: Storage): RequestContext {
  return {
    user: { name: 'admin', groups: [] },
    namespace: 'default',
    dryRun: false,
    clock: process.clock,
    random: process.random,
    storage,
    userAgent: 'test',
    warn: () => undefined,
  };
}

function pick<T>(random: Random, of: readonly T[]): T {
  return of[random.below(of.length)] ?? assert.fail('nothing to pick from');
}

interface State {
  readonly ips: readonly string[];
  readonly ports: readonly number[];
  readonly heldIps: readonly string[];
  readonly heldPorts: readonly number[];
}

async function stateOf(storage: Storage): Promise<State> {
  const { items } = await storage.list('/registry/services/specs/');
  const specs = items.map(({ object }) => (object as unknown as Service).spec); // stored under the prefix of Services
  const addresses = await storage.list('/registry/ipaddresses/');
  const ranges = (await storage.get('/registry/ranges/servicenodeports')).stored?.object['data'];
  return {
    ips: specs.flatMap(({ clusterIPs = [] }) => clusterIPs),
    ports: specs.flatMap(({ ports = [] }) => ports.flatMap(({ nodePort = 0 }) => (nodePort === 0 ? [] : [nodePort]))),
    heldIps: addresses.items.map(({ object }) => object.metadata.name ?? ''),
    heldPorts: portsOf(typeof ranges === 'string' ? ranges : ''),
  };
}

/** The bitmap of a RangeAllocation, read in another way than the allocator does. */
function portsOf(data: string): readonly number[] {
  const hex = Buffer.from(data, 'base64').toString('hex');
  const bits = hex === '' ? '' : BigInt(`0x${hex}`).toString(2);
  return Array.from(bits)
    .reverse()
    .flatMap((bit, i) => (bit === '1' ? [30_000 + i] : []));
}

function doublesOf({ ips, ports }: State): readonly (string | number)[] {
  return [...ips.filter((ip, i) => ips.indexOf(ip) < i), ...ports.filter((port, i) => ports.indexOf(port) < i)];
}

class ServerDied extends Error {}

/** Nothing is done any more after so many commits: neither what a request was about to do, nor what it would undo. */
function dyingAfter(storage: Storage, commits: number): Storage {
  let left = commits;
  const alive = <T>(run: () => Promise<T>): Promise<T> => (left > 0 ? run() : Promise.reject(new ServerDied('The server died')));
  return {
    get: (key, options) => alive(() => storage.get(key, options)),
    list: (prefix, options) => alive(() => storage.list(prefix, options)),
    commit: (change) =>
      alive(() => {
        left--;
        return storage.commit(change);
      }),
    watch: (prefix, after, sink) => storage.watch(prefix, after, sink),
    currentRevision: () => storage.currentRevision(),
    progress: () => storage.progress(),
    compact: (revision) => storage.compact(revision),
  };
}

/** Writes the ranges of ports whatever became of them since they were read. */
function forgetfulOfRanges(storage: Storage): Storage {
  return {
    ...dyingAfter(storage, Number.POSITIVE_INFINITY),
    commit: async (change) => {
      if (!change.key.startsWith('/registry/ranges/')) return storage.commit(change);
      const { stored } = await storage.get(change.key);
      return storage.commit({ ...change, expect: stored?.revision ?? 'absent' });
    },
  };
}
