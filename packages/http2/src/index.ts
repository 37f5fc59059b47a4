export { errorCode } from './frames.ts';
export type { Http2Connection } from './http2-connection.ts';
export type { BodySink, Http2Stream, StreamHandler } from './http2-stream.ts';
export type { HeaderFields, RequestHead } from './request-head.ts';
export { type HeaderBlock, responseHead, trailerBlock } from './response-head.ts';
export { type ServeHttp2Options, serveHttp2 } from './transport/socket.ts';
export { type Http2Request, wholeRequests } from './whole-request.ts';
