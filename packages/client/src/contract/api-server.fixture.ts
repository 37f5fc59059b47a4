import { type ApiRequest, type ApiResponse, TransportError } from '@coracle/apimachinery';
import {
  type ApiServer,
  connect,
  createCertificate,
  EmbeddedStorage,
  fixtureKeySource,
  KubeApiServer,
  listenHttp,
  liveKeySource,
  mastersGroup,
} from '@coracle/apiserver';
import { MemoryStore } from '@coracle/etcd';
import { type Process, type Runtime, untilAborted } from '@coracle/kernel';
import type { ClientConfig } from '../rest/config.ts';

const admin = { name: 'admin', groups: [mastersGroup] };
const host = '127.0.0.1';

/** A real API server over a store in memory, for tests of clients. */
export class TestApiServer {
  readonly server: ApiServer;
  readonly process: Process;
  readonly store: MemoryStore;
  readonly #kubeApiServer: KubeApiServer;

  /** Nothing is stored yet: see `start`. */
  constructor(runtime: Runtime, options: { readonly interleave?: 'requests' | 'storage' } = {}) {
    this.process = runtime.process('apiserver');
    this.store = new MemoryStore();
    this.#kubeApiServer = new KubeApiServer({
      ...options,
      process: this.process,
      storage: new EmbeddedStorage(this.store),
      serviceAccountKey: fixtureKeySource.keyPair().privateKey,
      // Nobody here makes the account that pods would need.
      disabledAdmission: ['ServiceAccount'],
      nodes: (node) => (node === 'node-1' ? containerLogs : undefined),
    });
    this.server = this.#kubeApiServer.server;
  }

  /** Writes what every server holds. */
  async start(): Promise<void> {
    await this.#kubeApiServer.start();
  }

  /** The way in of a caller in the same process, a member of system:masters. */
  connect(process: Process): ReturnType<typeof connect> {
    return connect(this.server, { process, user: admin, userAgent: 'test' });
  }

  /** Drops what happened up to now, as a server does every five minutes. */
  async compact(): Promise<void> {
    if (this.store.compactRevision < this.store.revision) await this.server.storage.compact(this.store.revision);
  }

  /** Serves HTTPS on loopback; `config` is the same caller's way in. */
  async listen(): Promise<{ readonly config: ClientConfig; close(): Promise<void> }> {
    const authority = liveKeySource.keyPair();
    const issuer = { subject: { commonName: 'test' }, keys: authority };
    const nowMs = this.process.clock.now();
    const issue = (
      commonName: string,
      usage: 'ca' | 'server' | 'client',
      keys = liveKeySource.keyPair(),
    ): { readonly certificate: string; readonly privateKey: string } => ({
      privateKey: keys.privateKey,
      certificate: createCertificate({
        subject: usage === 'client' ? { commonName, organizations: admin.groups } : { commonName },
        keys,
        issuer,
        serial: this.process.random.bytes(16),
        notBeforeMs: nowMs - 60_000,
        notAfterMs: nowMs + 3_600_000,
        usage,
        ...(usage === 'server' ? { hosts: [host] } : {}),
      }),
    });
    const ca = issue('test', 'ca', authority);
    const client = issue(admin.name, 'client');
    const listener = await listenHttp({
      process: this.process,
      serve: (request, credentials, io) => this.server.serve(request, credentials, io),
      host,
      port: 0,
      ...issue('kube-apiserver', 'server'),
      clientAuthority: ca.certificate,
    });
    return {
      config: {
        server: `https://${host}:${listener.port}`,
        certificateAuthority: ca.certificate,
        clientCertificate: client.certificate,
        clientKey: client.privateKey,
      },
      close: () => listener.close(),
    };
  }
}

/** What the kubelet of `node-1` says of every container: two lines, and to `follow` a line now and one after each ask, without end. */
async function containerLogs({ path, query }: ApiRequest, { signal }: { readonly signal?: AbortSignal }): Promise<ApiResponse> {
  const contentType = 'text/plain';
  const encoder = new TextEncoder();
  if (!query.some(([name, value]) => name === 'follow' && value === 'true')) {
    return { status: 200, headers: {}, body: { form: 'bytes', contentType, bytes: encoder.encode(`first line of ${path}\nlast line\n`) } };
  }
  const chunks = (async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield encoder.encode(`first line of ${path}\n`);
    if (signal === undefined) throw new TransportError('Cannot follow without an end', { executed: 'no' });
    await untilAborted(signal);
  })();
  return { status: 200, headers: {}, body: { form: 'stream', contentType, chunks } };
}
