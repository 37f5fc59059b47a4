import type { Process, Task } from '@coracle/kernel';

/**
 * When something runs (pkg/manager runnable groups): `servers` from before the caches until after everything else, as a conversion
 * webhook is needed to fill a cache; `always` with full caches; `leading` the same, while the manager leads.
 */
export type Phase = 'servers' | 'always' | 'leading';

/** Something that a manager runs until the signal aborts. A throw before that stops the manager with the error. */
export interface Runnable {
  /** For logs. */
  readonly name: string;
  /** Default `leading`, as upstream: what writes must not do so twice. */
  readonly phase?: Phase;
  run(signal: AbortSignal): Promise<void>;
  /** What comes after its phase waits for this. Default: for nothing. */
  ready?(signal: AbortSignal): Promise<void>;
}

/** The runnables of one phase: they start when it opens, or at once when it is open, and end together. */
export class RunnableGroup {
  readonly #process: Process;
  readonly #onFailure: (error: unknown) => void;
  readonly #waiting: Runnable[] = [];
  readonly #running: Runnable[] = [];
  readonly #tasks = new Set<Task>();
  readonly #stop = new AbortController();
  #isOpen = false;

  constructor(process: Process, onFailure: (error: unknown) => void) {
    this.#process = process;
    this.#onFailure = onFailure;
  }

  add(runnable: Runnable): void {
    if (this.#isOpen) this.#start(runnable);
    else this.#waiting.push(runnable);
  }

  /** Does nothing once it was stopped. */
  open(): void {
    if (this.#stop.signal.aborted) return;
    this.#isOpen = true;
    for (const runnable of this.#waiting.splice(0)) this.#start(runnable);
  }

  /** Resolves when everything that runs is ready. */
  async ready(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#running.map(async (runnable) => runnable.ready?.(signal)));
  }

  /** Tells everything to end; nothing starts after this. */
  abort(reason: Error): void {
    this.#stop.abort(reason);
  }

  /** As `abort`; resolves when everything has ended. */
  async end(reason: Error): Promise<void> {
    this.abort(reason);
    await Promise.all([...this.#tasks].map(({ done }) => done));
  }

  #start(runnable: Runnable): void {
    const { signal } = this.#stop;
    this.#running.push(runnable);
    const task = this.#process.spawn(runnable.name, async () => {
      try {
        if (!signal.aborted) await runnable.run(signal);
      } catch (error) {
        if (!signal.aborted) this.#onFailure(error);
        else if (error !== signal.reason)
          this.#process.log.error('Failed while it was stopped', { what: runnable.name, error: String(error) });
      } finally {
        this.#tasks.delete(task);
      }
    });
    this.#tasks.add(task);
  }
}
