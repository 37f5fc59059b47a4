import type { SimProcess } from './sim-process.ts';

/** What setTimeout gives inside a simulated process: Node's Timeout, on the process's clock. */
export class VirtualTimeout {
  readonly #process: SimProcess;
  readonly #delayMs: number;
  readonly #fire: () => void;
  readonly #isRepeated: boolean;
  #hasRef: boolean;
  #dueMs = 0;
  #timer: Disposable | undefined;

  /** A repeated one is background work, which settle does not wait for; a single one is so once it is unref'd. */
  constructor(process: SimProcess, ms: unknown, fire: () => void, isRepeated: boolean) {
    this.#process = process;
    this.#delayMs = timeoutMs(ms);
    this.#fire = fire;
    this.#isRepeated = isRepeated;
    this.#hasRef = !isRepeated;
    this.refresh();
  }

  refresh(): this {
    this.#arm(this.#delayMs);
    return this;
  }

  ref(): this {
    return this.#setRef(true);
  }

  unref(): this {
    return this.#setRef(false);
  }

  hasRef(): boolean {
    return this.#hasRef;
  }

  close(): this {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #setRef(hasRef: boolean): this {
    if (this.#hasRef === hasRef || this.#isRepeated) return this;
    this.#hasRef = hasRef;
    if (this.#timer !== undefined) this.#arm(this.#dueMs - this.#process.clock.monotonic());
    return this;
  }

  #arm(ms: number): void {
    this.close();
    const { clock } = this.#process;
    this.#dueMs = clock.monotonic() + ms;
    this.#timer = clock.timer(
      ms,
      () => {
        this.#timer = undefined;
        if (this.#isRepeated) this.refresh();
        this.#fire();
      },
      { background: !this.#hasRef },
    );
  }
}

/** What setImmediate gives inside a simulated process. */
export class VirtualImmediate {
  #run: (() => void) | undefined;

  constructor(process: SimProcess, run: () => void) {
    this.#run = run;
    process.post({ lane: 'immediate', op: 'immediate' }, () => this.#run?.());
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return this.#run !== undefined;
  }

  close(): this {
    this.#run = undefined;
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Node's rule: anything below 1 ms, beyond 2^31−1 ms or no number is 1 ms. */
export function timeoutMs(ms: unknown): number {
  const delayMs = Math.trunc(Number(ms));
  return delayMs >= 1 && delayMs <= 0x7fff_ffff ? delayMs : 1;
}
