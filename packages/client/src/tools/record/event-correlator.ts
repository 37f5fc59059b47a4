import { formatTime } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import { LruCache } from '../../util/lru-cache.ts';
import { type CoreEvent, eventName } from './event.ts';

/** How events that say the same are put together (tools/record CorrelatorOptions). */
export interface CorrelatorOptions {
  /** Events, aggregates and objects remembered at most, of each. Default 4,096. */
  readonly cacheSize?: number;
  /** Events about one object and of one type that pass at once. Default 25. */
  readonly burst?: number;
  /** How many more pass in a second after that. Default 1 in 300. */
  readonly perSecond?: number;
  /** What counts as similar, and what tells similar events apart. Default: all but the message, and the message. */
  readonly aggregateKey?: (event: CoreEvent) => { readonly aggregate: string; readonly local: string };
  /** What an aggregate says. Default: the newest message, marked. */
  readonly aggregateMessage?: (event: CoreEvent) => string;
  /** From how many different ones on similar events become one. Default 10. */
  readonly maxEvents?: number;
  /** Similar events farther apart than this are counted anew. Default 600. */
  readonly maxIntervalSeconds?: number;
  /** What shares one allowance of the spam filter. Default: source, object and type. */
  readonly spamKey?: (event: CoreEvent) => string;
}

/** What to do with an event: nothing when there are too many, else write it, or, with `patch`, count up the one that is there. */
export type Correlated =
  | { readonly skip: true }
  | { readonly skip: false; readonly event: CoreEvent; readonly patch: Readonly<Record<string, unknown>> | undefined };

interface Aggregate {
  readonly locals: Set<string>;
  lastMs: number;
}

/** The newest event of a key that was seen or written. */
interface Observation {
  readonly count: number;
  readonly firstTimestamp: string;
  readonly name: string;
  readonly resourceVersion: string;
}

interface Allowance {
  tokens: number;
  atMs: number;
}

/**
 * Keeps components from flooding the server (tools/record events_cache.go): the same event again raises a count, many similar ones become
 * one, and too many about one object are dropped.
 */
export class EventCorrelator {
  readonly #process: Process;
  readonly #options: Required<CorrelatorOptions>;
  readonly #aggregates: LruCache<string, Aggregate>;
  readonly #observations: LruCache<string, Observation>;
  readonly #allowances: LruCache<string, Allowance>;

