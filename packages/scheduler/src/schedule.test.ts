import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '@coracle/simulator';
import { podInfoOf } from './cache/pod-info.ts';
import { node, nodeInfo, pod, type PodRow, taint, view, type ViewRow } from './fixtures/objects.ts';
import { filterPlugins, scorePlugins } from './plugins/plugins.ts';
import { type Decision, decide, feasibleNodesWanted } from './schedule.ts';

function decideFor(row: PodRow, rows: ViewRow, random = seededRandom(1)): Decision {
  return decide(podInfoOf(pod(row)), view(rows), { filters: filterPlugins, scores: scorePlugins, random, startAt: 0 });
}

describe('decide()', () => {
  test('says why no node fits: sorted, counted, and who refused', () => {
    const nodes = [
      nodeInfo(node({ name: 'n1', taints: [taint('a', 'NoSchedule')] })),
      nodeInfo(node({ name: 'n2', allocatable: { memory: '1Gi' } })),
      nodeInfo(node({ name: 'n3', unschedulable: true })),
      nodeInfo(node({ name: 'n4', taints: [taint('a', 'NoExecute')] })),
    ];
    const decision = decideFor({ requests: { cpu: '8', memory: '2Gi' } }, { nodes });
    assert.deepEqual(decision, {
      fits: false,
      message:
        '0/4 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 node(s) were unschedulable, 2 node(s) had untolerated taint(s).',
      rejectedBy: new Set(['TaintToleration', 'NodeResourcesFit', 'NodeUnschedulable']),
    });
  });

  test('says so when there is no node', () => {
    assert.deepEqual(decideFor({}, {}), { fits: false, message: 'no nodes available to schedule pods', rejectedBy: new Set() });
  });

  test('says what makes every node useless', () => {
    const decision = decideFor(
      { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
      { nodes: [nodeInfo(node()), nodeInfo(node({ name: 'n2' }))] },
    );
    assert.deepEqual(decision, {
      fits: false,
      message: '0/2 nodes are available: persistentvolumeclaim "data" not found.',
      rejectedBy: new Set(['VolumeRestrictions']),
    });
  });

  test('asks only the node that a DaemonSet pod names', () => {
    const matchFields = [{ key: 'metadata.name', operator: 'In', values: ['n2'] }];
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } } };
    const nodes = [nodeInfo(node()), nodeInfo(node({ name: 'n2' })), nodeInfo(node({ name: 'n3' }))];
    const fitting = decideFor({ affinity }, { nodes });
    assert.equal(fitting.fits && fitting.node.name, 'n2');
    const refused = decideFor({ affinity, requests: { cpu: '100' } }, { nodes });
    assert.equal(
      !refused.fits && refused.message,
      "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity].",
    );
    assert.deepEqual(!refused.fits && [...refused.rejectedBy].sort(), ['NodeAffinity', 'NodeResourcesFit']);
  });

  test('takes the best node', () => {
    const nodes = [nodeInfo(node(), [pod({ name: 'q', requests: { cpu: '3' } })]), nodeInfo(node({ name: 'n2' }))];
    const decision = decideFor({ requests: { cpu: '1' } }, { nodes });
    assert.equal(decision.fits && decision.node.name, 'n2');
  });

  test('looks at a part of a large cluster, from where it is told to, and goes on at its begin', () => {
    const nodes = Array.from({ length: 200 }, (_, i) => nodeInfo(node({ name: `n${i}`, unschedulable: i % 10 === 0 })));
    const chosen = new Set<number>();
    const random = seededRandom(3);
    for (let i = 0; i < 100; i++) {
      const decision = decide(podInfoOf(pod()), view({ nodes }), { filters: filterPlugins, scores: scorePlugins, random, startAt: 150 });
      assert.ok(decision.fits);
      assert.equal(decision.lookedAt, 112, 'those that it refused among them');
      chosen.add(Number(decision.node.name.slice(1)));
    }
    const [before, after] = [[...chosen].filter((i) => i < 62), [...chosen].filter((i) => i >= 150)];
    assert.ok(before.length > 10 && after.length > 10);
    assert.equal(before.length + after.length, chosen.size, 'none in between');
  });

  test('looks at all nodes when none fits, wherever it begins', () => {
    const nodes = Array.from({ length: 200 }, (_, i) => nodeInfo(node({ name: `n${i}`, unschedulable: true })));
    const decision = decide(podInfoOf(pod()), view({ nodes }), {
      filters: filterPlugins,
      scores: scorePlugins,
      random: seededRandom(1),
      startAt: 199,
    });
    assert.equal(!decision.fits && decision.message, '0/200 nodes are available: 200 node(s) were unschedulable.');
  });

  test('lets chance choose between equals, and only between them', () => {
    const nodes = [
      nodeInfo(node()),
      nodeInfo(node({ name: 'n2' })),
      nodeInfo(node({ name: 'full' }), [pod({ name: 'q', requests: { cpu: '3' } })]),
    ];
    const random = seededRandom(7);
    const chosen = Array.from({ length: 100 }, () => decideFor({ requests: { cpu: '1' } }, { nodes }, random)).map((decision) =>
      decision.fits ? decision.node.name : '',
    );
    assert.deepEqual([...new Set(chosen)].sort(), ['n1', 'n2']);
  });
});

for (const { nodes, want } of [
  { nodes: 5, want: 5 },
  { nodes: 100, want: 100 },
  { nodes: 1000, want: 420 },
  { nodes: 6000, want: 300 },
]) {
  test(`feasibleNodesWanted() of ${nodes} nodes is ${want}`, () => assert.equal(feasibleNodesWanted(nodes), want));
}
