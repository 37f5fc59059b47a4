import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type RecordedStep, runCase } from '../recorded/recorded-case.fixture.ts';
import { startWholeServer } from '../recorded/whole-server.fixture.ts';

const group = 'rbac.authorization.k8s.io';
const base = `/apis/${group}/v1`;
const inNamespace = `${base}/namespaces/{ns}`;
const writesAll = { apiGroups: [group], resources: ['*'], verbs: ['create', 'update', 'patch', 'delete'] };
const readsPods = { apiGroups: [''], resources: ['pods'], verbs: ['get'] };
const everything = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
const everyPath = { nonResourceURLs: ['*'], verbs: ['*'] };
const asMira = { 'impersonate-user': 'mira' };
const groups = '(groups=["system:authenticated"])';
const notHeld = `forbidden: user "mira" ${groups} is attempting to grant RBAC permissions not currently held:\n`;

/** What an administrator made before: the rights of mira, in the namespace and in the cluster, and a role that exists. */
function given(held: { readonly here?: readonly object[]; readonly everywhere?: readonly object[] }): readonly RecordedStep[] {
  const subjects = [{ kind: 'User', apiGroup: group, name: 'mira' }];
  const make = (path: string, name: string, body: object): RecordedStep => ({ do: `POST ${path}`, body: { metadata: { name }, ...body } });
  return [
    ...(held.here === undefined
      ? []
      : [
          make(`${inNamespace}/roles`, 'held', { rules: held.here }),
          make(`${inNamespace}/rolebindings`, 'held', { roleRef: { apiGroup: group, kind: 'Role', name: 'held' }, subjects }),
        ]),
    ...(held.everywhere === undefined
      ? []
      : [
          make(`${base}/clusterroles`, 'held', { rules: held.everywhere }),
          make(`${base}/clusterrolebindings`, 'held', { roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'held' }, subjects }),
        ]),
    make(`${inNamespace}/roles`, 'old', { rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list'] }] }),
    make(`${base}/clusterroles`, 'reader', { rules: [readsPods] }),
    make(`${base}/clusterroles`, 'collector', { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } }),
    make(`${inNamespace}/rolebindings`, 'old', { roleRef: { apiGroup: group, kind: 'Role', name: 'old' } }),
  ];
}

interface Case {
  readonly name: string;
  readonly held: { readonly here?: readonly object[]; readonly everywhere?: readonly object[] };
  readonly do: string;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of the refusal; undefined where it is accepted. */
  readonly want?: { readonly code: number; readonly message: string };
}

const role = (rules: readonly object[]): Pick<Case, 'do' | 'body'> => ({
  do: `POST ${inNamespace}/roles`,
  body: { metadata: { name: 'new' }, rules },
});
const clusterRole = (fields: object): Pick<Case, 'do' | 'body'> => ({
  do: `POST ${base}/clusterroles`,
  body: { metadata: { name: 'new' }, ...fields },
});
const binding = (kind: string, name: string): Pick<Case, 'do' | 'body'> => ({
  do: `POST ${inNamespace}/rolebindings`,
  body: { metadata: { name: 'new' }, roleRef: { apiGroup: group, kind, name } },
});
const clusterBinding = (kind: string, name: string): Pick<Case, 'do' | 'body'> => ({
  do: `POST ${base}/clusterrolebindings`,
  body: { metadata: { name: 'new' }, roleRef: { apiGroup: group, kind, name } },
});
const forbidden = (resource: string, name: string, lines: string): NonNullable<Case['want']> => ({
  code: 403,
  message: `${resource}.${group} "${name}" is ${notHeld}${lines}`,
});
const merge = { 'content-type': 'application/merge-patch+json' };
const aggregating = { code: 403, message: 'must have cluster-admin privileges to use the aggregationRule' };

