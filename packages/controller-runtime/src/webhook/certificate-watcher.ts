import type { Counter, Process } from '@coracle/kernel';

/** A certificate chain and its key, PEM. */
export interface CertificatePair {
  readonly certificate: string;
  readonly key: string;
}

/** Where a certificate comes from and where it goes. */
export interface CertificateWatcherOptions {
  readonly process: Process;
  read(): Promise<CertificatePair>;
  /** Takes a pair into use. Throws when its parts do not belong together or cannot be read: the one before stays. */
  use(pair: CertificatePair): void;
  /** Default 10,000, as upstream. */
  readonly intervalMs?: number;
}

/** Takes over a certificate that is replaced on disk, as cert-manager and kubelets do (pkg/certwatcher). */
export class CertificateWatcher {
  readonly #options: CertificateWatcherOptions;
  readonly #reads: Counter;
  readonly #failures: Counter;
  #used: CertificatePair | undefined;

  constructor(options: CertificateWatcherOptions) {
    const { metrics } = options.process;
    this.#options = options;
    this.#reads = metrics.counter({ name: 'certwatcher_read_certificate_total', help: 'Times that the certificate was read' });
    this.#failures = metrics.counter({
      name: 'certwatcher_read_certificate_errors_total',
      help: 'Times that the certificate could not be read',
    });
  }

  /** Reads the pair and takes it into use if it differs from the last. Throws what reading or using it threw. */
  async load(): Promise<void> {
    this.#reads.add(1);
    this.#failures.add(0); // a series that is not there raises no alarm
    try {
      const pair = await this.#options.read();
      if (pair.certificate === this.#used?.certificate && pair.key === this.#used.key) return;
      this.#options.use(pair);
      this.#used = pair;
    } catch (error) {
      this.#failures.add(1);
      throw error;
    }
  }

  /** Looks again and again until `signal` aborts. A pair that cannot be used is logged: half of it may be written yet. */
  async run(signal: AbortSignal): Promise<void> {
    const { process, intervalMs = 10_000 } = this.#options;
    while (!signal.aborted) {
      try {
        await process.clock.sleep(intervalMs, { signal, background: true });
        await this.load();
      } catch (error) {
        if (!signal.aborted) process.log.error('Cannot load the certificate', { error: String(error) });
      }
    }
  }
}
