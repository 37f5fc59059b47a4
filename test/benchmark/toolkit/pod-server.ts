/**
 * A server of pods and nothing else, in a process of its own, the same for every client that is measured: lists, streamed lists and watches
 * over HTTP/1.1, and over HTTP/2 in TLS. `POST /send?events=N` sends so many changes to every watch, as fast as they are taken. Prints
 * its two ports.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { ownCertificate } from '../own-certificate.ts';
import { firstVersion, pod } from './pods.ts';

const count = Number(process.argv[2]);
const chunkBytes = 64 << 10;

/** Each pod as text, split where its version stands. */
const pods = Array.from({ length: count }, (_, i) => JSON.stringify(pod(i)).split(String(firstVersion)) as [string, string]);
const texts = pods.map((parts) => parts.join(String(firstVersion)));
const watches = new Set<ServerResponse>();
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

async function write(response: ServerResponse, lines: Iterable<string>): Promise<void> {
  let waiting: string[] = [];
  let length = 0;
  const flush = async (): Promise<void> => {
    const full = !response.write(waiting.join(''));
    waiting = [];
    length = 0;
    if (full && !response.destroyed) await drained(response);
  };
  for (const line of lines) {
    waiting.push(line);
    length += line.length;
    if (length >= chunkBytes) await flush();
    if (response.destroyed) return;
  }
  await flush();
}

function* initialEvents(): Generator<string, void, undefined> {
  for (const text of texts) yield `{"type":"ADDED","object":${text}}\n`;
  yield `{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"${firstVersion}","annotations":{"k8s.io/initial-events-end":"true"}}}}\n`;
}

function* changes(events: number): Generator<string, void, undefined> {
  for (let i = 0; i < events; i++) {
    const [before, after] = pods[i % count] ?? ['', ''];
    yield `{"type":"MODIFIED","object":${before}${++version}${after}}\n`;
  }
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://server');
  const json = { 'content-type': 'application/json' };
  if (pathname === '/send') {
    const all = [...watches].map((watch) => write(watch, changes(Number(searchParams.get('events')))));
    Promise.all(all).then(
      () => response.end(`${all.length}`),
      () => response.destroy(),
    );
  } else if (pathname !== '/api/v1/pods') {
    response
      .writeHead(404, json)
      .end('{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","reason":"NotFound","code":404}');
  } else if (searchParams.get('watch') === 'true' || searchParams.get('watch') === '1') {
    response.writeHead(200, json).flushHeaders();
    const begun = searchParams.get('sendInitialEvents') === 'true' ? write(response, initialEvents()) : Promise.resolve();
    begun.then(
      () => watches.add(response),
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