const cases: readonly Case[] = [
  { name: 'a role of rights that are held', held: { here: [writesAll, readsPods] }, ...role([readsPods]) },
  {
    name: 'a role of rights that are not held, by resource',
    held: { here: [writesAll, readsPods] },
    ...role([
      { apiGroups: [''], resources: ['secrets', 'pods'], resourceNames: ['a', 'b'], verbs: ['get', 'list'] },
      { apiGroups: [''], resources: ['pods/log'], verbs: ['*'] },
    ]),
    want: forbidden(
      'roles',
      'new',
      [
        '{APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["list"]}',
        '{APIGroups:[""], Resources:["pods"], ResourceNames:["b"], Verbs:["list"]}',
        '{APIGroups:[""], Resources:["pods/log"], Verbs:["*"]}',
        '{APIGroups:[""], Resources:["secrets"], ResourceNames:["a"], Verbs:["get" "list"]}',
        '{APIGroups:[""], Resources:["secrets"], ResourceNames:["b"], Verbs:["get" "list"]}',
      ].join('\n'),
    ),
  },
  {
    name: 'rights on named objects do not cover those on all',
    held: { here: [writesAll, { ...readsPods, resourceNames: ['a'] }] },
    ...role([readsPods]),
    want: forbidden('roles', 'new', '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'),
  },
  {
    name: 'rights on a subresource of all resources cover one',
    held: { here: [writesAll, { apiGroups: ['*'], resources: ['*/log'], verbs: ['get'] }] },
    ...role([{ apiGroups: [''], resources: ['pods/log'], verbs: ['get'] }]),
  },
  {
    name: 'the verb escalate on roles',
    held: { here: [writesAll, { apiGroups: [group], resources: ['roles'], verbs: ['escalate'] }] },
    ...role([everything]),
  },
  {
    name: 'the verb escalate on a role that is yet to be made',
    held: { here: [writesAll, { apiGroups: [group], resources: ['roles'], resourceNames: ['new'], verbs: ['escalate'] }] },
    ...role([readsPods]),
    want: forbidden('roles', 'new', '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'),
  },
  {
    name: 'the verb escalate on one role, at its update',
    held: { here: [writesAll, { apiGroups: [group], resources: ['roles'], resourceNames: ['old'], verbs: ['escalate'] }] },
    do: `PATCH ${inNamespace}/roles/old`,
    headers: merge,
    body: { rules: [everything] },
  },
  {
    name: 'an update that keeps rules that are not held',
    held: { here: [writesAll] },
    do: `PATCH ${inNamespace}/roles/old`,
    headers: merge,
    body: { metadata: { labels: { a: 'b' } } },
    want: forbidden('roles', 'old', '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}'),
  },
  {
    name: 'an update of finalizers and owners alone',
    held: { here: [writesAll] },
    do: `PATCH ${inNamespace}/roles/old`,
    headers: merge,
    body: { metadata: { finalizers: ['a.example/b'], ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }] } },
  },
  {
    name: 'a cluster role of rights that are held in one namespace only',
    held: { here: [readsPods], everywhere: [writesAll] },
    ...clusterRole({ rules: [readsPods] }),
    want: forbidden('clusterroles', 'new', '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'),
  },
  {
    name: 'a cluster role of paths',
    held: { everywhere: [writesAll, { nonResourceURLs: ['/logs/*'], verbs: ['get'] }] },
    ...clusterRole({ rules: [{ nonResourceURLs: ['/logs/a', '/metrics', '/metrics/*'], verbs: ['get', 'post'] }] }),
    want: forbidden(
      'clusterroles',
      'new',
      [
        '{NonResourceURLs:["/logs/a"], Verbs:["post"]}',
        '{NonResourceURLs:["/metrics"], Verbs:["get"]}',
        '{NonResourceURLs:["/metrics"], Verbs:["post"]}',
        '{NonResourceURLs:["/metrics/*"], Verbs:["get"]}',
        '{NonResourceURLs:["/metrics/*"], Verbs:["post"]}',
      ].join('\n'),
    ),
  },
  {
    name: 'a role that collects others, by who holds all resources only',
    held: { everywhere: [everything] },
    ...clusterRole({ aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } }),
    // Verb `*` includes escalate.
  },
  {
    name: 'a role that collects others, without all rights',
    held: { everywhere: [writesAll, readsPods] },
    ...clusterRole({ aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] }, rules: [readsPods] }),
    want: { ...aggregating, message: `clusterroles.${group} "new" is forbidden: ${aggregating.message}` },
  },
  {
    name: 'taking the aggregation off a role, without all rights',
    held: { everywhere: [writesAll, readsPods] },
    do: `PATCH ${base}/clusterroles/collector`,
    headers: merge,
    body: { aggregationRule: null },
    want: { ...aggregating, message: `clusterroles.${group} "collector" is forbidden: ${aggregating.message}` },
  },
  { name: 'a binding to a role whose rights are held', held: { here: [writesAll, readsPods] }, ...binding('ClusterRole', 'reader') },
  {
    name: 'a binding to a role whose rights are not held',
    held: { here: [writesAll] },
    ...binding('Role', 'old'),
    want: forbidden('rolebindings', 'new', '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}'),
  },
  {
    name: 'the verb bind on the role',
    held: { here: [writesAll, { apiGroups: [group], resources: ['clusterroles'], resourceNames: ['cluster-admin'], verbs: ['bind'] }] },
    ...binding('ClusterRole', 'cluster-admin'),
  },
  {
    name: 'the verb bind on another role',
    held: { here: [writesAll, { apiGroups: [group], resources: ['clusterroles'], resourceNames: ['view'], verbs: ['bind'] }] },
    ...binding('ClusterRole', 'cluster-admin'),
    want: forbidden('rolebindings', 'new', '{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}'),
  },
  {
    name: 'the verb bind in one namespace does not bind in the cluster',
    held: { here: [{ apiGroups: [group], resources: ['clusterroles'], verbs: ['bind'] }], everywhere: [writesAll] },
    ...clusterBinding('ClusterRole', 'reader'),
    want: forbidden('clusterrolebindings', 'new', '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'),
  },
  {
    name: 'a binding to a role that does not exist',
    held: { here: [writesAll] },
    ...binding('Role', 'missing'),
    want: { code: 404, message: `rolebindings.${group} "missing" not found` },
  },
  {
    name: 'a binding to something else than a role',
    held: { here: [writesAll] },
    ...binding('Group', 'reader'),
    want: { code: 500, message: 'unsupported role reference kind: "Group"' },
  },
  {
    name: 'a binding of the cluster to a role of a namespace',
    held: { everywhere: [writesAll] },
    ...clusterBinding('Role', 'old'),
    want: { code: 400, message: 'Namespace parameter required.' },
  },
  {
    name: 'another subject of a binding whose rights are not held',
    held: { here: [writesAll] },
    do: `PATCH ${inNamespace}/rolebindings/old`,
    headers: merge,
    body: { subjects: [{ kind: 'User', apiGroup: group, name: 'mira' }] },
    want: forbidden('rolebindings', 'old', '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}'),
  },
];