  constructor(process: Process, options: CorrelatorOptions = {}) {
    this.#process = process;
    this.#options = {
      cacheSize: options.cacheSize ?? 4096,
      burst: options.burst ?? 25,
      perSecond: options.perSecond ?? 1 / 300,
      aggregateKey: options.aggregateKey ?? aggregateByReason,
      aggregateMessage: options.aggregateMessage ?? markedMessage,
      maxEvents: options.maxEvents ?? 10,
      maxIntervalSeconds: options.maxIntervalSeconds ?? 600,
      spamKey: options.spamKey ?? spamKey,
    };
    this.#aggregates = new LruCache(this.#options.cacheSize);
    this.#observations = new LruCache(this.#options.cacheSize);
    this.#allowances = new LruCache(this.#options.cacheSize);
  }

  correlate(event: CoreEvent): Correlated {
    const { event: aggregated, key } = this.#aggregate(event);
    const observed = this.#observe(aggregated, key);
    return this.#isSpam(observed.event) ? { skip: true } : { skip: false, ...observed };
  }

  /** The server's answer to a write: its name and version are used from now on. */
  written(event: CoreEvent): void {
    this.#observations.set(eventKey(event), observationOf(event));
  }

  #aggregate(event: CoreEvent): { readonly event: CoreEvent; readonly key: string } {
    const { aggregateKey, aggregateMessage, maxEvents, maxIntervalSeconds } = this.#options;
    const nowMs = this.#process.clock.now();
    const { aggregate: key, local } = aggregateKey(event);
    const known = this.#aggregates.get(key);
    const isFresh = known !== undefined && nowMs - known.lastMs <= maxIntervalSeconds * 1000;
    const aggregate = isFresh ? known : { locals: new Set<string>(), lastMs: nowMs };
    aggregate.locals.add(local);
    aggregate.lastMs = nowMs;
    this.#aggregates.set(key, aggregate);
    if (aggregate.locals.size < maxEvents) return { event, key: eventKey(event) };
    // Bounded: that there are so many is all that has to be known.
    const [oldest] = aggregate.locals;
    if (oldest !== undefined) aggregate.locals.delete(oldest);
    const time = formatTime(nowMs);
    const { involvedObject, type, reason, source, metadata, reportingComponent, reportingInstance } = event;
    return {
      key,
      event: {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: {
          name: eventName(this.#process, involvedObject.name ?? '', nowMs),
          ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
        },
        count: 1,
        firstTimestamp: time,
        lastTimestamp: time,
        involvedObject,
        message: aggregateMessage(event),
        ...(type === undefined ? {} : { type }),
        ...(reason === undefined ? {} : { reason }),
        ...(source === undefined ? {} : { source }),
        reportingComponent,
        reportingInstance,
      },
    };
  }

  #observe(event: CoreEvent, key: string): { readonly event: CoreEvent; readonly patch: Readonly<Record<string, unknown>> | undefined } {
    const last = this.#observations.get(key);
    const again: CoreEvent =
      last === undefined
        ? event
        : {
            ...event,
            metadata: { ...event.metadata, name: last.name, resourceVersion: last.resourceVersion },
            firstTimestamp: last.firstTimestamp,
            count: last.count + 1,
          };
    this.#observations.set(key, observationOf(again));
    if (last === undefined) return { event, patch: undefined };
    const { count, lastTimestamp, message } = again;
    return { event: again, patch: { count, lastTimestamp, message } };
  }

  #isSpam(event: CoreEvent): boolean {
    const { spamKey: keyOf, burst, perSecond } = this.#options;
    const key = keyOf(event);
    const nowMs = this.#process.clock.monotonic();
    const allowance = this.#allowances.get(key) ?? { tokens: burst, atMs: nowMs };
    allowance.tokens = Math.min(burst, allowance.tokens + ((nowMs - allowance.atMs) / 1000) * perSecond);
    allowance.atMs = nowMs;
    this.#allowances.set(key, allowance);
    if (allowance.tokens < 1) return true;
    allowance.tokens -= 1;
    return false;
  }
}

/** Everything that two events have in common when they say the same: all but times, counts and the object's version. */
function eventKey({ source, involvedObject, type, reason, message }: CoreEvent): string {
  return keyOf(source?.component, source?.host, involvedKey(involvedObject), involvedObject.fieldPath, type, reason, message);
}

/** Similar are events that differ only in their message (tools/record EventAggregatorByReasonFunc). */
function aggregateByReason(event: CoreEvent): { readonly aggregate: string; readonly local: string } {
  const { source, involvedObject, type, reason, reportingComponent, reportingInstance, message = '' } = event;
  const about = involvedKey(involvedObject);
  return { aggregate: keyOf(source?.component, source?.host, about, type, reason, reportingComponent, reportingInstance), local: message };
}

function markedMessage({ message = '' }: CoreEvent): string {
  return `(combined from similar events): ${message}`;
}

function spamKey({ source, involvedObject, type }: CoreEvent): string {
  return keyOf(source?.component, source?.host, involvedKey(involvedObject), type);
}

function involvedKey({ kind, namespace, name, uid, apiVersion }: CoreEvent['involvedObject']): string {
  return keyOf(kind, namespace, name, uid, apiVersion);
}

function keyOf(...parts: readonly (string | undefined)[]): string {
  return JSON.stringify(parts.map((part) => part ?? ''));
}

function observationOf({ count = 1, firstTimestamp = '', metadata }: CoreEvent): Observation {
  return { count, firstTimestamp, name: metadata.name ?? '', resourceVersion: metadata.resourceVersion ?? '' };
}
