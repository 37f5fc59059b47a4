import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Method } from '@coracle/apimachinery';
import { mastersGroup, type UserInfo } from '../authentication/user.ts';
import { startWholeServer, type WholeServer } from '../recorded/whole-server.fixture.ts';

// What the real server answers to most requests of a node is in authorization/testdata; here is what takes more objects.

const admin: UserInfo = { name: 'admin', groups: [mastersGroup] };
const node: UserInfo = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };
const containers = [{ name: 'c', image: 'c' }];

interface Answer {
  readonly status: number;
  readonly message: string;
  readonly uid: string;
}

async function ask(whole: WholeServer, user: UserInfo, method: Method, path: string, object?: object): Promise<Answer> {
  const body = object === undefined ? {} : { body: { form: 'object', object } as const };
  const headers = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {};
  const sent = { method, path, query: [], headers, ...body };
  const response = await whole.runtime.drive(whole.server.handle(sent, { user, form: 'object', signal: new AbortController().signal }));
  assert.ok('body' in response && response.body.form === 'object');
  const { message = '', metadata } = response.body.object as { readonly message?: string; readonly metadata?: { readonly uid?: string } };
  return { status: response.status, message, uid: metadata?.uid ?? '' };
}

const ns = '/api/v1/namespaces/default';

async function withPod(
  spec: object,
): Promise<{ readonly whole: WholeServer; readonly uids: Readonly<Record<'node' | 'pod' | 'account', string>> }> {
  const whole = await startWholeServer();
  const account = await ask(whole, admin, 'POST', `${ns}/serviceaccounts`, { metadata: { name: 'default' } });
  const made = await ask(whole, admin, 'POST', '/api/v1/nodes', { metadata: { name: 'n1' } });
  const pod = await ask(whole, admin, 'POST', `${ns}/pods`, {
    metadata: { name: 'a' },
    spec: { nodeName: 'n1', automountServiceAccountToken: false, containers, ...spec },
  });
  assert.deepEqual([account.status, made.status, pod.status], [201, 201, 201], pod.message);
  return { whole, uids: { node: made.uid, pod: pod.uid, account: account.uid } };
}

describe('NodeRestriction', () => {
  const token = (uid: string, audience: string): object => ({
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: [audience], boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'a', uid } },
  });

  test('gives tokens for the audiences of the CSI drivers that serve the pod, and for those that a role names', async () => {
    const { whole, uids } = await withPod({ volumes: [{ name: 'v', csi: { driver: 'd.example.com' } }] });
    const get = (audience: string): Promise<Answer> =>
      ask(whole, node, 'POST', `${ns}/serviceaccounts/default/token`, token(uids.pod, audience));
    assert.match(
      (await get('vault')).message,
      /error validating audience "vault": csidriver\.storage\.k8s\.io "d\.example\.com" not found$/,
    );
    await ask(whole, admin, 'POST', '/apis/storage.k8s.io/v1/csidrivers', {
      metadata: { name: 'd.example.com' },
      spec: { tokenRequests: [{ audience: 'vault' }], volumeLifecycleModes: ['Ephemeral'] },
    });
    assert.equal((await get('vault')).status, 201);
    assert.match((await get('bank')).message, /: system:node:n1 is not authorized to request tokens for audience "bank"$/);
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const rules = [{ apiGroups: [''], resources: ['bank'], verbs: ['request-serviceaccounts-token-audience'] }];
    await ask(whole, admin, 'POST', `${rbac}/clusterroles`, { metadata: { name: 'bank' }, rules });
    await ask(whole, admin, 'POST', `${rbac}/clusterrolebindings`, {
      metadata: { name: 'bank' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'bank' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:nodes' }],
    });
    assert.equal((await get('bank')).status, 201);
  });

  test('lets a node say of a claim how large its volume is, and no more', async () => {
    const { whole } = await withPod({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'claim' } }] });
    const path = `${ns}/persistentvolumeclaims`;
    await ask(whole, admin, 'POST', path, {
      metadata: { name: 'claim' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    });
    assert.equal((await ask(whole, node, 'PATCH', `${path}/claim/status`, { status: { capacity: { storage: '1Gi' } } })).status, 200);
    const { status, message } = await ask(whole, node, 'PATCH', `${path}/claim/status`, { status: { phase: 'Bound' } });
    assert.deepEqual(
      [status, message.includes('is not allowed to update fields other than status.quantity and status.conditions')],
      [403, true],
    );
  });

  test('lets a node ask for certificates of what runs on it, and of nothing else', async () => {
    const signerName = 'example.com/signer';
    const volumes = [{ name: 'v', projected: { sources: [{ podCertificate: { signerName, keyType: 'ED25519', keyPath: 'key' } }] } }];
    const { whole, uids } = await withPod({ volumes });
    await ask(whole, admin, 'POST', '/api/v1/nodes', { metadata: { name: 'n2' } });
    const right = {
      signerName,
      nodeName: 'n1',
      nodeUID: uids.node,
      podName: 'a',
      podUID: uids.pod,
      serviceAccountName: 'default',
      serviceAccountUID: uids.account,
    };
    const cases: readonly (readonly [wrong: object, status: number, message: string])[] = [
      [{ nodeName: 'n2' }, 403, 'PodCertificateRequest.Spec.NodeName="n2", which is not the requesting node "n1"'],
      [{ nodeUID: 'x' }, 500, `for pod "default/a" names node UID "x", inconsistent with the running node ("${uids.node}")`],
      [{ podName: 'b' }, 500, 'while retrieving pod "default/b" named in the PodCertificateRequest: pod "b" not found'],
      [{ podUID: 'x' }, 500, `for pod "default/a" contains pod UID ("x") which differs from running pod "${uids.pod}"`],
      [{ serviceAccountName: 'x' }, 403, 'for pod "default/a" contains serviceAccountName ("x") that differs from running pod ("default")'],
      [
        { serviceAccountUID: 'x' },
        500,
        `names service account UID "x", which differs from the running service account ("${uids.account}")`,
      ],
      [
        { signerName: 'example.com/other' },
        403,
        'pod "default/a" does not mount a podCertificate projected volume for signer "example.com/other"',
      ],
    ];
    const path = '/apis/certificates.k8s.io/v1/namespaces/default/podcertificaterequests';
    for (const [wrong, status, message] of cases) {
      const got = await ask(whole, node, 'POST', path, { metadata: { name: 'r' }, spec: { ...right, ...wrong } });
      assert.deepEqual([got.status, got.message.endsWith(message)], [status, true], got.message);
    }
    // Whether it is right otherwise is for others to say.
    const { status } = await ask(whole, node, 'POST', path, { metadata: { name: 'r' }, spec: right });
    assert.ok(status !== 403 && status !== 500);
  });

  test('binds no one else: an admin writes what a node may not', async () => {
    const { whole } = await withPod({});
    const labels = { 'node-role.kubernetes.io/control-plane': '' };
    assert.equal((await ask(whole, admin, 'PATCH', '/api/v1/nodes/n1', { metadata: { labels } })).status, 200);
  });
});
