import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClusterRole, PolicyRule } from '@coracle/api';
import type { LabelSelector } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { ControlPlane } from '../fixtures/control-plane.ts';
import { aggregatedRules } from './aggregated-rules.ts';

const { clusterRoles } = resources.rbac.v1;

const may = (verb: string, resource: string): PolicyRule => ({ apiGroups: [''], resources: [resource], verbs: [verb] });
const role = (name: string, labels: Readonly<Record<string, string>>, rules: readonly PolicyRule[]): ClusterRole => ({
  metadata: { name, labels },
  rules: [...rules],
});
const collector = (name: string, selectors: readonly LabelSelector[], labels: Readonly<Record<string, string>> = {}): ClusterRole => ({
  metadata: { name, labels },
  aggregationRule: { clusterRoleSelectors: [...selectors] },
  rules: [],
});

const pods = may('get', 'pods');
const secrets = may('get', 'secrets');
const nodes = may('list', 'nodes');

const cases: readonly {
  readonly name: string;
  readonly of: ClusterRole;
  readonly roles: readonly ClusterRole[];
  readonly want: unknown;
}[] = [
  { name: 'has none for a role without an aggregationRule', of: role('a', {}, [pods]), roles: [], want: undefined },
  { name: 'is empty where nothing is selected', of: collector('all', [{ matchLabels: { to: 'all' } }]), roles: [], want: [] },
  {
    name: 'takes roles in order of name, capitals first, and each rule once',
    of: collector('all', [{ matchLabels: { to: 'all' } }]),
    roles: [role('b', { to: 'all' }, [secrets, pods]), role('a', { to: 'all' }, [pods, pods]), role('Z', { to: 'all' }, [nodes])],
    want: [nodes, pods, secrets],
  },
  {
    name: 'goes by the order of selectors before that of names',
    of: collector('all', [{ matchLabels: { to: 'second' } }, { matchLabels: { to: 'first' } }]),
    roles: [role('a', { to: 'first' }, [pods]), role('b', { to: 'second' }, [secrets])],
    want: [secrets, pods],
  },
  {
    name: 'takes from all others by the empty selector, not from itself',
    of: { ...collector('all', [{}]), rules: [nodes] },
    roles: [{ ...collector('all', [{}]), rules: [nodes] }, role('a', {}, [pods])],
    want: [pods],
  },
  {
    name: 'understands expressions',
    of: collector('all', [{ matchExpressions: [{ key: 'to', operator: 'NotIn', values: ['no'] }] }]),
    roles: [role('a', { to: 'no' }, [pods]), role('b', {}, [secrets])],
    want: [secrets],
  },
  {
    name: 'takes rules that differ in the order of verbs for two',
    of: collector('all', [{}]),
    roles: [role('a', {}, [{ ...pods, verbs: ['get', 'list'] }]), role('b', {}, [{ ...pods, verbs: ['list', 'get'] }])],
    want: [
      { ...pods, verbs: ['get', 'list'] },
      { ...pods, verbs: ['list', 'get'] },
    ],
  },
];

for (const { name, of, roles, want } of cases) test(`aggregatedRules() ${name}`, () => assert.deepEqual(aggregatedRules(of, roles), want));

test('aggregatedRules() refuses a selector that is none', () => {
  assert.throws(() => aggregatedRules(collector('all', [{ matchExpressions: [{ key: 'a', operator: 'Like' }] }]), []), /"Like"/);
});

const account = 'clusterrole-aggregation-controller';

describe('ClusterRoleAggregationController', () => {
  const rulesOf = async (plane: ControlPlane, name: string): Promise<readonly PolicyRule[]> =>
    ((await plane.get(clusterRoles, name)).rules ?? []) as readonly PolicyRule[];

  test('finds the roles of a fresh server as they shall be', async () => {
    const plane = await ControlPlane.start();
    assert.deepEqual(
      plane.writes.filter((write) => write.startsWith(account)),
      [],
    );
  });

  test('gives a role what is labelled for it, under its own account, until the label or the role goes', async () => {
    const plane = await ControlPlane.start();
    const before = await rulesOf(plane, 'view');
    const own = { apiGroups: ['example.com'], resources: ['widgets'], verbs: ['get', 'list'] };
    const labels = { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' };
    await plane.create(clusterRoles, role('widgets', labels, [own]));
    await plane.runtime.settle();
    for (const name of ['view', 'edit', 'admin'])
      assert.equal((await rulesOf(plane, name)).filter(({ apiGroups = [] }) => apiGroups.includes('example.com')).length, 1, name);
    const paths = plane.writes.filter((write) => write.startsWith(account));
    assert.ok(paths.length >= 3 && paths.every((write) => write.includes(' PATCH ')), paths.join());

    await plane.patch(clusterRoles, 'widgets', { metadata: { labels: { 'rbac.authorization.k8s.io/aggregate-to-view': null } } });
    await plane.runtime.settle();
    assert.deepEqual(await rulesOf(plane, 'view'), before);
    assert.equal((await plane.runtime.settle()).steps, 0);
  });

  test('takes back what somebody else writes into such a role', async () => {
    const plane = await ControlPlane.start();
    const before = await rulesOf(plane, 'edit');
    await plane.patch(clusterRoles, 'edit', { rules: [nodes] });
    await plane.runtime.settle();
    assert.deepEqual(await rulesOf(plane, 'edit'), before);
  });

  test('comes to rest where two roles collect from each other', async () => {
    const plane = await ControlPlane.start();
    await plane.create(clusterRoles, collector('one', [{ matchLabels: { to: 'one' } }], { to: 'two' }));
    await plane.create(clusterRoles, collector('two', [{ matchLabels: { to: 'two' } }], { to: 'one' }));
    await plane.create(clusterRoles, role('leaf', { to: 'one' }, [pods]));
    await plane.runtime.settle();
    assert.deepEqual([await rulesOf(plane, 'one'), await rulesOf(plane, 'two')], [[pods], [pods]]);
  });
});
