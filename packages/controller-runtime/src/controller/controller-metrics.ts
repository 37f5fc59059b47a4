import type { Process } from '@coracle/kernel';

/** Upstream's, in seconds. */
const bounds = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 4.5,
  5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];

/** How a reconcile ended: upstream's values of the label `result`. */
const outcomes = ['error', 'requeue_after', 'requeue', 'success'] as const;
/** How one reconcile ended. */
export type Outcome = (typeof outcomes)[number];

/** What a controller tells of its work, under the names that dashboards know (pkg/internal/controller/metrics). */
export class ControllerMetrics {
  readonly #add: Record<'total' | 'errors' | 'terminal' | 'panics' | 'timeouts', (amount: number, ...labels: string[]) => void>;
  readonly #observe: (seconds: number) => void;
  readonly #addActive: (amount: number) => void;

  constructor({ metrics }: Process, controller: string, workers: number) {
    const labels = ['controller'];
    const counter = (name: string, help: string, more: readonly string[] = []): ((amount: number, ...labels: string[]) => void) => {
      const of = metrics.counter({ name: `controller_runtime_${name}`, help, labels: [...labels, ...more] });
      return (amount, ...values) => of.add(amount, controller, ...values);
    };
    this.#add = {
      total: counter('reconcile_total', 'Reconciles, by how they ended', ['result']),
      errors: counter('reconcile_errors_total', 'Reconciles that threw'),
      terminal: counter('terminal_reconcile_errors_total', 'Reconciles that threw and are not tried again'),
      panics: counter('reconcile_panics_total', 'Reconciles that threw because of a bug'),
      timeouts: counter('reconcile_timeouts_total', 'Reconciles whose time was up'),
    };
    for (const outcome of outcomes) this.#add.total(0, outcome);
    for (const add of [this.#add.errors, this.#add.terminal, this.#add.panics, this.#add.timeouts]) add(0);
    const time = metrics.histogram({
      name: 'controller_runtime_reconcile_time_seconds',
      help: 'How long a reconcile took',
      labels,
      bounds,
    });
    this.#observe = (seconds) => time.observe(seconds, controller);
    metrics
      .gauge({ name: 'controller_runtime_max_concurrent_reconciles', help: 'Reconciles at a time, at most', labels })
      .set(workers, controller);
    const active = metrics.gauge({ name: 'controller_runtime_active_workers', help: 'Workers that reconcile', labels });
    this.#addActive = (amount) => active.add(amount, controller);
    this.#addActive(0);
  }

  began(): void {
    this.#addActive(1);
  }

  ended(outcome: Outcome, ms: number): void {
    this.#addActive(-1);
    this.#observe(ms / 1000);
    this.#add.total(1, outcome);
    if (outcome === 'error') this.#add.errors(1);
  }

  gaveUp(): void {
    this.#add.terminal(1);
  }

  panicked(): void {
    this.#add.panics(1);
  }

  timedOut(): void {
    this.#add.timeouts(1);
  }
}
