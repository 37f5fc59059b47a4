import type { Pod } from '@coracle/api';
import { formatTime, isNotFound } from '@coracle/apimachinery';
import { type Clientset, EventRecorder, type Lister } from '@coracle/client';
import { firstAborted, type Process, type Task } from '@coracle/kernel';
import { SchedulerCache } from './cache/cache.ts';
import type { NodeInfo } from './cache/node-info.ts';
import { type PodInfo, podInfoOf } from './cache/pod-info.ts';
import { ClusterState } from './cluster-state.ts';
import { type FailureReason, failureCondition } from './pod-condition.ts';
import { filterPlugins, scorePlugins } from './plugins/plugins.ts';
import { type VolumeStep, volumeStepsFor } from './plugins/volume-binding.ts';
import { type QueuedPod, SchedulingQueue } from './queue/scheduling-queue.ts';
import { decide } from './schedule.ts';
import type { VolumeBinder } from './volume-binder.ts';

export interface SchedulerOptions {
  readonly process: Process;
  readonly clientset: Clientset;
  /** The `spec.schedulerName` of the pods to schedule. Default `default-scheduler`. */
  readonly schedulerName?: string;
}

/** Bindings under way at a time; further decisions wait. Those that wait for volumes do not count. */
const maxBindings = 64;

/**
 * Gives pods their nodes (cmd/kube-scheduler, pkg/scheduler). A decision is one synchronous step; writing it down happens beside
 * the next ones, as the cache counts the pod from the decision on.
 */
export class Scheduler {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #recorder: EventRecorder;
  readonly #cache = new SchedulerCache();
  readonly #queue: SchedulingQueue;
  readonly #state: ClusterState;
  readonly #pods: Lister<Pod>;
  readonly #volumes: VolumeBinder;
  readonly #bindings = new Set<Task>();
  #busyBindings = 0;
  #slotFree: (() => void) | undefined;
  #startAt = 0;

  constructor({ process, clientset, schedulerName = 'default-scheduler' }: SchedulerOptions) {
    this.#process = process;
    this.#clientset = clientset;
    this.#recorder = new EventRecorder({ clientset, component: schedulerName });
    this.#queue = new SchedulingQueue({ process });
    this.#state = new ClusterState({ process, clientset, schedulerName, cache: this.#cache, queue: this.#queue, plugins: filterPlugins });
    this.#pods = this.#state.pods;
    this.#volumes = this.#state.volumeBinder;
  }

  /** Schedules until `signal` aborts; settles when its bindings have ended and its informers have stopped. */
  async run(signal: AbortSignal = this.#process.signal): Promise<void> {
    const close = (): void => this.#queue.close();
    if (signal.aborted) close();
    else signal.addEventListener('abort', close, { once: true });
    try {
      await this.#state.start(signal);
      await this.#scheduleAll(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', close);
      await Promise.all([...this.#bindings].map(({ done }) => done));
      await this.#state.stop();
    }
  }

  async #scheduleAll(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#bindingSlot();
      const queued = await this.#queue.pop();
      if (queued === undefined || signal.aborted) return;
      await this.#scheduleOne(queued, signal);
    }
  }

