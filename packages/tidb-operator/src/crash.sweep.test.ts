import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SimProcess } from '@coracle/simulator';
import { isReady } from './explain.ts';
import { smallSpec, TidbWorld } from './fixtures/tidb-world.ts';
import { TidbOperator } from './operator.ts';
import { operatorNamespace, operatorServiceAccount } from './rbac.ts';

const user = {
  name: `system:serviceaccount:${operatorNamespace}:${operatorServiceAccount}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${operatorNamespace}`],
};

/** An operator that dies of its own write `dieAt`: the server carries it out, nobody hears the answer. Undefined: it lives. */
class MortalOperator {
  world: TidbWorld | undefined;
  writes = 0;
  #process: SimProcess | undefined;
  readonly #dieAt: number | undefined;

  constructor(dieAt: number | undefined) {
    this.#dieAt = dieAt;
  }

  readonly onAuthorized = (attributes: {
    readonly verb: string;
    readonly user: { readonly name: string };
    readonly resource?: string;
  }): void => {
    const isWrite = !['get', 'list', 'watch'].includes(attributes.verb) && attributes.resource !== 'events';
    if (attributes.user.name === user.name && isWrite && ++this.writes === this.#dieAt) this.#process?.kill();
  };

  run(world: TidbWorld): void {
    const { cluster, components, runtime } = world.cluster;
    const process = runtime.process('mortal-operator');
    this.#process = process;
    const operator = new TidbOperator({
      process,
      clientset: cluster.clientsetIn(process, user),
      dialer: components.nodes.network.dialer(process),
    });
    process.spawn('tidb-operator', (signal) => operator.run(signal));
  }
}

/** What `change` leads to in a fork of `origin`, with an operator that dies at one write and is started again. */
async function outcome(
  origin: TidbWorld,
  change: (world: TidbWorld) => Promise<void>,
  dieAt?: number,
): Promise<{ readonly state: unknown; readonly writes: number }> {
  const operator = new MortalOperator(dieAt);
  const world = new TidbWorld(await origin.cluster.fork({ onAuthorized: operator.onAuthorized }));
  await world.cluster.drive(world.cluster.components.stopPart('tidb-controller-manager'));
  await world.settle();
  operator.writes = 0;
  operator.run(world);
  await change(world);
  if (dieAt === undefined) await world.settle();
  else {
    await world.cluster.runtime.until(() => operator.writes >= dieAt);
    operator.run(world);
    await world.settle();
  }
  assert.ok(isReady(await world.tc()), await world.text());
  assert.equal(await world.settle(), 0);
  const sets = (await world.statefulSets()).map(({ metadata, spec }) => [metadata?.name, metadata?.generation, spec]);
  const claims = (await world.claims()).map(({ metadata }) => [
    metadata?.name,
    metadata?.annotations?.['tidb.pingcap.com/pvc-defer-deleting'] !== undefined,
  ]);
  const { tikv, pd } = (await world.tc()).status ?? {};
  const stores = Object.values(tikv?.stores ?? {}).map(({ podName, state }) => `${podName} ${state}`);
  const pods = (await world.pods()).map(({ metadata }) => metadata?.name?.replace(/^basic-discovery-.*/, 'basic-discovery')).sort();
  return {
    writes: operator.writes,
    state: {
      sets,
      claims,
      stores: stores.sort(),
      members: Object.keys(pd?.members ?? {}),
      tombstones: Object.keys(tikv?.tombstoneStores ?? {}).length,
      pods,
      left: await world.leftovers(),
    },
  };
}

async function sweep(origin: TidbWorld, change: (world: TidbWorld) => Promise<void>, every: number): Promise<number> {
  const { state, writes } = await outcome(origin, change);
  assert.ok(writes >= 3, `${writes} writes are no sweep`);
  for (let dieAt = 1; dieAt <= writes; dieAt += every) {
    assert.deepEqual((await outcome(origin, change, dieAt)).state, state, `the operator dies of write ${dieAt} of ${writes}`);
  }
  return writes;
}

describe('an operator that dies after any of its writes and is started again comes to the same end', () => {
  test('of a bring-up, at every twelfth write', async (context) => {
    const world = await TidbWorld.start();
    const writes = await sweep(world, (fork) => fork.create(smallSpec), 12);
    context.diagnostic(`${writes} writes`);
  });

  test('of a scale-in of TiKV, at every third write', async (context) => {
    const world = await TidbWorld.ready({ ...smallSpec, tikv: { ...smallSpec.tikv, replicas: 4 } });
    const writes = await sweep(world, (fork) => fork.patch({ tikv: { replicas: 3 } }), 3);
    context.diagnostic(`${writes} writes`);
  });
});
