import type { Service, ServiceSpec } from '@coracle/api';
import { FieldError, getOwn } from '@coracle/apimachinery';
import { type GoShape, emptyText, goStruct, zeroNumber } from '../rules/go-struct.ts';
import { isCidr, isIp, isReachableIp, parseIp } from '../rules/ip.ts';
import { validateLabels } from '../rules/labels.ts';
import { dnsLabel, dnsSubdomain, oneOf, qualifiedName, requiredBy } from '../rules/names.ts';
import { portNumber, portOrName } from '../rules/numbers.ts';
import { headless, isExternallyAccessible, isHeadless, needsClusterIp, needsHealthCheckPort } from './service-fields.ts';

const maxAffinitySeconds = 86400;
const topologyHints = 'service.kubernetes.io/topology-aware-hints';
/** Port of the kubelet, which nobody may lead the world to. */
const kubeletPort = 10250;

const portShape: GoShape = [
  ['Name', 'name', emptyText],
  ['Protocol', 'protocol', emptyText],
  ['AppProtocol', 'appProtocol'],
  ['Port', 'port', zeroNumber],
  ['TargetPort', 'targetPort', zeroNumber],
  ['NodePort', 'nodePort', zeroNumber],
];

/** A Service (validation.ValidateService); the order of the faults is upstream's. */
export function validateService({ spec }: Service): readonly FieldError[] {
  return [
    ...validateType(spec),
    ...validatePorts(spec),
    ...validateLabels('spec.selector', spec.selector),
    ...oneOf('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']),
    ...validateAffinity(spec),
    ...validateClusterIps(spec),
    ...(spec.externalIPs ?? []).flatMap((ip, i) => [
      ...isIp(`spec.externalIPs[${i}]`, ip),
      ...(parseIp(ip) === undefined ? [] : isReachableIp(`spec.externalIPs[${i}]`, ip)),
    ]),
    ...oneOf('spec.type', spec.type, ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']),
    ...validateNodePorts(spec),
    ...validateDistinctPorts(spec),
    ...validateLoadBalancer(spec),
    ...validateTrafficPolicies(spec),
  ];
}

function validateType(spec: ServiceSpec): readonly FieldError[] {
  const { type, ports = [], externalName = '' } = spec;
  const faults: FieldError[] = [];
  if (ports.length === 0 && !isHeadless(spec) && type !== 'ExternalName') faults.push(FieldError.required('spec.ports'));
  if (type === 'LoadBalancer') {
    for (const [i, { port }] of ports.entries()) {
      if (port === kubeletPort)
        faults.push(FieldError.invalid(`spec.ports[${i}]`, port, 'may not expose port 10250 externally since it is used by kubelet'));
    }
  }
  if ((type === 'LoadBalancer' || type === 'NodePort') && isHeadless(spec)) {
    faults.push(FieldError.invalid('spec.clusterIPs[0]', headless, `may not be set to 'None' for ${type} services`));
  }
  if (type === 'ExternalName') {
    if ((spec.clusterIPs ?? []).length > 0)
      faults.push(FieldError.forbidden('spec.clusterIPs', 'may not be set for ExternalName services'));
    if (spec.clusterIP !== undefined) faults.push(FieldError.forbidden('spec.clusterIP', 'may not be set for ExternalName services'));
    if (spec.ipFamilies !== undefined) faults.push(FieldError.forbidden('spec.ipFamilies', 'may not be set for ExternalName services'));
    if (spec.ipFamilyPolicy !== undefined)
      faults.push(FieldError.forbidden('spec.ipFamilyPolicy', 'may not be set for ExternalName services'));
    const name = externalName.replace(/\.$/, '');
    faults.push(...requiredBy(dnsSubdomain, 'spec.externalName', name));
  }
  return faults;
}

