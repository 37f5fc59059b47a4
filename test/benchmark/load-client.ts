import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import type { ClientConfig } from '@coracle/client';

const windowBytes = 16 << 20;

/** One HTTP/2 connection that sends bytes and reads none of them: the clients of a benchmark share two cores with the server. */
export class LoadClient implements Disposable {
  readonly #session: ClientHttp2Session;

  private constructor(session: ClientHttp2Session) {
    this.#session = session;
  }

  static async connect({ server, certificateAuthority, clientCertificate, clientKey }: ClientConfig): Promise<LoadClient> {
    const session = connect(server, {
      ...(certificateAuthority === undefined ? {} : { ca: certificateAuthority }),
      ...(clientCertificate === undefined ? {} : { cert: clientCertificate }),
      ...(clientKey === undefined ? {} : { key: clientKey }),
      settings: { initialWindowSize: windowBytes, enablePush: false },
    });
    await once(session, 'connect');
    session.setLocalWindowSize(windowBytes);
    session.on('error', () => undefined); // each of its streams reports it
    return new LoadClient(session);
  }

  /** Sends a request; resolves with the number of bytes of the answer. Rejects when its status is not 2xx. */
  async send(method: string, path: string, body?: Buffer): Promise<number> {
    const { status, bytes } = await this.#answer(method, path, body);
    if (status < 200 || status > 299) throw new Error(`${method} "${path}" was answered with ${status}`);
    return bytes;
  }

  /** The status that a GET is answered with. */
  async statusOf(path: string): Promise<number> {
    return (await this.#answer('GET', path)).status;
  }

  async #answer(method: string, path: string, body?: Buffer): Promise<{ readonly status: number; readonly bytes: number }> {
    const stream = this.open(method, path, body);
    let status = 0;
    let bytes = 0;
    stream.once('response', (headers) => (status = headers[':status'] ?? 0));
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    await once(stream, 'end');
    return { status, bytes };
  }

  /** Sends a request whose answer does not end, or is read as it comes. */
  open(method: string, path: string, body?: Buffer): ClientHttp2Stream {
    const stream = this.#session.request(
      {
        ':method': method,
        ':path': path,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      { endStream: body === undefined },
    );
    if (body !== undefined) stream.end(body);
    return stream;
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }
}

/** `count` connections. */
export async function loadClients(config: ClientConfig, count: number): Promise<readonly LoadClient[]> {
  return Promise.all(Array.from({ length: count }, () => LoadClient.connect(config)));
}

/** Each client does its share of `count` operations, one after the other; resolves with how long each took, in milliseconds. */
export async function spread(
  clients: readonly LoadClient[],
  count: number,
  operation: (client: LoadClient, index: number) => Promise<unknown>,
): Promise<number[]> {
  const latenciesMs: number[] = [];
  let next = 0;
  await Promise.all(
    clients.map(async (client) => {
      while (next < count) {
        const index = next++;
        const startedMs = performance.now();
        await operation(client, index);
        latenciesMs.push(performance.now() - startedMs);
      }
    }),
  );
  return latenciesMs;
}
