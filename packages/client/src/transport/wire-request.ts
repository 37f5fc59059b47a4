import type { ApiRequest, Transport } from '@coracle/apimachinery';

/** What goes to a transport. */
export type WireRequest = ApiRequest;

/** Stands between a caller and a transport, and adds to each request (net/http RoundTripper). */
export type RoundTripper = (next: Transport) => Transport;

/** A round tripper that changes requests only. */
export function changingRequests(change: (request: WireRequest) => WireRequest | Promise<WireRequest>): RoundTripper {
  return (next) => ({
    exchange: async (request, options) => next.exchange(await change(request), options),
    upgrade: async (request, options) => next.upgrade(await change(request), options),
  });
}
