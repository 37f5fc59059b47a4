/** A two-way stream of bytes: a connection, an upgraded request. Closing `write` half-closes; `close` ends both sides. */
export interface ByteDuplex {
  readonly readable: AsyncIterable<Uint8Array>;
  /** Resolves when the peer's side can take more. Rejects when the connection is gone. */
  write(chunk: Uint8Array): Promise<void>;
  /** Says that no more will be written. */
  end(): Promise<void>;
  close(reason?: Error): void;
}

/** One HTTP request to something that is no API server: a probe, a hook, PD. The body is sent whole. */
export interface DialRequest {
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal | undefined;
}

/** The whole answer. Header names are lower case. */
export interface DialResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Raised when no answer came: refused, unreachable, unknown host, cut off. `code` is Node's (`ECONNREFUSED`, …). */
export class DialError extends Error {
  override readonly name = 'DialError';
  readonly code: 'ECONNREFUSED' | 'ENOTFOUND' | 'ECONNRESET' | 'EHOSTUNREACH' | 'ETIMEDOUT';
  constructor(code: DialError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * How anything speaks to a pod or a foreign server: the virtual network inside a cluster, sockets outside.
 * A non-2xx answer is a response, not an error; only the lack of an answer is a `DialError`.
 */
export interface Dialer {
  request(target: URL, init: DialRequest): Promise<DialResponse>;
  connect(host: string, port: number, options?: { readonly signal?: AbortSignal }): Promise<ByteDuplex>;
}

/** Serves requests that a Dialer sends. A throw becomes a 500. */
export type RequestHandler = (request: {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly signal: AbortSignal;
}) => Promise<DialResponse>;
