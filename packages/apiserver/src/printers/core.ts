import type {
  ComponentStatus,
  ConfigMap,
  Endpoints,
  Event,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  PodTemplate,
  ReplicationController,
  ResourceQuota,
  Secret,
  Service,
  ServiceAccount,
} from '@coracle/api';
import { type Frozen, getOwn, sortedEntries, type WireMap } from '@coracle/apimachinery';
import type { Cells } from '../registry/kind-hooks.ts';
import { eventCells } from './event.ts';
import { pods } from './pods.ts';
import { containerCells, createdAt, isTrue, labelsText, namedRow, orNone, rowOf, withMore } from './row.ts';

const count = (map: WireMap<unknown> | undefined): number => Object.keys(map ?? {}).length;
const modes: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};
const classAnnotation = 'volume.beta.kubernetes.io/storage-class';
const roleLabelPrefix = 'node-role.kubernetes.io/';

/** Rows of the core group (pkg/printers/internalversion). */
export const core: Readonly<Record<string, Cells>> = {
  '/v1/componentstatuses': rowOf<ComponentStatus>(({ metadata, conditions }) => {
    const healthy = (conditions ?? []).find(({ type }) => type === 'Healthy');
    const status = healthy === undefined ? 'Unknown' : healthy.status === 'True' ? 'Healthy' : 'Unhealthy';
    return [metadata.name ?? '', status, healthy?.message ?? '', healthy?.error ?? ''];
  }),
  '/v1/configmaps': namedRow<ConfigMap>(({ data, binaryData }) => [count(data) + count(binaryData)]),
  '/v1/endpoints': namedRow<Endpoints>(({ subsets }) => [addressesText(subsets ?? [])]),
  '/v1/events': rowOf<Event>((event, context) =>
    eventCells(
      {
        metadata: event.metadata,
        type: event.type,
        reason: event.reason,
        about: event.involvedObject,
        component: event.source?.component,
        host: event.source?.host,
        controller: event.reportingComponent,
        instance: event.reportingInstance,
        text: event.message,
        first: event.firstTimestamp,
        last: event.lastTimestamp,
        eventTime: event.eventTime,
        count: event.count,
        series: event.series,
      },
      context,
    ),
  ),
  '/v1/limitranges': createdAt,
  '/v1/namespaces': namedRow<Namespace>(({ status }) => [status?.phase ?? '']),
  '/v1/nodes': rowOf<Node>((node, { since }) => {
    const { kubeletVersion = '', osImage = '', kernelVersion = '', containerRuntimeVersion = '' } = node.status?.nodeInfo ?? {};
    const address = (type: string): string => (node.status?.addresses ?? []).find((one) => one.type === type)?.address ?? '<none>';
    const age = since(node.metadata.creationTimestamp);
    const software = [osImage, kernelVersion, containerRuntimeVersion].map((text) => (text === '' ? '<unknown>' : text));
    return [
      node.metadata.name ?? '',
      nodeStatus(node),
      orNone(nodeRoles(node).join(',')),
      age,
      kubeletVersion,
      address('InternalIP'),
      address('ExternalIP'),
      ...software,
    ];
  }),
  '/v1/persistentvolumeclaims': rowOf<PersistentVolumeClaim>(({ metadata, spec, status }, { since }) => {
    const isBound = (spec?.volumeName ?? '') !== '';
    return [
      metadata.name ?? '',
      phaseOf(metadata, status?.phase),
      spec?.volumeName ?? '',
      isBound ? (getOwn(status?.capacity, 'storage') ?? '0') : '',
      isBound ? modesText(status?.accessModes) : '',
      getOwn(metadata.annotations, classAnnotation) ?? spec?.storageClassName ?? '',
      spec?.volumeAttributesClassName ?? '<unset>',
      since(metadata.creationTimestamp),
      spec?.volumeMode ?? '<unset>',
    ];
  }),
  '/v1/persistentvolumes': rowOf<PersistentVolume>(({ metadata, spec, status }, { since }) => [
    metadata.name ?? '',
    getOwn(spec?.capacity, 'storage') ?? '0',
    modesText(spec?.accessModes),
    spec?.persistentVolumeReclaimPolicy ?? '',
    phaseOf(metadata, status?.phase),
    spec?.claimRef === undefined ? '' : `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}`,
    getOwn(metadata.annotations, classAnnotation) ?? spec?.storageClassName ?? '',
    spec?.volumeAttributesClassName ?? '<unset>',
    status?.reason ?? '',
    since(metadata.creationTimestamp),
    spec?.volumeMode ?? '<unset>',
  ]),
  '/v1/pods': pods,
  '/v1/podtemplates': rowOf<PodTemplate>(({ metadata, template }) => [
    metadata.name ?? '',
    ...containerCells(template?.spec),
    labelsText(template?.metadata?.labels),
  ]),
  '/v1/replicationcontrollers': rowOf<ReplicationController>(({ metadata, spec, status }, { since }) => [
    metadata.name ?? '',
    spec?.replicas ?? 0,
    status?.replicas ?? 0,
    status?.readyReplicas ?? 0,
    since(metadata.creationTimestamp),
    ...containerCells(spec?.template?.spec),
    labelsText(spec?.selector),
  ]),
  '/v1/resourcequotas': namedRow<ResourceQuota>(({ status }) => {
    const entries = sortedEntries(status?.hard);
    const text = (areLimits: boolean): string =>
      entries
        .filter(([name]) => name.startsWith('limits.') === areLimits)
        .map(([name, hard]) => `${name}: ${getOwn(status?.used, name) ?? '0'}/${hard}`)
        .join(', ');
    return [text(false), text(true)];
  }),
  '/v1/secrets': namedRow<Secret>(({ type, data }) => [type ?? '', count(data)]),
  '/v1/serviceaccounts': namedRow<ServiceAccount>(() => []),
  '/v1/services': rowOf<Service>((service, { since }) => {
    const { metadata, spec } = service;
    const ports = (spec?.ports ?? []).map(
      ({ port, nodePort = 0, protocol = '' }) => `${port}${nodePort > 0 ? `:${nodePort}` : ''}/${protocol}`,
    );
    const clusterIP = spec?.clusterIPs?.[0] ?? '<none>';
    return [
      metadata.name ?? '',
      spec?.type ?? '',
      clusterIP,
      externalAddresses(service),
      orNone(ports.join(',')),
      since(metadata.creationTimestamp),
      labelsText(spec?.selector),
    ];
  }),
};

