import type { Endpoint, EndpointPortDiscoveryV1 as EndpointPort, EndpointSlice } from '@coracle/api';
import { FieldError, semanticEqual } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted, inEach, inField } from '../defaulted.ts';
import { isCanonicalIp, isReachableIp, parseIp } from '../rules/ip.ts';
import { dnsLabel, dnsSubdomain, oneOf } from '../rules/names.ts';
import { within } from '../rules/numbers.ts';
import { immutable } from '../rules/workload.ts';
import { hooksFor } from '../typed-hooks.ts';

export const endpointslices: KindHooks = hooksFor<EndpointSlice>({
  default: (slice) => inField(slice, 'ports', (ports) => inEach(ports, (port) => defaulted(port, { name: '', protocol: 'TCP' }))),
  strategy: {
    hasGeneration: true,
    prepareForCreate: withoutTopology,
    prepareForUpdate: (slice, old) => withLabelsCounted(withoutTopology(slice), old),
    validate,
    validateUpdate: (slice, old) => [...validate(slice), ...immutable('addressType', slice.addressType, old.addressType)],
  },
});

const maxEndpoints = 1000;
const maxPorts = 20000;
const maxAddresses = 100;
const maxZones = 8;

function validate({ addressType, endpoints, ports }: EndpointSlice): readonly FieldError[] {
  const list = endpoints ?? [];
  return [
    ...oneOf('addressType', addressType, ['FQDN', 'IPv4', 'IPv6']),
    ...(list.length > maxEndpoints ? [FieldError.tooMany('endpoints', list.length, maxEndpoints)] : []),
    ...list.flatMap((endpoint, i) => validateEndpoint(`endpoints[${i}]`, endpoint, addressType)),
    ...validatePorts(ports ?? []),
  ];
}

function validateEndpoint(field: string, endpoint: Endpoint, addressType: string): readonly FieldError[] {
  const { addresses, hostname, nodeName, hints } = endpoint;
  const list = addresses ?? [];
  const faults: FieldError[] = [];
  if (list.length === 0) faults.push(FieldError.required(`${field}.addresses`));
  else if (list.length > maxAddresses) faults.push(FieldError.tooMany(`${field}.addresses`, list.length, maxAddresses));
  for (const [i, address] of list.entries()) {
    const at = `${field}.addresses[${i}]`;
    if (addressType === 'FQDN') faults.push(...dnsSubdomain(at, address));
    else if (addressType === 'IPv4' || addressType === 'IPv6') faults.push(...validateAddress(at, address, addressType));
  }
  if (nodeName !== undefined) faults.push(...dnsSubdomain(`${field}.nodeName`, nodeName));
  if (hostname !== undefined) faults.push(...dnsLabel(`${field}.hostname`, hostname));
  const zones = (hints?.forZones ?? []).map(({ name }) => name);
  if (zones.length > maxZones) faults.push(FieldError.tooMany(`${field}.hints.forZones`, zones.length, maxZones));
  for (const [i, zone] of zones.entries())
    if (zones.indexOf(zone) < i) faults.push(FieldError.duplicate(`${field}.hints.forZones[${i}].name`, zone));
  return faults;
}

function validateAddress(field: string, address: string, family: 'IPv4' | 'IPv6'): readonly FieldError[] {
  const ip = parseIp(address);
  if (ip === undefined || ip.family !== family) {
    return ip === undefined ? isCanonicalIp(field, address) : [FieldError.invalid(field, address, `must be an ${family} address`)];
  }
  return isReachableIp(field, address);
}

function validatePorts(ports: readonly EndpointPort[]): readonly FieldError[] {
  const faults: FieldError[] = ports.length > maxPorts ? [FieldError.tooMany('ports', ports.length, maxPorts)] : [];
  const names = ports.map(({ name = '' }) => name);
  for (const [i, { name = '', protocol, port }] of ports.entries()) {
    if (name !== '') faults.push(...dnsLabel(`ports[${i}].name`, name));
    if (names.indexOf(name) < i) faults.push(FieldError.duplicate(`ports[${i}].name`, name));
    faults.push(...oneOf(`ports[${i}].protocol`, protocol, ['SCTP', 'TCP', 'UDP']));
    if (port !== undefined) faults.push(...within(`ports[${i}].port`, port, 1, 65535));
  }
  return faults;
}

/** A field of a version that is gone. */
function withoutTopology(slice: EndpointSlice): EndpointSlice {
  const strip = ({ deprecatedTopology: _, ...endpoint }: Endpoint): Endpoint => endpoint;
  return slice.endpoints?.some((endpoint) => endpoint.deprecatedTopology !== undefined) === true
    ? { ...slice, endpoints: slice.endpoints.map(strip) }
    : slice;
}

/** Labels say whose slice it is: a change of them is a change of the slice. */
function withLabelsCounted(slice: EndpointSlice, old: EndpointSlice): EndpointSlice {
  if (semanticEqual(slice.metadata.labels, old.metadata.labels)) return slice;
  return { ...slice, metadata: { ...slice.metadata, generation: (old.metadata.generation ?? 0) + 1 } };
}
