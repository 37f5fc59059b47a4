import type { EventEventsV1 } from '@coracle/api';
import { type Frozen, formatMicroTime, isAlreadyExists, isNotFound, StatusError } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import type { Clientset } from '../../kubernetes/clientset.ts';
import { eventName, type EventSubject, type EventType, type ObjectReference, referenceTo } from './event.ts';

/** An event of events.k8s.io/v1. */
export type SeriesEvent = Frozen<EventEventsV1>;

/** Where events of events.k8s.io/v1 are written. Rejects as a client does. */
export interface SeriesEventSink {
  create(event: SeriesEvent): Promise<SeriesEvent>;
  patch(event: SeriesEvent, patch: Readonly<Record<string, unknown>>): Promise<SeriesEvent>;
}

/** Writes events of events.k8s.io/v1 through a clientset (tools/events EventSinkImpl). */
export function clientSeriesSink(clientset: Pick<Clientset, 'eventsV1'>): SeriesEventSink {
  return {
    create: (event) => clientset.eventsV1.events(event.metadata.namespace ?? '').create(event),
    patch: ({ metadata }, patch) => clientset.eventsV1.events(metadata.namespace ?? '').patch(metadata.name ?? '', 'strategic', patch),
  };
}

/** What a `SeriesRecorder` is made with. */
export interface SeriesRecorderOptions {
  readonly process: Process;
  readonly sink: SeriesEventSink;
  /** Who reports: `example.com/controller`. */
  readonly reportingController: string;
  /** Default: the controller's name. */
  readonly reportingInstance?: string;
}

/** What is reported, besides about whom. */
export interface SeriesReport {
  readonly related?: EventSubject;
  readonly type: EventType;
  readonly reason: string;
  readonly action: string;
  readonly note: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const finishMs = 6 * 60_000;
const refreshMs = 30 * 60_000;
const queueLimit = 1000;
const maxTries = 12;
const retryMs = 10_000;

interface Series {
  event: SeriesEvent;
  count: number;
  lastObservedMs: number;
}

/**
 * Tells users what a component did to an object, in events.k8s.io/v1 (tools/events). An event that is like an earlier one makes a series of
 * it: that is written when it begins, refreshed every half hour, and written a last time when nothing has come for six minutes.
 */
export class SeriesRecorder {
  readonly #process: Process;
  readonly #options: SeriesRecorderOptions;
  readonly #known = new Map<string, Series>();
  readonly #queue: SeriesEvent[] = [];
  #isSending = false;
  #timers: Disposable[] = [];

  constructor(options: SeriesRecorderOptions) {
    this.#process = options.process;
    this.#options = options;
  }

  /** Never waits and never throws. `regarding` needs its `apiVersion`, `kind` and metadata. */
  event(regarding: EventSubject, report: SeriesReport): void {
    const { log, clock } = this.#process;
    if (report.type !== 'Normal' && report.type !== 'Warning') {
      log.error('Unsupported event type', { type: report.type, reason: report.reason });
      return;
    }
    let about: ObjectReference;
    let related: ObjectReference | undefined;
    try {
      about = referenceTo(regarding);
      related = report.related === undefined ? undefined : referenceTo(report.related);
    } catch (error) {
      log.error('Could not construct reference, will not report event', { reason: report.reason, error: String(error) });
      return;
    }
    const nowMs = clock.now();
    const event = this.#eventOf(about, related, report, nowMs);
    const { resourceVersion: _version, ...identity } = about;
    const key = JSON.stringify([report.type, report.action, report.reason, identity, related ?? null]);
    const known = this.#known.get(key);
    if (known === undefined) {
      this.#known.set(key, { event, count: 1, lastObservedMs: nowMs });
      this.#send(event);
    } else {
      known.count++;
      known.lastObservedMs = nowMs;
      if (known.count === 2) this.#send(withSeries(known));
    }
    if (this.#timers.length === 0) this.#armAll();
  }

  /** Ends the timers. What waits is still sent. */
  stop(): void {
    for (const timer of this.#timers) timer[Symbol.dispose]();
    this.#timers = [];
  }

  /** Series that have not ended, and events that may become one. */
  get size(): number {
    return this.#known.size;
  }

  #eventOf(about: ObjectReference, related: ObjectReference | undefined, report: SeriesReport, nowMs: number): SeriesEvent {
    const { reportingController, reportingInstance = reportingController } = this.#options;
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: {
        name: eventName(this.#process, about.name ?? '', nowMs),
        namespace: (about.namespace ?? '') === '' ? 'default' : (about.namespace ?? ''),
        ...(report.annotations === undefined ? {} : { annotations: report.annotations }),
      },
      eventTime: formatMicroTime(nowMs),
      reportingController,
      reportingInstance,
      action: report.action,
      reason: report.reason,
      regarding: about,
      ...(related === undefined ? {} : { related }),
      note: report.note,
      type: report.type,
    };
  }

  #armAll(): void {
    this.#arm(finishMs, () => this.#finish());
    this.#arm(refreshMs, () => {
      for (const series of this.#known.values()) if (series.count > 1) this.#send(withSeries(series));
    });
  }

