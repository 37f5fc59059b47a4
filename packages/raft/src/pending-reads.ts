import type { Configuration } from './configuration.ts';
import type { LogIndex, NodeId } from './messages.ts';
import { jointIndex } from './quorum.ts';

/** Somebody wants to read what is committed now. */
export interface ReadRequest {
  /** Who asked: this node itself, or a follower that passed it on. */
  readonly from: NodeId;
  readonly context: Uint8Array;
}

export interface PendingRead extends ReadRequest {
  readonly index: LogIndex;
}

/**
 * Reads that wait until a majority has confirmed that this node still leads. Rounds of heartbeats are numbered; a member that
 * answers round n confirms every read that was asked before round n was sent. Upstream: read_only.go, with the contexts as names.
 */
export class PendingReads {
  #round = 0;
  readonly #answered = new Map<NodeId, number>();
  /** Ascending rounds. */
  #reads: { readonly read: PendingRead; readonly round: number }[] = [];
  /** The first round of each tick, for as long as a lease can come from it. */
  #sent: { readonly tick: number; readonly round: number }[] = [];
  /** Reads that came before this leader committed anything: it does not know the commit index of its predecessors yet. */
  waiting: ReadRequest[] = [];

  /** The read is confirmed by the next round. */
  add(read: PendingRead): void {
    this.#reads.push({ read, round: this.#round + 1 });
  }

  /** The number of a round that is sent at `tick`; rounds before `oldest` are of no use for a lease. */
  nextRound(tick: number, oldest: number): number {
    this.#round += 1;
    while ((this.#sent[0]?.tick ?? oldest) < oldest) this.#sent.shift();
    if (this.#sent.at(-1)?.tick !== tick) this.#sent.push({ tick, round: this.#round });
    return this.#round;
  }

  answered(from: NodeId, round: number): void {
    if (round > (this.#answered.get(from) ?? 0)) this.#answered.set(from, round);
  }

  /** Takes out what a majority has confirmed. */
  takeConfirmed(configuration: Configuration, self: NodeId): readonly PendingRead[] {
    if (this.#reads.length === 0) return [];
    const confirmed = this.#confirmedRound(configuration, self);
    const count = this.#reads.findIndex(({ round }) => round > confirmed);
    return this.#reads.splice(0, count < 0 ? this.#reads.length : count).map(({ read }) => read);
  }

  /** The tick at which the last round that a majority has answered was sent. */
  confirmedTick(configuration: Configuration, self: NodeId): number {
    const confirmed = this.#confirmedRound(configuration, self);
    return this.#sent.findLast(({ round }) => round <= confirmed)?.tick ?? Number.NEGATIVE_INFINITY;
  }

  #confirmedRound({ voters, votersOutgoing }: Configuration, self: NodeId): number {
    return jointIndex(voters, votersOutgoing, (id) => (id === self ? this.#round : this.#answered.get(id)));
  }
}
