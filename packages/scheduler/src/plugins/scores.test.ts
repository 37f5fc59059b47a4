import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { podInfoOf } from '../cache/pod-info.ts';
import { node, nodeInfo, type NodeRow, pod, type PodRow, taint } from '../fixtures/objects.ts';
import type { ScorePlugin } from '../framework.ts';
import { scoreNodes } from '../schedule.ts';
import { nodeAffinityScore } from './node-affinity.ts';
import { balancedAllocation, leastAllocated } from './node-resources.ts';
import { taintTolerationScore } from './taint-toleration.ts';

interface Case {
  readonly what: string;
  readonly plugin: ScorePlugin;
  readonly pod: PodRow;
  readonly nodes: readonly (NodeRow & { readonly used?: Readonly<Record<string, string>> })[];
  /** After normalization and without the weight. */
  readonly want: readonly number[];
}

const ten = { cpu: '10', memory: '10Gi' };
const preferred = (...rows: readonly (readonly [weight: number, zone: string])[]): PodRow => ({
  affinity: {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: rows.map(([weight, zone]) => ({
        weight,
        preference: { matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] },
      })),
    },
  },
});

const cases: readonly Case[] = [
  {
    what: 'the mean of the free shares',
    plugin: leastAllocated,
    pod: { requests: { cpu: '1', memory: '1Gi' } },
    nodes: [{ allocatable: ten }, { allocatable: ten, used: { cpu: '5', memory: '3Gi' } }],
    want: [90, 50],
  },
  {
    what: 'a pod without requests as 100m and 200Mi',
    plugin: leastAllocated,
    pod: {},
    nodes: [{ allocatable: { cpu: '1', memory: '1000Mi' } }],
    want: [85],
  },
  {
    what: 'nothing for a resource that is overdrawn',
    plugin: leastAllocated,
    pod: { requests: { cpu: '11', memory: '1Gi' } },
    nodes: [{ allocatable: ten }],
    want: [45],
  },
  {
    what: 'nothing for a node without resources',
    plugin: leastAllocated,
    pod: {},
    nodes: [{ allocatable: { cpu: '0', memory: '0' } }],
    want: [0],
  },
  {
    what: '75 for a pod that keeps the balance',
    plugin: balancedAllocation,
    pod: { requests: { cpu: '1', memory: '1Gi' } },
    nodes: [{ allocatable: ten }],
    want: [75],
  },
  {
    what: 'more for one that restores it than for one that disturbs it',
    plugin: balancedAllocation,
    pod: { requests: { cpu: '4' } },
    nodes: [{ allocatable: ten, used: { cpu: '1', memory: '5Gi' } }, { allocatable: ten }],
    want: [85, 65],
  },
  {
    what: 'whole parts only, cut off at every step',
    plugin: leastAllocated,
    pod: { requests: { cpu: '1', memory: '1Gi' } },
    nodes: [{ allocatable: { cpu: '3', memory: '7Gi' } }, { allocatable: { cpu: '3', memory: '0' } }],
    want: [75, 66], // (66 + 85) / 2
  },
  {
    what: 'use beyond what there is as full use',
    plugin: balancedAllocation,
    pod: { requests: { cpu: '1', memory: '1Gi' } },
    nodes: [{ allocatable: ten, used: { cpu: '20', memory: '20Gi' } }, { allocatable: { cpu: '3', memory: '7Gi' } }],
    want: [75, 70], // 50 + (50 + 90 − 100) / 2
  },
  {
    what: 'one resource alone as balanced',
    plugin: balancedAllocation,
    pod: { requests: { cpu: '1' } },
    nodes: [{ allocatable: { cpu: '10', memory: '0' } }],
    want: [75],
  },
  { what: 'nothing for pods without requests', plugin: balancedAllocation, pod: {}, nodes: [{ allocatable: ten }], want: [0] },
  {
    what: 'fewer untolerated PreferNoSchedule taints higher',
    plugin: taintTolerationScore,
    pod: {},
    nodes: [{}, { taints: [taint('a', 'PreferNoSchedule')] }, { taints: [taint('a', 'PreferNoSchedule'), taint('b', 'PreferNoSchedule')] }],
    want: [100, 50, 0],
  },
  {
    what: 'tolerated ones not at all',
    plugin: taintTolerationScore,
    pod: { tolerations: [{ key: 'a', operator: 'Exists' }] },
    nodes: [{ taints: [taint('a', 'PreferNoSchedule')] }, { taints: [taint('b', 'PreferNoSchedule')] }],
    want: [100, 0],
  },
  {
    what: 'the sum of the weights that match, scaled',
    plugin: nodeAffinityScore,
    pod: preferred([10, 'a'], [30, 'b'], [10, 'b']),
    nodes: [{ labels: { zone: 'a' } }, { labels: { zone: 'b' } }, {}],
    want: [25, 100, 0],
  },
];

describe('scores', () => {
  for (const { what, plugin, pod: row, nodes, want } of cases) {
    test(`${plugin.name} counts ${what}`, () => {
      const infos = nodes.map(({ used, ...each }) => nodeInfo(node(each), used === undefined ? [] : [pod({ name: 'q', requests: used })]));
      assert.deepEqual(scoreNodes(podInfoOf(pod(row)), infos, [{ ...plugin, weight: 1 }]), want);
    });
  }
});
