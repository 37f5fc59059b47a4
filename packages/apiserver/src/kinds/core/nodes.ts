import type { Node } from '@coracle/api';
import { canonicalResources } from '../resource-lists.ts';
import { inField } from '../defaulted.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { validateNode, validateNodeUpdate } from './node-validation.ts';
import { hooksFor } from '../typed-hooks.ts';

export const nodes: KindHooks = hooksFor<Node>({
  default: (node) => inField(inField(node, 'spec', withBothCidrs), 'status', withAllocatable),
  strategy: {
    keepsStatusOnCreate: true,
    validate: validateNode,
    validateUpdate: (node, old) => [...validateNode(node), ...validateNodeUpdate(node, old)],
  },
  selectableFields: { 'spec.unschedulable': (node) => String(node.spec?.unschedulable ?? false) },
});

/** podCIDR is the older name of the first of podCIDRs. */
function withBothCidrs(spec: NonNullable<Node['spec']>): NonNullable<Node['spec']> {
  const { podCIDR, podCIDRs } = spec;
  if (podCIDR !== undefined && podCIDR !== podCIDRs?.[0]) return { ...spec, podCIDRs: [podCIDR] };
  return podCIDR === undefined && podCIDRs?.[0] !== undefined ? { ...spec, podCIDR: podCIDRs[0] } : spec;
}

/** All of a node's capacity can be allocated unless its kubelet says otherwise. */
function withAllocatable(status: NonNullable<Node['status']>): NonNullable<Node['status']> {
  const { capacity, allocatable } = status;
  if (capacity === undefined) return inField(status, 'allocatable', canonicalResources);
  const all = canonicalResources(capacity);
  return { ...status, capacity: all, allocatable: allocatable === undefined ? all : canonicalResources(allocatable) };
}
