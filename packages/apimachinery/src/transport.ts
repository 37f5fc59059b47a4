import type { ByteDuplex } from '@coracle/kernel';
import type { Frozen } from './frozen.ts';
import { getOwn } from './maps.ts';
import type { GroupVersionKind } from './meta.ts';

/** What is to be done, as HTTP names it. */
export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

/** Query parameters in order; a name may come several times (`command` of exec does). */
export type Query = readonly (readonly [name: string, value: string])[];

/** Header names are lower case. A header sent several times has its values joined with ", ". */
export type WireHeaders = Readonly<Record<string, string>>;

/**
 * What a request or an answer carries. `object` is the in-process form: a frozen object in the wire's spelling, never
 * copied. `bytes` is what a socket saw. `stream` is for answers without an end (logs -f, proxies).
 */
export type Body =
  | { readonly form: 'bytes'; readonly contentType: string; readonly bytes: Uint8Array }
  | { readonly form: 'object'; readonly object: Frozen<unknown> }
  | { readonly form: 'stream'; readonly contentType: string; readonly chunks: AsyncIterable<Uint8Array> };

/** One request to an API server, in whatever way it gets there. */
export interface ApiRequest {
  readonly method: Method;
  /** Absolute path, percent-encoded, without the query. */
  readonly path: string;
  readonly query: Query;
  readonly headers: WireHeaders;
  /**
   * Headers that are sent several times: `Impersonate-Group` is, once for each group. Who sends a request puts none of them into
   * `headers`; who serves it finds them there too, joined.
   */
  readonly repeatedHeaders?: Readonly<Record<string, readonly string[]>>;
  readonly body?: Body;
}

/** All headers of a request as a server reads them: the values of those that were sent several times joined with ", ". */
export function joinedHeaders({ headers, repeatedHeaders }: Pick<ApiRequest, 'headers' | 'repeatedHeaders'>): WireHeaders {
  if (repeatedHeaders === undefined) return headers;
  return { ...headers, ...Object.fromEntries(Object.entries(repeatedHeaders).map(([name, values]) => [name, values.join(', ')])) };
}

/** The values of a header, each as it was sent: one may hold ", " itself. `name` is lower case. */
export function headerValues(request: Pick<ApiRequest, 'headers' | 'repeatedHeaders'>, name: string): readonly string[] {
  const repeated = getOwn(request.repeatedHeaders, name);
  if (repeated !== undefined) return repeated;
  const value = getOwn(request.headers, name);
  return value === undefined ? [] : [value];
}

/** One event of a watch: `object` is what changed, a bookmark, or a Status after which the watch ends. */
export interface WatchFrame {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: Frozen<unknown>;
}

/**
 * Watch events come in batches; a batch is one step of the receiver. Returning from the iteration early ends the watch
 * at the server too.
 */
export type ApiResponse = {
  readonly status: number;
  readonly headers: WireHeaders;
} & ({ readonly body: Body } | { readonly events: AsyncIterable<readonly WatchFrame[]> });

/** How a request is made, whatever it asks for. The signal ends it, or the watch that it began. */
export interface ExchangeOptions {
  readonly signal?: AbortSignal | undefined;
  /** Integers beyond 2^53 in the objects of watch events become bigint. Default false. */
  readonly bigints?: boolean | undefined;
  /** The kind of the objects that are asked for, by a list or a watch too. Over a wire, built-in ones may come as protobuf. */
  readonly kind?: GroupVersionKind | undefined;
  /** Objects of lists and watches may come without `metadata.managedFields`, which then need not be read. Default false. */
  readonly withoutManagedFields?: boolean | undefined;
  /**
   * An earlier state of an object that is about to be given, where the caller has one; '' is the namespace of an object without one. What
   * has not changed since is not looked at again, and can be the same in both.
   */
  readonly previous?: ((namespace: string, name: string) => object | undefined) | undefined;
}

/**
 * The way to an API server, made for one caller. Two implementations, in process and HTTP, are held equal by one
 * contract suite. A refusal by the server is a response; only the lack of an answer is a `TransportError`.
 */
export interface Transport {
  /** Name and port of the server, for metrics. Absent in process. */
  readonly host?: string | undefined;
  exchange(request: ApiRequest, options?: ExchangeOptions): Promise<ApiResponse>;
  /** For exec, attach and port-forward: the connection after `101 Switching Protocols`. */
  upgrade(request: ApiRequest, options?: ExchangeOptions): Promise<{ readonly protocol: string; readonly duplex: ByteDuplex }>;
}

/** The connection broke. `executed` says whether the server may have carried the request out. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly executed: 'no' | 'unknown';
  constructor(message: string, options: ErrorOptions & { readonly executed: 'no' | 'unknown' }) {
    super(message, options);
    this.executed = options.executed;
  }
}
