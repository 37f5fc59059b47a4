import type { Namespace } from '@coracle/api';
import { formatTime, type Frozen, isNotFound } from '@coracle/apimachinery';
import {
  BucketRateLimiter,
  type Clientset,
  defaultRetry,
  ItemExponentialFailureRateLimiter,
  KeyedController,
  MaxOfRateLimiter,
  RateLimitingQueue,
  resources,
  retryOnConflict,
  type SharedIndexInformer,
} from '@coracle/client';
import type { Process } from '@coracle/kernel';
import { cachesSynced } from '../controller/cache-sync.ts';
import type { ControllerContext, RunnableController } from '../controller/context.ts';
import { deletionConditions, updatedConditions } from './conditions.ts';
import { deleteContent } from './content-deleter.ts';

const workers = 10;
/** Lets every API server see that the namespace is on its way out before its content goes (namespaceDeletionGracePeriod). */
const deletionGraceMs = 5_000;
const finalizer = 'kubernetes';

/** Empties namespaces that are being deleted, then lets them go (pkg/controller/namespace/namespace_controller.go). */
export class NamespaceController implements RunnableController {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #namespaces: SharedIndexInformer<Namespace>;
  readonly #controller: KeyedController;

  constructor({ process, clientset, informers }: Omit<ControllerContext, 'rootCA'>) {
    this.#process = process;
    this.#clientset = clientset;
    this.#namespaces = informers.forResource(resources.core.v1.namespaces);
    const rateLimiter = new MaxOfRateLimiter<string>(
      new ItemExponentialFailureRateLimiter<string>(5, 60_000),
      new BucketRateLimiter<string>({ clock: process.clock, perSecond: 10, burst: 100 }),
    );
    const queue = new RateLimitingQueue<string>({ process, name: 'namespace', rateLimiter });
    this.#controller = new KeyedController({ process, name: 'namespace', workers, queue, sync: (key) => this.#sync(key) });
    const enqueue = (namespace: Frozen<Namespace>): void => {
      if (namespace.metadata.deletionTimestamp !== undefined) queue.addAfter(namespace.metadata.name ?? '', deletionGraceMs);
    };
    this.#namespaces.addEventHandler({ onAdd: enqueue, onUpdate: (_old, namespace) => enqueue(namespace) });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#namespaces)) await this.#controller.run(signal);
  }

  async #sync(name: string): Promise<void | { readonly requeueAfterMs: number }> {
    if (this.#namespaces.lister.get(name) === undefined) return;
    const namespaces = this.#clientset.coreV1.namespaces();
    let namespace: Frozen<Namespace>;
    try {
      namespace = await namespaces.get(name); // never delete by what a cache says
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    if (namespace.metadata.deletionTimestamp === undefined) return;
    if (namespace.status?.phase !== 'Terminating') namespace = await this.#markTerminating(name);
    if (namespace.metadata.deletionTimestamp === undefined || !(namespace.spec.finalizers ?? []).includes(finalizer)) return;
    const { report, estimateSeconds } = await deleteContent(this.#clientset, namespace, this.#process.clock.now());
    await this.#reportConditions(namespace, deletionConditions(report));
    const [failure] = report.failures;
    if (failure !== undefined) throw new Error(`Cannot empty namespace "${name}": ${failure}`);
    if (report.undiscovered.length > 0)
      throw new Error(`Cannot empty namespace "${name}": no answer from ${report.undiscovered.join(', ')}`);
    if (report.remaining.size > 0) return { requeueAfterMs: (Math.floor(estimateSeconds / 2) + 1) * 1000 };
    await this.#finalize(name);
  }

  #markTerminating(name: string): Promise<Frozen<Namespace>> {
    const namespaces = this.#clientset.coreV1.namespaces();
    return retryOnConflict(this.#process, defaultRetry, async () => {
      const namespace = await namespaces.get(name);
      if (namespace.metadata.deletionTimestamp === undefined || namespace.status?.phase === 'Terminating') return namespace;
      return namespaces.updateStatus({ ...namespace, status: { ...namespace.status, phase: 'Terminating' } });
    });
  }

  async #reportConditions(namespace: Frozen<Namespace>, findings: ReturnType<typeof deletionConditions>): Promise<void> {
    const conditions = updatedConditions(namespace, findings, formatTime(this.#process.clock.now()));
    if (conditions === undefined) return;
    try {
      await this.#clientset.coreV1.namespaces().updateStatus({ ...namespace, status: { ...namespace.status, conditions } });
    } catch (error) {
      // What users read must not keep the namespace from going; the next attempt writes it again.
      this.#process.log.warn('Could not update the conditions of a namespace', {
        namespace: namespace.metadata.name,
        error: String(error),
      });
    }
  }

  async #finalize(name: string): Promise<void> {
    const namespaces = this.#clientset.coreV1.namespaces();
    await retryOnConflict(this.#process, defaultRetry, async () => {
      try {
        const namespace = await namespaces.get(name);
        const finalizers = (namespace.spec.finalizers ?? []).filter((other) => other !== finalizer);
        await namespaces.subresource<Namespace>(name, 'finalize').update({ ...namespace, spec: { ...namespace.spec, finalizers } });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    });
  }
}
