import type { Service, ServicePort, ServiceSpec } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { parseIp } from '../rules/ip.ts';

/** The one family that the cluster's Services have addresses of. */
const clusterFamily = 'IPv4';
const families = ['IPv4', 'IPv6'];

export const headless = 'None';

export function isHeadless({ clusterIP, clusterIPs }: ServiceSpec): boolean {
  return (clusterIPs?.[0] ?? clusterIP) === headless;
}

export function needsClusterIp({ type }: ServiceSpec): boolean {
  return type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer';
}

export function needsNodePorts({ type, allocateLoadBalancerNodePorts }: ServiceSpec): boolean {
  return type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false);
}

/** Load balancers that spread to local pods only ask each node how it is, on a port of its own. */
export function needsHealthCheckPort({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
}

export function isExternallyAccessible({ type, externalIPs }: ServiceSpec): boolean {
  return type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && (externalIPs ?? []).length > 0);
}

/** A new Service's addresses and families, as far as they follow from what it says (registry/core/service alloc.go). */
export function normalizedForCreate(spec: ServiceSpec): ServiceSpec {
  return withFamilies(withBothIps(spec));
}

/**
 * A changed Service: what was allocated stays where the client left it out, and what belongs to the former type goes where the
 * client left it in.
 */
export function normalizedForUpdate(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const result = withoutFormerType(withAllocated(spec, old), old);
  return withFamilies(withBothIps(result, old), old);
}

function withBothIps(spec: ServiceSpec, old?: ServiceSpec): ServiceSpec {
  const { clusterIP, clusterIPs } = spec;
  if (clusterIP !== undefined && (clusterIPs === undefined || (clusterIP !== old?.clusterIP && sameList(clusterIPs, old?.clusterIPs)))) {
    return { ...spec, clusterIPs: [clusterIP, ...(clusterIPs ?? []).slice(1)] };
  }
  const first = clusterIPs?.[0];
  return clusterIP === undefined && first !== undefined ? { ...spec, clusterIP: first } : spec;
}

function sameList(a: readonly unknown[] | undefined, b: readonly unknown[] | undefined): boolean {
  return a?.length === b?.length && (a ?? []).every((item, i) => item === b?.[i]);
}

function withAllocated(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  let result = spec;
  if (needsClusterIp(spec) && needsClusterIp(old)) {
    if (spec.clusterIP === undefined && old.clusterIP !== undefined) result = { ...result, clusterIP: old.clusterIP };
    if (spec.clusterIPs === undefined && old.clusterIPs !== undefined && result.clusterIP === old.clusterIP)
      result = { ...result, clusterIPs: old.clusterIPs };
  }
  if (needsNodePorts(spec) && needsNodePorts(old))
    result = { ...result, ports: (spec.ports ?? []).map((port) => withNodePort(port, spec, old)) };
  if (
    needsHealthCheckPort(spec) &&
    needsHealthCheckPort(old) &&
    spec.healthCheckNodePort === undefined &&
    old.healthCheckNodePort !== undefined
  ) {
    result = { ...result, healthCheckNodePort: old.healthCheckNodePort };
  }
  return result;
}

/** A port that keeps its name keeps its node port, unless another one has it now. */
function withNodePort(port: ServicePort, spec: ServiceSpec, old: ServiceSpec): ServicePort {
  if ((port.nodePort ?? 0) !== 0) return port;
  const before = (old.ports ?? []).find(({ name = '' }) => name === (port.name ?? ''))?.nodePort;
  if (before === undefined || (spec.ports ?? []).some((one) => one.nodePort === before)) return port;
  return { ...port, nodePort: before };
}

function withoutFormerType(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  if (spec.type === old.type) return spec;
  let result = spec;
  if (needsClusterIp(old) && !needsClusterIp(spec) && sameList(spec.clusterIPs, old.clusterIPs)) {
    const { clusterIP: _ip, clusterIPs: _ips, ipFamilies: _f, ipFamilyPolicy: _p, ...rest } = result;
    result = rest;
  }
  if (needsNodePorts(old) && !needsNodePorts(spec) && samePorts(spec, old)) {
    result = { ...result, ports: (result.ports ?? []).map(({ nodePort: _, ...port }) => port) };
  }
  if (needsHealthCheckPort(old) && !needsHealthCheckPort(spec)) result = without(result, old, 'healthCheckNodePort');
  if (old.type === 'LoadBalancer') {
    result = without(result, old, 'allocateLoadBalancerNodePorts');
    result = without(result, old, 'loadBalancerClass');
  }
  if (isExternallyAccessible(old) && !isExternallyAccessible(spec)) result = without(result, old, 'externalTrafficPolicy');
  return result;
}

/** Without `key`, where it is what it was: a client that changed it meant it. */
function without<K extends keyof ServiceSpec>(spec: ServiceSpec, old: ServiceSpec, key: K): ServiceSpec {
  if (spec[key] !== old[key]) return spec;
  const { [key]: _, ...rest } = spec;
  return rest;
}

function samePorts(spec: ServiceSpec, old: ServiceSpec): boolean {
  const numbers = ({ ports = [] }: ServiceSpec): readonly number[] =>
    ports.map(({ nodePort = 0 }) => nodePort).filter((port) => port !== 0);
  return numbers(spec).every((port) => numbers(old).includes(port));
}

function withFamilies(spec: ServiceSpec, old?: ServiceSpec): ServiceSpec {
  if (!needsClusterIp(spec)) return spec;
  const given = spec.ipFamilies ?? (old !== undefined && needsClusterIp(old) ? old.ipFamilies : undefined);
  if (isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0 && given === undefined) {
    // Its endpoints are somebody else's, who may have both.
    return {
      ...spec,
      ipFamilyPolicy: spec.ipFamilyPolicy ?? 'RequireDualStack',
      ipFamilies: spec.ipFamilyPolicy === 'SingleStack' ? [clusterFamily] : families,
    };
  }
  const inferred = isHeadless(spec)
    ? undefined
    : (spec.clusterIPs ?? []).map((ip) => parseIp(ip)?.family).filter((family) => family !== undefined);
  const ipFamilies = given ?? (inferred === undefined || inferred.length === 0 ? [clusterFamily] : inferred);
  return { ...spec, ipFamilyPolicy: spec.ipFamilyPolicy ?? old?.ipFamilyPolicy ?? 'SingleStack', ipFamilies };
}

/** What this cluster cannot give, although the Service is right in itself. */
export function unavailableFamilies({ spec }: Service): readonly FieldError[] {
  if (!needsClusterIp(spec) || (isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0)) return [];
  const faults: FieldError[] = [];
  if (spec.ipFamilyPolicy === 'RequireDualStack') {
    faults.push(FieldError.invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services'));
  }
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
    if (families.includes(family) && family !== clusterFamily)
      faults.push(FieldError.invalid(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster'));
  }
  return faults;
}
