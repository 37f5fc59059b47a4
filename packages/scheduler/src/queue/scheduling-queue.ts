import { Heap, type Process } from '@coracle/kernel';
import type { PodInfo } from '../cache/pod-info.ts';

/** A pod that waits for its node. The queue hands it out and takes it back; nobody else changes it. */
export interface QueuedPod {
  readonly key: string;
  readonly pod: PodInfo;
  /** How often it was handed out. */
  readonly attempts: number;
  /** The plugins that refused it last; empty when the attempt failed otherwise. */
  readonly rejectedBy: ReadonlySet<string>;
}

type Place = 'active' | 'in-flight' | 'backing-off' | 'unschedulable';

interface Entry extends QueuedPod {
  pod: PodInfo;
  attempts: number;
  rejectedBy: ReadonlySet<string>;
  place: Place;
  sequence: number; // order of arrival, anew after every failure
  ticket: number; // of the heap's item that counts: older ones are stale
  rejections: number;
  errors: number; // in a row
  failedAtMs: number;
  backoffUntilMs: number;
  backoffTimer: Disposable | undefined; // present while backing off
}

interface Item {
  readonly entry: Entry;
  readonly ticket: number;
}

export interface SchedulingQueueOptions {
  readonly process: Process;
  /** Default 1 s, doubled for each failure (podInitialBackoffSeconds). */
  readonly initialBackoffMs?: number;
  /** Default 10 s (podMaxBackoffSeconds). */
  readonly maxBackoffMs?: number;
  /** Default 5 min: an unschedulable pod is tried again without a reason (podMaxInUnschedulablePodsDuration). */
  readonly maxUnschedulableMs?: number;
}

const flushPeriodMs = 30_000;
/** Back-offs that end within one of these are in order of priority (backoffQOrderingWindowDuration). */
const backoffWindowMs = 1000;

/**
 * The pods without a node (pkg/scheduler/backend/queue): *active* ones are handed out by priority, then in order of arrival;
 * those that failed wait until their *back-off* is over; *unschedulable* ones wait for an event that may help them.
 *
 * The back-off of a pod that was rejected protects the other pods from it. When none of them is active it is handed out at
 * once (SchedulerPopFromBackoffQ). One whose attempt broke off waits in any case, for the sake of the API server.
 */
export class SchedulingQueue {
  readonly #process: Process;
  readonly #initialBackoffMs: number;
  readonly #maxBackoffMs: number;
  readonly #maxUnschedulableMs: number;
  readonly #entries = new Map<string, Entry>();
  readonly #active = new Heap<Item>((a, b) => before(a.entry, b.entry));
  readonly #backingOff = new Heap<Item>((a, b) => backsOffBefore(a.entry, b.entry)); // of the rejected ones
  #getter: ((pod: QueuedPod | undefined) => void) | undefined;
  #sequence = 0;
  #flushTimer: Disposable | undefined;
  #isClosed = false;

  constructor(options: SchedulingQueueOptions) {
    this.#process = options.process;
    this.#initialBackoffMs = options.initialBackoffMs ?? 1000;
    this.#maxBackoffMs = options.maxBackoffMs ?? 10_000;
    this.#maxUnschedulableMs = options.maxUnschedulableMs ?? 300_000;
  }

