import { type FilterPlugin, maxNodeScore, type ScorePlugin } from '../framework.ts';

/** What is left of a node's allocatable resources must cover the pod's requests (plugins/noderesources fit.go). */
export const nodeResourcesFit: FilterPlugin = {
  name: 'NodeResourcesFit',
  requeueOn: ['node/added', 'node/allocatable', 'pod/removed'],
  prepare({ requests }) {
    const wanted = [...requests].filter(([, amount]) => amount > 0);
    return {
      say: 'nodes',
      filter: (node) => {
        const reasons = node.podCount + 1 > (node.allocatable.get('pods') ?? 0) ? ['Too many pods'] : [];
        for (const [name, amount] of wanted) {
          const free = (node.allocatable.get(name) ?? 0) - (node.requested.get(name) ?? 0);
          if (amount > free) reasons.push(`Insufficient ${name}`);
        }
        return reasons;
      },
    };
  },
};

const scoredResources = ['cpu', 'memory'] as const;

/** Prefers what is free: the mean of the free shares of cpu and memory, with the pod there (least_allocated.go). */
export const leastAllocated: ScorePlugin = {
  name: 'NodeResourcesFit',
  weight: 1,
  normalize: 'as-is',
  prepare:
    ({ scoringRequests }) =>
    (node) => {
      const shares: number[] = [];
      for (const name of scoredResources) {
        const capacity = node.allocatable.get(name) ?? 0;
        if (capacity === 0) continue;
        const requested = (node.scoringRequested.get(name) ?? 0) + (scoringRequests.get(name) ?? 0);
        shares.push(requested > capacity ? 0 : Math.floor(((capacity - requested) * maxNodeScore) / capacity));
      }
      return shares.length === 0 ? 0 : Math.floor(shares.reduce((sum, share) => sum + share, 0) / shares.length);
    },
};

/**
 * Prefers nodes whose cpu and memory are in use to like parts, by what the pod changes: 50 + half of (50 + the balance with it −
 * the balance without it), where balance is 100 × (1 − the standard deviation of the used parts) (balanced_allocation.go).
 */
export const balancedAllocation: ScorePlugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  normalize: 'as-is',
  prepare({ requests }) {
    // A pod that asks for nothing would find the emptiest node as balanced as the fullest.
    if (scoredResources.every((name) => (requests.get(name) ?? 0) === 0)) return undefined;
    return (node) => {
      const before: number[] = [];
      const after: number[] = [];
      for (const name of scoredResources) {
        const capacity = node.allocatable.get(name) ?? 0;
        if (capacity === 0) continue;
        const requested = node.requested.get(name) ?? 0;
        before.push(Math.min(1, requested / capacity));
        after.push(Math.min(1, (requested + (requests.get(name) ?? 0)) / capacity));
      }
      return maxNodeScore / 2 + Math.trunc((maxNodeScore / 2 + balanceOf(after) - balanceOf(before)) / 2);
    };
  },
};

function balanceOf([first, second]: readonly number[]): number {
  const deviation = first === undefined || second === undefined ? 0 : Math.abs(first - second) / 2;
  return Math.trunc((1 - deviation) * maxNodeScore);
}
