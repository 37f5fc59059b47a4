import { controllerOf, type Frozen, isControlledBy } from '@coracle/apimachinery';
import {
  BucketRateLimiter,
  type Clientset,
  type DeletedFinalStateUnknown,
  EventRecorder,
  ItemExponentialFailureRateLimiter,
  type Lister,
  MaxOfRateLimiter,
  metaNamespaceKey,
  objectFromDeletion,
  RateLimitingQueue,
  type SharedInformerFactory,
  splitMetaNamespaceKey,
} from '@coracle/client';
import { type Process, untilAborted } from '@coracle/kernel';
import { type Deployment, deployments, newDeployment } from './deployment.ts';
import { type Foo, foos } from './foo.ts';

const controllerAgentName = 'sample-controller';

/** Reasons and messages of the events that users see. */
export const successSynced = 'Synced';
export const errResourceExists = 'ErrResourceExists';
export const messageResourceSynced = 'Foo synced successfully';
export const messageResourceExists = (name: string): string => `Resource "${name}" already exists and is not managed by Foo`;
const fieldManager = controllerAgentName;
/** Keys that are worked on at a time. */
const workerCount = 2;

export interface SampleControllerOptions {
  readonly process: Process;
  readonly clientset: Clientset;
  /** Of the built-in kinds; upstream has two factories because it has two generated clientsets. */
  readonly kubeInformers: SharedInformerFactory;
  readonly fooInformers: SharedInformerFactory;
  readonly recorder?: EventRecorder;
}

/** Keeps one Deployment for each Foo (kubernetes/sample-controller controller.go). */
export class SampleController {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #kubeInformers: SharedInformerFactory;
  readonly #fooInformers: SharedInformerFactory;
  readonly #deploymentsLister: Lister<Deployment>;
  readonly #foosLister: Lister<Foo>;
  readonly #recorder: EventRecorder;
  /** Keys of Foos, `namespace/name`: each is in it once, and with one worker at a time. */
  readonly #queue: RateLimitingQueue<string>;

  constructor({ process, clientset, kubeInformers, fooInformers, recorder }: SampleControllerOptions) {
    this.#process = process;
    this.#clientset = clientset;
    this.#kubeInformers = kubeInformers;
    this.#fooInformers = fooInformers;
    this.#recorder = recorder ?? new EventRecorder({ clientset, component: controllerAgentName });
    const rateLimiter = new MaxOfRateLimiter<string>(
      new ItemExponentialFailureRateLimiter<string>(5, 1_000_000),
      new BucketRateLimiter<string>({ clock: process.clock, perSecond: 50, burst: 300 }),
    );
    this.#queue = new RateLimitingQueue<string>({ process, name: 'foo', rateLimiter });

    const fooInformer = fooInformers.forResource(foos);
    const deploymentInformer = kubeInformers.forResource(deployments);
    this.#foosLister = fooInformer.lister;
    this.#deploymentsLister = deploymentInformer.lister;
    // Nobody handles the deletion of a Foo: its Deployment has an owner reference.
    fooInformer.addEventHandler({
      onAdd: (foo) => this.#enqueueFoo(foo),
      onUpdate: (_old, foo) => this.#enqueueFoo(foo),
    });
    deploymentInformer.addEventHandler({
      onAdd: (deployment) => this.#handleObject(deployment),
      onUpdate: (old, deployment) => {
        // A resync brings every Deployment again, unchanged.
        if (old.metadata.resourceVersion !== deployment.metadata.resourceVersion) this.#handleObject(deployment);
      },
      onDelete: (deleted) => this.#handleObject(deleted),
    });
  }

