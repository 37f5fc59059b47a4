import type { Random } from '@coracle/kernel';
import type { NodeInfo } from './cache/node-info.ts';
import type { PodInfo } from './cache/pod-info.ts';
import { type ClusterView, type FilterPlugin, maxNodeScore, type NodeFilter, type ScorePlugin } from './framework.ts';

/** Where a pod goes, or why it goes nowhere. */
export type Decision =
  | { readonly fits: true; readonly node: NodeInfo; readonly lookedAt: number }
  | { readonly fits: false; readonly message: string; readonly rejectedBy: ReadonlySet<string> };

export interface DecisionContext {
  readonly filters: readonly FilterPlugin[];
  readonly scores: readonly ScorePlugin[];
  readonly random: Random;
  /** The node to look at first: large clusters are searched in turns. */
  readonly startAt: number;
}

/**
 * Chooses a node (kube-scheduler schedule_one.go): the nodes that pass every filter are scored, the best wins, chance
 * decides between equals. Changes nothing.
 */
export function decide(pod: PodInfo, cluster: ClusterView, { filters, scores, random, startAt }: DecisionContext): Decision {
  const { nodes } = cluster;
  if (nodes.length === 0) return { fits: false, message: 'no nodes available to schedule pods', rejectedBy: new Set() };
  const rules: { readonly name: string; readonly filter: NodeFilter }[] = [];
  let only: ReadonlySet<string> | undefined;
  const rejectedBy = new Set<string>();
  for (const plugin of filters) {
    const prepared = plugin.prepare(pod, cluster);
    if (prepared.say === 'nothing') continue;
    if (prepared.say === 'nowhere')
      return { fits: false, message: `${noneOf(nodes.length)}: ${prepared.message}.`, rejectedBy: new Set([plugin.name]) };
    rules.push({ name: plugin.name, filter: prepared.filter });
    if (prepared.only === undefined) continue;
    only = prepared.only; // NodeAffinity alone narrows
    rejectedBy.add(plugin.name);
  }

  const wanted = feasibleNodesWanted(nodes.length);
  const feasible: NodeInfo[] = [];
  const counts = new Map<string, number>();
  let lookedAt = 0;
  for (; lookedAt < nodes.length && feasible.length < wanted; lookedAt++) {
    const node = nodes[(startAt + lookedAt) % nodes.length] as NodeInfo; // the index is below the length
    if (only?.has(node.name) === false) {
      count(counts, "node(s) didn't satisfy plugin(s) [NodeAffinity]");
      continue;
    }
    const refusal = firstRefusal(rules, node);
    if (refusal === undefined) feasible.push(node);
    else {
      rejectedBy.add(refusal.name);
      for (const reason of refusal.reasons) count(counts, reason);
    }
  }
  if (feasible.length === 0) return { fits: false, message: messageOf(nodes.length, counts), rejectedBy };
  return { fits: true, node: best(pod, feasible, scores, random), lookedAt };
}

/** How many fitting nodes are enough (numFeasibleNodesToFind, adaptive): all of 100, 42 % of 1,000, never below 5 %. */
export function feasibleNodesWanted(nodes: number): number {
  const fewest = 100;
  if (nodes < fewest) return nodes;
  const percent = Math.max(5, 50 - Math.floor(nodes / 125));
  return Math.max(fewest, Math.floor((nodes * percent) / 100));
}

/** The weighted sum of the normalized scores, by node, in the order of `nodes`. */
export function scoreNodes(pod: PodInfo, nodes: readonly NodeInfo[], scores: readonly ScorePlugin[]): readonly number[] {
  const totals = nodes.map(() => 0);
  for (const { prepare, normalize, weight } of scores) {
    const score = prepare(pod);
    if (score === undefined) continue;
    const raw = nodes.map(score);
    const highest = Math.max(0, ...raw);
    for (const [i, value] of raw.entries()) totals[i] = (totals[i] ?? 0) + weight * normalized(value, highest, normalize);
  }
  return totals;
}

function normalized(score: number, highest: number, how: ScorePlugin['normalize']): number {
  if (how === 'as-is') return score;
  const scaled = highest === 0 ? 0 : Math.floor((score * maxNodeScore) / highest);
  return how === 'reversed' ? maxNodeScore - scaled : scaled;
}

function best(pod: PodInfo, nodes: readonly NodeInfo[], scores: readonly ScorePlugin[], random: Random): NodeInfo {
  const totals = nodes.length === 1 ? [0] : scoreNodes(pod, nodes, scores);
  const highest = Math.max(...totals);
  const winners = nodes.filter((_, i) => totals[i] === highest);
  return winners[winners.length === 1 ? 0 : random.below(winners.length)] as NodeInfo; // one of them is the highest
}

function firstRefusal(
  rules: readonly { readonly name: string; readonly filter: NodeFilter }[],
  node: NodeInfo,
): { readonly name: string; readonly reasons: readonly string[] } | undefined {
  for (const { name, filter } of rules) {
    const reasons = filter(node);
    if (reasons.length > 0) return { name, reasons };
  }
  return undefined;
}

function count(counts: Map<string, number>, reason: string): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}

function noneOf(nodes: number): string {
  return `0/${nodes} nodes are available`;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s).` (framework FitError): sorted as text. */
function messageOf(nodes: number, counts: ReadonlyMap<string, number>): string {
  const reasons = [...counts].map(([reason, times]) => `${times} ${reason}`).sort();
  return `${noneOf(nodes)}: ${reasons.join(', ')}.`;
}
