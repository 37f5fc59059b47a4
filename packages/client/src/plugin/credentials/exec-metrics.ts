import type { Counter, Histogram, MetricsRegistry, Process } from '@coracle/kernel';

/** Ages of certificates in seconds, from ten minutes to four years. */
const rotationAgeBounds = [600, 1_800, 3_600, 14_400, 86_400, 604_800, 2_592_000, 7_776_000, 15_552_000, 31_104_000, 124_416_000];

/** When the certificates of the plugins of one process end. A process has one registry, and as many plugins as clusters. */
class CertificateExpirations {
  /** In milliseconds since the epoch. */
  readonly #of = new Map<object, number>();

  set(owner: object, notAfterMs: number | undefined): void {
    if (notAfterMs === undefined) this.#of.delete(owner);
    else this.#of.set(owner, notAfterMs);
  }

  /** Until the first of them ends; Infinity without any. */
  secondsLeft(nowMs: number): number {
    return (Math.min(...this.#of.values()) - nowMs) / 1_000;
  }
}

const expirationsOf = new WeakMap<MetricsRegistry, CertificateExpirations>();

/** What is counted of exec plugins (client-go plugin/pkg/client/auth/exec/metrics.go, component-base metrics/prometheus/restclient). */
export interface ExecMetrics {
  /** Runs, by `code` and `call_status`. */
  readonly calls: Counter;
  /** Questions to the policy, by `status`: `allowed`, `denied`. Upstream names two labels and gives one value, which its library refuses. */
  readonly policyCalls: Counter;
  /** How old a certificate was when another took its place, in seconds. */
  readonly rotationAge: Histogram;
  readonly expirations: CertificateExpirations;
}

/** The metrics of `process`, which its plugins share. */
export function execMetrics({ metrics, clock }: Pick<Process, 'metrics' | 'clock'>): ExecMetrics {
  const expirations = expirationsOf.get(metrics) ?? new CertificateExpirations();
  expirationsOf.set(metrics, expirations);
  metrics.gaugeOf(
    {
      name: 'rest_client_exec_plugin_ttl_seconds',
      help: 'Seconds until the first of the client certificates of exec plugins ends, negative when it has; +Inf without any.',
    },
    () => expirations.secondsLeft(clock.now()),
  );
  return {
    expirations,
    calls: metrics.counter({
      name: 'rest_client_exec_plugin_call_total',
      help: 'Runs of exec plugins, by how they ended (no_error, plugin_execution_error, plugin_not_found_error, client_internal_error) and with which exit code.',
      labels: ['code', 'call_status'],
    }),
    policyCalls: metrics.counter({
      name: 'rest_client_exec_plugin_policy_call_total',
      help: 'How often the policy was asked whether a plugin may run, and what it said.',
      labels: ['status'],
    }),
    rotationAge: metrics.histogram({
      name: 'rest_client_exec_plugin_certificate_rotation_age',
      help: 'Seconds that client certificates of exec plugins had lived when they were replaced.',
      bounds: rotationAgeBounds,
    }),
  };
}
