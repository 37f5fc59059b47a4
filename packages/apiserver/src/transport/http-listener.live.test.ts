import assert from 'node:assert/strict';
import { type ClientHttp2Session, connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2';
import { request as requestHttp1 } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { ApiRequest, ApiResponse } from '@coracle/apimachinery';
import { LiveRuntime } from '@coracle/kernel';
import type { Credentials } from '../authentication/authenticator.ts';
import { createCertificate, type KeyPair, type Subject } from '../pki/certificate.ts';
import { liveKeySource } from '../pki/live-key-source.ts';
import { type HttpListener, listenHttp } from './http-listener.ts';

const authority: Subject = { commonName: 'authority' };
const authorityKeys = liveKeySource.keyPair();
let serials = 1;

function issue(subject: Subject, usage: 'ca' | 'server' | 'client', keys: KeyPair, signer: KeyPair = authorityKeys): string {
  const options = { subject, keys, issuer: { subject: authority, keys: signer }, serial: Uint8Array.of(serials++), usage };
  return createCertificate({
    ...options,
    notBeforeMs: Date.now() - 60_000,
    notAfterMs: Date.now() + 3_600_000,
    hosts: usage === 'server' ? ['127.0.0.1'] : [],
  });
}

interface Seen {
  readonly request: ApiRequest;
  readonly credentials: Credentials;
}

describe('listenHttp()', () => {
  const runtime = new LiveRuntime();
  const seen: Seen[] = [];
  const ca = issue(authority, 'ca', authorityKeys);
  const serverKeys = liveKeySource.keyPair();
  const maxBodyBytes = 1_000;
  let listener: HttpListener;
  let watches = 0;

  /** Answers what it was asked; /watch never ends by itself. */
  const serve = async (
    request: ApiRequest,
    credentials: Credentials,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<ApiResponse> => {
    seen.push({ request, credentials });
    if (request.path !== '/watch')
      return {
        status: 200,
        headers: {},
        body: { form: 'bytes', contentType: 'text/plain', bytes: Buffer.from(`${request.method} ${request.path}`) },
      };
    async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
      watches++;
      yield Buffer.from('first\n');
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      watches--;
    }
    return { status: 200, headers: {}, body: { form: 'stream', contentType: 'application/json', chunks: chunks() } };
  };

  const listen = (): Promise<HttpListener> =>
    listenHttp({
      process: runtime.process('listener'),
      serve,
      host: '127.0.0.1',
      port: 0,
      certificate: issue({ commonName: 'server' }, 'server', serverKeys),
      privateKey: serverKeys.privateKey,
      clientAuthority: ca,
      maxBodyBytes,
    });

  before(async () => {
    listener = await listen();
  });
  after(() => listener.close());

  const dial = (options: object = {}): ClientHttp2Session => connectHttp2(`https://127.0.0.1:${listener.port}`, { ca, ...options });

  function askHttp2(
    session: ClientHttp2Session,
    headers: OutgoingHttpHeaders,
    body?: Uint8Array,
  ): Promise<{ readonly status: number; readonly text: string }> {
    return new Promise((resolve, reject) => {
      const stream = session.request(headers);
      let status = 0;
      let text = '';
      stream.on('response', (answer) => {
        status = answer[':status'] ?? 0;
      });
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      stream.on('end', () => resolve({ status, text }));
      stream.on('error', reject);
      stream.end(body);
    });
  }

  function askHttp1(
    options: object,
    body?: Uint8Array,
  ): Promise<{ readonly status: number; readonly text: string; readonly headers: NodeJS.Dict<string | string[]> }> {
    return new Promise((resolve, reject) => {
      const request = requestHttp1({ host: '127.0.0.1', port: listener.port, ca, agent: false, ...options }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  test('serves HTTP/2 and HTTP/1.1 on one port', async () => {
    const session = dial();
    assert.deepEqual(await askHttp2(session, { ':path': '/a?x=1' }), { status: 200, text: 'GET /a' });
    session.close();
    assert.deepEqual(seen.at(-1)?.request.query, [['x', '1']]);
    const { status, text } = await askHttp1({ path: '/b', method: 'POST' }, Buffer.from('{}'));
    assert.deepEqual([status, text], [200, 'POST /b']);
  });

  test('a client certificate of the authority names the caller, for every request of the connection', async () => {
    const keys = liveKeySource.keyPair();
    const cert = issue({ commonName: 'mira', organizations: ['one', 'two'] }, 'client', keys);
    const session = dial({ cert, key: keys.privateKey });
    await askHttp2(session, { ':path': '/1' });
    await askHttp2(session, { ':path': '/2' });
    session.close();
    for (const { credentials } of seen.slice(-2))
      assert.deepEqual(credentials.certificate, { commonName: 'mira', organizations: ['one', 'two'] });
    await askHttp1({ path: '/3', cert, key: keys.privateKey });
    assert.equal(seen.at(-1)?.credentials.certificate?.commonName, 'mira');
  });

  test('a certificate of somebody else is as good as none', async () => {
    const [keys, stranger] = [liveKeySource.keyPair(), liveKeySource.keyPair()];
    const session = dial({ cert: issue({ commonName: 'eve' }, 'client', keys, stranger), key: keys.privateKey });
    await askHttp2(session, { ':path': '/' });
    session.close();
    assert.equal(seen.at(-1)?.credentials.certificate, undefined);
  });

  test('a body beyond the limit is refused with a Status', async () => {
    const session = dial();
    const { status, text } = await askHttp2(session, { ':path': '/big', ':method': 'POST' }, Buffer.alloc(maxBodyBytes + 1));
    session.close();
    assert.equal(status, 413);
    const answer = JSON.parse(text) as { readonly kind: string; readonly message: string };
    assert.deepEqual([answer.kind, answer.message], ['Status', `Request entity too large: limit is ${maxBodyBytes}`]);
  });

  test('headers beyond the limit are refused', async () => {
    const { status } = await askHttp1({ path: '/', headers: { 'x-long': 'x'.repeat(20_000) } });
    assert.equal(status, 431);
  });

  test('HEAD has no body, OPTIONS and unknown methods reach their answers', async () => {
    const head = await askHttp1({ path: '/head', method: 'HEAD' });
    assert.deepEqual([head.status, head.text], [200, '']);
    assert.equal((await askHttp1({ path: '/o', method: 'OPTIONS' })).text, 'OPTIONS /o');
    assert.equal((await askHttp1({ path: '/t', method: 'TRACE' })).status, 405);
  });

  test('a request to upgrade is answered as a request: the connection stays what it is', async () => {
    const { status } = await askHttp1({ path: '/exec', headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1' } });
    assert.equal(status, 200);
  });

  test('what is no TLS ends that connection alone', async () => {
    const socket = connectTls({ host: '127.0.0.1', port: listener.port, ca, ALPNProtocols: ['none'] });
    await new Promise<void>((resolve) => {
      socket.on('error', () => resolve());
      socket.on('close', () => resolve());
      socket.on('secureConnect', () => socket.end());
    });
    assert.equal((await askHttp1({ path: '/still' })).status, 200);
  });

  test('a client that leaves ends its watch', async () => {
    const session = dial();
    const stream = session.request({ ':path': '/watch' });
    await new Promise((resolve) => stream.once('data', resolve));
    assert.equal(watches, 1);
    stream.close();
    await new Promise((resolve) => stream.once('close', resolve));
    await until(() => watches === 0);
    session.close();
  });

  test('close() ends open watches and frees the port', async () => {
    const session = dial();
    session.on('error', () => undefined); // the server goes away
    const stream = session.request({ ':path': '/watch' });
    stream.on('error', () => undefined);
    await new Promise((resolve) => stream.once('data', resolve));
    const { port } = listener;
    await listener.close();
    await until(() => watches === 0);
    await assert.rejects(askHttp1({ path: '/', port }), { code: 'ECONNREFUSED' });
    listener = await listen();
  });
});

/** Turns of the event loop until `holds`: what is waited for follows from what happened. */
async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns++) {
    assert.ok(turns < 10_000, 'it never came');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
