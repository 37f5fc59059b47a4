import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NodeSelectorRequirement, PodAffinityTerm } from '@coracle/api';
import { podInfoOf } from '../cache/pod-info.ts';
import { node, nodeInfo, type NodeRow, pod, type PodRow, taint, view } from '../fixtures/objects.ts';
import { type FilterPlugin, mayHelp } from '../framework.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesFit } from './node-resources.ts';
import { nodeUnschedulable, taintToleration } from './taint-toleration.ts';

interface Case {
  readonly what: string;
  readonly plugin: FilterPlugin;
  readonly pod: PodRow;
  readonly node: NodeRow;
  /** Pods that run on the node. */
  readonly running?: readonly PodRow[];
  readonly want?: readonly string[];
}

const port = (hostPort: number, hostIP = '', protocol = 'TCP'): PodRow => ({
  containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort, hostIP, protocol }] }],
});
const required = (...matchExpressions: NodeSelectorRequirement[]): PodRow => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } } },
});
const portsTaken = ["node(s) didn't have free ports for the requested pod ports"];
const affinityMissed = ["node(s) didn't match Pod's node affinity/selector"];
const untolerated = ['node(s) had untolerated taint(s)'];

const cases: readonly Case[] = [
  { what: 'another name', plugin: nodeName, pod: { nodeName: 'n2' }, node: {}, want: ["node(s) didn't match the requested node name"] },
  { what: 'its name', plugin: nodeName, pod: { nodeName: 'n1' }, node: {} },
  { what: 'a cordoned node', plugin: nodeUnschedulable, pod: {}, node: { unschedulable: true }, want: ['node(s) were unschedulable'] },
  {
    what: 'a cordoned node that is tolerated',
    plugin: nodeUnschedulable,
    pod: { tolerations: [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }] },
    node: { unschedulable: true },
  },
  { what: 'NoSchedule', plugin: taintToleration, pod: {}, node: { taints: [taint('a', 'NoSchedule')] }, want: untolerated },
  { what: 'NoExecute', plugin: taintToleration, pod: {}, node: { taints: [taint('a', 'NoExecute')] }, want: untolerated },
  { what: 'PreferNoSchedule', plugin: taintToleration, pod: {}, node: { taints: [taint('a', 'PreferNoSchedule')] } },
  {
    what: 'an equal value',
    plugin: taintToleration,
    pod: { tolerations: [{ key: 'a', value: '1', effect: 'NoSchedule' }] },
    node: { taints: [taint('a', 'NoSchedule', '1')] },
  },
  {
    what: 'another value',
    plugin: taintToleration,
    pod: { tolerations: [{ key: 'a', value: '2' }] },
    node: { taints: [taint('a', 'NoSchedule', '1')] },
    want: untolerated,
  },
  {
    what: 'another effect',
    plugin: taintToleration,
    pod: { tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoExecute' }] },
    node: { taints: [taint('a', 'NoSchedule')] },
    want: untolerated,
  },
  {
    what: 'whatever, with an empty key and Exists',
    plugin: taintToleration,
    pod: { tolerations: [{ operator: 'Exists' }] },
    node: { taints: [taint('a', 'NoSchedule')] },
  },
  {
    what: 'one of two taints only',
    plugin: taintToleration,
    pod: { tolerations: [{ key: 'a', operator: 'Exists' }] },
    node: { taints: [taint('a', 'NoSchedule'), taint('b', 'NoSchedule')] },
    want: untolerated,
  },
  { what: 'a selector that matches', plugin: nodeAffinity, pod: { nodeSelector: { zone: 'a' } }, node: { labels: { zone: 'a' } } },
  {
    what: 'a selector that does not',
    plugin: nodeAffinity,
    pod: { nodeSelector: { zone: 'a' } },
    node: { labels: { zone: 'b' } },
    want: affinityMissed,
  },
  {
    what: 'a selector named constructor',
    plugin: nodeAffinity,
    pod: { nodeSelector: { constructor: 'a' } },
    node: {},
    want: affinityMissed,
  },
  { what: 'In', plugin: nodeAffinity, pod: required({ key: 'zone', operator: 'In', values: ['a', 'b'] }), node: { labels: { zone: 'b' } } },
  { what: 'NotIn without the label', plugin: nodeAffinity, pod: required({ key: 'zone', operator: 'NotIn', values: ['a'] }), node: {} },
  {
    what: 'Exists without the label',
    plugin: nodeAffinity,
    pod: required({ key: 'zone', operator: 'Exists' }),
    node: {},
    want: affinityMissed,
  },
  { what: 'DoesNotExist', plugin: nodeAffinity, pod: required({ key: 'zone', operator: 'DoesNotExist' }), node: {} },
  { what: 'Gt', plugin: nodeAffinity, pod: required({ key: 'cores', operator: 'Gt', values: ['8'] }), node: { labels: { cores: '16' } } },
  {
    what: 'Gt of the number itself',
    plugin: nodeAffinity,
    pod: required({ key: 'cores', operator: 'Gt', values: ['8'] }),
    node: { labels: { cores: '8' } },
    want: affinityMissed,
  },
  { what: 'Lt', plugin: nodeAffinity, pod: required({ key: 'cores', operator: 'Lt', values: ['8'] }), node: { labels: { cores: '-1' } } },
  {
    what: 'Lt of the number itself',
    plugin: nodeAffinity,
    pod: required({ key: 'cores', operator: 'Lt', values: ['8'] }),
    node: { labels: { cores: '8' } },
    want: affinityMissed,
  },
  {
    what: 'Lt of no number',
    plugin: nodeAffinity,
    pod: required({ key: 'cores', operator: 'Lt', values: ['8'] }),
    node: { labels: { cores: 'few' } },
    want: affinityMissed,
  },
  { what: 'a term without requirements', plugin: nodeAffinity, pod: required(), node: {}, want: affinityMissed },
  {
    what: 'a selector that matches and affinity that does not',
    plugin: nodeAffinity,
    pod: { ...required({ key: 'zone', operator: 'Exists' }), nodeSelector: { disk: 'ssd' } },
    node: { labels: { disk: 'ssd' } },
    want: affinityMissed,
  },
  {
    what: 'the same host port',
    plugin: nodePorts,
    pod: port(80),
    node: {},
    running: [{ name: 'q', ...port(80, '127.0.0.1') }],
    want: portsTaken,
  },
  {
    what: 'the host port of a sidecar',
    plugin: nodePorts,
    pod: { initContainers: [{ name: 's', restartPolicy: 'Always', ports: [{ containerPort: 80, hostPort: 80 }] }] },
    node: {},
    running: [{ name: 'q', ...port(80) }],
    want: portsTaken,
  },
  {
    what: 'the host port of an init container, which is gone when the others run',
    plugin: nodePorts,
    pod: { initContainers: [{ name: 'i', ports: [{ containerPort: 80, hostPort: 80 }] }] },
    node: {},
    running: [{ name: 'q', ...port(80) }],
  },
  {
    what: 'the port on another address',
    plugin: nodePorts,
    pod: port(80, '10.0.0.1'),
    node: {},
    running: [{ name: 'q', ...port(80, '10.0.0.2') }],
  },
  { what: 'the port of another protocol', plugin: nodePorts, pod: port(80, '', 'UDP'), node: {}, running: [{ name: 'q', ...port(80) }] },
  {
    what: 'requests that just fit',
    plugin: nodeResourcesFit,
    pod: { requests: { cpu: '1', memory: '1Gi' } },
    node: { allocatable: { cpu: '2' } },
    running: [{ name: 'q', requests: { cpu: '1000m' } }],
  },
  {
    what: 'requests beyond what is left',
    plugin: nodeResourcesFit,
    pod: { requests: { cpu: '1001m', memory: '9Gi', 'ephemeral-storage': '1' } },
    node: { allocatable: { cpu: '2' } },
    running: [{ name: 'q', requests: { cpu: '1' } }],
    want: ['Insufficient cpu', 'Insufficient memory', 'Insufficient ephemeral-storage'],
  },
  {
    what: 'a thing that the node does not have',
    plugin: nodeResourcesFit,
    pod: { requests: { 'example.com/gpu': '1' } },
    node: {},
    want: ['Insufficient example.com/gpu'],
  },
  {
    what: 'more pods than allowed',
    plugin: nodeResourcesFit,
    pod: {},
    node: { allocatable: { pods: '1' } },
    running: [{ name: 'q' }],
    want: ['Too many pods'],
  },
  {
    what: 'no requests, on a node that is overcommitted',
    plugin: nodeResourcesFit,
    pod: {},
    node: { allocatable: { cpu: '1' } },
    running: [{ name: 'q', requests: { cpu: '2' } }],
  },
];

