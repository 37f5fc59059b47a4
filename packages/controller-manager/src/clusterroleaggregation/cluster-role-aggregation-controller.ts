import type { ClusterRole } from '@coracle/api';
import { isNotFound, semanticEqual } from '@coracle/apimachinery';
import { type Clientset, KeyedController, resources, type SharedIndexInformer } from '@coracle/client';
import { cachesSynced } from '../controller/cache-sync.ts';
import type { ControllerContext, RunnableController } from '../controller/context.ts';
import { aggregatedRules } from './aggregated-rules.ts';

/**
 * Keeps in each ClusterRole with an aggregationRule the rules of the roles that it selects
 * (pkg/controller/clusterroleaggregation). Upstream applies the rules, by force; here a merge patch replaces them.
 */
export class ClusterRoleAggregationController implements RunnableController {
  readonly #clientset: Clientset;
  readonly #roles: SharedIndexInformer<ClusterRole>;
  readonly #controller: KeyedController;

  constructor({ process, clientset, informers }: Omit<ControllerContext, 'rootCA'>) {
    this.#clientset = clientset;
    this.#roles = informers.forResource(resources.rbac.v1.clusterRoles);
    this.#controller = new KeyedController({ process, name: 'ClusterRoleAggregator', sync: (name) => this.#sync(name) });
    const enqueueAll = (): void => this.#enqueueAll();
    this.#roles.addEventHandler({ onAdd: enqueueAll, onUpdate: enqueueAll, onDelete: enqueueAll });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#roles)) await this.#controller.run(signal);
  }

  /** Which roles a change concerns is as much work to find out as to collect the rules of all, and they are few. */
  #enqueueAll(): void {
    for (const { aggregationRule, metadata } of this.#roles.lister.list())
      if (aggregationRule !== undefined) this.#controller.queue.add(metadata.name ?? '');
  }

  async #sync(name: string): Promise<void> {
    const role = this.#roles.lister.get(name);
    const rules = role === undefined ? undefined : aggregatedRules(role, this.#roles.lister.list());
    if (rules === undefined || semanticEqual(rules, role?.rules ?? [])) return;
    try {
      await this.#clientset.rbacV1.clusterRoles().patch(name, 'merge', { rules: rules.length === 0 ? null : rules });
    } catch (error) {
      if (!isNotFound(error)) throw error; // the cache was behind
    }
  }
}
