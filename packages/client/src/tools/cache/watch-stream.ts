import type { WatchFrame } from '@coracle/apimachinery';
import type { Clock } from '@coracle/kernel';
import type { WatchOptions } from '../../rest/options.ts';
import type { Watcher } from './list-watch.ts';

/** A watch that can be read up to a point and then by somebody else. `end` must follow, whatever happens. */
export class WatchStream {
  readonly startedMs: number;
  /** Frames that came, of any kind that is known. */
  count = 0;
  #batches: AsyncIterator<readonly WatchFrame[]> | undefined;
  #unread: readonly WatchFrame[] = [];
  readonly #stop = new AbortController();
  readonly #parent: AbortSignal;
  readonly #onAbort: () => void;

  constructor(clock: Pick<Clock, 'monotonic'>, signal: AbortSignal) {
    // Measured from before the request: some proxies send no headers before the first event.
    this.startedMs = clock.monotonic();
    this.#parent = signal;
    this.#onAbort = () => this.#stop.abort(signal.reason);
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Throws what the watcher throws. */
  async open(watcher: Watcher, options: WatchOptions): Promise<void> {
    const events = await watcher.watch(options, { signal: this.#stop.signal });
    this.#batches = events[Symbol.asyncIterator]();
  }

  /** The next frames; undefined when the watch has ended, or was told to. Throws what broke it. */
  async next(): Promise<readonly WatchFrame[] | undefined> {
    if (this.#stop.signal.aborted) return undefined;
    if (this.#unread.length > 0) {
      const frames = this.#unread;
      this.#unread = [];
      return frames;
    }
    const next = await this.#batches?.next();
    return next === undefined || next.done === true || this.#stop.signal.aborted ? undefined : next.value;
  }

  /** Gives back what was taken too early. */
  unread(frames: readonly WatchFrame[]): void {
    this.#unread = frames;
  }

  /** Ends a wait for frames from outside. */
  abort(reason: Error): void {
    this.#stop.abort(reason);
  }

  /** Lets go of the connection. Idempotent. */
  async end(): Promise<void> {
    this.#parent.removeEventListener('abort', this.#onAbort);
    this.#stop.abort(new Error('The watch is not read any more'));
    const batches = this.#batches;
    this.#batches = undefined;
    try {
      await batches?.return?.();
    } catch {
      // It was let go of: how it ends is of no interest.
    }
  }
}
