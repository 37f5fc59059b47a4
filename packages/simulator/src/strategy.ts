import type { Random } from '@coracle/kernel';
import type { Lane, Operation } from './lane.ts';

/** What a strategy may look at and do. */
export interface StrategyView {
  readonly random: Random;
  readonly steps: number;
  /** Keeps the lane from running for `ms` of virtual time. */
  hold(lane: Lane, ms: number): void;
}

/** Chooses which ready lane runs next. Every choice is a legal order. */
export interface Strategy {
  readonly name: string;
  /** Index into `ready`, which has at least two lanes. */
  pick(ready: readonly Lane[], view: StrategyView): number;
  /** Told of each step when it is asked for. */
  asked?(lane: Lane, operation: Operation, view: StrategyView): void;
}

/** Order of asking: the plainest run, and the one that others deviate from. */
export function fifo(): Strategy {
  return {
    name: 'fifo',
    pick(ready) {
      let best = 0;
      let sequence = Number.POSITIVE_INFINITY;
      for (let i = 0; i < ready.length; i++) {
        const first = ready[i]?.first?.sequence ?? Number.POSITIVE_INFINITY;
        if (first < sequence) {
          sequence = first;
          best = i;
        }
      }
      return best;
    },
  };
}

/** Every ready lane is as likely as any other. */
export function uniform(): Strategy {
  return { name: 'uniform', pick: (ready, view) => view.random.below(ready.length) };
}

/**
 * Probabilistic concurrency testing: each lane has a random priority, and at `depth − 1` random steps below `steps`
 * the running lane drops to the lowest.
 */
export function pct(options: { readonly depth: number; readonly steps: number }): Strategy {
  const priorities = new WeakMap<Lane, number>(); // lanes that fell idle may be dropped
  let changes: number[] | undefined; // ascending
  let lowest = -1;
  const highest = (ready: readonly Lane[], random: Random): number => {
    let best = 0;
    let priority = Number.NEGATIVE_INFINITY;
    for (const [i, lane] of ready.entries()) {
      let own = priorities.get(lane);
      if (own === undefined) {
        own = random.float();
        priorities.set(lane, own);
      }
      if (own > priority) {
        priority = own;
        best = i;
      }
    }
    return best;
  };
  return {
    name: `pct-${options.depth}`,
    pick(ready, view) {
      if (changes === undefined) {
        changes = Array.from({ length: options.depth - 1 }, () => view.random.below(options.steps)).sort((a, b) => a - b);
      }
      const best = highest(ready, view.random);
      const lane = ready[best];
      const [change] = changes;
      // A step without a choice may have passed the point.
      if (lane === undefined || change === undefined || view.steps < change) return best;
      changes.shift();
      priorities.set(lane, lowest--);
      return highest(ready, view.random);
    },
  };
}

/** `base`, with a share of steps held back for a heavy-tailed time of up to `maxMs` (default 3 %, 8 s). */
export function lagging(base: Strategy, options: { readonly share?: number; readonly maxMs?: number } = {}): Strategy {
  const share = options.share ?? 0.03;
  const maxMs = options.maxMs ?? 8_000;
  return {
    name: `${base.name}+lag`,
    pick: (ready, view) => base.pick(ready, view),
    asked(lane, operation, view) {
      base.asked?.(lane, operation, view);
      if (view.random.float() < share) view.hold(lane, Math.ceil(maxMs ** view.random.float()));
    },
  };
}

/** `base`, but the `nth` step (from 0) of one lane is held for `ms`: the smallest deviation that finds most bugs. */
export function holding(hold: { readonly lane: string; readonly nth: number; readonly ms: number }, base: Strategy = fifo()): Strategy {
  let asked = 0;
  return {
    name: `hold ${hold.lane} #${hold.nth} for ${hold.ms} ms`,
    pick: (ready, view) => base.pick(ready, view),
    asked(lane, operation, view) {
      base.asked?.(lane, operation, view);
      if (lane.name === hold.lane && asked++ === hold.nth) view.hold(lane, hold.ms);
    },
  };
}
