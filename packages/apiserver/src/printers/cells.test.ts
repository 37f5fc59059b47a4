import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resourceRows } from '@coracle/api';
import { deepFreeze } from '@coracle/apimachinery';
import type { ApiObject } from '../registry/definition.ts';
import { cellsOf } from './cells.ts';

const created = '2026-01-01T00:00:00Z';
const now = Date.parse(created) + 300_000;

function cells(
  row: string,
  fields: Readonly<Record<string, unknown>>,
  metadata: Readonly<Record<string, unknown>> = {},
): readonly unknown[] {
  const object = deepFreeze({ metadata: { name: 'a', creationTimestamp: created, ...metadata }, ...fields });
  return cellsOf[row]?.(object as unknown as ApiObject, now) ?? []; // parts of objects are enough here
}

test('pods tell when a container was last restarted', () => {
  const status = {
    phase: 'Running',
    containerStatuses: [
      {
        name: 'c',
        ready: true,
        restartCount: 2,
        state: { running: {} },
        lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:03:00Z' } },
      },
    ],
  };
  assert.equal(cells('/v1/pods', { spec: { containers: [{}] }, status })[3], '2 (2m ago)');
});

test('pods that are done stay so while they are deleted', () => {
  const status = {
    phase: 'Succeeded',
    containerStatuses: [{ name: 'c', restartCount: 0, ready: false, state: { terminated: { exitCode: 0, reason: 'Completed' } } }],
  };
  assert.equal(cells('/v1/pods', { spec: { containers: [{}] }, status }, { deletionTimestamp: created })[2], 'Completed');
});

test('pods count readiness gates that are met', () => {
  const spec = { containers: [{}], readinessGates: [{ conditionType: 'x' }, { conditionType: 'y' }] };
  assert.equal(cells('/v1/pods', { spec, status: { conditions: [{ type: 'x', status: 'True' }] } }).at(-1), '1/2');
});

test('volumes show class, claim and modes', () => {
  const spec = {
    capacity: { storage: '3Gi' },
    accessModes: ['ReadWriteMany', 'ReadWriteOnce'],
    claimRef: { namespace: 'n', name: 'c' },
    storageClassName: 'slow',
    volumeMode: 'Block',
  };
  const row = cells('/v1/persistentvolumes', { spec, status: { phase: 'Bound' } });
  assert.deepEqual(row, ['a', '3Gi', 'RWO,RWX', '', 'Bound', 'n/c', 'slow', '<unset>', '', '5m', 'Block']);
});

test('bound claims show what they were given', () => {
  const row = cells('/v1/persistentvolumeclaims', {
    spec: { volumeName: 'v' },
    status: { phase: 'Bound', accessModes: ['ReadWriteOncePod'], capacity: { storage: '1Gi' } },
  });
  assert.deepEqual(row.slice(1, 5), ['Bound', 'v', '1Gi', 'RWOP']);
});

test('endpoints show three addresses and how many more there are', () => {
  const subsets = [{ addresses: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }], ports: [{ port: 1 }, { port: 2 }] }];
  assert.equal(cells('/v1/endpoints', { subsets })[1], '192.0.2.1:1,[2001:db8::1]:1,192.0.2.1:2 + 1 more...');
  assert.equal(cells('/v1/endpoints', {})[1], '<none>');
});

test('events of a series show its last and its count', () => {
  const row = cells('/v1/events', {
    reason: 'R',
    involvedObject: { kind: 'Pod', name: 'p' },
    eventTime: '2026-01-01T00:00:00.000000Z',
    series: { count: 7, lastObservedTime: '2026-01-01T00:04:00.000000Z' },
    source: { component: 'c', host: 'h' },
  });
  assert.deepEqual([row[0], row[3], row[5], row[7], row[8]], ['60s', 'pod/p', 'c, h', '5m', 7]);
});

test('definitions of custom resources show their served versions', () => {
  const spec = {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'bowls', kind: 'Bowl', shortNames: ['bo'] },
    versions: [
      { name: 'v2', served: true, storage: false },
      { name: 'v1', served: true, storage: true },
      { name: 'v0', served: false, storage: false },
    ],
  };
  const status = { conditions: [{ type: 'Established', status: 'True' }] };
  assert.deepEqual(cells('apiextensions.k8s.io/v1/customresourcedefinitions', { spec, status }), [
    'a',
    'Namespaced',
    'v1(storage),v2',
    created,
    'example.com',
    'Bowl',
    'bo',
    true,
  ]);
});

test('every row bears an object that has nothing', () => {
  const nested = { template: {}, jobTemplate: {}, source: {}, priorityLevelConfiguration: {}, pool: {}, names: {}, resource: {} };
  const fields = { spec: nested, roleRef: { kind: 'Role', name: 'r' } };
  for (const row of Object.keys(cellsOf)) assert.ok(cells(row, fields).length > 0, row);
});

test('certificates of pods tell whose they are and what became of the request', () => {
  const spec = { podName: 'p', serviceAccountName: 's', nodeName: 'n', signerName: 'example.test/kiln' };
  const row = 'certificates.k8s.io/v1/podcertificaterequests';
  assert.deepEqual(cells(row, { spec }), ['a', 'p', 's', 'n', 'example.test/kiln', 'Pending', '<none>']);
  assert.equal(cells(row, { spec, status: { conditions: [{ type: 'Denied', status: 'True' }] } })[5], 'Denied');
});

test('cellsOf has a row for each resource with columns', () => {
  const missing = resourceRows.filter(
    ({ group, version, resource, columns }) => columns.length > 0 && cellsOf[`${group}/${version}/${resource}`] === undefined,
  );
  assert.deepEqual(missing, []);
});
