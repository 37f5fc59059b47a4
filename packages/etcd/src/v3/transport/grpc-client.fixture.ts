import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { FrameReader } from '../grpc/frame.ts';
import { frameOf } from '../grpc/memory-stream.fixture.ts';
import { decodeGrpcMessage } from '../grpc/status.ts';

/** What came of a call. */
export interface Outcome {
  readonly messages: readonly Buffer[];
  readonly status: string;
  readonly text: string;
  /** There were headers and nothing else. */
  readonly isTrailersOnly: boolean;
}

/** A session whose end is told by its streams. */
export function sessionTo(url: string, options: object = {}): ClientHttp2Session {
  const session = connect(url, options);
  session.on('error', () => undefined);
  return session;
}

export function openCall(session: ClientHttp2Session, path: string, headers: object = {}): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/${path}`,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.on('error', () => undefined);
  return stream;
}

/** Rejects when the stream ends without a status. */
export function outcomeOf(stream: ClientHttp2Stream): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const messages: Buffer[] = [];
    const frames = new FrameReader(Number.MAX_SAFE_INTEGER);
    let head: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders | undefined;
    stream.on('response', (headers) => (head = headers));
    stream.on('trailers', (headers) => (trailers = headers));
    stream.on('data', (chunk: Buffer) => frames.push(chunk, (message) => messages.push(Buffer.from(message))));
    stream.on('close', () => {
      const of = trailers ?? head;
      const status = of['grpc-status'];
      const message = of['grpc-message'];
      if (typeof status !== 'string') reject(new Error(`no status, but reset ${stream.rstCode}`));
      else {
        const text = decodeGrpcMessage(typeof message === 'string' ? message : '');
        resolve({ messages, status, text, isTrailersOnly: trailers === undefined });
      }
    });
  });
}

export function callUnary(session: ClientHttp2Session, path: string, request: Uint8Array, headers: object = {}): Promise<Outcome> {
  const stream = openCall(session, path, headers);
  stream.end(frameOf(request));
  return outcomeOf(stream);
}
