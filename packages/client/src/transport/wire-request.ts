import type { ApiRequest, ExchangeOptions, Transport } from '@coracle/apimachinery';
import type { ProtobufForm } from './protobuf-forms.ts';

/** What goes to a transport. */
export type WireRequest = ApiRequest;

/** How a request is made over a wire. */
export interface WireOptions extends ExchangeOptions {
  /** How an answer in protobuf is read; without it, it is left as it is. */
  readonly form?: ProtobufForm | undefined;
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
