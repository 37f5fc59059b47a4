import type { KubeObject } from '@coracle/apimachinery';
import type { ResourceHandle } from '@coracle/client';
import type { Counter, Gauge, Histogram, Process, Task } from '@coracle/kernel';
import { type CertificateFiles, readAuthorities, readCertificateFiles } from '../disk/certificate-files.ts';
import type { HealthCheck } from '../manager/health.ts';
import type { Runnable } from '../manager/runnables.ts';
import type { BoundAddress, HttpAnswer } from '../transport/http-server.ts';
import { HttpsServer } from '../transport/https-server.ts';
import { mutating, validating, type Validator } from './admission.ts';
import { AdmissionWebhook } from './admission-webhook.ts';
import { CertificateWatcher } from './certificate-watcher.ts';
import { ConversionWebhook, type KindConversion } from './conversion-webhook.ts';
import type { Webhook, WebhookRequest } from './review.ts';

/** Where webhooks are served, and with which certificate (pkg/webhook Options). Files are read when it runs, and PEM. */
export interface WebhookServerOptions extends CertificateFiles {
  readonly process: Process;
  /** Default: all addresses, as API servers call from elsewhere. */
  readonly host?: string;
  /** Default 9443; 0: any that is free. */
  readonly port?: number;
  /** PEM file of those who sign certificates of clients; without, anybody may call. */
  readonly clientAuthorityFile?: string;
  /** How often the certificate's files are looked at. Default 10,000. */
  readonly certificateIntervalMs?: number;
}

const conversionPath = '/convert';

/**
 * Serves webhooks of API servers over HTTPS (pkg/webhook Server). Add it to a manager: it runs before the caches are filled, which may need
 * a conversion, and without an election. Certificates that are replaced on disk are taken over.
 */
export class WebhookServer implements Runnable {
  readonly name = 'webhooks';
  readonly phase = 'servers';
  readonly #options: WebhookServerOptions;
  readonly #webhooks = new Map<string, Webhook>();
  readonly #metrics: WebhookMetrics;
  readonly #listening: PromiseWithResolvers<BoundAddress> = Promise.withResolvers();
  #conversion: ConversionWebhook | undefined;
  #isListening = false;

  constructor(options: WebhookServerOptions) {
    this.#options = options;
    this.#metrics = new WebhookMetrics(options.process);
    this.#listening.promise.catch(() => undefined); // told by `run`; nobody has to ask for the address
  }

