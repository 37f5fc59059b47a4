import { ConsensusError } from '../cluster-view.ts';
import type { PeerAnswer } from './peer-transport.ts';

interface Asked {
  readonly untilTick: number;
  settle(answer: PeerAnswer): void;
  fail(error: Error): void;
}

/** Questions of this member that only the leader can answer, until it does or time is up. A question that was lost is not asked again. */
export class LeaderRequests {
  readonly #asked = new Map<number, Asked>();
  #last = 0;

  /** `send` is given the number of the question. Rejects with ConsensusError when no answer has come at `untilTick`. */
  ask(untilTick: number, send: (request: number) => void): Promise<PeerAnswer> {
    const request = ++this.#last;
    return new Promise((settle, fail) => {
      this.#asked.set(request, { untilTick, settle, fail });
      send(request);
    });
  }

  answered(answer: PeerAnswer): void {
    const asked = this.#asked.get(answer.request);
    this.#asked.delete(answer.request);
    asked?.settle(answer);
  }

  tick(now: number): void {
    for (const [request, { untilTick, fail }] of this.#asked) {
      if (untilTick > now) continue;
      this.#asked.delete(request);
      fail(new ConsensusError('timed out'));
    }
  }

  stop(error: Error): void {
    for (const { fail } of this.#asked.values()) fail(error);
    this.#asked.clear();
  }
}
