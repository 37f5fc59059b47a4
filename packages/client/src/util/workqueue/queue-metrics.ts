import type { BoundCounter, BoundGauge, BoundHistogram, Process } from '@coracle/kernel';

/** From 10 ns, times ten: upstream's (component-base metrics/prometheus/workqueue). */
const bounds = Array.from({ length: 12 }, (_, i) => 10 ** (i - 8));

/** How often the work in progress is measured (client-go util/workqueue defaultUnfinishedWorkUpdatePeriod). */
const samplePeriodMs = 500;

/** Whose metrics they are. */
export interface QueueLabels {
  readonly name: string;
  /**
   * The controller that works on the queue: its series have the label `controller` then, and their depth is told for each priority, as
   * of controller-runtime's queues (pkg/internal/metrics).
   */
  readonly controller?: string | undefined;
}

/**
 * What a queue tells of its load, under the names that dashboards know (component-base metrics/prometheus/workqueue). While something is
 * worked on, its age is sampled twice a second by a background timer; at rest there is none.
 */
export class QueueMetrics<T> {
  readonly #process: Process;
  readonly #depth: QueueDepth;
  readonly #adds: BoundCounter;
  readonly #retries: BoundCounter;
  readonly #queueDuration: BoundHistogram;
  readonly #workDuration: BoundHistogram;
  readonly #unfinishedWork: BoundGauge;
  readonly #longestRunning: BoundGauge;
  readonly #addedMs = new Map<T, number>();
  readonly #startedMs = new Map<T, number>();
  #sampler: Disposable | undefined;
  #isStopped = false;

  constructor(process: Process, { name, controller }: QueueLabels) {
    const { metrics } = process;
    const labels = controller === undefined ? ['name'] : ['name', 'controller'];
    const values = controller === undefined ? [name] : [name, controller];
    const gauge = (metric: string, help: string): BoundGauge => metrics.gauge({ name: metric, help, labels }).bound(...values);
    const counter = (metric: string, help: string): BoundCounter => metrics.counter({ name: metric, help, labels }).bound(...values);
    const histogram = (metric: string, help: string): BoundHistogram =>
      metrics.histogram({ name: metric, help, labels, bounds }).bound(...values);
    this.#process = process;
    this.#depth = controller === undefined ? wholeDepth(gauge('workqueue_depth', depthHelp)) : depthByPriority(process, name, controller);
    this.#adds = counter('workqueue_adds_total', 'Keys that were added');
    this.#retries = counter('workqueue_retries_total', 'Keys that were added after a failure');
    this.#queueDuration = histogram('workqueue_queue_duration_seconds', 'How long a key waited');
    this.#workDuration = histogram('workqueue_work_duration_seconds', 'How long a key was worked on');
    this.#unfinishedWork = gauge('workqueue_unfinished_work_seconds', 'How long all keys that are worked on have been, together');
    this.#longestRunning = gauge('workqueue_longest_running_processor_seconds', 'How long the key that is worked on longest has been');
  }

  /** `priority`: of queues that have them. */
  added(item: T, priority?: number): void {
    this.#adds.add(1);
    this.#depth(priority).add(1);
    // A key that comes again while it is worked on waits from then on.
    if (!this.#addedMs.has(item)) this.#addedMs.set(item, this.#process.clock.monotonic());
  }

  /** An item that waits has another priority now. */
  moved(from: number, to: number): void {
    this.#depth(from).add(-1);
    this.#depth(to).add(1);
  }

  taken(item: T, priority?: number): void {
    const nowMs = this.#process.clock.monotonic();
    this.#depth(priority).add(-1);
    this.#startedMs.set(item, nowMs);
    this.#queueDuration.observe((nowMs - (this.#addedMs.get(item) ?? nowMs)) / 1000);
    this.#addedMs.delete(item);
    if (this.#sampler === undefined && !this.#isStopped) this.#arm();
  }

  done(item: T): void {
    const startedMs = this.#startedMs.get(item);
    if (startedMs === undefined) return;
    this.#startedMs.delete(item);
    this.#workDuration.observe((this.#process.clock.monotonic() - startedMs) / 1000);
  }

  retried(): void {
    this.#retries.add(1);
  }

  /** The queue is shut down: its gauges stay as they are. */
  stop(): void {
    this.#isStopped = true;
    this.#sampler?.[Symbol.dispose]();
    this.#sampler = undefined;
  }

  #arm(): void {
    this.#sampler = this.#process.clock.timer(samplePeriodMs, () => this.#sample(), { background: true });
  }

  #sample(): void {
    const nowMs = this.#process.clock.monotonic();
    let total = 0;
    let oldest = 0;
    for (const startedMs of this.#startedMs.values()) {
      total += nowMs - startedMs;
      oldest = Math.max(oldest, nowMs - startedMs);
    }
    this.#unfinishedWork.set(total / 1000);
    this.#longestRunning.set(oldest / 1000);
    if (this.#startedMs.size === 0) this.#sampler = undefined;
    else this.#arm();
  }
}

/** The gauge of the keys that wait with a priority; undefined: of a queue without. */
type QueueDepth = (priority: number | undefined) => BoundGauge;

const depthHelp = 'Keys that wait';

function wholeDepth(gauge: BoundGauge): QueueDepth {
  return () => gauge;
}

/** How many priorities have a series of their own; all further ones share one (pkg/internal/metrics maxRecommendedUniquePriorities). */
const maxPriorities = 25;

function depthByPriority({ metrics }: Process, name: string, controller: string): QueueDepth {
  const gauge = metrics.gauge({ name: 'workqueue_depth', help: depthHelp, labels: ['name', 'controller', 'priority'] });
  const known = new Map<number | undefined, BoundGauge>();
  let others: BoundGauge | undefined;
  return (priority) => {
    const depth = known.get(priority);
    if (depth !== undefined) return depth;
    if (known.size >= maxPriorities) {
      others ??= gauge.bound(name, controller, 'exceeded_cardinality_limit');
      return others;
    }
    const added = gauge.bound(name, controller, priority === undefined ? '' : String(priority));
    known.set(priority, added);
    return added;
  };
}
