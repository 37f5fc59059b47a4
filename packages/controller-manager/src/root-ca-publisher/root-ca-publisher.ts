import type { ConfigMap, Namespace } from '@coracle/api';
import { getOwn, isNotFound, semanticEqual, withEntry } from '@coracle/apimachinery';
import { type Clientset, deletionKey, KeyedController, resources, type SharedIndexInformer, splitMetaNamespaceKey } from '@coracle/client';
import { cachesSynced } from '../controller/cache-sync.ts';
import type { ControllerContext, RunnableController } from '../controller/context.ts';
import { isNamespaceTerminating } from '../controller/pod-control.ts';

const configMapName = 'kube-root-ca.crt';
const descriptionAnnotation = 'kubernetes.io/description';
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. ' +
  'No other usage is guaranteed across distributions of Kubernetes clusters.';

/** Puts the CA of the API server into each namespace, for pods to trust (pkg/controller/certificates/rootcacertpublisher). */
export class RootCaPublisher implements RunnableController {
  readonly #clientset: Clientset;
  readonly #data: Readonly<Record<string, string>>;
  readonly #namespaces: SharedIndexInformer<Namespace>;
  readonly #configMaps: SharedIndexInformer<ConfigMap>;
  readonly #controller: KeyedController;

  constructor({ process, clientset, informers, rootCA }: ControllerContext) {
    this.#clientset = clientset;
    this.#data = { 'ca.crt': rootCA };
    this.#namespaces = informers.forResource(resources.core.v1.namespaces);
    this.#configMaps = informers.forResource(resources.core.v1.configMaps);
    this.#controller = new KeyedController({ process, name: 'root_ca_cert_publisher', sync: (key) => this.#sync(key) });
    const { queue } = this.#controller;
    const enqueueOwn = (namespace = '', name = ''): void => {
      if (name === configMapName) queue.add(namespace);
    };
    this.#namespaces.addEventHandler({
      onAdd: (namespace) => queue.add(namespace.metadata.name ?? ''),
      onUpdate: (_old, namespace) => {
        if (namespace.status?.phase === 'Active') queue.add(namespace.metadata.name ?? '');
      },
    });
    this.#configMaps.addEventHandler({
      onUpdate: (_old, { metadata }) => enqueueOwn(metadata.namespace, metadata.name),
      onDelete: (deleted) => {
        const { namespace, name } = splitMetaNamespaceKey(deletionKey<ConfigMap>(deleted));
        enqueueOwn(namespace, name);
      },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#namespaces, this.#configMaps)) await this.#controller.run(signal);
  }

  async #sync(namespace: string): Promise<void> {
    const configMaps = this.#clientset.coreV1.configMaps(namespace);
    const present = this.#configMaps.lister.namespace(namespace).get(configMapName);
    try {
      if (present === undefined) {
        const metadata = { name: configMapName, namespace, annotations: { [descriptionAnnotation]: description } };
        await configMaps.create({ metadata, data: this.#data });
        return;
      }
      const { annotations } = present.metadata;
      if (semanticEqual(present.data, this.#data) && getOwn(annotations, descriptionAnnotation) === description) return;
      await configMaps.update({
        ...present,
        metadata: { ...present.metadata, annotations: withEntry(annotations, descriptionAnnotation, description) },
        data: this.#data,
      });
    } catch (error) {
      // Namespaces on their way out need none; one that is gone needs none either.
      if (!isNotFound(error) && !isNamespaceTerminating(error)) throw error;
    }
  }
}