describe('filters', () => {
  for (const { what, plugin, pod: row, node: nodeRow, running = [], want = [] } of cases) {
    test(`${plugin.name} ${want.length === 0 ? 'passes' : 'refuses'} ${what}`, () => {
      const info = nodeInfo(node(nodeRow), running.map(pod));
      assert.deepEqual(reasonsOf(plugin, row, [info], info), want);
    });
  }

  test('NodeAffinity names the only nodes that can match, where terms name theirs', () => {
    const matchFields = [{ key: 'metadata.name', operator: 'In', values: ['n2'] }];
    const prepared = nodeAffinity.prepare(
      podInfoOf(
        pod({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } } } }),
      ),
      view(),
    );
    assert.deepEqual(prepared.say === 'nodes' && prepared.only, new Set(['n2']));
  });

  test('NodeAffinity refuses every node where all terms want two names at once', () => {
    const named = (name: string): NodeSelectorRequirement => ({ key: 'metadata.name', operator: 'In', values: [name] });
    const nodeSelectorTerms = [{ matchFields: [named('n1'), named('n2')] }, { matchFields: [named('n2'), named('n3')] }];
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
    assert.deepEqual(nodeAffinity.prepare(podInfoOf(pod({ affinity })), view()), {
      say: 'nowhere',
      message: 'pod affinity terms conflict',
    });
  });
});

