import type { Process } from '@coracle/kernel';
import type { Runnable } from '../manager/runnables.ts';
import { type BoundAddress, HttpServer, type ListenAddress } from '../transport/http-server.ts';
import type { PprofEndpoint } from './pprof-endpoint.ts';

/** Serves profiles of the program (pkg/manager addPprofServer). What makes them is loaded when it runs: most programs never do. */
export class PprofServer implements Runnable {
  readonly name = 'pprof';
  readonly phase = 'servers';
  readonly #process: Process;
  readonly #server: HttpServer;
  readonly #endpoint: PromiseWithResolvers<PprofEndpoint> = Promise.withResolvers();

  constructor(process: Process, address: ListenAddress) {
    this.#process = process;
    this.#server = new HttpServer({
      ...address,
      name: this.name,
      answer: async (request) => (await this.#endpoint.promise).answer(request),
    });
  }

  /** Where it listens, once it does. */
  get address(): Promise<BoundAddress> {
    return this.#server.address;
  }

  ready(): Promise<void> {
    return this.#server.ready();
  }

  /** Throws Node's error when it cannot listen. A runtime without profiles serves what there is. */
  async run(signal: AbortSignal): Promise<void> {
    const { V8Profiler } = await import('./v8-profiler.ts');
    const { PprofEndpoint } = await import('./pprof-endpoint.ts');
    const profiler = new V8Profiler(this.#process, () => import('node:inspector'));
    try {
      await profiler.start();
    } catch (error) {
      this.#process.log.warn('There are no profiles', { error: String(error) });
    }
    this.#endpoint.resolve(new PprofEndpoint(profiler));
    try {
      await this.#server.run(signal);
    } finally {
      profiler.stop();
    }
  }
}