describe('roleEscalation', () => {
  for (const { name, held, headers, want, ...request } of cases) {
    test(`${want === undefined ? 'allows' : 'refuses'}: ${name}`, async () => {
      const whole = await startWholeServer();
      try {
        const steps: readonly RecordedStep[] = [...given(held), { ...request, headers: { ...asMira, ...headers } }];
        const { raw, ctx } = await runCase(whole, { case: name, steps });
        const statuses = raw.map((answer) => ('status' in answer ? answer.status : 0));
        assert.ok(
          statuses.slice(0, -1).every((status) => status === 201),
          `made before: ${statuses.join(' ')}`,
        );
        const { code, message } = ctx.bodies.at(-1) as { readonly code?: number; readonly message?: string }; // an object or a Status
        assert.deepEqual({ code, message }, want ?? { code: undefined, message: undefined });
      } finally {
        whole.stop();
      }
    });
  }

  test('who is bound to all rights by a RoleBinding passes them on there, and is told of roles that are gone', async () => {
    const whole = await startWholeServer();
    try {
      const subjects = [{ kind: 'User', apiGroup: group, name: 'mira' }];
      const bound = (name: string, kind: string, to: string): RecordedStep => ({
        do: `POST ${inNamespace}/rolebindings`,
        body: { metadata: { name }, roleRef: { apiGroup: group, kind, name: to }, subjects },
      });
      const steps: readonly RecordedStep[] = [
        bound('first', 'ClusterRole', 'cluster-admin'),
        { ...bound('second', 'ClusterRole', 'cluster-admin'), headers: asMira },
        bound('lost', 'Role', 'gone'),
        { do: `DELETE ${inNamespace}/rolebindings/first` },
        { do: `DELETE ${inNamespace}/rolebindings/second` },
        { do: `POST ${inNamespace}/roles`, body: { metadata: { name: 'writer' }, rules: [writesAll] } },
        bound('writer', 'Role', 'writer'),
        { ...role([readsPods]), headers: asMira },
      ];
      const { raw, ctx } = await runCase(whole, { case: 'bound', steps });
      assert.deepEqual(
        raw.map((answer) => ('status' in answer ? answer.status : 0)),
        [201, 201, 201, 200, 200, 201, 201, 403],
      );
      assert.equal(
        (ctx.bodies.at(-1) as { readonly message?: string }).message, // a Status
        `roles.${group} "new" is ${notHeld}{APIGroups:[""], Resources:["pods"], Verbs:["get"]}; resolution errors: [roles.${group} "gone" not found]`,
      );
    } finally {
      whole.stop();
    }
  });

  test('a member of system:masters grants anything', async () => {
    const whole = await startWholeServer();
    try {
      const { raw } = await runCase(whole, { case: 'masters', steps: [clusterRole({ rules: [everything, everyPath] })] });
      assert.deepEqual(
        raw.map((answer) => ('status' in answer ? answer.status : 0)),
        [201],
      );
    } finally {
      whole.stop();
    }
  });
});