  /** Serves `webhook` at a path. Throws RangeError for one that is taken or does not begin with "/". */
  register(path: string, webhook: Webhook): void {
    if (!path.startsWith('/')) throw new RangeError(`Cannot serve a webhook at "${path}": a path begins with "/"`);
    if (this.#webhooks.has(path)) throw new RangeError(`Cannot serve a webhook at "${path}": there is one`);
    this.#webhooks.set(path, webhook);
    this.#metrics.add(path);
  }

  /** Serves checks of a kind where upstream's builder does; returns the path: `/validate-apps-v1-deployment`. */
  validate<T extends KubeObject>(handle: ResourceHandle<T>, validator: Validator<T>): string {
    const path = `/validate-${pathOf(handle)}`;
    this.register(path, new AdmissionWebhook(this.#options.process, validating(validator)));
    return path;
  }

  /** Serves changes of a kind where upstream's builder does; returns the path: `/mutate-apps-v1-deployment`. */
  mutate<T extends KubeObject>(handle: ResourceHandle<T>, mutate: Parameters<typeof mutating<T>>[0]): string {
    const path = `/mutate-${pathOf(handle)}`;
    this.register(path, new AdmissionWebhook(this.#options.process, mutating(mutate)));
    return path;
  }

  /** Converts a kind, at `/convert` with all others. */
  convert(conversion: KindConversion): string {
    if (this.#conversion === undefined) {
      this.#conversion = new ConversionWebhook(this.#options.process);
      this.register(conversionPath, this.#conversion);
    }
    this.#conversion.add(conversion);
    return conversionPath;
  }

  /** Where it listens, once it does. */
  get address(): Promise<BoundAddress> {
    return this.#listening.promise;
  }

  /** A readiness check: fails before it listens (webhook.Server StartedChecker). */
  get startedCheck(): HealthCheck {
    return () => {
      if (!this.#isListening) throw new Error('webhook server has not been started yet');
    };
  }

  async ready(): Promise<void> {
    await this.#listening.promise;
  }

  /** Serves until `signal` aborts. Throws Node's error when it cannot read the certificate or cannot listen. */
  async run(signal: AbortSignal): Promise<void> {
    let certificates: Task | undefined;
    try {
      const { process, certificateIntervalMs: intervalMs, clientAuthorityFile } = this.#options;
      const server = new HttpsServer({
        host: this.#options.host ?? '',
        port: this.#options.port ?? 9443,
        clientAuthorities: clientAuthorityFile === undefined ? undefined : await readAuthorities(clientAuthorityFile),
        mostBytes: (path) => this.#webhooks.get(path)?.mostBytes ?? 0,
        answer: ({ path, ...request }) => this.answer(path, request),
      });
      const watcher = new CertificateWatcher({
        process,
        read: () => readCertificateFiles(this.#options),
        use: (pair) => server.use(pair),
        ...(intervalMs !== undefined && { intervalMs }),
      });
      await watcher.load();
      this.#listening.resolve(await server.listen());
      this.#isListening = true;
      certificates = process.spawn('certificates', () => watcher.run(signal));
      await server.run(signal);
    } catch (error) {
      this.#listening.reject(error);
      throw error;
    } finally {
      this.#isListening = false;
      await certificates?.done;
    }
  }

  /** What is answered at a path, without the network: 404 where nothing is served. */
  async answer(path: string, request: WebhookRequest): Promise<HttpAnswer> {
    const webhook = this.#webhooks.get(path);
    if (webhook === undefined)
      return { status: 404, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: '404 page not found\n' };
    return this.#metrics.during(path, () => webhook.answer(request));
  }
}

function pathOf({ group, version, kind }: ResourceHandle<KubeObject>): string {
  return `${group.replaceAll('.', '-')}-${version}-${kind.toLowerCase()}`;
}

/** Under upstream's names (pkg/webhook/internal/metrics). */
class WebhookMetrics {
  readonly #process: Process;
  readonly #requests: Counter;
  readonly #inFlight: Gauge;
  readonly #latency: Histogram;

  constructor(process: Process) {
    const { metrics } = process;
    const labels = ['webhook'];
    this.#process = process;
    this.#requests = metrics.counter({
      name: 'controller_runtime_webhook_requests_total',
      help: 'Requests to webhooks, by code of the answer',
      labels: ['webhook', 'code'],
    });
    this.#inFlight = metrics.gauge({
      name: 'controller_runtime_webhook_requests_in_flight',
      help: 'Requests that are being answered',
      labels,
    });
    // From 10 ns, times ten.
    const bounds = Array.from({ length: 12 }, (_, i) => 10 ** (i - 8));
    this.#latency = metrics.histogram({
      name: 'controller_runtime_webhook_latency_seconds',
      help: 'How long an answer took',
      labels,
      bounds,
    });
  }

  add(path: string): void {
    for (const code of ['200', '500']) this.#requests.add(0, path, code);
    this.#inFlight.add(0, path);
  }

  async during(path: string, work: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
    const { clock } = this.#process;
    const startMs = clock.monotonic();
    this.#inFlight.add(1, path);
    try {
      const answer = await work();
      this.#requests.add(1, path, String(answer.status));
      return answer;
    } finally {
      this.#inFlight.add(-1, path);
      this.#latency.observe((clock.monotonic() - startMs) / 1000, path);
    }
  }
}
