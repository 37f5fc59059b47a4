import type { Event } from '@coracle/api';
import { type Frozen, isDns1123Subdomain, type KubeObject } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';

/** The types of events (core/v1 EventTypeNormal, EventTypeWarning). */
export type EventType = 'Normal' | 'Warning';

/** An event as it is written (core/v1 Event). */
export type CoreEvent = Frozen<Event>;

/** The object that an event is about (core/v1 ObjectReference). */
export type ObjectReference = CoreEvent['involvedObject'];

/** What an event can be about: an object, or a reference to one, where part of it is meant (`fieldPath`). */
export type EventSubject = Frozen<KubeObject> | KubeObject | ObjectReference;

/** A reference to `subject` (tools/reference GetReference). Throws TypeError when its kind is not known. */
export function referenceTo(subject: EventSubject): ObjectReference {
  const reference = 'metadata' in subject ? referenceOf(subject) : (subject as ObjectReference); // only objects have metadata
  if ((reference.kind ?? '') === '' || (reference.apiVersion ?? '') === '')
    throw new TypeError('Cannot refer to an object without kind and apiVersion');
  return Object.fromEntries(Object.entries(reference).filter(([, value]) => value !== undefined && value !== ''));
}

function referenceOf({ apiVersion = '', kind = '', metadata }: Frozen<KubeObject> | KubeObject): ObjectReference {
  const { namespace = '', name = '', uid = '', resourceVersion = '' } = metadata;
  return { kind, namespace, name, uid, apiVersion, resourceVersion };
}

/** Nanoseconds since the epoch; below the clock's millisecond it is chance, since simulated time is coarse. */
function nanoseconds(process: Process, atMs: number): bigint {
  return BigInt(Math.floor(atMs)) * 1_000_000n + BigInt(process.random.below(1_000_000));
}

/** A name for an event about an object of this name; a UUID when that would be no name (tools/record/util GenerateEventName). */
export function eventName(process: Process, objectName: string, atMs: number): string {
  const name = `${objectName}.${nanoseconds(process, atMs).toString(16)}`;
  return isDns1123Subdomain(name).length === 0 ? name : process.random.uuid();
}
