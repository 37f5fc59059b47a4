import type { Endpoints, EndpointSubset, Pod, Service } from '@coracle/api';
import { type Frozen, hasOwn, isNotFound, matcherOfSet, semanticEqual, type WireMap, withEntry, withoutEntry } from '@coracle/apimachinery';
import {
  type Clientset,
  deletionKey,
  EventRecorder,
  KeyedController,
  metaNamespaceKey,
  resources,
  type SharedIndexInformer,
  splitMetaNamespaceKey,
} from '@coracle/client';
import { cachesSynced } from '../controller/cache-sync.ts';
import { enqueueEach } from '../controller/enqueue.ts';
import type { ControllerContext, RunnableController } from '../controller/context.ts';
import { isNamespaceTerminating, messageOf } from '../controller/pod-control.ts';
import { labelsFor, needsEndpoints, enqueueServicesOf } from './service-pods.ts';
import { endpointSubsets, truncated } from './subsets.ts';

const workers = 5;
const managedBy = { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' } as const;
/** Old leader elections keep their lock in Endpoints without a Service. */
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';

/** Lists the pods of Services in Endpoints (pkg/controller/endpoint/endpoints_controller.go). */
export class EndpointsController implements RunnableController {
  readonly #clientset: Clientset;
  readonly #recorder: EventRecorder;
  readonly #services: SharedIndexInformer<Service>;
  readonly #pods: SharedIndexInformer<Pod>;
  readonly #endpoints: SharedIndexInformer<Endpoints>;
  readonly #controller: KeyedController;

  constructor({ process, clientset, informers }: Omit<ControllerContext, 'rootCA'>) {
    this.#clientset = clientset;
    this.#recorder = new EventRecorder({ clientset, component: 'endpoint-controller' });
    this.#services = informers.forResource(resources.core.v1.services);
    this.#pods = informers.forResource(resources.core.v1.pods);
    this.#endpoints = informers.forResource(resources.core.v1.endpoints);
    this.#controller = new KeyedController({ process, name: 'endpoint', workers, sync: (key) => this.#sync(key) });
    const { queue } = this.#controller;
    enqueueEach(this.#services, queue);
    enqueueServicesOf(this.#pods, this.#services, queue);
    this.#endpoints.addEventHandler({ onDelete: (deleted) => queue.add(deletionKey<Endpoints>(deleted)) });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (!(await cachesSynced(signal, this.#services, this.#pods, this.#endpoints))) return;
    // Services may have gone while nobody ran: what they left is looked at once.
    for (const endpoints of this.#endpoints.lister.list()) {
      if (!hasOwn(endpoints.metadata.annotations, leaderAnnotation)) this.#controller.queue.add(metaNamespaceKey(endpoints));
    }
    await this.#controller.run(signal);
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitMetaNamespaceKey(key);
    const service = this.#services.lister.namespace(namespace).get(name);
    if (service === undefined) return this.#remove(namespace, name);
    if (!needsEndpoints(service)) return;
    const pods = this.#pods.lister.namespace(namespace).list(matcherOfSet(service.spec.selector));
    const { subsets, isTruncated } = truncated(endpointSubsets(service, pods));
    const present = this.#endpoints.lister.namespace(namespace).get(name);
    const labels = labelsFor(service, managedBy);
    const annotations = withCapacity(present?.metadata.annotations, isTruncated);
    if (
      present !== undefined &&
      semanticEqual(present.subsets, subsets) &&
      semanticEqual(present.metadata.labels, labels) &&
      semanticEqual(present.metadata.annotations, annotations)
    )
      return;
    try {
      await this.#write(service, present, { subsets, labels, annotations });
    } catch (error) {
      if (isNamespaceTerminating(error)) return;
      const verb = present === undefined ? 'create' : 'update';
      this.#recorder.event(
        present ?? service,
        'Warning',
        `FailedTo${verb === 'create' ? 'Create' : 'Update'}Endpoint`,
        `Failed to ${verb} endpoint ${key}: ${messageOf(error)}`,
      );
      throw error;
    }
  }

  async #write(
    service: Frozen<Service>,
    present: Frozen<Endpoints> | undefined,
    wanted: { readonly subsets: readonly EndpointSubset[]; readonly labels: WireMap; readonly annotations: WireMap | undefined },
  ): Promise<void> {
    const { name = '', namespace = '' } = service.metadata;
    const client = this.#clientset.coreV1.endpoints(namespace);
    const { annotations: _, ...metadata } = present?.metadata ?? { name, namespace };
    const labelled = {
      ...metadata,
      labels: wanted.labels,
      ...(wanted.annotations === undefined ? {} : { annotations: wanted.annotations }),
    };
    const body: Endpoints = {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: labelled,
      ...(wanted.subsets.length === 0 ? {} : { subsets: wanted.subsets }),
    };
    if (present !== undefined) await client.update(body);
    else await client.create(body);
  }

  async #remove(namespace: string, name: string): Promise<void> {
    if (this.#endpoints.lister.namespace(namespace).get(name) === undefined) return;
    try {
      await this.#clientset.coreV1.endpoints(namespace).delete(name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function withCapacity(annotations: WireMap | undefined, isTruncated: boolean): WireMap | undefined {
  return isTruncated ? withEntry(annotations, overCapacityAnnotation, 'truncated') : withoutEntry(annotations, overCapacityAnnotation);
}
