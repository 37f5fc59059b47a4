import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { operatorServiceAccount } from './rbac.ts';
import { isReady } from './explain.ts';
import { smallSpec, TidbWorld } from './fixtures/tidb-world.ts';

type Part = 'scheduler' | 'kubelet' | 'statefulset controller' | 'PD' | 'operator';

const components = ['pd', 'tikv', 'tidb'] as const;

/** A cluster in which `part` stops as soon as the operator asks for the StatefulSet of `component`. */
async function stopAt(component: (typeof components)[number], part: Part): Promise<TidbWorld> {
  let sets = 0;
  const world = await TidbWorld.start({
    onAuthorized: ({ verb, user, ...about }) => {
      if (verb === 'create' && user.name.endsWith(operatorServiceAccount) && 'resource' in about && about.resource === 'statefulsets')
        sets++;
    },
  });
  // The operator stops one step earlier: it has asked for the set before, and not for this one.
  const number = components.indexOf(component) + (part === 'operator' ? 0 : 1);
  const { cluster } = world;
  if (number > 0) {
    await world.create(smallSpec);
    await cluster.runtime.until(() => sets >= number);
  }
  const { components: parts } = cluster;
  switch (part) {
    case 'scheduler':
      await cluster.drive(parts.stopPart('kube-scheduler'));
      break;
    case 'kubelet':
      for (const name of parts.nodes.names) await cluster.drive(parts.nodes.remove(name));
      break;
    case 'statefulset controller':
      await cluster.drive(parts.stopPart('kube-controller-manager'));
      break;
    case 'PD':
      parts.nodes.network.fault({ port: 2379, code: 'ECONNREFUSED' });
      break;
    case 'operator':
      await cluster.drive(parts.stopPart('tidb-controller-manager'));
  }
  if (number === 0) await world.create(smallSpec);
  return world;
}

const cases: readonly {
  readonly part: Part;
  readonly says: Readonly<Record<(typeof components)[number], readonly [pd: RegExp, tikv: RegExp, tidb: RegExp]>>;
}[] = [
  {
    part: 'scheduler',
    says: {
      pd: [/^scheduler: pod basic-pd-0 has no node/, /^pd: PD comes first/, /^tikv: TiKV comes first/],
      tikv: [/^ready$/, /^scheduler: pod basic-tikv-0 has no node/, /^tikv: TiKV comes first/],
      tidb: [/^ready$/, /^ready$/, /^scheduler: pod basic-tidb-0 has no node/],
    },
  },
  {
    part: 'statefulset controller',
    says: {
      pd: [
        /^statefulset-controller: StatefulSet basic-pd has 0 of 1 pods: basic-pd-0 is not created/,
        /^pd: PD comes first/,
        /^tikv: TiKV comes first/,
      ],
      tikv: [
        /^ready$/,
        /^statefulset-controller: StatefulSet basic-tikv has 0 of 3 pods: basic-tikv-0 is not created/,
        /^tikv: TiKV comes first/,
      ],
      tidb: [/^ready$/, /^ready$/, /^statefulset-controller: StatefulSet basic-tidb has 0 of 1 pods: basic-tidb-0 is not created/],
    },
  },
  {
    part: 'kubelet',
    says: {
      pd: [/^kubelet: pod basic-pd-0 is assigned to node-\d, which has not started it/, /^pd: PD comes first/, /^tikv: TiKV comes first/],
      // With the machines goes PD, whose pod nobody declares lost.
      tikv: [
        /^pd: PD of basic-pd does not answer/,
        /^kubelet: pod basic-tikv-0 is assigned to node-\d, which has not started it/,
        /^tikv: TiKV comes first/,
      ],
      tidb: [
        /^pd: PD of basic-pd does not answer/,
        /^pd: its stores are not known/,
        /^kubelet: pod basic-tidb-0 is assigned to node-\d, which has not started it/,
      ],
    },
  },
  {
    part: 'PD',
    says: {
      pd: [/^pd: PD of basic-pd does not answer: .*2379/, /^pd: PD comes first/, /^tikv: TiKV comes first/],
      tikv: [/^pd: PD of basic-pd does not answer/, /^pd: its stores are not known/, /^tikv: TiKV comes first/],
      tidb: [/^pd: PD of basic-pd does not answer/, /^pd: its stores are not known/, /^tidb: /],
    },
  },
  {
    part: 'operator',
    says: {
      pd: [
        /^operator: TidbCluster basic has no status/,
        /^operator: TidbCluster basic has no status/,
        /^operator: TidbCluster basic has no status/,
      ],
      tikv: [
        /^operator: StatefulSet basic-pd has 1 ready pods, which the operator has not noted/,
        /^pd: PD comes first/,
        /^tikv: TiKV comes first/,
      ],
      tidb: [/^ready$/, /^operator: StatefulSet basic-tikv has 3 ready pods, which the operator has not noted/, /^tikv: TiKV comes first/],
    },
  },
];

for (const { part, says } of cases) {
  describe(`a bring-up whose ${part} stops`, () => {
    for (const component of components) {
      test(`at ${component} stops there, and says what it waits for`, async () => {
        const world = await stopAt(component, part);
        await world.advance(60_000);
        const lines = (await world.explain()).map(({ waitsFor }) =>
          waitsFor === undefined ? 'ready' : `${waitsFor.who}: ${waitsFor.message}`,
        );
        const want = says[component];
        for (const [i, line] of lines.entries()) assert.match(line, want[i] ?? /$^/, lines.join('\n'));
        assert.ok(!isReady(await world.tc()));
      });
    }
  });
}
