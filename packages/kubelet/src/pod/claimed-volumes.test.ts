import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '@coracle/api';
import type { ApiRequest } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { NodeCluster } from '../fixtures/node-cluster.ts';

interface Scene {
  readonly cluster: NodeCluster;
  /** What the kubelet has asked about claims and volumes: method, path and query. */
  readonly asked: string[];
}

async function scene(): Promise<Scene> {
  const cluster = await NodeCluster.start();
  const asked: string[] = [];
  const fault = ({ method, path, query }: ApiRequest): undefined => {
    if (path.includes('/persistentvolume')) asked.push([method, path, ...query.map((pair) => pair.join('='))].join(' '));
  };
  cluster.startNode('n1', { fault });
  return { cluster, asked };
}

const volumeMounts = [{ name: 'data', mountPath: '/data' }];
const withClaim: Pick<Pod['spec'], 'containers' | 'volumes'> = {
  containers: [{ name: 'c', image: 'nginx', volumeMounts }],
  volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
};

const refused = (why: string): string =>
  `FailedMount: Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[], failed to process volumes=[data]: ${why}`;

async function refusals({ cluster }: Scene): Promise<readonly string[]> {
  return (await cluster.events()).filter((event) => event.startsWith('FailedMount'));
}

describe('a pod with a claim', () => {
  test('gets its volume by one request for the claim and one for the volume', async () => {
    const { cluster, asked } = await scene();
    await cluster.createBoundClaim('data');
    await cluster.createPod(withClaim);
    await cluster.runtime.settle();
    assert.equal((await cluster.pod()).status?.phase, 'Running');
    assert.deepEqual(asked, ['GET /api/v1/namespaces/default/persistentvolumeclaims/data', 'GET /api/v1/persistentvolumes/pv-data']);
    await cluster.runtime.advance(3_600_000);
    assert.equal(asked.length, 2);
  });

  test('waits for a claim that is missing, and asks for it less and less often, down to every 10 s', async () => {
    const { cluster, asked } = await scene();
    await cluster.createPod(withClaim);
    await cluster.runtime.settle();
    const startMs = cluster.runtime.nowMs;
    const settled = asked.length;
    await cluster.runtime.advance(60_000);
    assert.equal(asked.length - settled, 6, `${cluster.runtime.nowMs - startMs} ms`);
    assert.deepEqual(await refusals({ cluster, asked }), [
      refused('error processing PVC default/data: failed to fetch PVC from API server: persistentvolumeclaims "data" not found'),
    ]);
    await cluster.createBoundClaim('data');
    await cluster.runtime.advance(10_000);
    assert.equal((await cluster.pod()).status?.phase, 'Running');
  });

  test('that is bound a little later runs before the cluster has come to rest', async () => {
    const { cluster } = await scene();
    await cluster.createPod(withClaim);
    await cluster.runtime.advance(2_000);
    await cluster.createBoundClaim('data');
    await cluster.runtime.settle();
    assert.equal((await cluster.pod()).status?.phase, 'Running');
  });

  test('does not get what is not its own', async () => {
    const found = await scene();
    const { cluster } = found;
    const claims = cluster.admin.coreV1.persistentVolumeClaims('default');
    const bound = await cluster.createBoundClaim('data');
    const volumes = cluster.admin.coreV1.persistentVolumes();
    const volume = await cluster.runtime.drive(volumes.get('pv-data'));
    const uid = bound.metadata.uid ?? '';

    await cluster.runtime.drive(claims.updateStatus({ ...bound, status: { phase: 'Pending' } }));
    await cluster.createPod(withClaim);
    await cluster.runtime.advance(400);
    const pending = await cluster.runtime.drive(claims.get('data'));
    await cluster.runtime.drive(claims.updateStatus({ ...pending, status: { phase: 'Bound' } }));
    await cluster.runtime.drive(
      volumes.update({ ...volume, spec: { ...volume.spec, claimRef: { namespace: 'default', name: 'data', uid: 'other' } } }),
    );
    await cluster.runtime.advance(12_000);
    await cluster.runtime.drive(volumes.patch('pv-data', 'merge', { spec: { claimRef: null } }));
    await cluster.runtime.advance(12_000);
    await cluster.runtime.drive(claims.patch('data', 'merge', { metadata: { finalizers: ['example.com/keep'] } }));
    await cluster.runtime.drive(claims.delete('data'));
    await cluster.runtime.advance(12_000);
    const forbidden =
      `persistentvolumes "pv-data" is forbidden: User "system:node:n1" cannot get resource "persistentvolumes" in API group "" ` +
      `at the cluster scope: node: no relationship found between node 'n1' and this object`;
    assert.deepEqual(await refusals(found), [
      refused('error processing PVC default/data: PVC is not bound'),
      refused(
        `error processing PVC default/data: found PV object pv-data but its pv.Spec.ClaimRef.UID other does not point to claim.UID ${uid}`,
      ),
      refused(`error processing PVC default/data: failed to fetch PV pv-data from API server: ${forbidden}`),
      refused('error processing PVC default/data: PVC is being deleted'),
    ]);
  });

  test('of its own does not get the claim of another', async () => {
    const found = await scene();
    await found.cluster.createBoundClaim('p-data');
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    await found.cluster.createPod({ ...withClaim, volumes: [{ name: 'data', ephemeral: { volumeClaimTemplate: { spec } } }] });
    await found.cluster.runtime.settle();
    assert.deepEqual(await refusals(found), [refused('PVC default/p-data was not created for pod default/p (pod is not owner)')]);
  });

  test('does not wait for what no container mounts', async () => {
    const { cluster, asked } = await scene();
    await cluster.createPod({ volumes: withClaim.volumes ?? [] });
    await cluster.runtime.settle();
    assert.equal((await cluster.pod()).status?.phase, 'Running');
    assert.deepEqual(asked, []);
  });

  test('asks one after the other, however many start at once', async () => {
    const cluster = await NodeCluster.start();
    let open = 0;
    let most = 0;
    const held: (() => void)[] = [];
    const fault = ({ path }: ApiRequest): Promise<void> | undefined => {
      if (!path.includes('/persistentvolume')) return undefined;
      most = Math.max(most, ++open);
      return new Promise<void>((resolve) => held.push(resolve)).then(() => void open--);
    };
    const names = Array.from({ length: 20 }, (_, i) => `p${i}`);
    for (const name of names) await cluster.createBoundClaim(name);
    for (const name of names)
      await cluster.createPod({ ...withClaim, volumes: [{ name: 'data', persistentVolumeClaim: { claimName: name } }] }, { name });
    cluster.startNode('n1', { fault });
    for (let requests = 0; requests < 2 * names.length; requests++) {
      await cluster.runtime.until(() => held.length > 0);
      held.shift()?.();
    }
    await cluster.runtime.settle();
    for (const name of names) assert.equal((await cluster.pod(name)).status?.phase, 'Running', name);
    assert.equal(most, 1);
  });
});

