import type { BoundCounter, BoundGauge, BoundHistogram, Clock, Process } from '@coracle/kernel';

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
 * When an item was added and taken, by `Clock.monotonic`. Part of what the queue itself knows of the item: a table of times for each would
 * cost more than all else that is measured.
 */
export interface ItemTimes {
  /** NaN: it does not wait. */
  addedMs: number;
  /** NaN: it is not worked on. */
  startedMs: number;
  /** Where it is among those that are worked on. */
  place: number;
}

/** Of an item that nothing is known of. */
export function noTimes(): ItemTimes {
  return { addedMs: Number.NaN, startedMs: Number.NaN, place: -1 };
}

/**
 * What a queue tells of its load, under the names that dashboards know (component-base metrics/prometheus/workqueue). While something is
 * worked on, its age is sampled twice a second by a background timer; at rest there is none.
 */
export class QueueMetrics {
  readonly #clock: Clock;
  readonly #depth: QueueDepth;
  readonly #adds: BoundCounter;
  readonly #retries: BoundCounter;
  readonly #queueDuration: BoundHistogram;
  readonly #workDuration: BoundHistogram;
  readonly #unfinishedWork: BoundGauge;
  readonly #longestRunning: BoundGauge;
  // In no order: the last takes the place of one that is done.
  readonly #worked: ItemTimes[] = [];
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
    this.#clock = process.clock;
    this.#depth = controller === undefined ? wholeDepth(gauge('workqueue_depth', depthHelp)) : depthByPriority(process, name, controller);
    this.#adds = counter('workqueue_adds_total', 'Keys that were added');
    this.#retries = counter('workqueue_retries_total', 'Keys that were added after a failure');
    this.#queueDuration = histogram('workqueue_queue_duration_seconds', 'How long a key waited');
    this.#workDuration = histogram('workqueue_work_duration_seconds', 'How long a key was worked on');
    this.#unfinishedWork = gauge('workqueue_unfinished_work_seconds', 'How long all keys that are worked on have been, together');
    this.#longestRunning = gauge('workqueue_longest_running_processor_seconds', 'How long the key that is worked on longest has been');
  }

  /** `priority`: of queues that have them. */
  added(times: ItemTimes, priority?: number): void {
    this.#adds.add(1);
    this.#depth(priority).add(1);
    // A key that comes again while it is worked on waits from then on.
    if (Number.isNaN(times.addedMs)) times.addedMs = this.#clock.monotonic();
  }

  /** An item that waits has another priority now. */
  moved(from: number, to: number): void {
    this.#depth(from).add(-1);
    this.#depth(to).add(1);
  }

  /** Of an item that was added. */
  taken(times: ItemTimes, priority?: number): void {
    const nowMs = this.#clock.monotonic();
    this.#depth(priority).add(-1);
    this.#queueDuration.observe((nowMs - times.addedMs) / 1000);
    times.addedMs = Number.NaN;
    times.startedMs = nowMs;
    times.place = this.#worked.push(times) - 1;
    if (this.#sampler === undefined && !this.#isStopped) this.#arm();
  }

  /** Of an item that was taken. */
  done(times: ItemTimes): void {
    this.#workDuration.observe((this.#clock.monotonic() - times.startedMs) / 1000);
    times.startedMs = Number.NaN;
    const last = this.#worked.pop();
    if (last === undefined || last === times) return;
    this.#worked[times.place] = last;
    last.place = times.place;
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
    this.#sampler = this.#clock.timer(samplePeriodMs, () => this.#sample(), { background: true });
  }

  #sample(): void {
    const nowMs = this.#clock.monotonic();
    let total = 0;
    let oldest = 0;
    for (const { startedMs } of this.#worked) {
      total += nowMs - startedMs;
      oldest = Math.max(oldest, nowMs - startedMs);
    }
    this.#unfinishedWork.set(total / 1000);
    this.#longestRunning.set(oldest / 1000);
    if (this.#worked.length === 0) this.#sampler = undefined;
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
  const depthOf: QueueDepth = (priority) => {
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
  // Nearly all items of a queue have the same priority.
  let last: { readonly priority: number | undefined; readonly depth: BoundGauge } | undefined;
  return (priority) => {
    if (last === undefined || last.priority !== priority) last = { priority, depth: depthOf(priority) };
    return last.depth;
  };
}