  #arm(periodMs: number, run: () => void): void {
    let timer: Disposable;
    const next = (): void => {
      timer = this.#process.clock.timer(
        periodMs,
        () => {
          run();
          if (this.#known.size > 0) next();
          else this.stop();
        },
        { background: true },
      );
    };
    next();
    this.#timers.push({ [Symbol.dispose]: () => timer[Symbol.dispose]() });
  }

  #finish(): void {
    const before = this.#process.clock.now() - finishMs;
    for (const [key, series] of this.#known) {
      if (series.lastObservedMs >= before) continue;
      this.#known.delete(key);
      if (series.count > 1) this.#send(withSeries(series));
    }
  }

  #send(event: SeriesEvent): void {
    if (this.#queue.length >= queueLimit) {
      this.#process.log.error('Too many events wait, dropping one', { reason: event.reason });
      return;
    }
    this.#queue.push(event);
    if (this.#isSending) return;
    this.#isSending = true;
    this.#process.spawn(`events of ${this.#options.reportingController}`, async (signal) => {
      for (let next = this.#queue.shift(); next !== undefined && !signal.aborted; next = this.#queue.shift())
        await this.#sendOne(next, signal);
      this.#isSending = false;
    });
  }

  async #sendOne(event: SeriesEvent, signal: AbortSignal): Promise<void> {
    for (let tries = 1; tries <= maxTries && !signal.aborted; tries++) {
      try {
        await this.#write(event);
        return;
      } catch (error) {
        // A series that is there although it was not found: it was made meanwhile, so it can be counted up.
        const isRace = event.series !== undefined && isAlreadyExists(error);
        if ((error instanceof StatusError && !isRace) || error instanceof TypeError) {
          if (!isAlreadyExists(error)) this.#process.log.warn('Event was not recorded', { reason: event.reason, error: error.message });
          return;
        }
      }
      try {
        await this.#process.clock.sleep(retryMs * (1 + 0.25 * this.#process.random.float()), { signal });
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    }
    this.#process.log.error('Unable to write event, giving up', { reason: event.reason });
  }

  async #write(event: SeriesEvent): Promise<SeriesEvent> {
    if (event.series === undefined) return this.#options.sink.create(event);
    try {
      return await this.#options.sink.patch(event, { series: event.series });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return this.#options.sink.create(event);
    }
  }
}

function withSeries({ event, count, lastObservedMs }: Series): SeriesEvent {
  return { ...event, series: { count, lastObservedTime: formatMicroTime(lastObservedMs) } };
}

/** The selector of the events about an object; `group` is that of the events: '' or `events.k8s.io` (tools/events GetFieldSelector). */
export function eventFieldSelector(
  group: '' | 'events.k8s.io',
  about: { readonly apiVersion?: string; readonly kind?: string; readonly name?: string; readonly uid?: string },
): string {
  const prefix = group === '' ? 'involvedObject' : 'regarding';
  return (['name', 'kind', 'apiVersion', 'uid'] as const)
    .flatMap((field) => ((about[field] ?? '') === '' ? [] : [`${prefix}.${field}=${about[field]}`]))
    .sort()
    .join(',');
}
