import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Attributes } from '@coracle/apiserver';
import { type KubeObject, readYamlDocuments } from '@coracle/apimachinery';
import { SimulatedCluster, type SimulatedClusterOptions } from '@coracle/cluster';
import { uniform } from '@coracle/simulator';
import { operatorRbac } from '@coracle/tidb-operator';
import { sampleController } from './sample-controller.ts';
import { simulatedHands } from './simulated-hands.ts';
import { bringUp, sampleControllerRights, scaleOut, takeDown, voyage } from './voyage.ts';

async function start(options: SimulatedClusterOptions): Promise<SimulatedCluster> {
  const cluster = await SimulatedCluster.start({ strategy: uniform(), ...options });
  await simulatedHands(cluster).apply(sampleControllerRights);
  cluster.cluster.run(sampleController);
  return cluster;
}

describe('the first voyage, simulated', () => {
  for (const seed of [1, 2, 3, 4]) {
    test(`everything comes up, changes and goes (seed ${seed})`, async () => {
      const cluster = await start({ seed });
      await voyage(simulatedHands(cluster));
      assert.deepEqual(cluster.runtime.failures, []);
    });
  }

  test('equal seeds take equal steps', async () => {
    const hashes: number[] = [];
    for (let i = 0; i < 2; i++) {
      const cluster = await start({ seed: 5 });
      await voyage(simulatedHands(cluster));
      hashes.push(cluster.runtime.hash);
    }
    assert.equal(hashes[0], hashes[1]);
  });

  test('when all is ready a second settle has nothing to do, and a fork settles without a write', async () => {
    const cluster = await start({ seed: 6 });
    const hands = simulatedHands(cluster);
    await bringUp(hands);
    assert.equal((await cluster.settle()).steps, 0);
    const before = cluster.store.revision;
    const fork = await cluster.fork();
    await fork.settle();
    assert.equal(fork.store.revision, before);
    assert.equal((await fork.settle()).steps, 0);
    // sample-controller, as upstream's, says "Synced" again when it starts, and writes nothing else.
    const written: string[] = [];
    fork.store.watch({ key: '/registry/', end: '/registry0' }, 0, (batch) => void written.push(...batch.map(({ key }) => key)));
    fork.cluster.run(sampleController);
    await fork.settle();
    assert.deepEqual(
      written.filter((key) => !key.startsWith('/registry/events/default/example-foo.')),
      [],
    );
    await scaleOut(simulatedHands(fork));
    assert.equal(cluster.store.revision, before, 'the origin does not see what its fork does');
    await takeDown(hands);
  });
});

describe('who may what', () => {
  test('every request of the voyage was allowed by a role of a fresh server, or by the one that ships with the component', async (t) => {
    const allowed = new Map<string, string>();
    const onAuthorized = ({ user, verb, ...rest }: Attributes, reason: string): void => {
      const what = rest.resourceRequest
        ? `${[rest.resource, rest.apiGroup].filter((part) => part !== '').join('.')}${rest.subresource === '' ? '' : `/${rest.subresource}`}`
        : rest.path;
      const name = user.name.startsWith('system:node:') ? 'system:node:*' : user.name;
      allowed.set(`${name} ${verb} ${what}`, reason);
    };
    const cluster = await start({ seed: 7, onAuthorized });
    const shipped = await rolesThatAreShipped(cluster);
    const ofNodes = await rightsOf(cluster, 'system:node');
    await voyage(simulatedHands(cluster));
    const lines: string[] = [];
    for (const [request, reason] of [...allowed].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (request.startsWith('kubernetes-admin ')) continue;
      // Nodes are bound to no role: what system:node allows is narrowed by the graph of their pods, and gets no reason.
      const isOfNode = reason === '' && request.startsWith('system:node:* ') && ofNodes.has(request.replace('system:node:* ', ''));
      const role = isOfNode ? 'system:node' : /(?:ClusterRole|Role) "([^"]+)"/.exec(reason)?.[1];
      assert.ok(role !== undefined, `${request} was allowed without a role: "${reason}"`);
      assert.ok(shipped.has(role), `${request} was allowed by ${role}, which nobody ships`);
      lines.push(`${request} by ${role}`);
    }
    t.diagnostic(`${lines.length} (component, verb, resource), each allowed by a role: LIST_RIGHTS=1 lists them`);
    if (process.env['LIST_RIGHTS'] === '1') for (const line of lines) t.diagnostic(line);
    const users = new Set([...allowed.keys()].map((request) => request.split(' ')[0]));
    for (const user of [
      'system:kube-scheduler',
      'system:node:*',
      'system:serviceaccount:kube-system:statefulset-controller',
      'system:serviceaccount:tidb-admin:tidb-controller-manager',
      'system:serviceaccount:default:sample-controller',
    ]) {
      assert.ok(users.has(user), `${user} asked for nothing`);
    }
  });
});

/** Of a fresh server, of the operator and of sample-controller. */
async function rolesThatAreShipped(cluster: SimulatedCluster): Promise<ReadonlySet<string>> {
  const labelSelector = 'kubernetes.io/bootstrapping=rbac-defaults';
  const clusterRoles = await cluster.drive(cluster.admin.rbacV1.clusterRoles().list({ labelSelector }));
  const roles = await cluster.drive(cluster.admin.rbacV1.roles().list({ labelSelector }));
  const ours = [...operatorRbac(), ...(readYamlDocuments(sampleControllerRights) as readonly KubeObject[])]; // what ships beside it
  return new Set(
    [...clusterRoles.items, ...roles.items, ...ours.filter(({ kind }) => kind === 'ClusterRole')].map(
      ({ metadata }) => metadata.name ?? '',
    ),
  );
}

/** `VERB RESOURCE` of each right that a ClusterRole gives. */
async function rightsOf(cluster: SimulatedCluster, name: string): Promise<ReadonlySet<string>> {
  const { rules = [] } = await cluster.drive(cluster.admin.rbacV1.clusterRoles().get(name));
  return new Set(
    (rules ?? []).flatMap(({ verbs, resources = [], apiGroups = [] }) =>
      verbs.flatMap((verb) => apiGroups.flatMap((group) => resources.map((resource) => `${verb} ${inGroup(resource, group)}`))),
    ),
  );
}

/** `pods/status`, `leases.coordination.k8s.io`. */
function inGroup(resource: string, group: string): string {
  const [plural = '', ...subresource] = resource.split('/');
  return [group === '' ? plural : `${plural}.${group}`, ...subresource].join('/');
}