  /** How many pods are in each place. */
  get counts(): Readonly<Record<Place, number>> {
    const counts = { active: 0, 'in-flight': 0, 'backing-off': 0, unschedulable: 0 };
    for (const { place } of this.#entries.values()) counts[place]++;
    return counts;
  }

  /** Items kept for pods, those of pods that are gone included: bounded by a multiple of the pods. */
  get heldCount(): number {
    return this.#active.size + this.#backingOff.size;
  }

  /** A pod that is new here, or a newer version of one that is not. `mayHelp`: the change could make it fit. */
  set(pod: PodInfo, mayHelp = false): void {
    const known = this.#entries.get(pod.key);
    if (known !== undefined && known.pod.pod.metadata.uid === pod.pod.metadata.uid) {
      known.pod = pod;
      if (mayHelp && known.place === 'unschedulable') this.#requeue(known);
      return;
    }
    this.delete(pod.key);
    const entry: Entry = {
      key: pod.key,
      pod,
      attempts: 0,
      rejectedBy: new Set(),
      place: 'active',
      sequence: this.#sequence++,
      ticket: 0,
      rejections: 0,
      errors: 0,
      failedAtMs: 0,
      backoffUntilMs: 0,
      backoffTimer: undefined,
    };
    this.#entries.set(pod.key, entry);
    this.#activate(entry);
  }

  /** Forgets a pod: it is gone, or has its node. Also while it is in flight. */
  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.backoffTimer?.[Symbol.dispose]();
    this.#entries.delete(key);
    for (const heap of [this.#active, this.#backingOff])
      if (heap.size > 2 * this.#entries.size + 64) heap.retain((item) => this.#counts(item));
  }

  /** Waits for the next pod, in a step of its own; undefined once closed. One caller at a time. */
  pop(): Promise<QueuedPod | undefined> {
    return new Promise((resolve) => {
      if (this.#getter !== undefined) throw new Error('Cannot pop from the scheduling queue twice at a time');
      this.#getter = resolve;
      this.#dispatch();
    });
  }

  /** The attempt ended: the pod has its node, or needs none any more. */
  done(queued: QueuedPod): void {
    if (this.#entries.get(queued.key) === queued) this.delete(queued.key);
  }

  /** The attempt found no node: the pod waits for an event that one of these plugins may gain by. */
  reject(queued: QueuedPod, rejectedBy: ReadonlySet<string>): void {
    const entry = this.#returned(queued);
    if (entry === undefined) return;
    entry.rejectedBy = rejectedBy;
    entry.rejections++;
    entry.errors = 0;
    entry.place = 'unschedulable';
    this.#armFlush();
  }

  /** The attempt broke off for a reason that has nothing to do with the pod: it is tried again after its back-off. */
  retry(queued: QueuedPod): void {
    const entry = this.#returned(queued);
    if (entry === undefined) return;
    entry.rejectedBy = new Set();
    entry.errors++;
    this.#requeue(entry, 'in any case');
  }

  /** Something changed: queues the unschedulable pods which, says `helps`, may gain by it. */
  requeueWhere(helps: (queued: QueuedPod) => boolean): void {
    for (const entry of this.#entries.values()) {
      if (entry.place === 'unschedulable' && helps(entry)) this.#requeue(entry);
    }
  }

  /** Nothing is handed out any more. */
  close(): void {
    this.#isClosed = true;
    this.#flushTimer?.[Symbol.dispose]();
    for (const { backoffTimer } of this.#entries.values()) backoffTimer?.[Symbol.dispose]();
    this.#getter?.(undefined);
    this.#getter = undefined;
  }

  /** The entry of an attempt that failed, unless the pod was forgotten or replaced meanwhile. */
  #returned(queued: QueuedPod): Entry | undefined {
    const entry = this.#entries.get(queued.key);
    if (entry === undefined || entry !== queued || entry.place !== 'in-flight') return undefined;
    entry.failedAtMs = this.#process.clock.monotonic();
    entry.sequence = this.#sequence++;
    return entry;
  }

  #requeue(entry: Entry, waits: 'unless idle' | 'in any case' = 'unless idle'): void {
    entry.backoffUntilMs = entry.failedAtMs + this.#backoffMs(entry.errors > 0 ? entry.errors : entry.rejections);
    const remainingMs = entry.backoffUntilMs - this.#process.clock.monotonic();
    if (remainingMs <= 0) {
      this.#activate(entry);
      return;
    }
    entry.place = 'backing-off';
    entry.backoffTimer = this.#process.clock.timer(remainingMs, () => {
      entry.backoffTimer = undefined;
      this.#activate(entry);
    });
    if (waits === 'unless idle') this.#push(this.#backingOff, entry);
  }

  /** After the nth failure: 1 s, 2 s, 4 s, … up to the limit. */
  #backoffMs(failures: number): number {
    return Math.min(this.#maxBackoffMs, this.#initialBackoffMs * 2 ** (failures - 1));
  }

  #activate(entry: Entry): void {
    entry.place = 'active';
    this.#push(this.#active, entry);
  }

  #push(heap: Heap<Item>, entry: Entry): void {
    entry.ticket++;
    heap.push({ entry, ticket: entry.ticket });
    this.#dispatch();
  }

  /** Chooses when the step runs, not now: who arrives meanwhile with a higher priority goes first. */
  #dispatch(): void {
    if (this.#isClosed) {
      this.#getter?.(undefined);
      this.#getter = undefined;
      return;
    }
    if (this.#getter === undefined || this.heldCount === 0) return;
    this.#process.post({ lane: 'scheduling queue', op: 'pop' }, () => {
      const getter = this.#getter;
      if (getter === undefined) return;
      const entry = this.#next(this.#active) ?? this.#next(this.#backingOff);
      if (entry === undefined) return;
      this.#getter = undefined;
      entry.backoffTimer?.[Symbol.dispose]();
      entry.backoffTimer = undefined;
      entry.place = 'in-flight';
      entry.attempts++;
      getter(entry);
    });
  }

  #next(heap: Heap<Item>): Entry | undefined {
    for (let item = heap.pop(); item !== undefined; item = heap.pop()) if (this.#counts(item)) return item.entry;
    return undefined;
  }

  /** It is its pod's last item, and the pod has not been handed out or forgotten since. */
  #counts({ entry, ticket }: Item): boolean {
    return entry.ticket === ticket && entry.place !== 'in-flight' && this.#entries.get(entry.key) === entry;
  }

  /** Background: a pod that nothing helps is at rest. */
  #armFlush(): void {
    this.#flushTimer ??= this.#process.clock.timer(flushPeriodMs, () => this.#flush(), { background: true });
  }

  #flush(): void {
    this.#flushTimer = undefined;
    const oldestMs = this.#process.clock.monotonic() - this.#maxUnschedulableMs;
    this.requeueWhere((queued) => (this.#entries.get(queued.key)?.failedAtMs ?? 0) <= oldestMs);
    if (this.counts.unschedulable > 0) this.#armFlush();
  }
}

function before(a: Entry, b: Entry): boolean {
  const [priority, other] = [a.pod.pod.spec?.priority ?? 0, b.pod.pod.spec?.priority ?? 0];
  return priority === other ? a.sequence < b.sequence : priority > other;
}

function backsOffBefore(a: Entry, b: Entry): boolean {
  const windowOf = ({ backoffUntilMs }: Entry): number => Math.floor(backoffUntilMs / backoffWindowMs);
  return windowOf(a) === windowOf(b) ? before(a, b) : windowOf(a) < windowOf(b);
}
