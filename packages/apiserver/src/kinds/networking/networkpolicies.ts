import type { NetworkPolicy, NetworkPolicyPort, NetworkPolicySpec } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted, inEach, inField } from '../defaulted.ts';
import { validatePolicy } from './networkpolicy-validation.ts';
import { hooksFor } from '../typed-hooks.ts';

export const networkpolicies: KindHooks = hooksFor<NetworkPolicy>({
  default: (policy) => inField(policy, 'spec', defaultPolicySpec),
  strategy: { hasGeneration: true, validate: ({ spec }) => (spec === undefined ? [] : validatePolicy(spec)) },
});

function defaultPolicySpec(sent: NetworkPolicySpec): NetworkPolicySpec {
  let spec = inField(sent, 'ingress', (rules) => inEach(rules, (rule) => inField(rule, 'ports', defaultPorts)));
  spec = inField(spec, 'egress', (rules) => inEach(rules, (rule) => inField(rule, 'ports', defaultPorts)));
  return defaulted(spec, { policyTypes: (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'] });
}

function defaultPorts(ports: readonly NetworkPolicyPort[]): readonly NetworkPolicyPort[] {
  return inEach(ports, (port) => defaulted(port, { protocol: 'TCP' }));
}
