import type { HeapProfiler, Profiler, Session } from 'node:inspector';
import type { Process } from '@coracle/kernel';
import type { Profile } from './profile-proto.ts';
import { cpuProfile, heapProfile } from './v8-profiles.ts';

/** `node:inspector` as far as it is needed. */
export type Inspector = Pick<typeof import('node:inspector'), 'Session'>;

/** A profile was asked for while another is made. */
export class ProfilerBusyError extends Error {
  override readonly name = 'ProfilerBusyError';
}

/** The runtime has no `node:inspector`, or one that does nothing. */
export class NoProfilerError extends Error {
  override readonly name = 'NoProfilerError';
}

// A hundred times a second and each 512 KiB, as Go does.
const cpuIntervalUs = 10_000;
const heapIntervalBytes = 512 * 1024;

/** Profiles of the program that it is part of. One session with V8 is open from `start` to `stop`. */
export class V8Profiler {
  readonly #process: Process;
  readonly #load: () => Promise<Inspector>;
  #session: Session | undefined;
  #isBusy = false;

  /** `load` finds V8's inspector: `import('node:inspector')`. */
  constructor(process: Process, load: () => Promise<Inspector>) {
    this.#process = process;
    this.#load = load;
  }

  /** From here on memory is sampled. Throws NoProfilerError. */
  async start(): Promise<void> {
    try {
      const { Session } = await this.#load();
      this.#session = new Session();
      this.#session.connect();
      await this.#post('Profiler.enable');
      await this.#post('HeapProfiler.enable');
      await this.#post('HeapProfiler.startSampling', { samplingInterval: heapIntervalBytes });
    } catch (error) {
      this.stop();
      throw new NoProfilerError('Profiles need node:inspector, which this runtime does not have', { cause: error });
    }
  }

  stop(): void {
    this.#session?.disconnect();
    this.#session = undefined;
  }

  /** What runs in the next `seconds`. Throws ProfilerBusyError, NoProfilerError, and the signal's reason when it aborts before the end. */
  async cpu(seconds: number, signal: AbortSignal): Promise<Profile> {
    if (this.#isBusy) throw new ProfilerBusyError('cpu profiling already in use');
    this.#isBusy = true;
    try {
      const { clock } = this.#process;
      await this.#post('Profiler.setSamplingInterval', { interval: cpuIntervalUs });
      const timeMs = clock.now();
      await this.#post('Profiler.start');
      try {
        await clock.sleep(seconds * 1_000, { signal, background: true });
      } catch (error) {
        await this.#post('Profiler.stop'); // V8 would go on sampling
        throw error;
      }
      const { profile } = await this.#post<Profiler.StopReturnType>('Profiler.stop');
      return cpuProfile(profile, { timeMs, interval: cpuIntervalUs });
    } finally {
      this.#isBusy = false;
    }
  }

  /** What is held at this moment of what was asked for since `start`; `collect`: after garbage was collected. Throws NoProfilerError. */
  async heap(collect: boolean): Promise<Profile> {
    if (collect) await this.#post('HeapProfiler.collectGarbage');
    const { profile } = await this.#post<HeapProfiler.GetSamplingProfileReturnType>('HeapProfiler.getSamplingProfile');
    return heapProfile(profile, { timeMs: this.#process.clock.now(), interval: heapIntervalBytes });
  }

  #post<R = object>(method: string, parameters: object = {}): Promise<R> {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    const session = this.#session;
    if (session === undefined) throw new NoProfilerError('Profiles need node:inspector, which this runtime does not have');
    session.post(method, parameters, (error, answer) => {
      if (error === null)
        resolve(answer as R); // the protocol says what a method answers
      else reject(error);
    });
    return promise;
  }
}
