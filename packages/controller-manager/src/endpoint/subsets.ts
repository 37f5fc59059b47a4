import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '@coracle/api';
import { compareBytes } from '@coracle/apimachinery';
import { isPodReady } from '../controller/pods.ts';
import { hostnameFor, isEndpoint, isHeadless, podIPs, targetPort } from './service-pods.ts';

/** Addresses of one Endpoints object at most; the rest is left out, not ready ones first (maxCapacity). */
export const maxAddresses = 1000;

/** A pod under the ports that it serves. */
interface Served {
  readonly address: EndpointAddress;
  readonly ready: boolean;
  readonly ports: readonly EndpointPort[];
}

/** Where the Service is served: one subset for each set of ports (pkg/controller/endpoint, pkg/api/v1/endpoints RepackSubsets). */
export function endpointSubsets(service: Service, pods: readonly Pod[]): readonly EndpointSubset[] {
  const publish = service.spec.publishNotReadyAddresses === true;
  const served = pods.filter((pod) => isEndpoint(pod, publish)).flatMap((pod) => servedBy(service, pod, publish));
  const bySetOfPorts = new Map<string, { readonly ports: readonly EndpointPort[]; readonly members: Served[] }>();
  for (const entry of served) {
    const key = JSON.stringify(entry.ports.map(({ name, port, protocol, appProtocol }) => [name, port, protocol, appProtocol]));
    const group = bySetOfPorts.get(key);
    if (group === undefined) bySetOfPorts.set(key, { ports: entry.ports, members: [entry] });
    else group.members.push(entry);
  }
  return [...bySetOfPorts].sort(([a], [b]) => compareBytes(a, b)).map(([, { ports, members }]) => subset(ports, members));
}

function servedBy(service: Service, pod: Pod, publish: boolean): readonly Served[] {
  const ports = portsOf(service, pod);
  if (ports.length === 0 && !(isHeadless(service) && (service.spec.ports ?? []).length === 0)) return [];
  const [ip = ''] = podIPs(pod);
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  const hostname = hostnameFor(service, pod);
  const { nodeName } = pod.spec;
  const address: EndpointAddress = {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
  return [{ address, ready: publish || isPodReady(pod), ports }];
}

function portsOf(service: Service, pod: Pod): readonly EndpointPort[] {
  const ports = (service.spec.ports ?? []).flatMap((servicePort) => {
    const port = targetPort(pod, servicePort);
    if (port === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    return [{ ...(name === '' ? {} : { name }), port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
  return ports.sort((a, b) => compareBytes(a.name ?? '', b.name ?? '') || a.port - b.port);
}

function subset(ports: readonly EndpointPort[], members: readonly Served[]): EndpointSubset {
  const of = (ready: boolean): readonly EndpointAddress[] =>
    members
      .filter((member) => member.ready === ready)
      .map(({ address }) => address)
      .sort(compareAddresses);
  const addresses = of(true);
  const notReadyAddresses = of(false);
  return {
    ...(addresses.length === 0 ? {} : { addresses }),
    ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
    ...(ports.length === 0 ? {} : { ports }),
  };
}

function compareAddresses(a: EndpointAddress, b: EndpointAddress): number {
  return compareBytes(a.ip, b.ip) || compareBytes(a.targetRef?.uid ?? '', b.targetRef?.uid ?? '');
}

/** Cuts to `maxAddresses` in all, ready ones before others. */
export function truncated(subsets: readonly EndpointSubset[]): {
  readonly subsets: readonly EndpointSubset[];
  readonly isTruncated: boolean;
} {
  const total = subsets.reduce((sum, { addresses = [], notReadyAddresses = [] }) => sum + addresses.length + notReadyAddresses.length, 0);
  if (total <= maxAddresses) return { subsets, isTruncated: false };
  let room = maxAddresses;
  const take = (addresses: readonly EndpointAddress[] = []): readonly EndpointAddress[] => {
    const taken = addresses.slice(0, room);
    room -= taken.length;
    return taken;
  };
  const ready = subsets.map(({ addresses }) => take(addresses));
  const cut = subsets.map((whole, i) => {
    const addresses = ready[i] ?? [];
    const notReadyAddresses = take(whole.notReadyAddresses);
    const { addresses: _, notReadyAddresses: __, ...rest } = whole;
    return { ...rest, ...(addresses.length === 0 ? {} : { addresses }), ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }) };
  });
  return { subsets: cut.filter((part) => part.addresses !== undefined || part.notReadyAddresses !== undefined), isTruncated: true };
}
