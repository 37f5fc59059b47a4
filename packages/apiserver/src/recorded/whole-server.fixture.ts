import type { ApiRequest, ApiResponse, WireHeaders } from '@coracle/apimachinery';
import { MemoryStore } from '@coracle/etcd';
import { SimRuntime } from '@coracle/simulator';
import { mastersGroup } from '../authentication/user.ts';
import { KubeApiServer } from '../kube-apiserver.ts';
import { fixtureKeySource } from '../pki/fixture-key-source.ts';
import type { ApiServer } from '../server/api-server.ts';
import { EmbeddedStorage } from '../storage/embedded.ts';

/** The token of a member of system:masters. */
export const adminToken = 'admin-token';

/** An API server with everything that it has, in virtual time and without controllers, asked as a listener asks it. */
export class WholeServer {
  readonly runtime: SimRuntime;
  readonly store: MemoryStore;
  readonly storage: EmbeddedStorage;
  readonly server: ApiServer;
  readonly #kubeApiServer: KubeApiServer;

  /** `origin`: the server whose store `store` was forked from. */
  constructor(runtime: SimRuntime, store: MemoryStore, origin?: WholeServer) {
    this.runtime = runtime;
    this.store = store;
    this.storage = new EmbeddedStorage(store, origin === undefined ? {} : { origin: origin.storage });
    this.#kubeApiServer = new KubeApiServer({
      process: runtime.process('kube-apiserver'),
      storage: this.storage,
      serviceAccountKey: fixtureKeySource.keyPair().privateKey,
      authenticators: [{ authenticate: async ({ headers }) => adminOf(headers) }],
      serverAddress: () => '127.0.0.1:6443',
    });
    this.server = this.#kubeApiServer.server;
  }

  async start(): Promise<void> {
    await this.runtime.drive(this.#kubeApiServer.start());
  }

  stop(): void {
    this.#kubeApiServer.stop();
  }

  /** Sends bytes and gets bytes, as over a connection without a client certificate. */
  ask(request: ApiRequest, signal: AbortSignal = new AbortController().signal): Promise<ApiResponse> {
    return this.runtime.drive(this.server.serve(request, { headers: request.headers }, { signal }));
  }
}

function adminOf(headers: WireHeaders): { readonly name: string; readonly uid: string; readonly groups: readonly string[] } | undefined {
  return headers['authorization'] === `Bearer ${adminToken}` ? { name: 'admin', uid: 'admin', groups: [mastersGroup] } : undefined;
}

/** A moment that no recording names. */
const startMs = Date.UTC(2026, 6, 9, 8, 7, 6);

let prepared: WholeServer | undefined;

/** A server of its own, whose store is a fork of one that was bootstrapped once. */
export async function startWholeServer(seed = 1): Promise<WholeServer> {
  if (prepared === undefined) {
    const first = new WholeServer(new SimRuntime({ seed: 0, startMs }), new MemoryStore());
    await first.start();
    first.stop();
    prepared = first;
  }
  const runtime = new SimRuntime({ seed, startMs });
  const whole = new WholeServer(runtime, prepared.store.fork(runtime.process('store')) as MemoryStore, prepared); // a fork is in memory
  await whole.start();
  return whole;
}
