import assert from 'node:assert/strict';
import test from 'node:test';
import type { TidbClusterSpec } from './types.ts';
import { goDurationMs, validateTidbCluster } from './validation.ts';

const good: TidbClusterSpec = {
  version: 'v8.5.7',
  pd: { replicas: 1, requests: { storage: '1Gi' } },
  tikv: { replicas: 3, requests: { storage: '1Gi' }, evictLeaderTimeout: '1m' },
  tidb: { replicas: 1 },
};

const cases: readonly { name: string; spec?: Partial<TidbClusterSpec>; annotations?: Record<string, string>; want: readonly string[] }[] = [
  { name: 'a good cluster', want: [] },
  { name: 'PD without storage', spec: { pd: { replicas: 1 } }, want: ['spec.pd.requests.storage'] },
  {
    name: 'a size that is no quantity',
    spec: { tikv: { replicas: 1, requests: { storage: '1 GB' } } },
    want: ['spec.tikv.requests.storage'],
  },
  {
    name: 'a time-out that is no duration',
    spec: { tikv: { ...good.tikv, replicas: 1, evictLeaderTimeout: 'soon' } },
    want: ['spec.tikv.evictLeaderTimeout'],
  },
  {
    name: 'a time-out of zero',
    spec: { tikv: { ...good.tikv, replicas: 1, waitLeaderTransferBackTimeout: '0s' } },
    want: ['spec.tikv.waitLeaderTransferBackTimeout'],
  },
  {
    name: 'delete slots that are no list',
    annotations: { 'tikv.tidb.pingcap.com/delete-slots': '1' },
    want: ['metadata.annotations[tikv.tidb.pingcap.com/delete-slots]'],
  },
  { name: 'an annotation __proto__', annotations: JSON.parse('{"__proto__":"x"}'), want: [] },
  {
    name: 'fieldRef in env',
    spec: { tidb: { replicas: 1, env: [{ name: 'A', valueFrom: { fieldRef: {} } }] } },
    want: ['spec.tidb.env[0].valueFrom.fieldRef'],
  },
  { name: 'a variable without name', spec: { tidb: { replicas: 1, env: [{}] } }, want: ['spec.tidb.env[0].name'] },
  {
    name: 'an additional container without image',
    spec: { tidb: { replicas: 1, additionalContainers: [{ name: 'x' }] } },
    want: ['spec.tidb.additionalContainers[0].image'],
  },
  { name: 'a data directory that climbs', spec: { pd: { ...good.pd, replicas: 1, dataSubDir: 'a/../..' } }, want: ['spec.pd.dataSubDir'] },
  { name: 'an absolute data directory', spec: { pd: { ...good.pd, replicas: 1, dataSubDir: '/data' } }, want: ['spec.pd.dataSubDir'] },
  {
    name: 'a source range that is no CIDR',
    spec: { tidb: { replicas: 1, service: { loadBalancerSourceRanges: ['10.0.0.0/33'] } } },
    want: ['spec.tidb.service.loadBalancerSourceRanges[0]'],
  },
  { name: 'a PD address without scheme', spec: { pdAddresses: ['pd:2379'] }, want: ['spec.pdAddresses[0]'] },
  { name: 'an unknown feature flag', spec: { startScriptV2FeatureFlags: ['Fast'] }, want: ['spec.startScriptV2FeatureFlags[0]'] },
  {
    name: 'no parallelism',
    spec: { tikv: { ...good.tikv, replicas: 1, scalePolicy: { scaleInParallelism: 0 } } },
    want: ['spec.tikv.scalePolicy.scaleInParallelism'],
  },
];

for (const { name, spec, annotations, want } of cases) {
  test(`validateTidbCluster(): ${name}`, () => {
    const errors = validateTidbCluster({
      apiVersion: 'pingcap.com/v1alpha1',
      kind: 'TidbCluster',
      metadata: { name: 'basic', ...(annotations && { annotations }) },
      spec: { ...good, ...spec },
    });
    assert.deepEqual(
      errors.map((error) => error.field),
      want,
    );
  });
}

test('goDurationMs() reads what Go writes', () => {
  assert.equal(goDurationMs('1m30s'), 90_000);
  assert.equal(goDurationMs('1.5h'), 5_400_000);
  for (const text of ['', '5', 'm', '-1s', '1 m']) assert.equal(goDurationMs(text), undefined, text);
});
