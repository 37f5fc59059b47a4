import type { Namespace, ServiceAccount } from '@coracle/api';
import { isAlreadyExists } from '@coracle/apimachinery';
import {
  type Clientset,
  type DeletedFinalStateUnknown,
  deletionKey,
  KeyedController,
  resources,
  type SharedIndexInformer,
  splitMetaNamespaceKey,
} from '@coracle/client';
import { cachesSynced } from '../controller/cache-sync.ts';
import type { ControllerContext, RunnableController } from '../controller/context.ts';
import { isNamespaceTerminating } from '../controller/pod-control.ts';

/** What pods run as that name no account. */
const accountName = 'default';

/** Keeps a ServiceAccount `default` in each namespace (pkg/controller/serviceaccount/serviceaccounts_controller.go). */
export class ServiceAccountsController implements RunnableController {
  readonly #clientset: Clientset;
  readonly #namespaces: SharedIndexInformer<Namespace>;
  readonly #accounts: SharedIndexInformer<ServiceAccount>;
  readonly #controller: KeyedController;

  constructor({ process, clientset, informers }: Omit<ControllerContext, 'rootCA'>) {
    this.#clientset = clientset;
    this.#namespaces = informers.forResource(resources.core.v1.namespaces);
    this.#accounts = informers.forResource(resources.core.v1.serviceAccounts);
    this.#controller = new KeyedController({ process, name: 'serviceaccount', sync: (key) => this.#sync(key) });
    const { queue } = this.#controller;
    this.#namespaces.addEventHandler({
      onAdd: (namespace) => queue.add(namespace.metadata.name ?? ''),
      onUpdate: (_old, namespace) => queue.add(namespace.metadata.name ?? ''),
    });
    this.#accounts.addEventHandler({
      onDelete: (deleted: ServiceAccount | DeletedFinalStateUnknown<ServiceAccount>) => {
        const { namespace, name } = splitMetaNamespaceKey(deletionKey<ServiceAccount>(deleted));
        if (name === accountName) queue.add(namespace);
      },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#namespaces, this.#accounts)) await this.#controller.run(signal);
  }

  async #sync(name: string): Promise<void> {
    const namespace = this.#namespaces.lister.get(name);
    if (namespace === undefined || namespace.status?.phase === 'Terminating') return;
    if (this.#accounts.lister.namespace(name).get(accountName) !== undefined) return;
    try {
      await this.#clientset.coreV1.serviceAccounts(name).create({ metadata: { name: accountName, namespace: name } });
    } catch (error) {
      // The cache was behind, either way.
      if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error;
    }
  }
}