const term = (app: string, more: Partial<PodAffinityTerm> = {}): PodAffinityTerm => ({
  topologyKey: 'zone',
  labelSelector: { matchLabels: { app } },
  ...more,
});
const apart = (...terms: PodAffinityTerm[]): PodRow => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
});
const together = (...terms: PodAffinityTerm[]): PodRow => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
});
const web: PodRow = { name: 'web', labels: { app: 'web' } };

describe('InterPodAffinity', () => {
  for (const { what, row, running, namespaces = {}, want } of [
    { what: 'anti-affinity spares the whole zone', row: apart(term('web')), running: web, want: ['anti', 'anti', ''] },
    {
      what: 'anti-affinity looks into its own namespace',
      row: apart(term('web')),
      running: { ...web, namespace: 'other' },
      want: ['', '', ''],
    },
    {
      what: 'anti-affinity looks into namespaces named',
      row: apart(term('web', { namespaces: ['other'] })),
      running: { ...web, namespace: 'other' },
      want: ['anti', 'anti', ''],
    },
    {
      what: 'anti-affinity looks into namespaces selected',
      row: apart(term('web', { namespaceSelector: { matchLabels: { team: 'x' } } })),
      running: { ...web, namespace: 'other' },
      namespaces: { other: { team: 'x' } },
      want: ['anti', 'anti', ''],
    },
    {
      what: 'the anti-affinity of a pod that is there counts',
      row: { labels: { app: 'db' } },
      running: { ...web, ...apart(term('db')) },
      want: ['existing', 'existing', ''],
    },
    { what: 'affinity goes to the same zone', row: together(term('web')), running: web, want: ['', '', 'affinity'] },
    { what: 'affinity to nobody finds no node', row: together(term('db')), running: web, want: ['affinity', 'affinity', 'affinity'] },
    {
      what: 'affinity to its own kind lets the first go anywhere',
      row: { labels: { app: 'db' }, ...together(term('db')) },
      running: web,
      want: ['', '', ''],
    },
    {
      what: 'no node without the label is near',
      row: { labels: { app: 'db' }, ...together(term('db', { topologyKey: 'rack' })) },
      running: web,
      want: ['affinity', 'affinity', 'affinity'],
    },
  ] as readonly {
    what: string;
    row: PodRow;
    running: PodRow;
    namespaces?: Record<string, Record<string, string>>;
    want: readonly string[];
  }[]) {
    test(what, () => {
      const nodes = [
        nodeInfo(node({ name: 'a1', labels: { zone: 'a' } }), [pod(running)]),
        nodeInfo(node({ name: 'a2', labels: { zone: 'a' } })),
        nodeInfo(node({ name: 'b1', labels: { zone: 'b' } })),
      ];
      const texts = {
        anti: "node(s) didn't match pod anti-affinity rules",
        existing: "node(s) didn't satisfy existing pods anti-affinity rules",
        affinity: "node(s) didn't match pod affinity rules",
      };
      const found = nodes.map((each) => reasonsOf(interPodAffinity, row, nodes, each, namespaces));
      assert.deepEqual(
        found,
        want.map((name) => (name === '' ? [] : [texts[name as keyof typeof texts]])),
      );
    });
  }
});

