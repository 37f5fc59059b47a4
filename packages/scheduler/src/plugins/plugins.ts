import type { FilterPlugin, ScorePlugin } from '../framework.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';
import { nodeAffinity, nodeAffinityScore } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { balancedAllocation, leastAllocated, nodeResourcesFit } from './node-resources.ts';
import { nodeUnschedulable, taintToleration, taintTolerationScore } from './taint-toleration.ts';
import { volumeBinding } from './volume-binding.ts';
import { volumeRestrictions } from './volume-restrictions.ts';

/** The rules in the order of upstream's default profile: the first that refuses a node gives the reason. */
export const filterPlugins: readonly FilterPlugin[] = [
  nodeName,
  nodeUnschedulable,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  volumeRestrictions,
  volumeBinding,
  interPodAffinity,
];

/** The preferences, with the weights of upstream's default profile. */
export const scorePlugins: readonly ScorePlugin[] = [taintTolerationScore, nodeAffinityScore, leastAllocated, balancedAllocation];
