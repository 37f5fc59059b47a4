/** How a call ended: with a status of the server's, or without one. */
export type CallEnd =
  | { readonly is: 'status'; readonly code: number; readonly message: string }
  /** `sent`: the server may have begun to work on it. */
  | { readonly is: 'lost'; readonly sent: boolean; readonly reason: Error };

/** What the server sends. Called in order; `ended` once, and nothing after it. */
export interface AnswerSink {
  data(chunk: Buffer): void;
  ended(end: CallEnd): void;
}

/** The client's side of one call. What is done after its end does nothing. */
export interface OutgoingCall {
  /** A message with the frame around it. */
  write(frame: Buffer): void;
  /** No more will be written. */
  finish(): void;
  /** The answer is not wanted any more: nothing is told from now on. */
  cancel(): void;
}

export interface CallRequest {
  /** "/package.Service/Method". */
  readonly path: string;
  /** Sent as they are, in lower case. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** One connection to one server, over which every call goes. */
export interface Connection {
  open(request: CallRequest, answer: AnswerSink): OutgoingCall;
  /** Calls `answered` when the server is known to be there. */
  ping(answered: () => void): void;
  /** Ends every call as lost. Idempotent. */
  close(reason: Error): void;
}

/** How servers are reached: over sockets, or in this process. */
export interface Connector {
  /**
   * Resolves once calls can be made; rejects when it cannot be had. `onClosed` is called once, when it takes no more calls, also
   * after `close`; calls that run may go on. Aborting `signal` gives the attempt up.
   */
  connect(endpoint: Endpoint, options: { readonly onClosed: (reason: Error) => void; readonly signal: AbortSignal }): Promise<Connection>;
}

/** Where a server listens. */
export interface Endpoint {
  readonly isSecure: boolean;
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * `http://HOST:PORT`, `https://HOST:PORT`, or `HOST:PORT`, which is in the clear. Throws TypeError for anything else; a user and a
 * password in it are refused, because endpoints are shown in messages.
 */
export function endpointOf(text: string): Endpoint {
  const full = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url !== undefined && (url.username !== '' || url.password !== '')) throw new TypeError('a server of etcd is named with a user in it');
  if (url === undefined || !/^https?:$/.test(url.protocol) || !/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '')
    throw new TypeError(`"${text}" is no server of etcd: http://HOST:PORT or https://HOST:PORT`);
  const isSecure = url.protocol === 'https:';
  const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port);
  return { isSecure, host: url.hostname.replace(/^\[|\]$/g, ''), port };
}

/** As it is shown, and as `endpointOf` reads it. */
export function endpointText({ isSecure, host, port }: Endpoint): string {
  return `${isSecure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
