export { Http2Connection, type Http2ConnectionOptions, type Http2Request, type Http2Wire } from './http2-connection.ts';
export type { Http2Stream } from './http2-stream.ts';
export type { HeaderFields, RequestHead } from './request-head.ts';
