import { getOwn } from '@coracle/apimachinery';
import type { NodeInfo } from '../cache/node-info.ts';
import type { AffinityTerm, PodInfo } from '../cache/pod-info.ts';
import { type ClusterView, type FilterPlugin, noSay } from '../framework.ts';

/** The values of a topology key (`zone` → `a`, `b`) for which something is known. */
type Domains = Map<string, Set<string>>;

const affinityRefusal: readonly string[] = ["node(s) didn't match pod affinity rules"];
const antiAffinityRefusal: readonly string[] = ["node(s) didn't match pod anti-affinity rules"];
const existingRefusal: readonly string[] = ["node(s) didn't satisfy existing pods anti-affinity rules"];

/** Required pod affinity and anti-affinity, and the anti-affinity of pods that are there (plugins/interpodaffinity). */
export const interPodAffinity: FilterPlugin = {
  name: 'InterPodAffinity',
  requeueOn: ['node/added', 'node/labels', 'pod/assigned', 'pod/removed', 'namespace'],
  reach: 'cluster', // a pod counts in its whole domain
  prepare(pod, cluster) {
    const { requiredAffinity, requiredAntiAffinity } = pod;
    const refused = domainsRefusing(pod, cluster);
    if (requiredAffinity.length === 0 && requiredAntiAffinity.length === 0 && refused.size === 0) return noSay;
    const near = domainsOf(requiredAffinity, cluster, (other) => requiredAffinity.every((term) => matches(term, other, cluster)));
    const far = domainsOf(requiredAntiAffinity, cluster, (other, term) => matches(term, other, cluster));
    // The first of a group that wants to be together finds nobody yet: it may go anywhere.
    const isFirst = near.size === 0 && requiredAffinity.every((term) => matches(term, pod, cluster));
    return {
      say: 'nodes',
      filter: (node) => {
        const isNear = ({ topologyKey }: AffinityTerm): boolean =>
          isFirst ? labelOf(node, topologyKey) !== undefined : has(near, topologyKey, node);
        if (!requiredAffinity.every(isNear)) return affinityRefusal;
        if (requiredAntiAffinity.some(({ topologyKey }) => has(far, topologyKey, node))) return antiAffinityRefusal;
        return refused.keys().some((topologyKey) => has(refused, topologyKey, node)) ? existingRefusal : [];
      },
    };
  },
};

/** Where pods with anti-affinity do not want this one. */
function domainsRefusing(pod: PodInfo, cluster: ClusterView): Domains {
  const domains: Domains = new Map();
  for (const node of cluster.nodes) {
    for (const existing of node.podsWithAntiAffinity()) {
      for (const term of existing.requiredAntiAffinity) if (matches(term, pod, cluster)) put(domains, term.topologyKey, node);
    }
  }
  return domains;
}

/** Where there is a pod that `counts` for a term. */
function domainsOf(terms: readonly AffinityTerm[], cluster: ClusterView, counts: (other: PodInfo, term: AffinityTerm) => boolean): Domains {
  const domains: Domains = new Map();
  if (terms.length === 0) return domains;
  for (const node of cluster.nodes) {
    for (const other of node.pods()) {
      for (const term of terms) if (counts(other, term)) put(domains, term.topologyKey, node);
    }
  }
  return domains;
}

function matches(term: AffinityTerm, { pod }: PodInfo, cluster: ClusterView): boolean {
  return term.matches(pod, cluster.namespaceLabels(pod.metadata.namespace ?? ''));
}

function put(domains: Domains, key: string, node: NodeInfo): void {
  const value = labelOf(node, key);
  if (value === undefined) return;
  const values = domains.get(key) ?? new Set();
  domains.set(key, values.add(value));
}

function has(domains: Domains, key: string, node: NodeInfo): boolean {
  const value = labelOf(node, key);
  return value !== undefined && domains.get(key)?.has(value) === true;
}

function labelOf({ node }: NodeInfo, key: string): string | undefined {
  return getOwn(node.metadata.labels, key);
}
