import type { Process } from '@coracle/kernel';
import type { DisksState } from '@coracle/kubelet';

export interface VolumeSaverOptions {
  readonly process: Process;
  /** What the volumes hold now. */
  snapshot(): DisksState;
  write(state: DisksState): void;
}

/** A kill loses at most what was written to volumes in this time; objects are another matter, the store loses none. */
const intervalMs = 5_000;

/** Keeps the data of simulated volumes over a restart: written when it has changed, and at the end. */
export class VolumeSaver {
  readonly #options: VolumeSaverOptions;
  #written: string | undefined;

  constructor(options: VolumeSaverOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal = this.#options.process.signal): Promise<void> {
    const { process } = this.#options;
    for (;;) {
      await process.clock.sleep(intervalMs, { background: true, signal });
      try {
        this.save();
      } catch (error) {
        process.log.warn('Cannot save the volumes of pods', { error: error instanceof Error ? error.message : String(error) });
      }
    }
  }

  save(): void {
    const state = this.#options.snapshot();
    const text = JSON.stringify(state);
    if (text === this.#written) return;
    this.#options.write(state);
    this.#written = text;
  }
}
