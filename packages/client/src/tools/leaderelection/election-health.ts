import type { LeaderElector } from './leader-elector.ts';

/** The health check of a component that leads (tools/leaderelection HealthzAdaptor); it can be asked before there is an election. */
export class ElectionHealth {
  readonly name = 'leaderElection';
  readonly #toleranceMs: number;
  #elector: Pick<LeaderElector, 'check'> | undefined;

  /** `toleranceMs`: how long after the lease ran out it still counts as healthy. */
  constructor(toleranceMs: number) {
    this.#toleranceMs = toleranceMs;
  }

  watch(elector: Pick<LeaderElector, 'check'>): void {
    this.#elector = elector;
  }

  /** Undefined: healthy. */
  check(): Error | undefined {
    return this.#elector?.check(this.#toleranceMs);
  }
}
