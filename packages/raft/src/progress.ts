import { Inflights } from './inflights.ts';
import { invariant } from './invariant.ts';
import type { LogIndex } from './messages.ts';

/**
 * How the leader sends to one member.
 * Probe: it does not know where the logs agree, and sends one append at a time to find out.
 * Replicate: it knows, and sends ahead of the acknowledgements, as far as the window goes.
 * Snapshot: what the member needs first is compacted; nothing is sent until the snapshot has arrived or failed.
 */
type Flow =
  | { readonly state: 'StateProbe'; paused: boolean }
  | { readonly state: 'StateReplicate'; readonly inflights: Inflights; paused: boolean }
  | { readonly state: 'StateSnapshot'; readonly pendingSnapshot: LogIndex };

export type ProgressStateName = Flow['state'];

export interface Window {
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
}

/** What the leader knows about one member. Upstream: tracker/progress.go. */
export class Progress {
  readonly #window: Window;
  /** Up to here the member's log is known to be durable and equal to ours. Invariant: match < next. */
  match: LogIndex;
  /** The first entry to send next. */
  next: LogIndex;
  /** The highest commit index that was sent; the member knows of it unless the message was lost. */
  sentCommit: LogIndex = 0;
  /** Heard from since the last check of the quorum. */
  recentActive: boolean;
  flow: Flow = { state: 'StateProbe', paused: false };

  constructor(window: Window, start: { readonly match: LogIndex; readonly next: LogIndex; readonly recentActive: boolean }) {
    this.#window = window;
    this.match = start.match;
    this.next = start.next;
    this.recentActive = start.recentActive;
  }

  get state(): ProgressStateName {
    return this.flow.state;
  }

  isPaused(): boolean {
    return this.flow.state === 'StateSnapshot' || this.flow.paused;
  }

  /** A full window lets only empty appends through: they find out whether those on their way were lost. */
  mayCarryEntries(): boolean {
    return this.flow.state !== 'StateReplicate' || !this.flow.inflights.isFull();
  }

  becomeProbe(): void {
    const arrived = this.flow.state === 'StateSnapshot' ? this.flow.pendingSnapshot : 0;
    this.flow = { state: 'StateProbe', paused: false };
    this.#setNext(Math.max(this.match, arrived) + 1);
  }

  becomeReplicate(): void {
    const { maxInflightMessages, maxInflightBytes } = this.#window;
    this.flow = { state: 'StateReplicate', inflights: new Inflights(maxInflightMessages, maxInflightBytes), paused: false };
    this.next = this.match + 1;
  }

  becomeSnapshot(index: LogIndex): void {
    this.flow = { state: 'StateSnapshot', pendingSnapshot: index };
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** The snapshot did not arrive: probe again from what the member had. */
  snapshotFailed(): void {
    this.flow = { state: 'StateProbe', paused: false };
    this.#setNext(this.match + 1);
  }

  /** An answer came: one more append may go out. */
  resume(): void {
    if (this.flow.state !== 'StateSnapshot') this.flow.paused = false;
  }

  pause(): void {
    if (this.flow.state !== 'StateSnapshot') this.flow.paused = true;
  }

  /** An append with `count` entries was sent. */
  sentEntries(count: number, bytes: number): void {
    const { flow } = this;
    invariant(flow.state !== 'StateSnapshot', `sending append in unhandled state ${flow.state}`);
    if (flow.state === 'StateProbe') {
      if (count > 0) flow.paused = true;
      return;
    }
    if (count > 0) {
      this.next += count;
      flow.inflights.add(this.next - 1, bytes);
    }
    flow.paused = flow.inflights.isFull();
  }

  /** Whether sending the commit index again may tell the member something: only up to what was sent can it use it. */
  canBumpCommit(index: LogIndex): boolean {
    return index > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** The member has everything up to `index`. False when that is not new. */
  maybeUpdate(index: LogIndex): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.resume();
    return true;
  }

  /** The member refused the append after `rejected`; it may agree up to `hint`. False when the refusal is an old one. */
  maybeDecrease(rejected: LogIndex, hint: LogIndex): boolean {
    if (this.flow.state === 'StateReplicate') {
      if (rejected <= this.match) return false;
      this.#setNext(this.match + 1);
      return true;
    }
    // A probe sends one append at a time, so the answer to it names the index before `next`.
    if (this.next - 1 !== rejected) return false;
    this.#setNext(Math.max(Math.min(rejected, hint + 1), this.match + 1));
    this.resume();
    return true;
  }

  #setNext(next: LogIndex): void {
    invariant(next > this.match, `next=${next} is not above match=${this.match}`);
    this.next = next;
    this.sentCommit = Math.min(this.sentCommit, next - 1);
  }
}
