import type { BoundCounter, BoundGauge, BoundHistogram, Process } from '@coracle/kernel';

/** From 10 ns, times ten: upstream's (component-base metrics/prometheus/workqueue). */
const bounds = Array.from({ length: 12 }, (_, i) => 10 ** (i - 8));

/** How often the work in progress is measured (client-go util/workqueue defaultUnfinishedWorkUpdatePeriod). */
const samplePeriodMs = 500;

/**
 * What a queue tells of its load, under the names that dashboards know (component-base metrics/prometheus/workqueue). While something is
 * worked on, its age is sampled twice a second by a background timer; at rest there is none.
 */
export class QueueMetrics<T> {
  readonly #process: Process;
  readonly #depth: BoundGauge;
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

  constructor(process: Process, name: string) {
    const { metrics } = process;
    const labels = ['name'];
    this.#process = process;
    this.#depth = metrics.gauge({ name: 'workqueue_depth', help: 'Keys that wait', labels }).bound(name);
    this.#adds = metrics.counter({ name: 'workqueue_adds_total', help: 'Keys that were added', labels }).bound(name);
    this.#retries = metrics.counter({ name: 'workqueue_retries_total', help: 'Keys that were added after a failure', labels }).bound(name);
    this.#queueDuration = metrics
      .histogram({ name: 'workqueue_queue_duration_seconds', help: 'How long a key waited', labels, bounds })
      .bound(name);
    this.#workDuration = metrics
      .histogram({
        name: 'workqueue_work_duration_seconds',
        help: 'How long a key was worked on',
        labels,
        bounds,
      })
      .bound(name);
    this.#unfinishedWork = metrics
      .gauge({
        name: 'workqueue_unfinished_work_seconds',
        help: 'How long all keys that are worked on have been, together',
        labels,
      })
      .bound(name);
    this.#longestRunning = metrics
      .gauge({
        name: 'workqueue_longest_running_processor_seconds',
        help: 'How long the key that is worked on longest has been',
        labels,
      })
      .bound(name);
  }

  added(item: T): void {
    this.#adds.add(1);
    this.#depth.add(1);
    // A key that comes again while it is worked on waits from then on.
    if (!this.#addedMs.has(item)) this.#addedMs.set(item, this.#process.clock.monotonic());
  }

  taken(item: T): void {
    const nowMs = this.#process.clock.monotonic();
    this.#depth.add(-1);
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