  /** Works until `signal` aborts. The informer factories must have been started. */
  async run(signal: AbortSignal): Promise<void> {
    const { log } = this.#process;
    log.info('Starting Foo controller');
    log.info('Waiting for informer caches to sync');
    await this.#kubeInformers.waitForCacheSync(signal);
    await this.#fooInformers.waitForCacheSync(signal);
    log.info('Starting workers', { count: workerCount });
    const workers = Array.from({ length: workerCount }, (_, i) => this.#process.spawn(`foo worker ${i}`, () => this.#runWorker()));
    log.info('Started workers');
    await untilAborted(signal);
    log.info('Shutting down workers');
    this.#queue.shutDown(); // what is in it is still worked on
    await Promise.all(workers.map(({ done }) => done));
  }

  async #runWorker(): Promise<void> {
    for (;;) {
      const got = await this.#queue.get();
      if (got.shutdown) return;
      await this.#processItem(got.item);
    }
  }

  /** Syncs one key; one that fails comes back after a wait that grows with each failure. */
  async #processItem(key: string): Promise<void> {
    const { log } = this.#process;
    try {
      await this.#syncHandler(key);
      this.#queue.forget(key); // its next failure is its first again
      log.info('Successfully synced', { key });
    } catch (error) {
      log.error('Error syncing; requeuing for later retry', { key, error: error instanceof Error ? error.message : String(error) });
      this.#queue.addRateLimited(key);
    } finally {
      this.#queue.done(key); // without it, the key would never be handed out again
    }
  }

  async #syncHandler(key: string): Promise<void> {
    const { namespace, name } = splitMetaNamespaceKey(key);
    const foo = this.#foosLister.namespace(namespace).get(name);
    if (foo === undefined) {
      this.#process.log.info('Foo referenced by item in work queue no longer exists', { key });
      return;
    }
    const deploymentName = foo.spec?.deploymentName ?? '';
    if (deploymentName === '') {
      // Only a change of the Foo can help, and that brings it here again.
      this.#process.log.error('Deployment name missing from object reference', { key });
      return;
    }
    const client = this.#clientset.resource(deployments, namespace);
    let deployment = this.#deploymentsLister.namespace(namespace).get(deploymentName);
    deployment ??= await client.create(newDeployment(foo), { fieldManager });
    if (!isControlledBy(deployment, foo)) {
      const message = messageResourceExists(deploymentName);
      this.#recorder.event(foo, 'Warning', errResourceExists, message);
      throw new Error(message);
    }
    const wanted = foo.spec?.replicas;
    if (wanted !== undefined && wanted !== deployment.spec?.replicas) {
      this.#process.log.info('Update deployment resource', { key, currentReplicas: deployment.spec?.replicas, desiredReplicas: wanted });
      deployment = await client.update(newDeployment(foo), { fieldManager });
    }
    await this.#updateFooStatus(foo, deployment);
    this.#recorder.event(foo, 'Normal', successSynced, messageResourceSynced);
  }

  async #updateFooStatus(foo: Frozen<Foo>, deployment: Frozen<Deployment>): Promise<void> {
    const availableReplicas = deployment.status?.availableReplicas ?? 0;
    // Sent even when nothing changes: the server makes no new version of an equal object.
    await this.#clientset
      .resource(foos, foo.metadata.namespace)
      .updateStatus({ ...foo, status: { ...foo.status, availableReplicas } }, { fieldManager });
  }

  #enqueueFoo(foo: Frozen<Foo>): void {
    this.#queue.add(metaNamespaceKey(foo));
  }

  /** Enqueues the Foo that manages the Deployment, if one does. */
  #handleObject(changed: Frozen<Deployment> | DeletedFinalStateUnknown<Deployment>): void {
    const deployment = objectFromDeletion<Deployment>(changed);
    if (deployment === undefined) return;
    const owner = controllerOf(deployment);
    if (owner?.kind !== foos.kind) return;
    const foo = this.#foosLister.namespace(deployment.metadata.namespace ?? '').get(owner.name);
    if (foo === undefined) this.#process.log.debug('Ignore orphaned object', { deployment: metaNamespaceKey(deployment), foo: owner.name });
    else this.#enqueueFoo(foo);
  }
}
