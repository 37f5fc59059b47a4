import { formatTime, isAlreadyExists, isNotFound, StatusError } from '@coracle/apimachinery';
import type { Process, Task } from '@coracle/kernel';
import type { Clientset } from '../../kubernetes/clientset.ts';
import { Fifo } from '../../util/fifo.ts';
import { type CoreEvent, eventName, type EventSubject, type EventType, type ObjectReference, referenceTo } from './event.ts';
import { type Correlated, type CorrelatorOptions, EventCorrelator } from './event-correlator.ts';

/** Where events are written. Rejects as a client does. */
export interface EventSink {
  create(event: CoreEvent): Promise<CoreEvent>;
  /** Counts up the event that is there under the name of `event`. */
  patch(event: CoreEvent, patch: Readonly<Record<string, unknown>>): Promise<CoreEvent>;
}

/** Writes into the namespace of each event. */
export function clientEventSink(clientset: Pick<Clientset, 'coreV1'>): EventSink {
  return {
    create: (event) => {
      const { resourceVersion: _version, ...metadata } = event.metadata;
      return clientset.coreV1.events(metadata.namespace ?? '').create({ ...event, metadata });
    },
    patch: ({ metadata }, patch) => clientset.coreV1.events(metadata.namespace ?? '').patch(metadata.name ?? '', 'strategic', patch),
  };
}

/** Who reports (core/v1 EventSource). */
export interface EventSource {
  readonly component: string;
  readonly host?: string;
}

/** What an `EventBroadcaster` is made with (tools/record BroadcasterOption). */
export interface EventBroadcasterOptions {
  readonly process: Process;
  readonly correlator?: CorrelatorOptions;
  /** Between tries to write one event; the first wait is a random part of it. Default 10,000. */
  readonly retryMs?: number;
}

/** Tells users what a component did to an object. No method waits or throws. */
export interface Recorder {
  /** `subject` needs its `apiVersion`, `kind` and metadata. */
  event(subject: EventSubject, type: EventType, reason: string, message: string): void;
  annotatedEvent(
    subject: EventSubject,
    annotations: Readonly<Record<string, string>>,
    type: EventType,
    reason: string,
    message: string,
  ): void;
}

const queueLimit = 1000;
const maxTries = 12;
const types: ReadonlySet<string> = new Set<EventType>(['Normal', 'Warning']);

/** One who is given every event, one at a time. */
interface Watcher {
  readonly events: Fifo<CoreEvent>;
  readonly handle: (event: CoreEvent, signal: AbortSignal) => Promise<void>;
  task: Task | undefined;
}

/**
 * Hands the events of recorders to sinks (tools/record EventBroadcaster). Each sink has a correlator of its own, and writes one event after
 * the other. A refusal by the server is final; a broken connection is tried again, twelve times in all. When 1,000 events wait for a
 * sink, further ones are dropped, and logged.
 */
export class EventBroadcaster {
  readonly #process: Process;
  readonly #options: EventBroadcasterOptions;
  readonly #watchers = new Set<Watcher>();
  readonly #stop = new AbortController();

  constructor(options: EventBroadcasterOptions) {
    this.#process = options.process;
    this.#options = options;
  }

  newRecorder(source: EventSource): Recorder {
    const record = (
      subject: EventSubject,
      annotations: Readonly<Record<string, string>> | undefined,
      type: EventType,
      reason: string,
      message: string,
    ): void => {
      let about: ObjectReference;
      try {
        about = referenceTo(subject);
      } catch (error) {
        this.#process.log.error('Could not construct reference, will not report event', { reason, message, error: String(error) });
        return;
      }
      if (types.has(type)) this.#publish(this.#eventOf(about, annotations, source, type, reason, message));
      else this.#process.log.error('Unsupported event type', { type, reason });
    };
    return {
      event: (subject, type, reason, message) => record(subject, undefined, type, reason, message),
      annotatedEvent: record,
    };
  }

