import type { NodeSelector, Pod } from '@coracle/api';
import { matcherOfSet } from '@coracle/apimachinery';
import { type FilterPlugin, noSay, type ScorePlugin } from '../framework.ts';
import { matchesNodeSelector, matchesNodeSelectorTerm } from '../node-selector.ts';

const refusal: readonly string[] = ["node(s) didn't match Pod's node affinity/selector"];

/** `nodeSelector` and required node affinity, both (plugins/nodeaffinity). */
export const nodeAffinity: FilterPlugin = {
  name: 'NodeAffinity',
  requeueOn: ['node/added', 'node/labels'],
  prepare({ pod }) {
    const selector = matcherOfSet(pod.spec?.nodeSelector);
    const required = requiredOf(pod);
    if (selector.everything && required === undefined) return noSay;
    const only = required === undefined ? undefined : namesIn(required);
    if (only?.size === 0) return { say: 'nowhere', message: 'pod affinity terms conflict' };
    return {
      say: 'nodes',
      filter: ({ node }) =>
        selector.matches(node.metadata.labels) && (required === undefined || matchesNodeSelector(required, node)) ? [] : refusal,
      ...(only === undefined ? {} : { only }),
    };
  },
};

/** The weights of the preferred terms that match. A term without requirements matches no node. */
export const nodeAffinityScore: ScorePlugin = {
  name: 'NodeAffinity',
  weight: 2,
  normalize: 'scaled',
  prepare({ pod }) {
    const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    if (preferred.length === 0) return undefined;
    return ({ node }) =>
      preferred.reduce((sum, { weight, preference }) => sum + (matchesNodeSelectorTerm(preference, node) ? weight : 0), 0);
  },
};

function requiredOf(pod: Pod): NodeSelector | undefined {
  return pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
}

/** The nodes that can match at all, where every term names its own, as those of DaemonSet pods do; else undefined. */
function namesIn({ nodeSelectorTerms }: NodeSelector): ReadonlySet<string> | undefined {
  if (nodeSelectorTerms.length === 0) return undefined;
  const names = new Set<string>();
  for (const { matchFields = [] } of nodeSelectorTerms) {
    const ofTerm = matchFields.filter(({ key, operator }) => key === 'metadata.name' && operator === 'In').map(({ values = [] }) => values);
    const [first, ...others] = ofTerm;
    if (first === undefined) return undefined;
    for (const name of first) if (others.every((values) => values.includes(name))) names.add(name);
  }
  return names;
}
