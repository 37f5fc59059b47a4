import type { Endpoint, EndpointSlice, Node, Pod, Service } from '@coracle/api';
import { compareBytes, getOwn } from '@coracle/apimachinery';
import { isPodReady } from '../controller/pods.ts';
import { hostnameFor, isEndpoint, podIPs, targetPort } from '../endpoint/service-pods.ts';

export type AddressType = 'IPv4' | 'IPv6';
/** The slice's kind of port: unlike in Endpoints the name is there even if it is empty. */
export type SlicePort = EndpointSlice['ports'][number];

/** Endpoints that one slice may hold together: they have the same ports. */
export interface DesiredGroup {
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly Endpoint[];
}

const zoneLabel = 'topology.kubernetes.io/zone';

/** The families in which the Service has addresses. */
export function addressTypes(service: Service): readonly AddressType[] {
  const families = (service.spec.ipFamilies ?? []).filter((family): family is AddressType => family === 'IPv4' || family === 'IPv6');
  return families.length === 0 ? ['IPv4'] : families;
}

/**
 * The endpoints of a Service in one address family, by their ports (k8s.io/endpointslice reconciler.go, utils.go). `nodeOf` gives a
 * pod's node; a pod whose node is not known is left out, unless the Service publishes everything.
 */
export function desiredGroups(
  service: Service,
  pods: readonly Pod[],
  type: AddressType,
  nodeOf: (name: string) => Node | undefined,
): readonly DesiredGroup[] {
  const groups = new Map<string, { readonly ports: readonly SlicePort[]; readonly endpoints: Endpoint[] }>();
  for (const pod of pods) {
    if (!isEndpoint(pod, true) || lacksNode(service, pod, nodeOf)) continue;
    const addresses = podIPs(pod).filter((ip) => ip.includes(':') === (type === 'IPv6'));
    if (addresses.length === 0) continue;
    const ports = portsOf(service, pod);
    const key = portsKey(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    groups.set(key, group);
    group.endpoints.push(endpointOf(service, pod, addresses, nodeOf));
  }
  return [...groups].sort(([a], [b]) => compareBytes(a, b)).map(([, group]) => group);
}

/** Whether a pod is left out for want of its node: the Service has to be looked at again. */
export function lacksNode(service: Service, pod: Pod, nodeOf: (name: string) => Node | undefined): boolean {
  const { nodeName = '' } = pod.spec;
  return nodeName !== '' && service.spec.publishNotReadyAddresses !== true && nodeOf(nodeName) === undefined;
}

/** Equal for equal sets of ports. */
export function portsKey(ports: readonly SlicePort[] | null | undefined): string {
  const texts = (ports ?? []).map(({ name = '', port, protocol = 'TCP', appProtocol }) =>
    JSON.stringify([name, protocol, port, appProtocol]),
  );
  return texts.sort(compareBytes).join();
}

function portsOf(service: Service, pod: Pod): readonly SlicePort[] {
  return (service.spec.ports ?? []).flatMap((servicePort) => {
    const port = targetPort(pod, servicePort);
    if (port === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    return [{ name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

/** A terminating pod still serves while it is ready, for those who find no other (KEP-1672). */
function endpointOf(service: Service, pod: Pod, addresses: readonly string[], nodeOf: (name: string) => Node | undefined): Endpoint {
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  const { nodeName = '' } = pod.spec;
  const zone = nodeName === '' ? undefined : getOwn(nodeOf(nodeName)?.metadata.labels, zoneLabel);
  const hostname = hostnameFor(service, pod);
  return {
    addresses,
    conditions: { ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating), serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName === '' ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
  };
}