  /** Writes what is recorded from now on. */
  startRecordingToSink(sink: EventSink): Disposable {
    const correlator = new EventCorrelator(this.#process, this.#options.correlator);
    return this.#watch((event, signal) => this.#recordToSink(sink, correlator, event, signal));
  }

  /** Tells `handle` of what is recorded from now on. */
  startEventWatcher(handle: (event: CoreEvent) => void): Disposable {
    return this.#watch(async (event) => handle(event));
  }

  /** Nothing is recorded or written after this; what waits is dropped. Idempotent. */
  shutdown(): void {
    this.#stop.abort(new Error('The event broadcaster was shut down'));
    this.#watchers.clear();
  }

  #eventOf(
    about: ObjectReference,
    annotations: Readonly<Record<string, string>> | undefined,
    { component, host = '' }: EventSource,
    type: EventType,
    reason: string,
    message: string,
  ): CoreEvent {
    const nowMs = this.#process.clock.now();
    const time = formatTime(nowMs);
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: eventName(this.#process, about.name ?? '', nowMs),
        namespace: (about.namespace ?? '') === '' ? 'default' : (about.namespace ?? ''),
        ...(annotations === undefined ? {} : { annotations }),
      },
      involvedObject: about,
      reason,
      message,
      source: { component, ...(host === '' ? {} : { host }) },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      type,
      reportingComponent: component,
      reportingInstance: host,
    };
  }

  #watch(handle: Watcher['handle']): Disposable {
    const watcher: Watcher = { events: new Fifo(), handle, task: undefined };
    if (!this.#stop.signal.aborted) this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  #publish(event: CoreEvent): void {
    for (const watcher of this.#watchers) {
      if (watcher.events.length >= queueLimit) {
        this.#process.log.error('Too many events wait, dropping one', { reason: event.reason, message: event.message });
        continue;
      }
      watcher.events.push(event);
      watcher.task ??= this.#process.spawn(`events of ${event.source?.component ?? ''}`, (signal) => this.#work(watcher, signal));
    }
  }

  async #work(watcher: Watcher, ofProcess: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([ofProcess, this.#stop.signal]);
    const next = (): CoreEvent | undefined => (signal.aborted || !this.#watchers.has(watcher) ? undefined : watcher.events.shift());
    for (let event = next(); event !== undefined; event = next()) await watcher.handle(event, signal);
    watcher.task = undefined;
  }

  async #recordToSink(sink: EventSink, correlator: EventCorrelator, event: CoreEvent, signal: AbortSignal): Promise<void> {
    const correlated = correlator.correlate(event);
    if (correlated.skip) return;
    const { retryMs = 10_000 } = this.#options;
    const { reason } = event;
    for (let tries = 1; ; tries++) {
      try {
        correlator.written(await write(sink, correlated));
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof StatusError || error instanceof TypeError) {
          // The namespace of a deleted object takes no events: not worth a word.
          if (!isAlreadyExists(error) && !isTerminating(error))
            this.#process.log.warn('Event was not recorded', { reason, error: error.message });
          return;
        }
        if (tries >= maxTries) {
          this.#process.log.error('Unable to write event, giving up', { reason, error: String(error) });
          return;
        }
      }
      // Many components would else come back at once.
      const waitMs = tries === 1 ? retryMs * this.#process.random.float() : retryMs;
      try {
        await this.#process.clock.sleep(waitMs, { signal });
      } catch (error) {
        if (!signal.aborted) throw error;
        this.#process.log.error('Unable to write event: shut down', { reason });
        return;
      }
    }
  }
}

async function write(sink: EventSink, { event, patch }: Extract<Correlated, { skip: false }>): Promise<CoreEvent> {
  if (patch !== undefined) {
    try {
      return await sink.patch(event, patch);
    } catch (error) {
      if (!isNotFound(error)) throw error; // else it lived out its hour
    }
  }
  return sink.create(event);
}

function isTerminating(error: unknown): boolean {
  return error instanceof StatusError && (error.status.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating');
}