describe('ConfigMaps and Secrets', () => {
  test('are followed by name, and no longer than they can change', async () => {
    const cluster = await NodeCluster.start();
    const asked: string[] = [];
    const fault = ({ path, query }: ApiRequest): undefined => {
      if (/\/(?:configmaps|secrets)/.test(path)) asked.push(`${path} ${new Map(query).get('fieldSelector') ?? ''}`);
    };
    let mode: () => string = () => '';
    cluster.run('reader', async ({ files, terminated }) => {
      mode = () => `${files.read('/m/k') ?? ''} ${files.read('/s/k') ?? ''}`;
      return new Promise((resolve) => terminated.addEventListener('abort', () => resolve(0)));
    });
    cluster.startNode('n1', { fault });
    await cluster.create(resources.core.v1.configMaps, {
      metadata: { name: 'm', namespace: 'default' },
      data: { k: 'a' },
      immutable: true,
    });
    const secret = await cluster.create(resources.core.v1.secrets, { metadata: { name: 's', namespace: 'default' }, data: { k: 'YQ==' } });
    await cluster.createPod({
      containers: [
        {
          name: 'c',
          image: 'reader',
          volumeMounts: [
            { name: 'm', mountPath: '/m' },
            { name: 's', mountPath: '/s' },
          ],
        },
      ],
      volumes: [
        { name: 'm', configMap: { name: 'm' } },
        { name: 's', secret: { secretName: 's' } },
      ],
    });
    await cluster.runtime.settle();
    assert.equal(mode(), 'a a');
    const paths = ['/api/v1/namespaces/default/configmaps metadata.name=m', '/api/v1/namespaces/default/secrets metadata.name=s'];
    assert.deepEqual([...new Set(asked)].sort(), paths);
    asked.length = 0;
    await cluster.runtime.advance(3_600_000); // watches end after some minutes, and are begun again
    assert.deepEqual([...new Set(asked)], paths.slice(1));
    await cluster.runtime.drive(cluster.admin.coreV1.secrets('default').update({ ...secret, data: { k: 'Yg==' } }));
    await cluster.runtime.settle();
    assert.equal(mode(), 'a b');
    // Whoever keeps an object that cannot change may have kept one that is gone.
    await cluster.runtime.drive(cluster.admin.coreV1.configMaps('default').delete('m'));
    await cluster.runtime.settle();
    assert.equal(mode(), 'a b');
  });
});
