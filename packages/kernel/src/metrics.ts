/** Label values of one series, in the order of the metric's label names. */
export type LabelValues = readonly string[];

/** A number that only grows, for each combination of its labels. Throws TypeError for another number of labels. */
export interface Counter {
  add(amount: number, ...labels: string[]): void;
  /** One series of it, which is there from now on: cheaper where it is often changed. */
  bound(...labels: string[]): BoundCounter;
}
/** A number that goes up and down, for each combination of its labels. Throws TypeError for another number of labels. */
export interface Gauge {
  set(value: number, ...labels: string[]): void;
  add(amount: number, ...labels: string[]): void;
  /** One series of it, which is there from now on: cheaper where it is often changed. */
  bound(...labels: string[]): BoundGauge;
}
/** How observed values spread over buckets, for each combination of its labels. Throws TypeError for another number of labels. */
export interface Histogram {
  observe(value: number, ...labels: string[]): void;
  /** One series of it, which is there from now on: cheaper where it is often changed. */
  bound(...labels: string[]): BoundHistogram;
}

/** A counter with its labels. */
export interface BoundCounter {
  add(amount: number): void;
}
/** A gauge with its labels. */
export interface BoundGauge extends BoundCounter {
  set(value: number): void;
}
/** A histogram with its labels. */
export interface BoundHistogram {
  observe(value: number): void;
}

/** Names a metric, with its unit last (`_seconds`, `_total`), says what it counts, and names its labels. Default: no labels. */
export interface MetricOptions {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** What one combination of labels has: a number, or the sum of what was observed beside its buckets. Itself what `bound` gives. */
class Series implements BoundGauge, BoundHistogram {
  readonly labels: LabelValues;
  value = 0;
  count = 0;
  /** Gives the value instead, when it is asked for. */
  read: (() => number) | undefined;
  /** How many values are in each bucket and in none before it. */
  readonly buckets: number[];
  readonly #bounds: readonly number[];

  constructor(labels: LabelValues, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.buckets = bounds.map(() => 0);
  }

  set(value: number): void {
    this.value = value;
  }

  add(amount: number): void {
    this.value += amount;
  }

  observe(value: number): void {
    this.value += value;
    this.count++;
    const bounds = this.#bounds;
    for (let index = 0; index < bounds.length; index++) {
      if (value > (bounds[index] ?? 0)) continue;
      this.buckets[index] = (this.buckets[index] ?? 0) + 1;
      return;
    }
  }
}

/** The series of a metric that have labels of the same names. */
interface Labelled {
  readonly names: readonly string[];
  readonly series: Map<string, Series>;
}

interface Metric {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly options: MetricOptions;
  readonly bounds: readonly number[];
  readonly labelled: Labelled[];
}

/**
 * Counters, gauges and histograms of one process, printed in the Prometheus text format.
 *
 * Asking twice for one name returns the same metric; asking with another kind throws. Asked with labels of other names, the metric has
 * series of both forms: a queue that a controller works on has one label more than others.
 */
export class MetricsRegistry {
  readonly #metrics = new Map<string, Metric>();

  counter(options: MetricOptions): Counter {
    const of = seriesIn(this.#metric('counter', options, []), options);
    return {
      add: (amount, ...labels) => {
        of(labels).add(amount);
      },
      bound: (...labels) => of(labels),
    };
  }

  gauge(options: MetricOptions): Gauge {
    const of = seriesIn(this.#metric('gauge', options, []), options);
    return {
      set: (value, ...labels) => {
        of(labels).set(value);
      },
      add: (amount, ...labels) => {
        of(labels).add(amount);
      },
      bound: (...labels) => of(labels),
    };
  }

  /** A gauge without labels whose value is what `read` gives when the text is made. The last one that is given for a name counts. */
  gaugeOf(options: Omit<MetricOptions, 'labels'>, read: () => number): void {
    seriesIn(this.#metric('gauge', options, []), options)([]).read = read;
  }

  /** `bounds` are the upper bounds of the buckets, ascending, without +Inf. */
  histogram(options: MetricOptions & { readonly bounds: readonly number[] }): Histogram {
    const of = seriesIn(this.#metric('histogram', options, options.bounds), options);
    return {
      observe: (value, ...labels) => of(labels).observe(value),
      bound: (...labels) => of(labels),
    };
  }

  /** Prometheus text exposition format, version 0.0.4; metrics in order of name. */
  text(): string {
    const lines: string[] = [];
    for (const name of [...this.#metrics.keys()].sort()) {
      const metric = this.#metrics.get(name);
      if (metric === undefined) continue;
      lines.push(`# HELP ${name} ${metric.options.help}`, `# TYPE ${name} ${metric.kind}`);
      for (const { names, series } of metric.labelled) {
        for (const each of series.values()) lines.push(...seriesLines(metric, names, each));
      }
    }
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  }

  #metric(kind: Metric['kind'], options: MetricOptions, bounds: readonly number[]): Metric {
    const known = this.#metrics.get(options.name);
    if (known !== undefined) {
      if (known.kind !== kind) throw new TypeError(`Metric "${options.name}" is a ${known.kind}, not a ${kind}`);
      return known;
    }
    const metric: Metric = { kind, options, bounds, labelled: [] };
    this.#metrics.set(options.name, metric);
    return metric;
  }
}

/** Finds or makes the series of `metric` by the values of the labels that `options` names. */
function seriesIn(metric: Metric, { name, labels: names = [] }: MetricOptions): (labels: LabelValues) => Series {
  let set = metric.labelled.find((known) => known.names.join() === names.join());
  if (set === undefined) {
    set = { names, series: new Map() };
    metric.labelled.push(set);
  }
  const { series } = set;
  return (labels) => {
    if (labels.length !== names.length) throw new TypeError(`Metric "${name}" takes ${names.length} labels, not ${labels.length}`);
    const [only = ''] = labels;
    const key = names.length === 1 ? only : labels.join('\u0000');
    let found = series.get(key);
    if (found === undefined) {
      found = new Series(labels, metric.bounds);
      series.set(key, found);
    }
    return found;
  };
}

function seriesLines(metric: Metric, names: readonly string[], series: Series): string[] {
  const { name } = metric.options;
  const pairs = names.map((label, i) => `${label}="${escapeLabel(series.labels[i] ?? '')}"`);
  const labelled = (suffix: string, extra: readonly string[], value: number): string => {
    const all = [...pairs, ...extra];
    return `${name}${suffix}${all.length === 0 ? '' : `{${all.join(',')}}`} ${numberText(value)}`;
  };
  if (metric.kind !== 'histogram') return [labelled('', [], series.read?.() ?? series.value)];
  let cumulative = 0;
  const lines = metric.bounds.map((bound, i) => {
    cumulative += series.buckets[i] ?? 0;
    return labelled('_bucket', [`le="${bound}"`], cumulative);
  });
  lines.push(labelled('_bucket', ['le="+Inf"'], series.count));
  lines.push(labelled('_sum', [], series.value), labelled('_count', [], series.count));
  return lines;
}

/** As the format writes what is beyond all numbers. */
function numberText(value: number): string {
  return Math.abs(value) === Infinity ? `${value < 0 ? '-' : '+'}Inf` : String(value);
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
