import { type Dialer, DialError, type Process, type RequestHandler } from '@coracle/kernel';
import type { TidbContainer, TidbProgram } from './container.ts';

/** A network, volumes and containers for tests of the programs: no kubelet, no API server. Hosts are pod names and Services. */
export class SimulatedCluster {
  readonly #process: Process;
  readonly #listeners = new Map<string, RequestHandler | undefined>();
  readonly #volumes = new Map<string, Map<string, string>>();
  readonly #running = new Map<string, AbortController>();
  readonly checkpoints: Map<string, () => unknown> = new Map<string, () => unknown>();
  readonly exits: Map<string, number> = new Map<string, number>();
  readonly logs: Map<string, string> = new Map<string, string>();

  constructor(process: Process) {
    this.#process = process;
  }

  /** `basic-pd.ns` is the first pod of the name that listens; everything else starts with the name of a pod. */
  dialer(): Dialer {
    return {
      request: async (target, init) => {
        const host = target.hostname.split('.')[0] ?? '';
        const pod = this.#running.has(host)
          ? host
          : [...this.#running.keys()].find((name) => name.startsWith(`${host}-`) && this.#listeners.has(`${name}:${target.port}`));
        const handler = pod === undefined ? undefined : this.#listeners.get(`${pod}:${target.port}`);
        if (handler === undefined) throw new DialError('ECONNREFUSED', `Cannot connect to "${target.host}"`);
        await this.#process.step({ lane: `request/${target.host}`, op: init.method, key: target.pathname }, () => undefined);
        return await handler({
          method: init.method,
          url: target,
          headers: init.headers ?? {},
          body: init.body ?? new Uint8Array(),
          signal: this.#process.signal,
        });
      },
      connect: async (host, port) => {
        throw new DialError('ECONNREFUSED', `Cannot connect to "${host}:${port}"`);
      },
    };
  }

  start(pod: string, program: TidbProgram, env: Readonly<Record<string, string>>, resumed?: unknown): void {
    const stop = new AbortController();
    this.#running.set(pod, stop);
    const volume = this.#volumes.get(pod) ?? new Map<string, string>();
    this.#volumes.set(pod, volume);
    const container: TidbContainer = {
      name: pod,
      env: new Map(Object.entries(env)),
      pod: { metadata: { name: pod, namespace: 'ns' } },
      process: this.#process,
      files: { read: (path) => volume.get(path), write: (path, text) => void volume.set(path, text) },
      network: {
        ...this.dialer(),
        listen: (port, handler) => {
          this.#listeners.set(`${pod}:${port}`, handler);
          return { [Symbol.dispose]: () => void this.#listeners.delete(`${pod}:${port}`) };
        },
      },
      stdout: { write: (text) => void this.logs.set(pod, (this.logs.get(pod) ?? '') + text) },
      terminated: stop.signal,
      resumed,
      checkpoint: (save) => void this.checkpoints.set(pod, save),
    };
    this.#process.spawn(pod, async () => {
      const code = await program(container);
      this.exits.set(pod, code);
      if (this.#running.get(pod) === stop) this.#running.delete(pod);
    });
  }

  stop(pod: string): void {
    this.#running.get(pod)?.abort(new Error('SIGTERM'));
    this.#running.delete(pod);
  }
}
