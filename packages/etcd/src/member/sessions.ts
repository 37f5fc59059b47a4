import type { BatchName } from '../wal/batch.ts';

/** Of one member: batches below `settledBelow` were applied or will never come; of those above, which were applied. */
export interface Session {
  readonly proposer: number;
  readonly incarnation: number;
  readonly settledBelow: number;
  /** Ascending. */
  readonly applied: readonly number[];
}

/**
 * Which batches were applied, so that one which comes twice changes nothing the second time. Part of the replicated state:
 * the same batches in the same order give the same answers on every member. Bounded by what members have under way.
 */
export class Sessions {
  readonly #byProposer = new Map<number, { incarnation: number; settledBelow: number; applied: Set<number> }>();

  static restore(sessions: readonly Session[]): Sessions {
    const restored = new Sessions();
    for (const { proposer, incarnation, settledBelow, applied } of sessions) {
      restored.#byProposer.set(proposer, { incarnation, settledBelow, applied: new Set(applied) });
    }
    return restored;
  }

  /** Notes that the batch is applied now. False when it was before, or is of an incarnation that has ended. */
  admit({ proposer, incarnation, sequence, settledBelow }: BatchName): boolean {
    if (proposer === 0) return true;
    let session = this.#byProposer.get(proposer);
    if (session === undefined || session.incarnation < incarnation) {
      session = { incarnation, settledBelow: 0, applied: new Set() };
      this.#byProposer.set(proposer, session);
    }
    if (session.incarnation > incarnation || sequence < session.settledBelow || session.applied.has(sequence)) return false;
    session.applied.add(sequence);
    if (settledBelow > session.settledBelow) {
      session.settledBelow = settledBelow;
      for (const each of session.applied) if (each < settledBelow) session.applied.delete(each);
    }
    return true;
  }

  /** Members that were removed propose nothing any more. */
  forget(proposer: number): void {
    this.#byProposer.delete(proposer);
  }

  image(): readonly Session[] {
    return [...this.#byProposer].map(([proposer, { incarnation, settledBelow, applied }]) => ({
      proposer,
      incarnation,
      settledBelow,
      applied: [...applied].sort((a, b) => a - b),
    }));
  }
}
