import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '@coracle/simulator';
import { node, pod, type PodRow } from '../fixtures/objects.ts';
import { addTo } from '../resource.ts';
import { SchedulerCache } from './cache.ts';
import { type PodInfo, podInfoOf } from './pod-info.ts';

const infoOf = (row: PodRow): PodInfo => podInfoOf(pod({ requests: { cpu: '1' }, ...row }));
const cpuOf = (cache: SchedulerCache): readonly (readonly [string, number])[] =>
  cache.nodes.map(({ name, requested }) => [name, requested.get('cpu') ?? 0]);

describe('SchedulerCache', () => {
  test('counts a decision at once, and once when the API confirms it', () => {
    const cache = new SchedulerCache();
    cache.setNode(node());
    const p = infoOf({ name: 'p' });
    cache.assume(p, 'n1');
    assert.ok(cache.isAssumed(p));
    assert.deepEqual(cpuOf(cache), [['n1', 1000]]);
    cache.setPod(p, 'n1');
    assert.ok(!cache.isAssumed(p));
    assert.deepEqual(cpuOf(cache), [['n1', 1000]]);
  });

  test('follows the API where it says another node than was decided', () => {
    const cache = new SchedulerCache();
    for (const name of ['n1', 'n2']) cache.setNode(node({ name }));
    const p = infoOf({ name: 'p' });
    cache.assume(p, 'n1');
    cache.setPod(p, 'n2');
    assert.deepEqual(cpuOf(cache), [
      ['n1', 0],
      ['n2', 1000],
    ]);
  });

  test('a pod made anew under the name is not the one that was assumed', () => {
    const cache = new SchedulerCache();
    cache.setNode(node());
    cache.assume(infoOf({ name: 'p' }), 'n1');
    const { metadata, ...rest } = pod({ name: 'p' });
    assert.ok(!cache.isAssumed(podInfoOf({ ...rest, metadata: { ...metadata, uid: 'other' } })));
  });

  test('keeps the pods of a node that is not known yet, or not any more', () => {
    const cache = new SchedulerCache();
    cache.setPod(infoOf({ name: 'early' }), 'n1');
    assert.deepEqual(cpuOf(cache), [], 'no such node');
    cache.setNode(node());
    assert.deepEqual(cpuOf(cache), [['n1', 1000]]);
    cache.removeNode('n1');
    assert.deepEqual(cpuOf(cache), []);
    cache.setNode(node());
    assert.deepEqual(cpuOf(cache), [['n1', 1000]], 'it came back with its pod');
    assert.equal(cache.removePod('default/early')?.node.name, 'n1');
    assert.equal(cache.removePod('default/early'), undefined);
  });

  for (let seed = 1; seed <= 20; seed++) {
    test(`counts what is there, whatever happened: seed ${seed}`, () => {
      const random = seededRandom(seed);
      const cache = new SchedulerCache();
      const nodes = new Set<string>();
      const placed = new Map<string, { readonly nodeName: string; readonly pod: PodInfo }>();
      for (let i = 0; i < 500; i++) {
        const nodeName = `n${random.below(4)}`;
        const hostPort = random.below(3);
        const containers = [
          { name: 'c', resources: { requests: { cpu: `${random.below(9)}00m` } }, ports: [{ containerPort: 1, hostPort }] },
        ];
        const info = podInfoOf(pod({ name: `p${random.below(8)}`, containers }));
        const act = random.below(6);
        if (act === 0) nodes.add(cache.setNode(node({ name: nodeName })).name);
        else if (act === 1) {
          cache.removeNode(nodeName);
          nodes.delete(nodeName);
        } else if (act === 2) {
          cache.removePod(info.key);
          placed.delete(info.key);
        } else {
          if (act === 3) cache.assume(info, nodeName);
          else cache.setPod(info, nodeName);
          placed.set(info.key, { nodeName, pod: info });
        }
        assert.deepEqual(cache.nodes.map(({ name }) => name).sort(), [...nodes].sort());
        for (const { name, requested, scoringRequested, podCount, hostPorts } of cache.nodes) {
          const own = [...placed.values()].filter((each) => each.nodeName === name).map((each) => each.pod);
          const want = { requested: new Map<string, number>(), scoringRequested: new Map<string, number>() };
          for (const each of own) {
            addTo(want.requested, each.requests);
            addTo(want.scoringRequested, each.scoringRequests);
          }
          for (const [resource, amount] of requested) assert.equal(amount, want.requested.get(resource) ?? 0, resource);
          for (const [resource, amount] of scoringRequested) assert.equal(amount, want.scoringRequested.get(resource) ?? 0, resource);
          assert.equal(podCount, own.length);
          assert.equal([...hostPorts].length, own.flatMap((each) => each.hostPorts).length);
        }
      }
    });
  }
});
