/**
 * A server of pods and nothing else, in a process of its own, the same for every client that is measured: lists, streamed lists and watches
 * over HTTP/1.1, and over HTTP/2 in TLS; with a second argument `protobuf`, watches are in protobuf for who asks for it. `POST /send?events=N` sends so many changes to every watch, as fast as they are taken. Prints
 * its two ports.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { builtInTypes, encodeProtobuf, encodeWatchEvent } from '@coracle/api';
import { ownCertificate } from '../own-certificate.ts';
import { firstVersion, pod } from './pods.ts';

const count = Number(process.argv[2]);
const chunkBytes = 64 << 10;

const hasProtobuf = process.argv[3] === 'protobuf';

/** A change of a pod as it goes over the wire, and where what changes stands in it. */
interface Change {
  readonly bytes: Buffer;
  /** Of the version, and of the last digits of the container's id in the status. */
  readonly places: readonly number[];
}

const digits = String(firstVersion).length;
const containerIdBytes = 'containerd://'.length + 64;

function changeOf(bytes: Buffer): Change {
  const containerId = bytes.indexOf('containerd://');
  return { bytes, places: [bytes.indexOf(String(firstVersion)), containerId + containerIdBytes - digits] };
}

const texts = Array.from({ length: count }, (_, i) => JSON.stringify(pod(i)));
const inJson = texts.map((text) => changeOf(Buffer.from(`{"type":"MODIFIED","object":${text}}\n`)));
const inProtobuf = hasProtobuf ? texts.map((_, i) => changeOf(protobufFrame('MODIFIED', pod(i)))) : [];
/** Each with whether it is in protobuf. */
const watches = new Map<ServerResponse, boolean>();
let version = firstVersion;

/** Resolves when more can be written, or the client has gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      response.off('drain', end);
      response.off('close', end);
      resolve();
    };
    response.once('drain', end);
    response.once('close', end);
  });
}

/** An event of a watch in protobuf, behind its length. */
function protobufFrame(type: string, object: object): Buffer {
  const event = encodeWatchEvent(type, encodeProtobuf(builtInTypes, 'core.v1.Pod', { ...object }));
  const frame = Buffer.alloc(4 + event.length);
  frame.writeUInt32BE(event.length);
  frame.set(event, 4);
  return frame;
}

async function write(response: ServerResponse, parts: Iterable<Buffer>): Promise<void> {
  let waiting: Buffer[] = [];
  let length = 0;
  const flush = async (): Promise<void> => {
    const full = !response.write(Buffer.concat(waiting));
    waiting = [];
    length = 0;
    if (full && !response.destroyed) await drained(response);
  };
  for (const part of parts) {
    waiting.push(part);
    length += part.length;
    if (length >= chunkBytes) await flush();
    if (response.destroyed) return;
  }
  if (waiting.length > 0) await flush();
}

function* initialFrames(): Generator<Buffer, void, undefined> {
  for (let i = 0; i < count; i++) yield protobufFrame('ADDED', pod(i));
  const annotations = { 'k8s.io/initial-events-end': 'true' };
  yield protobufFrame('BOOKMARK', { kind: 'Pod', apiVersion: 'v1', metadata: { resourceVersion: String(firstVersion), annotations } });
}

function* initialEvents(): Generator<Buffer, void, undefined> {
  for (const text of texts) yield Buffer.from(`{"type":"ADDED","object":${text}}\n`);
  const metadata = `{"resourceVersion":"${firstVersion}","annotations":{"k8s.io/initial-events-end":"true"}}`;
  yield Buffer.from(`{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":${metadata}}}\n`);
}

/** In each, the version and the status are others than before, and the rest is the same. */
function* changes(events: number, of: readonly Change[]): Generator<Buffer, void, undefined> {
  for (let i = 0; i < events; i++) {
    const { bytes, places } = of[i % count] ?? { bytes: Buffer.alloc(0), places: [] };
    const event = Buffer.from(bytes);
    const next = String(++version);
    for (const place of places) event.write(next, place);
    yield event;
  }
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://server');
  const json = { 'content-type': 'application/json' };
  if (pathname === '/send') {
    const events = Number(searchParams.get('events'));
    const all = [...watches].map(([watch, protobuf]) => write(watch, changes(events, protobuf ? inProtobuf : inJson)));
    Promise.all(all).then(
      () => response.end(`${all.length}`),
      () => response.destroy(),
    );
  } else if (pathname !== '/api/v1/pods') {
    response
      .writeHead(404, json)
      .end('{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","reason":"NotFound","code":404}');
  } else if (searchParams.get('watch') === 'true' || searchParams.get('watch') === '1') {
    const protobuf = hasProtobuf && request.headers.accept?.includes('protobuf') === true;
    response.writeHead(200, protobuf ? { 'content-type': 'application/vnd.kubernetes.protobuf;stream=watch' } : json).flushHeaders();
    const begun =
      searchParams.get('sendInitialEvents') === 'true' ? write(response, protobuf ? initialFrames() : initialEvents()) : Promise.resolve();
    begun.then(
      () => watches.set(response, protobuf),
      () => response.destroy(),
    );
    response.once('close', () => watches.delete(response));
  } else {
    const from = Number(searchParams.get('continue') ?? 0);
    const limit = Number(searchParams.get('limit') ?? 0) || count;
    const items = texts.slice(from, from + limit);
    const more = from + limit < count ? `,"continue":"${from + limit}"` : '';
    response.writeHead(200, json);
    response.end(
      `{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"${firstVersion}"${more}},"items":[${items.join(',')}]}`,
    );
  }
}

const { keys, certificate } = ownCertificate('pods');
const plain = createServer(answer).listen(0, '127.0.0.1');
const secure = createSecureServer({ key: keys.privateKey, cert: certificate }, (request, response) => {
  // What Node's server of HTTP/2 gives is, as far as it is used here, what its server of HTTP/1.1 gives.
  answer(request as unknown as IncomingMessage, response as unknown as ServerResponse);
});
secure.listen(0, '127.0.0.1', () => {
  const [http, https] = [plain, secure].map((server) => (server.address() as AddressInfo).port); // they listen on TCP
  console.log(JSON.stringify({ http: `http://127.0.0.1:${http}`, https: `https://127.0.0.1:${https}` }));
});
