import { deepFreeze, formatTime, type Frozen, isAlreadyExists, isNotFound, type KubeObject, type ObjectMeta, StatusError, type Unstructured } from '@coracle/apimachinery';
import type { Process, Task } from '@coracle/kernel';
import type { Clientset } from '../../kubernetes/clientset.ts';
import { resourceHandle } from '../../kubernetes/resource-handle.ts';

export type EventType = 'Normal' | 'Warning';

export interface EventRecorderOptions {
  readonly clientset: Clientset;
  /** Who reports: `source.component`. */
  readonly component: string;
  readonly host?: string;
}

/** The object that an event is about. */
interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** An event to be sent; `first` unless the same was reported before. */
interface Report {
  readonly about: ObjectReference;
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
  readonly atMs: number;
}

/** What the server holds of an event that was reported before. */
interface Known {
  readonly namespace: string;
  readonly name: string;
  count: number;
}

const events = resourceHandle<Unstructured>({ group: '', version: 'v1', resource: 'events', kind: 'Event', namespaced: true });
const queueLimit = 1000;
const knownLimit = 4096;
const maxTries = 12;
const retryMs = 10_000;

/**
 * Tells users what a component did to an object (client-go tools/record). `event` never waits and never throws: reports are
 * sent one after the other by the process. The same report again raises the count of the event that is there. When 1,000
 * reports wait, further ones are dropped, and logged.
 */
export class EventRecorder {
  readonly #clientset: Clientset;
  readonly #process: Process;
  readonly #component: string;
  readonly #host: string;
  readonly #reports: Report[] = [];
  readonly #known = new Map<string, Known>(); // oldest use first
  #sender: Task | undefined;

  constructor(options: EventRecorderOptions) {
    this.#clientset = options.clientset;
    this.#process = options.clientset.process;
    this.#component = options.component;
    this.#host = options.host ?? '';
  }

  /** `object` needs its `apiVersion`, `kind` and metadata. */
  event(object: Frozen<KubeObject> | KubeObject, type: EventType, reason: string, message: string): void {
    if (this.#reports.length >= queueLimit) {
      this.#process.log.error('Too many events wait, dropping one', { reason, message });
      return;
    }
    this.#reports.push({ about: referenceTo(object), type, reason, message, atMs: this.#process.clock.now() });
    this.#sender ??= this.#process.spawn(`events of ${this.#component}`, (signal) => this.#sendAll(signal));
  }

  async #sendAll(signal: AbortSignal): Promise<void> {
    for (let report = this.#reports.shift(); report !== undefined && !signal.aborted; report = this.#reports.shift()) {
      await this.#sendWithRetries(report, signal);
    }
    this.#sender = undefined;
  }

  /** A refusal is final; a broken connection is tried again. */
  async #sendWithRetries(report: Report, signal: AbortSignal): Promise<void> {
    for (let tries = 1; !signal.aborted; tries++) {
      try {
        await this.#send(report);
        return;
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        if (error instanceof StatusError || tries >= maxTries) {
          // The namespace of a deleted object takes no events: not worth a word.
          if (!isAlreadyExists(error) && !isTerminating(error)) this.#process.log.warn('Event was not recorded', { reason: report.reason, error: text });
          return;
        }
        const waitMs = tries === 1 ? retryMs * this.#process.random.float() : retryMs;
        await this.#process.clock.sleep(waitMs, { signal }).catch(() => undefined); // aborted: the loop ends
      }
    }
  }

  async #send(report: Report): Promise<void> {
    const { resourceVersion: _, ...about } = report.about; // the same thing said of a later version is the same event
    const key = JSON.stringify([about, report.type, report.reason, report.message]);
    const known = this.#known.get(key);
    if (known === undefined) {
      this.#remember(key, await this.#create(report));
      return;
    }
    known.count++;
    this.#remember(key, known);
    const patch = deepFreeze({ count: known.count, lastTimestamp: formatTime(report.atMs) });
    try {
      await this.#clientset.resource(events, known.namespace).patch(known.name, 'merge', patch);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#remember(key, await this.#create(report)); // it lived out its hour
    }
  }

  async #create({ about, type, reason, message, atMs }: Report): Promise<Known> {
    const namespace = about.namespace === '' ? 'default' : about.namespace;
    const time = formatTime(atMs);
    // Upstream's suffix is the time in nanoseconds; ours adds chance, as simulated time is coarse.
    const suffix = (BigInt(Math.floor(atMs)) * 1_000_000n + BigInt(this.#process.random.below(1_000_000))).toString(16);
    const event: Unstructured = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${about.name}.${suffix}`, namespace } satisfies ObjectMeta,
      involvedObject: Object.fromEntries(Object.entries(about).filter(([, value]) => value !== '')),
      reason,
      message,
      source: { component: this.#component, ...(this.#host === '' ? {} : { host: this.#host }) },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      type,
      reportingComponent: this.#component,
      reportingInstance: this.#host,
    };
    const created = await this.#clientset.resource(events, namespace).create(event);
    return { namespace, name: created.metadata.name ?? '', count: 1 };
  }

  #remember(key: string, known: Known): void {
    this.#known.delete(key);
    this.#known.set(key, known);
    if (this.#known.size <= knownLimit) return;
    const oldest = this.#known.keys().next();
    if (oldest.done !== true) this.#known.delete(oldest.value);
  }
}

function referenceTo(object: Frozen<KubeObject> | KubeObject): ObjectReference {
  const { apiVersion = '', kind = '', metadata } = object;
  const { namespace = '', name = '', uid = '', resourceVersion = '' } = metadata;
  return { apiVersion, kind, namespace, name, uid, resourceVersion };
}

function isTerminating(error: unknown): boolean {
  return error instanceof StatusError && (error.status.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating');
}
