import type { IPBlock, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { isCidr, isInRange, parseCidr } from '../rules/ip.ts';
import { validateLabelSelector } from '../rules/labels.ts';
import { supported } from '../rules/names.ts';
import { portOrName } from '../rules/numbers.ts';

export function validatePolicy(spec: NetworkPolicySpec): readonly FieldError[] {
  const { podSelector, ingress = [], egress = [], policyTypes = [] } = spec;
  const faults = [
    ...validateLabelSelector('spec.podSelector', podSelector),
    ...ingress.flatMap(({ ports, from }, i) => validateRule(`spec.ingress[${i}]`, 'from', ports, from)),
    ...egress.flatMap(({ ports, to }, i) => validateRule(`spec.egress[${i}]`, 'to', ports, to)),
  ];
  if (policyTypes.length > 2)
    return [...faults, FieldError.invalid('spec.policyTypes', policyTypes, 'may not specify more than two policyTypes')];
  return [...faults, ...policyTypes.flatMap((type, i) => supported(`spec.policyTypes[${i}]`, type, ['Ingress', 'Egress']))];
}

function validateRule(
  field: string,
  side: 'from' | 'to',
  ports: readonly NetworkPolicyPort[] = [],
  peers: readonly NetworkPolicyPeer[] = [],
): readonly FieldError[] {
  return [
    ...ports.flatMap((port, i) => validatePort(`${field}.ports[${i}]`, port)),
    ...peers.flatMap((peer, i) => validatePeer(`${field}.${side}[${i}]`, peer)),
  ];
}

function validatePort(field: string, { protocol, port, endPort }: NetworkPolicyPort): readonly FieldError[] {
  const faults: FieldError[] = protocol === undefined ? [] : [...supported(`${field}.protocol`, protocol, ['TCP', 'UDP', 'SCTP'])];
  const at = `${field}.endPort`;
  if (port === undefined) {
    if (endPort !== undefined) faults.push(FieldError.invalid(at, endPort, 'may not be specified when `port` is not specified'));
    return faults;
  }
  if (endPort !== undefined) {
    if (typeof port === 'string') faults.push(FieldError.invalid(at, endPort, 'may not be specified when `port` is non-numeric'));
    else if (endPort < port) faults.push(FieldError.invalid(at, endPort, 'must be greater than or equal to `port`'));
    else if (endPort > 65535) faults.push(...portOrName(at, endPort));
  }
  return [...faults, ...portOrName(`${field}.port`, port)];
}

function validatePeer(field: string, { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer): readonly FieldError[] {
  const faults = [
    ...validateLabelSelector(`${field}.podSelector`, podSelector),
    ...validateLabelSelector(`${field}.namespaceSelector`, namespaceSelector),
  ];
  if (ipBlock !== undefined) faults.push(...validateBlock(`${field}.ipBlock`, ipBlock));
  const selects = podSelector !== undefined || namespaceSelector !== undefined;
  if (!selects && ipBlock === undefined) faults.push(FieldError.required(field, 'must specify a peer'));
  if (selects && ipBlock !== undefined) faults.push(FieldError.forbidden(field, 'may not specify both ipBlock and another peer'));
  return faults;
}

function validateBlock(field: string, { cidr, except = [] }: IPBlock): readonly FieldError[] {
  if (cidr === '') return [FieldError.required(`${field}.cidr`)];
  const range = parseCidr(cidr);
  if (range === undefined) return isCidr(`${field}.cidr`, cidr);
  return except.flatMap((text, i) => {
    const at = `${field}.except[${i}]`;
    const inner = parseCidr(text);
    if (inner === undefined) return isCidr(at, text);
    if (isInRange(inner, range) && inner.prefix > range.prefix) return [];
    return [FieldError.invalid(at, text, 'must be a strict subset of `cidr`')];
  });
}
