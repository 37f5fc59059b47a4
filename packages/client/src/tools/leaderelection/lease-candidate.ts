import { formatMicroTime, type Frozen, type KubeObject, parseTime } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import type { Clientset } from '../../kubernetes/clientset.ts';
import { resourceHandle, type ResourceHandle } from '../../kubernetes/resource-handle.ts';
import type { ResourceClient } from '../../rest/resource-client.ts';
import { RateLimitingQueue } from '../../util/workqueue/rate-limiting-queue.ts';
import { tweakedListWatch } from '../cache/list-watch.ts';
import { SharedIndexInformer } from '../cache/shared-informer.ts';

/** Somebody who offers to lead (`coordination.k8s.io/v1beta1`, which servers have behind the gate CoordinatedLeaderElection). */
export interface LeaseCandidateObject extends KubeObject {
  readonly spec: {
    /** Of the Lease that it wants, in the same namespace. It cannot be changed. */
    readonly leaseName: string;
    /** When the coordinator asked whether the candidate is there; answered by a `renewTime` that is not before it. */
    readonly pingTime?: string;
    readonly renewTime?: string;
    /** Semantic versions; `emulationVersion`, which is not the later one, is needed by OldestEmulationVersion. */
    readonly binaryVersion: string;
    readonly emulationVersion?: string;
    /** How the coordinator shall choose; of candidates that differ in this, the one with the latest binary decides. */
    readonly strategy: string;
  };
}

/** LeaseCandidates, for a `Clientset` or an informer: no server has them unless it is told to, so they are not among `resources`. */
export const leaseCandidates: ResourceHandle<LeaseCandidateObject> = resourceHandle<LeaseCandidateObject>({
  group: 'coordination.k8s.io',
  version: 'v1beta1',
  resource: 'leasecandidates',
  kind: 'LeaseCandidate',
  namespaced: true,
});

/** Who offers to lead what. */
export interface LeaseCandidateOptions {
  readonly clientset: Clientset;
  /** Of the candidate and of the lease. */
  readonly namespace: string;
  /** The identity of the elector beside it; must differ between candidates. */
  readonly name: string;
  readonly leaseName: string;
  /** Such as `1.37.0`. */
  readonly binaryVersion: string;
  /** What the binary behaves as. Default: `binaryVersion`. */
  readonly emulationVersion?: string;
  /**
   * Default `OldestEmulationVersion`, the one that Kubernetes knows: of the oldest emulated versions, then of the oldest binaries, the
   * candidate that is there for the longest time. Others have the form `example.com/name` and a coordinator of their own.
   */
  readonly strategy?: string;
}

/** As upstream comes back without being asked, so that the object is not taken for abandoned; that takes 30 minutes. */
const renewEveryMs = 300_000;

/**
 * Offers this process for a coordinated election (client-go tools/leaderelection LeaseCandidate): keeps the LeaseCandidate object, and
 * answers the coordinator, who asks before it decides. The object stays when this ends; servers clear away what is not renewed.
 *
 * Upstream answers with its own time, even if that is before the ping because its clock is behind, which counts as no answer and is
 * repeated at once; this answers with the time of the ping then. It also keeps versions and strategy up to date in an object that was
 * there before, and makes one anew that somebody deletes.
 */
export class LeaseCandidate {
  readonly #process: Process;
  readonly #client: ResourceClient<LeaseCandidateObject>;
  readonly #informer: SharedIndexInformer<LeaseCandidateObject>;
  readonly #queue: RateLimitingQueue<string>;
  readonly #options: LeaseCandidateOptions;
  #coming: Disposable | undefined;

  constructor(options: LeaseCandidateOptions) {
    const { clientset, namespace, name } = options;
    const { process } = clientset;
    this.#process = process;
    this.#options = options;
    this.#client = clientset.resource(leaseCandidates, namespace);
    this.#informer = new SharedIndexInformer<LeaseCandidateObject>({
      process,
      name: 'leasecandidates.coordination.k8s.io',
      listWatch: tweakedListWatch<LeaseCandidateObject>(this.#client, (list) => ({ ...list, fieldSelector: `metadata.name=${name}` })),
      resource: leaseCandidates,
    });
    this.#queue = new RateLimitingQueue<string>({ process, name: 'leasecandidate' });
  }

  /** Whether the object was looked for, which a server without LeaseCandidates never answers. */
  hasSynced(): boolean {
    return this.#informer.hasSynced();
  }

  /** Offers and answers until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { name } = this.#options;
    this.#informer.addEventHandler({
      onUpdate: (_old, candidate) => {
        if (isAsked(candidate)) this.#queue.add(name);
      },
      onDelete: () => this.#queue.add(name),
    });
    const shutDown = (): void => this.#queue.shutDown();
    signal.addEventListener('abort', shutDown, { once: true });
    const informing = this.#process.spawn(`candidate ${name} informer`, () => this.#informer.run(signal));
    try {
      await this.#informer.whenSynced(signal);
      this.#queue.add(name);
      for (let got = await this.#queue.get(); !got.shutdown; got = await this.#queue.get()) await this.#renewOne(got.item);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', shutDown);
      shutDown();
      this.#coming?.[Symbol.dispose]();
      await informing.done;
    }
  }

  async #renewOne(key: string): Promise<void> {
    try {
      await this.#ensure();
      this.#queue.forget(key);
      this.#coming?.[Symbol.dispose]();
      this.#coming = this.#process.clock.timer(renewEveryMs, () => this.#queue.add(key), { background: true });
    } catch (error) {
      this.#process.log.warn('Cannot renew the lease candidate', {
        name: key,
        error: error instanceof Error ? error.message : String(error),
      });
      this.#queue.addRateLimited(key);
    } finally {
      this.#queue.done(key);
    }
  }

  async #ensure(): Promise<void> {
    const {
      namespace,
      name,
      leaseName,
      binaryVersion,
      emulationVersion = binaryVersion,
      strategy = 'OldestEmulationVersion',
    } = this.#options;
    const known = this.#informer.lister.namespace(namespace).get(name);
    const spec = { leaseName, binaryVersion, emulationVersion, strategy };
    if (known === undefined) {
      await this.#client.create({
        metadata: { name, namespace },
        spec: { ...spec, renewTime: formatMicroTime(this.#process.clock.now()) },
      });
      return;
    }
    // What is cached may be old; then the server refuses, and this comes back.
    await this.#client.update({ ...known, spec: { ...known.spec, ...spec, renewTime: this.#answerTo(known) } });
  }

  #answerTo({ spec: { pingTime } }: Frozen<LeaseCandidateObject>): string {
    const nowMs = this.#process.clock.now();
    const askedMs = parseTime(pingTime);
    return pingTime === undefined || askedMs === undefined || nowMs > askedMs ? formatMicroTime(nowMs) : pingTime;
  }
}

/** The coordinator waits for an answer. Times that servers write have six digits, of which JavaScript's have three. */
function isAsked({ spec: { pingTime = '', renewTime = '' } }: Frozen<LeaseCandidateObject>): boolean {
  const pingMs = parseTime(pingTime);
  const renewMs = parseTime(renewTime);
  if (pingMs === undefined) return false;
  return renewMs === undefined || pingMs > renewMs || (pingMs === renewMs && pingTime > renewTime);
}