  /** Synchronous up to the first await: nothing changes between the look and the entry into the cache. */
  async #scheduleOne(queued: QueuedPod, signal: AbortSignal): Promise<void> {
    const { pod } = queued;
    if (pod.pod.metadata.deletionTimestamp !== undefined) {
      this.#queue.done(queued);
      this.#event(pod.pod, 'Warning', 'FailedScheduling', `skip schedule deleting pod: ${pod.key}`);
      return;
    }
    const decision = decide(pod, this.#state.view, {
      filters: filterPlugins,
      scores: scorePlugins,
      random: this.#process.random,
      startAt: this.#startAt,
    });
    if (!decision.fits) {
      this.#queue.reject(queued, decision.rejectedBy);
      await this.#report(pod, 'Unschedulable', decision.message);
      return;
    }
    const { node, lookedAt } = decision;
    this.#startAt = (this.#startAt + lookedAt) % this.#cache.nodes.length;
    const steps = volumeStepsFor(pod.pod, node, this.#state.view);
    this.#cache.assume(pod, node.name);
    this.#volumes.reserve(steps);
    this.#countBusy(1);
    const task = this.#process.spawn(`bind ${pod.key}`, async (ofProcess) => {
      using first = firstAborted(signal, ofProcess);
      await this.#bindingCycle(queued, pod, node, steps, first.signal);
      this.#bindings.delete(task);
    });
    this.#bindings.add(task);
  }

  async #bindingCycle(queued: QueuedPod, pod: PodInfo, node: NodeInfo, steps: readonly VolumeStep[], signal: AbortSignal): Promise<void> {
    try {
      if (steps.length > 0) await this.#bindVolumes(pod, node, steps, signal);
      await this.#bind(pod, node);
    } catch (error) {
      this.#volumes.release(steps);
      if (!signal.aborted) await this.#bindingFailed(queued, pod, error);
      return;
    } finally {
      this.#countBusy(-1);
    }
    this.#volumes.release(steps);
    this.#queue.done(queued);
    this.#event(pod.pod, 'Normal', 'Scheduled', `Successfully assigned ${pod.key} to ${node.name}`);
  }

  async #bindVolumes(pod: PodInfo, node: NodeInfo, steps: readonly VolumeStep[], signal: AbortSignal): Promise<void> {
    this.#countBusy(-1);
    try {
      await this.#volumes.bind(pod, node.name, steps, signal);
    } catch (cause) {
      throw new Error(`running PreBind plugin "VolumeBinding": binding volumes: ${textOf(cause)}`, { cause });
    } finally {
      this.#countBusy(1);
    }
  }

  async #bind({ pod }: PodInfo, node: NodeInfo): Promise<void> {
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { namespace, name, uid }, target: { kind: 'Node', name: node.name } };
    try {
      await this.#clientset.coreV1.pods(namespace).subresource(name, 'binding').create(binding);
    } catch (cause) {
      throw new Error(`running Bind plugin "DefaultBinder": ${textOf(cause)}`, { cause });
    }
  }

  async #bindingFailed(queued: QueuedPod, pod: PodInfo, error: unknown): Promise<void> {
    this.#process.log.warn('Pod was not bound', { pod: pod.key, error: textOf(error) });
    const placed = this.#cache.isAssumed(pod) ? this.#cache.removePod(pod.key) : undefined;
    const current = this.#stillWaiting(pod);
    if (current === undefined) this.#queue.done(queued);
    else {
      this.#queue.set(podInfoOf(current)); // changes of an assumed pod do not reach the queue
      this.#queue.retry(queued);
    }
    // The place is free again, and volumes that were promised: those that were refused because of them may fit.
    if (placed !== undefined) this.#state.announce({ aspects: ['pod/removed'], node: placed.node });
    this.#state.announce({ aspects: ['volume'] });
    await this.#report(pod, 'SchedulerError', textOf(error));
  }

  /** Tells the user, unless the pod has gone or has got its node meanwhile. Writes the condition only when it changes. */
  async #report(pod: PodInfo, reason: FailureReason, message: string): Promise<void> {
    const current = this.#stillWaiting(pod);
    if (current === undefined) return;
    this.#event(current, 'Warning', 'FailedScheduling', message);
    const condition = failureCondition(current, { reason, message, now: formatTime(this.#process.clock.now()) });
    if (condition === undefined) return;
    const { namespace, name = '' } = current.metadata;
    try {
      await this.#clientset.coreV1
        .pods(namespace)
        .patch(name, 'strategic', { status: { conditions: [condition] } }, { subresource: 'status' });
    } catch (error) {
      // The next attempt writes it; the event is out.
      if (!isNotFound(error)) this.#process.log.warn('Condition of pod was not written', { pod: pod.key, error: textOf(error) });
    }
  }

  /** The newest version of a pod that still wants a node; undefined when it does not. */
  #stillWaiting({ key, pod }: PodInfo): Pod | undefined {
    const current = this.#pods.get(key);
    return current !== undefined && current.metadata.uid === pod.metadata.uid && (current.spec?.nodeName ?? '') === ''
      ? current
      : undefined;
  }

  #event(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#recorder.event({ ...pod, apiVersion: 'v1', kind: 'Pod' }, type, reason, shortened(message));
  }

  #countBusy(change: 1 | -1): void {
    this.#busyBindings += change;
    if (this.#busyBindings < maxBindings) this.#slotFree?.();
  }

  async #bindingSlot(): Promise<void> {
    if (this.#busyBindings < maxBindings) return;
    const free = Promise.withResolvers<void>();
    this.#slotFree = free.resolve;
    await free.promise;
    this.#slotFree = undefined;
  }
}

/** Events say no more than this (NoteLengthLimit); the condition says all. */
const longestNote = 1024;
const omission = ' ...';

function shortened(message: string): string {
  return message.length <= longestNote ? message : message.slice(0, longestNote - omission.length) + omission;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