/** Phase of what is going away. */
function phaseOf({ deletionTimestamp }: { readonly deletionTimestamp?: string }, phase: string | undefined): string {
  return deletionTimestamp === undefined ? (phase ?? '') : 'Terminating';
}

function modesText(accessModes: readonly string[] | undefined): string {
  const present = new Set(accessModes ?? []);
  return Object.entries(modes)
    .filter(([mode]) => present.has(mode))
    .map(([, short]) => short)
    .join(',');
}

function addressesText(subsets: NonNullable<Frozen<Endpoints>['subsets']>): string {
  if (subsets.length === 0) return '<none>';
  const all = subsets.flatMap(({ addresses, ports }) => {
    const ips = (addresses ?? []).map(({ ip }) => ip);
    if ((ports ?? []).length === 0) return ips;
    return (ports ?? []).flatMap(({ port }) => ips.map((ip) => `${ip.includes(':') ? `[${ip}]` : ip}:${port}`));
  });
  return withMore(all, 3, ',');
}

function nodeStatus({ spec, status }: Frozen<Node>): string {
  const known = (status?.conditions ?? []).some(({ type }) => type === 'Ready');
  const ready = !known ? 'Unknown' : isTrue(status?.conditions, 'Ready') ? 'Ready' : 'NotReady';
  return spec?.unschedulable === true ? `${ready},SchedulingDisabled` : ready;
}

function nodeRoles({ metadata }: Frozen<Node>): readonly string[] {
  const roles = new Set<string>();
  for (const [key, value] of sortedEntries(metadata.labels)) {
    if (key.startsWith(roleLabelPrefix)) roles.add(key.slice(roleLabelPrefix.length));
    else if (key === 'kubernetes.io/role') roles.add(value);
  }
  roles.delete('');
  return [...roles].sort();
}

function externalAddresses({ spec, status }: Frozen<Service>): string {
  const given = spec?.externalIPs ?? [];
  switch (spec?.type) {
    case 'ClusterIP':
    case 'NodePort':
      return orNone(given.join(','));
    case 'LoadBalancer': {
      const all = [...loadBalancerAddresses(status?.loadBalancer?.ingress), ...given];
      return all.length === 0 ? '<pending>' : all.join(',');
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

/** Addresses or names of a load balancer, each once, sorted. */
export function loadBalancerAddresses(
  ingress: readonly { readonly ip?: string; readonly hostname?: string }[] | undefined,
): readonly string[] {
  const texts = (ingress ?? []).map(({ ip = '', hostname = '' }) => (ip === '' ? hostname : ip)).filter((text) => text !== '');
  return [...new Set(texts)].sort();
}
