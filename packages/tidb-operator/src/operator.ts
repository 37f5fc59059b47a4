import { deepFreeze, type Frozen, isConflict, isNotFound, semanticEqual } from '@coracle/apimachinery';
import { type Clientset, resources } from '@coracle/client';
import { ControllerBuilder, Manager, type Request, type Result } from '@coracle/controller-runtime';
import { type Dialer, DialError, type Process } from '@coracle/kernel';
import { tidbClusters } from './api/crd.ts';
import { withDefaults } from './api/defaulting.ts';
import type { TidbCluster, TidbClusterStatus } from './api/types.ts';
import { validateTidbCluster } from './api/validation.ts';
import { execute } from './execute.ts';
import { ClusterObserver } from './observe.ts';
import { PDClient, PDError } from './pd/pd-client.ts';
import { clusterName, memberName, namespaceOf, pdUrl, peerServiceName, podName } from './plan/names.ts';
import { plan } from './plan/plan.ts';
import type { Action, ClusterObjects, Notice, PDView, Wait, WaitReason } from './plan/state.ts';
import { refusedStatus } from './plan/status.ts';

export interface TidbOperatorOptions {
  readonly process: Process;
  readonly clientset: Clientset;
  /** How PD and TiDB are reached. */
  readonly dialer: Dialer;
  /** Watch one namespace only. */
  readonly namespace?: string;
  /** Default `pingcap/tidb-operator:v1.6.6`. */
  readonly discoveryImage?: string;
  /** Clusters synced at a time. Default 5, as upstream. */
  readonly workers?: number;
}

/** Upstream's `--resync-duration`; and the limit that it gives a call of PD. */
const resyncPeriodMs = 30_000;
const callTimeoutMs = 5_000;
/** A wait is looked at again after 250 ms, 500 ms, … 5 s; progress (another reason or message) starts anew. */
const firstRetryMs = 250;
const lastRetryMs = 5_000;
/** A status that just changed (leaders that spread) is looked at again after 1 s, 2 s, … 30 s, until it stays. */
const movingRetryMs = 1_000;

const userWaits: ReadonlySet<WaitReason> = new Set<WaitReason>(['FailedScaleIn', 'NotOwned', 'NotSupported']);

/** How often the same thing was waited for. */
interface Patience {
  readonly reason: string;
  readonly tries: number;
}

/**
 * Brings TidbClusters up and keeps their status (upstream: cmd/controller-manager, pkg/controller/tidbcluster). It watches
 * TidbClusters, StatefulSets and pods; what only PD knows it asks for again while something waits, and every 30 s.
 */
export class TidbOperator {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #dialer: Dialer;
  readonly #discoveryImage: string;
  readonly #manager: Manager;
  readonly #observer: ClusterObserver;
  readonly #patience = new Map<string, Patience>();
  /** When the status changed last, and for how long it then has to stay. */
  readonly #moving = new Map<string, { readonly atMs: number; readonly afterMs: number }>();
  readonly #said = new Map<string, string>();

