import type { GroupVersionResource } from '@coracle/apimachinery';
import type { BoundGauge, BoundHistogram, MetricsRegistry, Process } from '@coracle/kernel';

/** In seconds: upstream's (component-base metrics/prometheus/clientgo/fifo). */
const bounds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const labels = ['name', 'group', 'version', 'resource'];
/** A gauge is a floating point number, which holds so many digits of a resource version exactly. */
const exactDigits = 15;

/** The names that are taken, of each process. */
const takenNames = new WeakMap<MetricsRegistry, Set<string>>();

/**
 * Under which name the informers of a factory tell of their load, so that those of several factories of one process are told apart
 * (tools/cache InformerName). Disposing it gives the name back: from then on nothing more is told under it by those who have it.
 */
export class InformerName implements Disposable {
  readonly name: string;
  readonly #process: Process;
  readonly #resources = new Set<string>();
  #isReleased = false;

  /** Throws RangeError for the empty name, and for one that is taken in `process`. */
  static reserve(process: Process, name: string): InformerName {
    if (name === '') throw new RangeError('Cannot name informers: the name is empty');
    let taken = takenNames.get(process.metrics);
    if (taken === undefined) {
      taken = new Set();
      takenNames.set(process.metrics, taken);
    }
    if (taken.has(name)) throw new RangeError(`Cannot name informers "${name}": the name is taken`);
    taken.add(name);
    return new InformerName(process, name);
  }

  private constructor(process: Process, name: string) {
    this.#process = process;
    this.name = name;
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** What the informer of a resource tells. Undefined for a second one of the same resource, and once the name was given back. */
  metricsOf(resource: GroupVersionResource): InformerMetrics | undefined {
    if (this.#isReleased) return undefined;
    const key = [resource.resource, resource.version, resource.group].join('.');
    if (this.#resources.has(key)) {
      this.#process.log.error('Two informers of one resource have one name, the second has no metrics', { name: this.name, resource: key });
      return undefined;
    }
    this.#resources.add(key);
    return new InformerMetrics(this.#process, this, resource);
  }

  [Symbol.dispose](): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    takenNames.get(this.#process.metrics)?.delete(this.name);
  }
}

/** What one informer tells of its load, under the names that dashboards know (tools/cache InformerMetricsProvider). */
export class InformerMetrics {
  readonly #clock: Process['clock'];
  readonly #name: InformerName;
  readonly #queued: BoundGauge;
  readonly #latency: BoundHistogram;
  readonly #version: BoundGauge;

  /** See `InformerName.metricsOf`. */
  constructor({ clock, metrics }: Process, name: InformerName, { group, version, resource }: GroupVersionResource) {
    const values = [name.name, group, version, resource];
    this.#clock = clock;
    this.#name = name;
    this.#queued = metrics.gauge({ name: 'informer_queued_items', help: 'Changes that wait in the queue', labels }).bound(...values);
    this.#latency = metrics
      .histogram({ name: 'informer_processing_latency_seconds', help: 'How long it took to process what was taken', labels, bounds })
      .bound(...values);
    this.#version = metrics
      .gauge({ name: 'informer_store_resource_version', help: 'The last 15 digits of the version that the store is at', labels })
      .bound(...values);
  }

  /** So many changes wait in the queue now. */
  queued(count: number): void {
    if (!this.#name.isReleased) this.#queued.set(count);
  }

  /** Runs `process`, which handles what was taken from the queue, and measures it. */
  measured(process: () => void): void {
    const sinceMs = this.#clock.monotonic();
    try {
      process();
    } finally {
      if (!this.#name.isReleased) this.#latency.observe((this.#clock.monotonic() - sinceMs) / 1000);
    }
  }

  /** The store is at `resourceVersion`, which is passed over when it is no number. */
  storeAt(resourceVersion: string): void {
    if (this.#name.isReleased) return;
    const digits = resourceVersion.slice(-exactDigits);
    if (/^\d*$/.test(digits)) this.#version.set(Number(digits));
  }
}
