import type { Endpoints, EndpointSlice, Service } from '@coracle/api';
import { isNotFound, semanticEqual, type Unstructured, withEntry, type WireMap } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import { serverUser } from './authentication/user.ts';
import { firstServiceAddress } from './kinds/core/service-addresses.ts';
import type { ApiObject } from './registry/definition.ts';
import type { ApiServer } from './server/api-server.ts';

export interface KubernetesServiceOptions {
  readonly server: ApiServer;
  /** Where the server listens, `host:port`; '' while it does not, when there is nothing to be said. */
  serverAddress(): string;
  /** --advertise-address: an IPv4 address, not of loopback. Without one the Service has no endpoints. */
  readonly advertiseAddress?: string;
}

/** How often what somebody changed is put right (pkg/controlplane/controller/kubernetesservice, EndpointInterval). */
const intervalMs = 10_000;
const metadata = { name: 'kubernetes', namespace: 'default' } as const;

/**
 * Keeps the Service `default/kubernetes`, by which pods find the server, its Endpoints and its EndpointSlice, until `signal`
 * aborts (pkg/controlplane/controller/kubernetesservice and reconcilers). There is one server: its address is the only one, and
 * stays when the server stops.
 */
export async function keepKubernetesService(
  options: KubernetesServiceOptions,
  process: Process,
  signal: AbortSignal = process.signal,
): Promise<void> {
  for (;;) {
    await process.clock.sleep(intervalMs, { background: true, signal });
    await tryKubernetesService(options, process);
  }
}

/** Brings them up to date once. What cannot be done now is told to the log and done later. */
export async function tryKubernetesService(options: KubernetesServiceOptions, process: Process): Promise<void> {
  try {
    await reconcile(options);
  } catch (error) {
    process.log.error('Cannot keep the Service default/kubernetes', { error: error instanceof Error ? error.message : String(error) });
  }
}

async function reconcile({ server, serverAddress, advertiseAddress }: KubernetesServiceOptions): Promise<void> {
  const port = Number(/:(\d+)$/.exec(serverAddress())?.[1] ?? 0);
  if (port === 0) return;
  await keep<Service>(server, ['', 'services'], wantedService(port), (current, { spec }) => {
    if (current.spec.type === spec.type && semanticEqual(current.spec.ports, spec.ports)) return current;
    return { ...current, spec: { ...current.spec, type: spec.type ?? 'ClusterIP', ports: spec.ports ?? [] } };
  });
  if (advertiseAddress === undefined) return;
  await keep<Endpoints>(server, ['', 'endpoints'], wantedEndpoints(advertiseAddress, port), (current, { subsets }) => ({
    ...current,
    metadata: { ...current.metadata, labels: withEntry(current.metadata.labels as WireMap | undefined, skipMirror, 'true') },
    subsets: subsets ?? [],
  }));
  await keep<EndpointSlice>(server, ['discovery.k8s.io', 'endpointslices'], wantedSlice(advertiseAddress, port), (current, wanted) => ({
    ...current,
    metadata: { ...current.metadata, labels: withEntry(current.metadata.labels as WireMap | undefined, serviceName, metadata.name) },
    endpoints: wanted.endpoints,
    ports: wanted.ports ?? [],
  }));
}

const skipMirror = 'endpointslice.kubernetes.io/skip-mirror';
const serviceName = 'kubernetes.io/service-name';
const portName = { name: 'https', protocol: 'TCP' } as const;

function wantedService(targetPort: number): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP',
      clusterIP: firstServiceAddress,
      ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None',
      ports: [{ ...portName, port: 443, targetPort }],
    },
  };
}

function wantedEndpoints(ip: string, port: number): Endpoints {
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    // Its EndpointSlice is written here, not mirrored.
    metadata: { ...metadata, labels: { [skipMirror]: 'true' } },
    subsets: [{ addresses: [{ ip }], ports: [{ ...portName, port }] }],
  };
}

function wantedSlice(ip: string, port: number): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, labels: { [serviceName]: metadata.name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [ip], conditions: { ready: true } }],
    ports: [{ ...portName, port }],
  };
}

/** Creates what is not there; else writes what `change` makes of it, if that is another object. */
async function keep<T extends Service | Endpoints | EndpointSlice>(
  server: ApiServer,
  [group, resource]: readonly [group: string, resource: string],
  wanted: T,
  change: (current: T, wanted: T) => T,
): Promise<void> {
  const registry = server.resources.registry(group, 'v1', resource);
  if (registry === undefined) return;
  const context = server.contextFor(serverUser, metadata.namespace);
  try {
    // The resource says of which kind its objects are.
    await registry.update(context, metadata.name, (current) => change(current as unknown as T, wanted) as unknown as ApiObject);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const sent = wanted as unknown as Unstructured; // a typed object is one of the wire
    await registry.create(context, registry.definition.decode(sent).object);
  }
}
