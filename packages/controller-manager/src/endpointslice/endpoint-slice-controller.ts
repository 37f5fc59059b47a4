import type { EndpointSlice, Node, Pod, Service } from '@coracle/api';
import { controllerReference, type Frozen, getOwn, matcherOfSet, type WireMap } from '@coracle/apimachinery';
import {
  type Clientset,
  EventRecorder,
  KeyedController,
  objectFromDeletion,
  resources,
  type SharedIndexInformer,
  splitMetaNamespaceKey,
} from '@coracle/client';
import { cachesSynced } from '../controller/cache-sync.ts';
import { enqueueEach } from '../controller/enqueue.ts';
import type { ControllerContext, RunnableController } from '../controller/context.ts';
import { isNamespaceTerminating, messageOf } from '../controller/pod-control.ts';
import { isEndpoint, labelsFor, needsEndpoints, enqueueServicesOf } from '../endpoint/service-pods.ts';
import { type AddressType, addressTypes, desiredGroups, lacksNode } from './desired.ts';
import { planSlices, type SliceContent } from './plan.ts';
import { SliceTracker } from './slice-tracker.ts';

const workers = 5;
/** Endpoints of one slice at most (--max-endpoints-per-slice). */
const maxEndpoints = 100;
const serviceNameLabel = 'kubernetes.io/service-name';
const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const controllerName = 'endpointslice-controller.k8s.io';
const handle = resources.discovery.v1.endpointSlices;
/** Files slices under `namespace/service`, those of this controller only. */
const serviceIndex = 'service';

/** Lists the pods of Services in EndpointSlices (pkg/controller/endpointslice/endpointslice_controller.go). */
export class EndpointSliceController implements RunnableController {
  readonly #clientset: Clientset;
  readonly #recorder: EventRecorder;
  readonly #services: SharedIndexInformer<Service>;
  readonly #pods: SharedIndexInformer<Pod>;
  readonly #nodes: SharedIndexInformer<Node>;
  readonly #slices: SharedIndexInformer<EndpointSlice>;
  readonly #tracker = new SliceTracker();
  readonly #controller: KeyedController;

