import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EndpointSlice, Pod, Service } from '@coracle/api';
import fc from 'fast-check';
import { resources } from '@coracle/client';
import { ControlPlane } from '../fixtures/control-plane.ts';
import { pod } from '../fixtures/objects.ts';
import { desiredGroups } from './desired.ts';
import { endpointsOf, planSlices } from './plan.ts';
import { SliceTracker } from './slice-tracker.ts';

const { apps, core, discovery } = resources;
const service = (spec: Partial<Service['spec']> = {}): Service => ({
  metadata: { name: 'web', namespace: 'default' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
});
const groupsOf = (of: Service, pods: readonly Pod[]): ReturnType<typeof desiredGroups> => desiredGroups(of, pods, 'IPv4', () => undefined);
const slice = (uid: string, addresses: readonly string[]): EndpointSlice => ({
  metadata: { name: uid, uid, generation: 1 },
  addressType: 'IPv4',
  ports: [{ name: '', port: 8080, protocol: 'TCP' }],
  endpoints: addresses.map((address) => ({ addresses: [address] })),
});

describe('desiredGroups()', () => {
  const cases = [
    { name: 'ready', pod: { ip: '10.0.0.1', readySince: 0 }, want: { ready: true, serving: true, terminating: false } },
    { name: 'not ready', pod: { ip: '10.0.0.1', phase: 'Running' }, want: { ready: false, serving: false, terminating: false } },
    {
      name: 'terminating',
      pod: { ip: '10.0.0.1', readySince: 0, deleting: true },
      want: { ready: false, serving: true, terminating: true },
    },
    {
      name: 'not ready but published',
      pod: { ip: '10.0.0.1', phase: 'Running' },
      spec: { publishNotReadyAddresses: true },
      want: { ready: true, serving: false, terminating: false },
    },
    { name: 'no address', pod: { readySince: 0 }, want: undefined },
    { name: 'has ended', pod: { ip: '10.0.0.1', phase: 'Succeeded' }, want: undefined },
    { name: 'of the other family', pod: { ip: 'fd00::1', readySince: 0 }, want: undefined },
  ];
  for (const { name, pod: row, spec, want } of cases) {
    test(name, () => assert.deepEqual(groupsOf(service(spec), [pod(row)])[0]?.endpoints[0]?.conditions, want));
  }
  test('a port by name is looked up in each pod', () => {
    const named = (name: string, ip: string, containerPort: number): Pod =>
      pod({ name, ip, readySince: 0, spec: { containers: [{ name: 'c', image: 'app', ports: [{ name: 'http', containerPort }] }] } });
    const groups = groupsOf(service({ ports: [{ port: 80, targetPort: 'http' }] }), [
      named('a', '10.0.0.1', 1),
      named('b', '10.0.0.2', 2),
      named('c', '10.0.0.3', 1),
    ]);
    assert.deepEqual(
      groups.map(({ ports, endpoints }) => [ports[0]?.port, endpoints.length]),
      [
        [1, 2],
        [2, 1],
      ],
    );
  });
});

describe('planSlices()', () => {
  const desired = (addresses: readonly string[]): Parameters<typeof planSlices>[0]['desired'] => [
    { ports: [{ name: '', port: 8080, protocol: 'TCP' }], endpoints: addresses.map((address) => ({ addresses: [address] })) },
  ];
  test('writes nothing when all is as it should be', () => {
    const existing = [{ ...slice('a', ['1', '2']), metadata: { name: 'a', uid: 'a', labels: { l: 'x' } } }];
    assert.deepEqual(planSlices({ existing, desired: desired(['2', '1']), labels: { l: 'x' }, maxEndpoints: 2 }), {
      create: [],
      update: [],
      remove: [],
    });
  });
  test('a Service without endpoints keeps one empty slice', () => {
    const { create, update, remove } = planSlices({ existing: [], desired: [], labels: {}, maxEndpoints: 2 });
    assert.deepEqual([create, update, remove], [[{ ports: [], endpoints: [] }], [], []]);
  });
  test('never overfills a slice, and holds every endpoint once', () => {
    const addresses = fc.uniqueArray(fc.nat(40).map(String), { maxLength: 30 });
    fc.assert(
      fc.property(
        addresses,
        fc.array(fc.uniqueArray(fc.nat(40).map(String), { minLength: 1, maxLength: 5 }), { maxLength: 4 }),
        (wanted, present) => {
          const seen = new Set<string>();
          const existing = present.map((of, i) =>
            slice(
              `s${i}`,
              of.filter((address) => !seen.has(address) && seen.add(address) !== undefined),
            ),
          );
          const { create, update, remove } = planSlices({
            existing,
            desired: wanted.length === 0 ? [] : desired(wanted),
            labels: {},
            maxEndpoints: 5,
          });
          const touched = new Set([...update.map((entry) => entry.slice), ...remove]);
          const contents = [
            ...create.map(({ endpoints }) => endpoints),
            ...update.map(({ content }) => content.endpoints),
            ...existing.filter((each) => !touched.has(each)).map(endpointsOf),
          ];
          assert.ok(contents.every((endpoints) => endpoints.length <= 5));
          assert.deepEqual(
            contents
              .flat()
              .map(({ addresses: of }) => of[0] ?? '')
              .sort(),
            wanted.toSorted(),
          );
        },
      ),
    );
  });
});

describe('SliceTracker', () => {
  test('is stale while a write is not in the cache', () => {
    const tracker = new SliceTracker();
    tracker.wrote('s', { ...slice('a', []), metadata: { uid: 'a', generation: 2 } });
    assert.ok(tracker.isStale('s', [slice('a', [])]));
    assert.ok(tracker.isStale('s', []));
    assert.ok(!tracker.isStale('s', [{ ...slice('a', []), metadata: { uid: 'a', generation: 2 } }]));
  });
  test('is stale while a deleted slice is in the cache, and forgets it then', () => {
    const tracker = new SliceTracker();
    tracker.observed('s', slice('a', []));
    tracker.deleting('s', slice('a', []));
    assert.ok(tracker.isStale('s', [slice('a', [])]));
    assert.ok(!tracker.observedDeletion('s', slice('a', [])), 'our own doing');
    assert.ok(!tracker.isStale('s', []));
  });
  test('remembers nothing of a slice whose deletion is seen before it is answered', () => {
    const tracker = new SliceTracker();
    tracker.observed('s', slice('a', []));
    tracker.deleting('s', slice('a', []));
    tracker.observedDeletion('s', slice('a', []));
    assert.equal(tracker.sizeOf('s'), 0);
  });
  test('goes on with a slice that could not be deleted', () => {
    const tracker = new SliceTracker();
    tracker.observed('s', slice('a', []));
    tracker.deleting('s', slice('a', []));
    tracker.notDeleted('s', slice('a', []));
    assert.ok(!tracker.isStale('s', [slice('a', [])]));
  });
  test('tells the changes of others from its own', () => {
    const tracker = new SliceTracker();
    tracker.wrote('s', slice('a', []));
    assert.ok(!tracker.observed('s', slice('a', [])));
    assert.ok(tracker.observed('s', { ...slice('a', []), metadata: { uid: 'a', generation: 7 } }));
    assert.ok(tracker.observedDeletion('s', slice('a', [])));
  });
});

describe('EndpointSliceController', () => {
  test('fills slices of 100, and Endpoints with all of them', async () => {
    const plane = await ControlPlane.start();
    const labels = { app: 'web' };
    await plane.create(core.v1.services, service());
    await plane.create(apps.v1.replicaSets, {
      metadata: { name: 'r', namespace: 'default' },
      spec: {
        replicas: 130,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'app' }] } },
      },
    });
    await plane.runtime.settle();
    const sizes = async (): Promise<readonly number[]> =>
      (await plane.list(discovery.v1.endpointSlices)).map((each) => endpointsOf(each).length).sort((a, b) => b - a);
    assert.equal(
      (await sizes()).reduce((sum, size) => sum + size, 0),
      130,
    );
    assert.ok((await sizes()).every((size) => size <= 100));
    assert.equal((await plane.get(core.v1.endpoints, 'web')).subsets?.[0]?.addresses?.length, 130);
    await plane.patch(apps.v1.replicaSets, 'r', { spec: { replicas: 0 } });
    await plane.runtime.settle();
    assert.deepEqual(await sizes(), [0]);
    assert.equal((await plane.get(core.v1.endpoints, 'web')).subsets, undefined);
  });

  test('puts a slice right that somebody changed, and makes one anew that somebody deleted', async () => {
    const plane = await ControlPlane.start();
    await plane.create(core.v1.services, service());
    await plane.create(core.v1.pods, {
      metadata: { name: 'p', namespace: 'default', labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image: 'app' }] },
    });
    await plane.runtime.settle();
    const [before] = await plane.list(discovery.v1.endpointSlices);
    const name = before?.metadata.name ?? '';
    await plane.patch(discovery.v1.endpointSlices, name, { endpoints: [] });
    await plane.runtime.settle();
    assert.equal(endpointsOf((await plane.get(discovery.v1.endpointSlices, name)) as EndpointSlice).length, 1);
    await plane.runtime.drive(plane.admin.discoveryV1.endpointSlices('default').delete(name));
    await plane.runtime.settle();
    const [after] = await plane.list(discovery.v1.endpointSlices);
    assert.notEqual(after?.metadata.uid, before?.metadata.uid);
    assert.equal(after?.endpoints.length, 1);
  });
});
