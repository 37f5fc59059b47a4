import type { Clientset } from '../../kubernetes/clientset.ts';
import type { EventSubject, EventType } from './event.ts';
import { clientEventSink, EventBroadcaster, type Recorder } from './event-broadcaster.ts';
import type { CorrelatorOptions } from './event-correlator.ts';

/** What an `EventRecorder` is made with. */
export interface EventRecorderOptions {
  readonly clientset: Clientset;
  /** Who reports: `source.component`. */
  readonly component: string;
  readonly host?: string;
  readonly correlator?: CorrelatorOptions;
}

/**
 * Tells users what a component did to an object (client-go tools/record), over a broadcaster of its own with the server as its only sink.
 */
export class EventRecorder implements Recorder {
  readonly #recorder: Recorder;

  constructor({ clientset, component, host, correlator }: EventRecorderOptions) {
    const broadcaster = new EventBroadcaster({ process: clientset.process, ...(correlator === undefined ? {} : { correlator }) });
    broadcaster.startRecordingToSink(clientEventSink(clientset));
    this.#recorder = broadcaster.newRecorder({ component, ...(host === undefined ? {} : { host }) });
  }

  /** `subject` needs its `apiVersion`, `kind` and metadata. Never waits and never throws. */
  event(subject: EventSubject, type: EventType, reason: string, message: string): void {
    this.#recorder.event(subject, type, reason, message);
  }

  /** As `event`, with annotations of the event. */
  annotatedEvent(
    subject: EventSubject,
    annotations: Readonly<Record<string, string>>,
    type: EventType,
    reason: string,
    message: string,
  ): void {
    this.#recorder.annotatedEvent(subject, annotations, type, reason, message);
  }
}