  constructor(options: TidbOperatorOptions) {
    this.#process = options.process;
    this.#clientset = options.clientset;
    this.#dialer = options.dialer;
    this.#discoveryImage = options.discoveryImage ?? 'pingcap/tidb-operator:v1.6.6';
    this.#manager = new Manager({
      process: options.process,
      clientset: options.clientset,
      name: 'tidb-controller-manager',
      resyncPeriodMs,
      ...(options.namespace !== undefined && { namespace: options.namespace }),
    });
    this.#observer = new ClusterObserver(this.#manager.informers);
    new ControllerBuilder(this.#manager, tidbClusters)
      .named('tidbcluster')
      .owns(resources.apps.v1.statefulSets)
      .withOptions({ maxConcurrentReconciles: options.workers ?? 5 })
      .complete({ reconcile: (request) => this.#reconcile(request) });
  }

  /** Works until `signal` aborts. */
  async run(signal: AbortSignal = this.#process.signal): Promise<void> {
    await this.#manager.run(signal);
  }

  async #reconcile({ namespace, name }: Request): Promise<Result> {
    const key = `${namespace}/${name}`;
    const stored = this.#manager.informers.forResource(tidbClusters).lister.namespace(namespace).get(name);
    if (stored === undefined || stored.metadata.deletionTimestamp !== undefined) {
      this.#patience.delete(key);
      this.#moving.delete(key);
      for (const said of this.#said.keys()) if (said.startsWith(`${key} `)) this.#said.delete(said);
      return {};
    }
    const tc = withDefaults(stored as TidbCluster); // the same fields, read-only either way
    const errors = validateTidbCluster(tc);
    if (errors.length > 0) {
      const message = errors.map((error) => error.text).join('; ');
      this.#say(key, stored, { type: 'Warning', reason: 'FailedValidation', message });
      await this.#writeStatus(stored, refusedStatus(tc, message, this.#process.clock.now()));
      return {};
    }
    return await this.#sync(key, stored, tc);
  }

  async #sync(key: string, stored: Frozen<TidbCluster>, tc: TidbCluster): Promise<Result> {
    const signal = this.#process.signal;
    const pd = new PDClient(this.#dialer, pdUrl(tc));
    const objects = this.#observer.objects(tc);
    const state = {
      tc,
      objects,
      pd: await this.#askPD(tc, objects, pd),
      tidbHealth: await this.#askTiDB(tc, objects),
      nowMs: this.#process.clock.now(),
    };
    const { actions, status, wait, notices } = plan(state, { discoveryImage: this.#discoveryImage });
    for (const notice of notices) this.#say(key, stored, notice);
    if (wait !== undefined && userWaits.has(wait.reason))
      this.#say(key, stored, { type: 'Warning', reason: wait.reason, message: wait.message });
    // The status is written whatever becomes of the actions, and first: it says what they are waiting for.
    const isFresh = await this.#writeStatus(stored, status);
    let lagging = !isFresh;
    for (const action of actions) {
      try {
        await execute(action, { clientset: this.#clientset, pd, namespace: namespaceOf(tc), signal });
        const notice = noticeOf(action, tc);
        if (notice !== undefined) this.#manager.recorder.event(stored, notice.type, notice.reason, notice.message);
      } catch (error) {
        if (isConflict(error)) lagging = true;
        else if (error instanceof PDError || error instanceof DialError)
          this.#say(key, stored, { type: 'Warning', reason: 'PDRefused', message: error.message });
        else throw error;
        break; // later actions may rest on this one
      }
    }
    return this.#next(key, wait, { lagging, moves: !semanticEqual(stored.status, status) });
  }

  /** When to look again: soon after a lost race, ever later while the same thing is waited for, else with the resync. */
  #next(key: string, wait: Wait | undefined, { lagging, moves }: { readonly lagging: boolean; readonly moves: boolean }): Result {
    if (wait === undefined && !lagging) {
      this.#patience.delete(key);
      return this.#untilStill(key, moves);
    }
    // Such a wait ends when somebody changes the spec, or a store comes back: their event or the resync sees it.
    if (wait !== undefined && userWaits.has(wait.reason) && wait.passing !== true && !lagging) return {};
    const reason = wait === undefined ? 'Conflict' : `${wait.reason} ${wait.message}`;
    return { requeueAfterMs: Math.min(lastRetryMs, firstRetryMs * 2 ** this.#triesOf(key, reason)) };
  }

  /** PD tells nobody when leaders spread or a store comes: a status that just changed is asked for again until it stays. */
  #untilStill(key: string, moves: boolean): Result {
    const nowMs = this.#process.clock.monotonic();
    const before = this.#moving.get(key);
    if (moves) this.#moving.set(key, { atMs: nowMs, afterMs: Math.min(resyncPeriodMs, (before?.afterMs ?? movingRetryMs / 2) * 2) });
    const last = this.#moving.get(key);
    // Our own write brings an event at once: that nothing changed until then says nothing yet.
    if (last !== undefined && nowMs - last.atMs < last.afterMs) return { requeueAfterMs: last.atMs + last.afterMs - nowMs };
    this.#moving.delete(key);
    return {};
  }

  /** How often this was the reason, in a row. */
  #triesOf(key: string, reason: string): number {
    const before = this.#patience.get(key);
    const tries = before?.reason === reason ? Math.min(before.tries + 1, 10) : 0;
    this.#patience.set(key, { reason, tries });
    return tries;
  }

  async #askPD(tc: TidbCluster, objects: ClusterObjects, client: PDClient): Promise<PDView> {
    if (tc.spec.pd === undefined) return { answered: false, why: 'the cluster has no PD of its own' };
    const set = objects.statefulSets.get(memberName(tc, 'pd'));
    if (set === undefined) return { answered: false, why: 'it is not created yet' };
    using deadline = this.#process.clock.deadline(callTimeoutMs, { signal: this.#process.signal });
    try {
      return await client.view(deadline.signal);
    } catch (error) {
      if (this.#process.signal.aborted || !deadline.signal.aborted) throw error;
      return { answered: false, why: `no answer within ${callTimeoutMs / 1000} s` };
    }
  }

  /** A TiDB is healthy when its /status answers below 400. */
  async #askTiDB(tc: TidbCluster, objects: ClusterObjects): Promise<ReadonlyMap<string, boolean>> {
    const replicas = objects.statefulSets.get(memberName(tc, 'tidb'))?.spec?.replicas ?? 0;
    const pods = Array.from({ length: replicas }, (_, ordinal) => podName(tc, 'tidb', ordinal)).filter((pod) => objects.pods.has(pod));
    using deadline = this.#process.clock.deadline(callTimeoutMs, { signal: this.#process.signal });
    const asked = pods.map(async (pod): Promise<[string, boolean]> => {
      const url = new URL(`http://${pod}.${peerServiceName(tc, 'tidb')}.${namespaceOf(tc)}:10080/status`);
      try {
        const { status } = await this.#dialer.request(url, { method: 'GET', signal: deadline.signal });
        return [pod, status < 400];
      } catch (error) {
        if (this.#process.signal.aborted || !(error instanceof DialError || deadline.signal.aborted)) throw error;
        return [pod, false]; // no answer in time is what unhealthy means
      }
    });
    return new Map(await Promise.all(asked));
  }

  /** Writes the status when it differs. False when the cluster changed meanwhile: the next sync, which its event brings, writes. */
  async #writeStatus(stored: Frozen<TidbCluster>, status: TidbClusterStatus): Promise<boolean> {
    if (semanticEqual(stored.status, status)) return true;
    try {
      await this.#clientset.resource(tidbClusters, stored.metadata.namespace ?? '').updateStatus(deepFreeze({ ...stored, status }));
      return true;
    } catch (error) {
      if (isNotFound(error)) return true; // deleted meanwhile
      if (isConflict(error)) return false;
      throw new Error(`Cannot write the status of TidbCluster "${clusterName(stored as TidbCluster)}"`, { cause: error });
    }
  }

  /** An event, unless the last one of this reason said the same. */
  #say(
    key: string,
    about: Frozen<TidbCluster>,
    { type, reason, message }: { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string },
  ): void {
    const at = `${key} ${reason}`;
    if (this.#said.get(at) === message) return;
    this.#said.set(at, message);
    this.#manager.recorder.event(about, type, reason, message);
  }
}

/** What a user sees of an action in the events of the TidbCluster: the objects that came and the pods that were asked for. */
function noticeOf(action: Action, tc: TidbCluster): Notice | undefined {
  const name = clusterName(tc);
  if (action.verb === 'create') {
    const { kind, metadata } = action.object;
    return { type: 'Normal', reason: 'SuccessfulCreate', message: `create ${kind} ${metadata.name} in TidbCluster ${name} successful` };
  }
  if (action.verb !== 'patch' || action.target !== 'statefulsets') return undefined;
  return { type: 'Normal', reason: 'SuccessfulUpdate', message: `update StatefulSet ${action.name} in TidbCluster ${name} successful` };
}
