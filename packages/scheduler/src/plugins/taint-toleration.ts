import type { Taint, Toleration } from '@coracle/api';
import type { FilterPlugin, ScorePlugin } from '../framework.ts';

const unschedulableTaint: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** Cordoned nodes take only pods that tolerate the taint of cordoned nodes (plugins/nodeunschedulable). */
export const nodeUnschedulable: FilterPlugin = {
  name: 'NodeUnschedulable',
  requeueOn: ['node/added', 'node/taints'],
  prepare: ({ pod }) => {
    const tolerated = isTolerated(unschedulableTaint, pod.spec?.tolerations ?? []);
    return { say: 'nodes', filter: ({ node }) => (node.spec?.unschedulable === true && !tolerated ? ['node(s) were unschedulable'] : []) };
  },
};

/** Every taint that keeps pods away must be tolerated; PreferNoSchedule is a matter of score (plugins/tainttoleration). */
export const taintToleration: FilterPlugin = {
  name: 'TaintToleration',
  requeueOn: ['node/added', 'node/taints'],
  prepare: ({ pod }) => {
    const tolerations = pod.spec?.tolerations ?? [];
    const refuses = (taint: Taint): boolean =>
      (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') && !isTolerated(taint, tolerations);
    return { say: 'nodes', filter: ({ node }) => ((node.spec?.taints ?? []).some(refuses) ? ['node(s) had untolerated taint(s)'] : []) };
  },
};

/** Counts the PreferNoSchedule taints that the pod does not tolerate: fewer is better. */
export const taintTolerationScore: ScorePlugin = {
  name: 'TaintToleration',
  weight: 3,
  normalize: 'reversed',
  prepare: ({ pod }) => {
    const tolerations = (pod.spec?.tolerations ?? []).filter(({ effect = '' }) => effect === '' || effect === 'PreferNoSchedule');
    return ({ node }) =>
      (node.spec?.taints ?? []).filter((taint) => taint.effect === 'PreferNoSchedule' && !isTolerated(taint, tolerations)).length;
  },
};

function isTolerated(taint: Taint, tolerations: readonly Toleration[]): boolean {
  return tolerations.some((toleration) => tolerates(toleration, taint));
}

/** Empty effect: every effect; empty key with Exists: every taint (core/v1 Toleration.ToleratesTaint). */
function tolerates({ key = '', operator = '', value = '', effect = '' }: Toleration, taint: Taint): boolean {
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return (operator === '' || operator === 'Equal') && key !== '' && value === (taint.value ?? '');
}