describe('mayHelp()', () => {
  const big = podInfoOf(pod({ requests: { cpu: '8' } }));
  for (const { what, event, want } of [
    {
      what: 'a node that is large enough',
      event: { aspects: ['node/added'], node: nodeInfo(node({ allocatable: { cpu: '16' } })) },
      want: true,
    },
    { what: 'not a node that is too small', event: { aspects: ['node/added'], node: nodeInfo(node()) }, want: false },
    {
      what: 'not a change that the plugin does not look at',
      event: { aspects: ['node/labels'], node: nodeInfo(node({ allocatable: { cpu: '16' } })) },
      want: false,
    },
  ] as const) {
    test(`${what}`, () => assert.equal(mayHelp(nodeResourcesFit, big, event, view()), want));
  }

  test('a pod at one node where another node of its zone gains by it', () => {
    const affinity = {
      podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('web')] },
      podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('web', { topologyKey: 'host' })] },
    };
    const arrival = nodeInfo(node({ name: 'a1', labels: { zone: 'a', host: 'a1' } }), [pod({ name: 'w', labels: { app: 'web' } })]);
    const nodes = [arrival, nodeInfo(node({ name: 'a2', labels: { zone: 'a', host: 'a2' } }))];
    const event = { aspects: ['pod/assigned'], node: arrival } as const;
    assert.ok(mayHelp(interPodAffinity, podInfoOf(pod({ affinity })), event, view({ nodes })));
    assert.ok(!mayHelp(interPodAffinity, podInfoOf(pod({ affinity })), event, view({ nodes: [arrival] })));
  });

  test('a pod that leaves one node where another node of its zone gains by it', () => {
    const apart = [term('web'), term('db', { topologyKey: 'rack' })];
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: apart } };
    const left = nodeInfo(node({ name: 'a1', labels: { zone: 'a', rack: 'r1' } }), [pod({ name: 'd', labels: { app: 'db' } })]);
    const free = nodeInfo(node({ name: 'a2', labels: { zone: 'a', rack: 'r2' } }));
    const event = { aspects: ['pod/removed'], node: left } as const;
    assert.ok(mayHelp(interPodAffinity, podInfoOf(pod({ affinity })), event, view({ nodes: [left, free] })));
  });
});

function reasonsOf(
  plugin: FilterPlugin,
  row: PodRow,
  nodes: readonly ReturnType<typeof nodeInfo>[],
  on: ReturnType<typeof nodeInfo>,
  namespaces = {},
): readonly string[] {
  const prepared = plugin.prepare(podInfoOf(pod(row)), view({ nodes, namespaces }));
  assert.notEqual(prepared.say, 'nowhere');
  return prepared.say === 'nodes' ? prepared.filter(on) : [];
}