  constructor({ process, clientset, informers }: Omit<ControllerContext, 'rootCA'>) {
    this.#clientset = clientset;
    this.#recorder = new EventRecorder({ clientset, component: 'endpoint-slice-controller' });
    this.#services = informers.forResource(resources.core.v1.services);
    this.#pods = informers.forResource(resources.core.v1.pods);
    this.#nodes = informers.forResource(resources.core.v1.nodes);
    this.#slices = informers.forResource(handle);
    if (!this.#slices.indexer.hasIndex(serviceIndex)) {
      this.#slices.addIndexers({ [serviceIndex]: (slice) => [serviceKeyOf(slice)].filter((key) => key !== undefined) });
    }
    this.#controller = new KeyedController({ process, name: 'endpoint_slice', workers, sync: (key) => this.#sync(key) });
    const { queue } = this.#controller;
    enqueueEach(this.#services, queue);
    enqueueServicesOf(this.#pods, this.#services, queue);
    this.#slices.addEventHandler({
      onAdd: (slice) => this.#sliceSeen(slice),
      onUpdate: (_old, slice) => this.#sliceSeen(slice),
      onDelete: (deleted) => this.#sliceGone(objectFromDeletion<EndpointSlice>(deleted)),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#services, this.#pods, this.#nodes, this.#slices)) await this.#controller.run(signal);
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitMetaNamespaceKey(key);
    const service = this.#services.lister.namespace(namespace).get(name);
    if (service === undefined) {
      this.#tracker.forget(key); // the garbage collector takes the slices
      return;
    }
    if (!needsEndpoints(service)) return;
    const slices = this.#slices.indexer.byIndex(serviceIndex, key).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    if (this.#tracker.isStale(key, slices)) throw new Error('EndpointSlice informer cache is out of date');
    const pods = this.#pods.lister.namespace(namespace).list(matcherOfSet(service.spec.selector));
    const nodeOf = (node: string): Node | undefined => this.#nodes.lister.get(node);
    try {
      for (const type of addressTypes(service)) await this.#reconcile(key, service, slices, pods, type, nodeOf);
      for (const slice of slices) if (!addressTypes(service).includes(slice.addressType as AddressType)) await this.#delete(key, slice);
    } catch (error) {
      if (isNamespaceTerminating(error)) return;
      this.#recorder.event(
        service,
        'Warning',
        'FailedToUpdateEndpointSlices',
        `Error updating Endpoint Slices for Service ${key}: ${messageOf(error)}`,
      );
      throw error;
    }
    const homeless = pods.find((pod) => isEndpoint(pod, true) && lacksNode(service, pod, nodeOf));
    if (homeless !== undefined)
      throw new Error(`skipping Pod ${homeless.metadata.name} for Service ${key}: Node ${homeless.spec.nodeName} Not Found`);
  }

  async #reconcile(
    key: string,
    service: Frozen<Service>,
    slices: readonly EndpointSlice[],
    pods: readonly Pod[],
    type: AddressType,
    nodeOf: (name: string) => Node | undefined,
  ): Promise<void> {
    const labels = labelsFor(service, { [serviceNameLabel]: service.metadata.name ?? '', [managedByLabel]: controllerName });
    const existing = slices.filter(({ addressType }) => addressType === type);
    const plan = planSlices({ existing, desired: desiredGroups(service, pods, type, nodeOf), labels, maxEndpoints });
    const client = this.#clientset.discoveryV1.endpointSlices(service.metadata.namespace);
    for (const content of plan.create) {
      const { name = '', namespace = '' } = service.metadata;
      const metadata = {
        generateName: `${name}-`,
        namespace,
        labels,
        ownerReferences: [controllerReference(service, resources.core.v1.services)],
      };
      this.#tracker.wrote(
        key,
        await client.create(
          written({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, addressType: type }, content, labels),
        ),
      );
    }
    for (const { slice, content } of plan.update) this.#tracker.wrote(key, await client.update(written(slice, content, labels)));
    for (const slice of plan.remove) await this.#delete(key, slice);
  }

  async #delete(key: string, slice: EndpointSlice): Promise<void> {
    this.#tracker.deleting(key, slice);
    try {
      await this.#clientset.discoveryV1.endpointSlices(slice.metadata.namespace).delete(slice.metadata.name ?? '');
    } catch (error) {
      this.#tracker.notDeleted(key, slice);
      throw error;
    }
  }

  #sliceSeen(slice: Frozen<EndpointSlice>): void {
    const key = serviceKeyOf(slice);
    if (key !== undefined && this.#tracker.observed(key, slice)) this.#controller.queue.add(key);
  }

  #sliceGone(slice: Frozen<EndpointSlice> | undefined): void {
    const key = slice && serviceKeyOf(slice);
    if (key !== undefined && slice !== undefined && this.#tracker.observedDeletion(key, slice)) this.#controller.queue.add(key);
  }
}

/** The Service of a slice that this controller keeps. */
function serviceKeyOf({ metadata }: EndpointSlice): string | undefined {
  const service = getOwn(metadata.labels, serviceNameLabel);
  return service === undefined || getOwn(metadata.labels, managedByLabel) !== controllerName
    ? undefined
    : `${metadata.namespace ?? ''}/${service}`;
}

/** Empty lists are left out: Go's are null then, and the server knows. */
function written(slice: Omit<EndpointSlice, 'endpoints' | 'ports'>, { endpoints, ports }: SliceContent, labels: WireMap): EndpointSlice {
  const { endpoints: _, ports: __, ...rest } = slice as EndpointSlice;
  const body = {
    ...rest,
    metadata: { ...slice.metadata, labels },
    ...(endpoints.length === 0 ? {} : { endpoints }),
    ...(ports.length === 0 ? {} : { ports }),
  };
  return body as EndpointSlice; // the type asks for both lists, the API for neither
}
