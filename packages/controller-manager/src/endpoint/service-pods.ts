import type { Pod, Service, ServicePort } from '@coracle/api';
import { type Frozen, matcherOfSet, type WireMap, withEntry, withoutEntry } from '@coracle/apimachinery';
import { type KeyedController, metaNamespaceKey, objectFromDeletion, type SharedIndexInformer } from '@coracle/client';
import { isPodReady, isPodTerminal, sameLabels } from '../controller/pods.ts';

/** What Endpoints and EndpointSlices have in common (k8s.io/endpointslice/util, pkg/api/v1/service). */

export const headlessLabel = 'service.kubernetes.io/headless';

/** Somebody else keeps the endpoints of a Service without selector; an ExternalName has none. */
export function needsEndpoints(service: Service): boolean {
  return service.spec.type !== 'ExternalName' && Object.keys(service.spec.selector ?? {}).length > 0;
}

export function isHeadless(service: Service): boolean {
  return service.spec.clusterIP === 'None';
}

/** Has an address and has not ended. `includeTerminating`: also on its way out. */
export function isEndpoint(pod: Pod, includeTerminating: boolean): boolean {
  if (isPodTerminal(pod) || podIPs(pod).length === 0) return false;
  return includeTerminating || pod.metadata.deletionTimestamp === undefined;
}

export function podIPs({ status }: Pod): readonly string[] {
  const all = (status?.podIPs ?? []).map(({ ip }) => ip);
  if (all.length > 0) return all;
  return status?.podIP === undefined || status.podIP === '' ? [] : [status.podIP];
}

/** The name by which the pod is found below the Service's. */
export function hostnameFor(service: Service, { spec }: Pod): string | undefined {
  return spec.hostname !== undefined && spec.hostname !== '' && spec.subdomain === service.metadata.name ? spec.hostname : undefined;
}

/** The number of the pod's port that a Service's port means; undefined when the pod has none of that name. */
export function targetPort(pod: Pod, { targetPort: target, port, protocol = 'TCP' }: ServicePort): number | undefined {
  if (typeof target !== 'string') return target === undefined || target === 0 ? port : target;
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const { ports = [] } of [...pod.spec.containers, ...sidecars]) {
    const named = ports.find((candidate) => candidate.name === target && (candidate.protocol ?? 'TCP') === protocol);
    if (named !== undefined) return named.containerPort;
  }
  return undefined;
}

/** The Service's own labels, and what says by whom and for what the object is kept. */
export function labelsFor(service: Service, own: WireMap): WireMap {
  let labels: WireMap = withoutEntry(service.metadata.labels, headlessLabel) ?? {};
  for (const [key, value] of Object.entries(own)) labels = withEntry(labels, key, value);
  return isHeadless(service) ? withEntry(labels, headlessLabel, '') : labels;
}

/** Every Service is looked at that a pod which comes, changes or goes concerns. */
export function enqueueServicesOf(
  pods: SharedIndexInformer<Pod>,
  services: SharedIndexInformer<Service>,
  queue: KeyedController['queue'],
): void {
  const enqueue = (before: Frozen<Pod> | undefined, after: Frozen<Pod> | undefined): void => {
    for (const key of servicesOf(services, before, after)) queue.add(key);
  };
  pods.addEventHandler({
    onAdd: (pod) => enqueue(undefined, pod),
    onUpdate: enqueue,
    onDelete: (deleted) => enqueue(objectFromDeletion<Pod>(deleted), undefined),
  });
}

/** Keys of the Services that a pod which came, changed or went concerns. */
function servicesOf(
  services: SharedIndexInformer<Service>,
  before: Frozen<Pod> | undefined,
  after: Frozen<Pod> | undefined,
): readonly string[] {
  const pod = after ?? before;
  if (pod === undefined) return [];
  const changed = before === undefined || after === undefined || hasChanged(before, after);
  const relabelled = before !== undefined && after !== undefined && !sameLabels(before.metadata.labels, after.metadata.labels);
  if (!changed && !relabelled) return [];
  return services.lister
    .namespace(pod.metadata.namespace ?? '')
    .list()
    .filter((service) => {
      if (!needsEndpoints(service)) return false;
      const matcher = matcherOfSet(service.spec.selector);
      const did = before !== undefined && matcher.matches(before.metadata.labels);
      const does = after !== undefined && matcher.matches(after.metadata.labels);
      return changed ? did || does : did !== does;
    })
    .map((service) => metaNamespaceKey(service));
}

/** Anything that an endpoint says about its pod. */
function hasChanged(before: Pod, after: Pod): boolean {
  if (before.metadata.resourceVersion === after.metadata.resourceVersion) return false; // a resync
  return (
    before.metadata.uid !== after.metadata.uid ||
    (before.metadata.deletionTimestamp === undefined) !== (after.metadata.deletionTimestamp === undefined) ||
    isPodReady(before) !== isPodReady(after) ||
    isPodTerminal(before) !== isPodTerminal(after) ||
    before.spec.nodeName !== after.spec.nodeName ||
    before.spec.hostname !== after.spec.hostname ||
    podIPs(before).join() !== podIPs(after).join()
  );
}