function validatePorts({ ports = [] }: ServiceSpec): readonly FieldError[] {
  const names = new Set<string>();
  return ports.flatMap((port, i) => {
    const at = `spec.ports[${i}]`;
    const { name = '', appProtocol } = port;
    const faults: FieldError[] = [];
    if (name === '') {
      if (ports.length > 1) faults.push(FieldError.required(`${at}.name`));
    } else {
      faults.push(...dnsLabel(`${at}.name`, name));
      if (names.has(name)) faults.push(FieldError.duplicate(`${at}.name`, name));
      names.add(name);
    }
    faults.push(...portNumber(`${at}.port`, port.port), ...oneOf(`${at}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']));
    faults.push(...portOrName(`${at}.targetPort`, port.targetPort ?? 0));
    return appProtocol === undefined ? faults : [...faults, ...qualifiedName(`${at}.appProtocol`, appProtocol)];
  });
}

function validateAffinity({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): readonly FieldError[] {
  const at = 'spec.sessionAffinityConfig';
  if (sessionAffinity === 'None' && sessionAffinityConfig !== undefined) {
    return [FieldError.forbidden(at, 'must not be set when session affinity is None')];
  }
  if (sessionAffinity !== 'ClientIP') return [];
  const { timeoutSeconds } = sessionAffinityConfig?.clientIP ?? {};
  if (timeoutSeconds === undefined) return [FieldError.required(`${at}.clientIP.timeoutSeconds`, 'when session affinity type is ClientIP')];
  if (timeoutSeconds > 0 && timeoutSeconds <= maxAffinitySeconds) return [];
  return [
    FieldError.invalid(`${at}.clientIP.timeoutSeconds`, timeoutSeconds, `must be greater than 0 and less than ${maxAffinitySeconds}`),
  ];
}

function validateClusterIps(spec: ServiceSpec): readonly FieldError[] {
  if (!needsClusterIp(spec)) return [];
  const { clusterIP, clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const faults: FieldError[] = [];
  for (const [i, family] of ipFamilies.entries()) {
    if (family !== 'IPv4' && family !== 'IPv6') faults.push(FieldError.notSupported(`spec.ipFamilies[${i}]`, family, ['IPv4', 'IPv6']));
    else if (ipFamilies.indexOf(family) < i) faults.push(FieldError.duplicate(`spec.ipFamilies[${i}]`, family));
  }
  if (ipFamilyPolicy !== undefined)
    faults.push(...oneOf('spec.ipFamilyPolicy', ipFamilyPolicy, ['SingleStack', 'PreferDualStack', 'RequireDualStack']));
  if (clusterIP !== undefined && clusterIPs[0] !== clusterIP)
    faults.push(FieldError.invalid('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`'));
  if (clusterIPs.length > 2) faults.push(FieldError.invalid('spec.clusterIPs', clusterIPs, 'may only hold up to 2 values'));
  for (const [i, ip] of clusterIPs.entries()) {
    const at = `spec.clusterIPs[${i}]`;
    if (ip === headless) {
      if (clusterIPs.length > 1) faults.push(FieldError.invalid(at, clusterIPs, "'None' must be the first and only value"));
      continue;
    }
    faults.push(...isIp(at, ip));
    const family = parseIp(ip)?.family;
    const wanted = ipFamilies[i];
    if (family !== undefined && (wanted === 'IPv4' || wanted === 'IPv6') && wanted !== family) {
      faults.push(FieldError.invalid(at, ip, `expected an ${wanted} value as indicated by \`ipFamilies[${i}]\``));
    }
  }
  return faults;
}

function validateNodePorts({ type, ports = [] }: ServiceSpec): readonly FieldError[] {
  const faults: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { nodePort = 0, protocol }] of ports.entries()) {
    if (nodePort === 0) continue;
    const at = `spec.ports[${i}].nodePort`;
    if (type === 'ClusterIP') faults.push(FieldError.forbidden(at, "may not be used when `type` is 'ClusterIP'"));
    const key = `${protocol}/${nodePort}`;
    if (seen.has(key)) faults.push(FieldError.duplicate(at, nodePort));
    seen.add(key);
  }
  return faults;
}

function validateDistinctPorts({ ports = [] }: ServiceSpec): readonly FieldError[] {
  const seen = new Set<string>();
  return ports.flatMap((one, i) => {
    const key = `${one.protocol}/${one.port}`;
    if (!seen.has(key)) {
      seen.add(key);
      return [];
    }
    // Upstream looks the pair up in a copy that holds no more of a port than the pair.
    return [FieldError.duplicate(`spec.ports[${i}]`, goStruct(portShape, { protocol: one.protocol, port: one.port }))];
  });
}

function validateLoadBalancer(spec: ServiceSpec): readonly FieldError[] {
  const { type, loadBalancerSourceRanges = [], allocateLoadBalancerNodePorts, loadBalancerClass } = spec;
  const faults: FieldError[] = [];
  const at = 'spec.LoadBalancerSourceRanges';
  if (loadBalancerSourceRanges.length > 0) {
    if (type !== 'LoadBalancer') faults.push(FieldError.forbidden(at, "may only be used when `type` is 'LoadBalancer'"));
    faults.push(...loadBalancerSourceRanges.flatMap((range, i) => isCidr(`${at}[${i}]`, range.trim())));
  }
  if (type === 'LoadBalancer') {
    if (allocateLoadBalancerNodePorts === undefined) faults.push(FieldError.required('spec.allocateLoadBalancerNodePorts'));
    if (loadBalancerClass !== undefined) faults.push(...qualifiedName('spec.loadBalancerClass', loadBalancerClass));
    return faults;
  }
  if (allocateLoadBalancerNodePorts !== undefined) {
    faults.push(FieldError.forbidden('spec.allocateLoadBalancerNodePorts', "may only be used when `type` is 'LoadBalancer'"));
  }
  if (loadBalancerClass !== undefined)
    faults.push(FieldError.forbidden('spec.loadBalancerClass', "may only be used when `type` is 'LoadBalancer'"));
  return faults;
}

function validateTrafficPolicies(spec: ServiceSpec): readonly FieldError[] {
  const { type, externalTrafficPolicy, internalTrafficPolicy, healthCheckNodePort = 0, trafficDistribution } = spec;
  const faults: FieldError[] = [];
  if (isExternallyAccessible(spec)) {
    if (type !== 'ClusterIP' || externalTrafficPolicy !== undefined)
      faults.push(...oneOf('spec.externalTrafficPolicy', externalTrafficPolicy, ['Cluster', 'Local']));
  } else if (externalTrafficPolicy !== undefined) {
    faults.push(
      FieldError.invalid('spec.externalTrafficPolicy', externalTrafficPolicy, 'may only be set for externally-accessible services'),
    );
  }
  if (healthCheckNodePort !== 0 && !needsHealthCheckPort(spec)) {
    const text = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    faults.push(FieldError.invalid('spec.healthCheckNodePort', healthCheckNodePort, text));
  }
  if (type !== 'ExternalName') faults.push(...oneOf('spec.internalTrafficPolicy', internalTrafficPolicy, ['Cluster', 'Local']));
  if (trafficDistribution !== undefined) {
    faults.push(...oneOf('spec.trafficDistribution', trafficDistribution, ['PreferClose', 'PreferSameNode', 'PreferSameZone']));
  }
  return faults;
}

/** An address once given stays, as long as the Service has one at all. */
export function validateServiceUpdate({ spec }: Service, { spec: old }: Service): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (needsClusterIp(spec) && needsClusterIp(old) && old.clusterIPs?.[0] !== undefined && spec.clusterIPs?.[0] !== old.clusterIPs[0]) {
    faults.push(FieldError.invalid('spec.clusterIPs[0]', spec.clusterIPs ?? [], 'may not change once set'));
  }
  if (spec.type === 'LoadBalancer' && old.type === 'LoadBalancer' && spec.loadBalancerClass !== old.loadBalancerClass) {
    faults.push(FieldError.invalid('spec.loadBalancerClass', spec.loadBalancerClass, 'may not change once set'));
  }
  return faults;
}

/** Fields that go together badly, but are accepted. */
export function serviceWarnings({ metadata, spec }: Service): readonly string[] {
  const { type, externalName = '', trafficDistribution } = spec;
  const hasExternalIps = (spec.externalIPs ?? []).length > 0;
  const warnings: string[] = [];
  if (getOwn(metadata.annotations, topologyHints) !== undefined)
    warnings.push(`annotation ${topologyHints} is deprecated, please use service.kubernetes.io/topology-mode instead`);
  if (isHeadless(spec)) {
    if (spec.loadBalancerIP !== undefined) warnings.push('spec.loadBalancerIP is ignored for headless services');
    if (hasExternalIps) warnings.push('spec.externalIPs is ignored for headless services');
    if (spec.sessionAffinity !== 'None') warnings.push('spec.SessionAffinity is ignored for headless services');
  }
  if (hasExternalIps && !isHeadless(spec) && type !== 'ExternalName')
    warnings.push('spec.externalIPs is deprecated and may no longer be implemented in some clusters');
  if (hasExternalIps && type === 'ExternalName') warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (type !== 'ExternalName' && externalName !== '') warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (trafficDistribution === 'PreferClose') warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  return warnings;
}
