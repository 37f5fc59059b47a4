export { deepFreeze, type Frozen } from './frozen.ts';
export {
  type ApiRequest,
  type ApiResponse,
  type Body,
  type ExchangeOptions,
  type Method,
  type Query,
  type Transport,
  TransportError,
  type WatchFrame,
  type WireHeaders,
} from './transport.ts';
