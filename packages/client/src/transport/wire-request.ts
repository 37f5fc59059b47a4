import type { ApiRequest, Transport } from '@coracle/apimachinery';

/** A request with headers that come several times: `Impersonate-Group` does, and a list in one line would be one group. */
export interface WireRequest extends ApiRequest {
  readonly repeatedHeaders?: Readonly<Record<string, readonly string[]>>;
}

/** Stands between a caller and a transport, and adds to each request (net/http RoundTripper). */
export type RoundTripper = (next: Transport) => Transport;

/** A round tripper that changes requests only. */
export function changingRequests(change: (request: WireRequest) => WireRequest | Promise<WireRequest>): RoundTripper {
  return (next) => ({
    exchange: async (request, options) => next.exchange(await change(request), options),
    upgrade: async (request, options) => next.upgrade(await change(request), options),
  });
}
