import type { LogIndex } from '@coracle/raft';
import { ConsensusError } from '../cluster-view.ts';
import { StoreStopped } from '../directory/errors.ts';
import type { Member } from './member.ts';
import type { Replica } from './replica.ts';

interface Reader {
  readonly untilTick: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Readers that ask the group together what is committed. */
interface Round {
  readonly readers: Reader[];
  askedAt: number;
  /** What must be applied here; undefined until the leader has answered. */
  index: LogIndex | undefined;
}

/** Readers that may wait at once. */
const maxReaders = 100_000;

/**
 * Reads that must show all that was acknowledged before they were asked for (ReadIndex of Raft): the leader says, once a
 * majority confirms that it leads, up to where it has committed, and the read waits until that is applied here. Those that
 * come while a round is on its way share the next one.
 */
export class LinearizableReads {
  readonly #member: Member;
  readonly #replica: Replica;
  readonly #incarnation: number;
  readonly #retryTicks: number;
  readonly #timeoutTicks: number;
  readonly #rounds = new Map<number, Round>();
  #waiting: Reader[] = [];
  #lastRound = 0;

  constructor(options: {
    readonly member: Member;
    readonly replica: Replica;
    readonly incarnation: number;
    readonly retryTicks: number;
    readonly timeoutTicks: number;
  }) {
    this.#member = options.member;
    this.#replica = options.replica;
    this.#incarnation = options.incarnation;
    this.#retryTicks = options.retryTicks;
    this.#timeoutTicks = options.timeoutTicks;
  }

  /** Rejects with ConsensusError or StoreStopped. */
  wait(): Promise<void> {
    const { isSettledAlone, failure } = this.#member;
    // That can be read even when nothing can be written.
    if (isSettledAlone) return Promise.resolve();
    if (failure !== undefined) return Promise.reject(new StoreStopped({ cause: failure }));
    if (this.#waiting.length >= maxReaders) return Promise.reject(new ConsensusError('timed out'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ untilTick: this.#member.ticks + this.#timeoutTicks, resolve, reject });
      if (!this.#isAsking()) this.#ask();
    });
  }

  /** The leader's answer. Contexts of another opening of the directory mean nothing here. */
  answered(context: Uint8Array, index: LogIndex): void {
    const view = new DataView(context.buffer, context.byteOffset, context.byteLength);
    if (context.length !== 8 || view.getUint32(0) !== this.#incarnation >>> 0) return;
    const round = this.#rounds.get(view.getUint32(4));
    if (round === undefined || round.index !== undefined) return;
    round.index = index;
    this.applied();
    if (this.#waiting.length > 0 && !this.#isAsking()) this.#ask();
  }

  applied(): void {
    for (const [number, { index, readers }] of this.#rounds) {
      if (index === undefined || index > this.#replica.index) continue;
      this.#rounds.delete(number);
      for (const { resolve } of readers) resolve();
    }
  }

  tick(): void {
    const now = this.#member.ticks;
    const isOver = ({ untilTick, reject }: Reader): boolean => {
      if (untilTick > now) return false;
      reject(new ConsensusError('timed out'));
      return true;
    };
    this.#waiting = this.#waiting.filter((reader) => !isOver(reader));
    for (const [number, round] of this.#rounds) {
      const left = round.readers.filter((reader) => !isOver(reader));
      round.readers.splice(0, round.readers.length, ...left);
      if (left.length === 0) this.#rounds.delete(number);
      else if (round.index === undefined && now - round.askedAt >= this.#retryTicks) {
        // The question or the answer was lost, or nobody led: another round asks anew.
        this.#rounds.delete(number);
        this.#waiting.unshift(...left);
      }
    }
    if (this.#waiting.length > 0 && !this.#isAsking()) this.#ask();
  }

  stop(error: Error): void {
    for (const { reject } of [...this.#waiting, ...[...this.#rounds.values()].flatMap(({ readers }) => readers)]) reject(error);
    this.#waiting = [];
    this.#rounds.clear();
  }

  #isAsking(): boolean {
    for (const { index } of this.#rounds.values()) if (index === undefined) return true;
    return false;
  }

  #ask(): void {
    const number = ++this.#lastRound;
    const context = new Uint8Array(8);
    const view = new DataView(context.buffer);
    view.setUint32(0, this.#incarnation >>> 0);
    view.setUint32(4, number);
    this.#rounds.set(number, { readers: this.#waiting, askedAt: this.#member.ticks, index: undefined });
    this.#waiting = [];
    this.#member.readIndex(context);
  }
}
