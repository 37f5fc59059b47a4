import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { request as plainRequest } from 'node:http';
import { Agent, request as secureRequest } from 'node:https';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { LiveRuntime, type Process } from '@coracle/kernel';
import { TestAuthority } from '../fixtures/certificates.ts';
import { HttpServer, type HttpServerOptions } from './http-server.ts';
import { ServingCertificate } from './serving-certificate.ts';
import type { TlsSettings } from './tls-listener.ts';

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly certificate: PeerCertificate;
}

type Client = {
  readonly ca?: string;
  readonly maxVersion?: 'TLSv1.2';
  readonly method?: string;
  readonly headers?: Record<string, string>;
};

/** One request on a connection of its own; trusts whom `ca` names, without it anybody. */
function fetched(port: number, path: string, client: Client = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false, rejectUnauthorized: client.ca !== undefined });
    const sent = secureRequest({ host: '127.0.0.1', port, path, agent, ...client }, (answer) => {
      const certificate = (answer.socket as TLSSocket).getPeerCertificate();
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString(), certificate }));
    });
    sent.once('error', reject).end();
  });
}

/** A server that runs until the block ends. */
async function serving(
  options: Omit<HttpServerOptions, 'name' | 'port'>,
): Promise<AsyncDisposable & { readonly port: number; stop(): Promise<void> }> {
  const server = new HttpServer({ name: 'metrics', port: 0, ...options });
  const ended = new AbortController();
  const running = server.run(ended.signal);
  running.catch(() => undefined); // the address tells it
  const { port } = await server.address;
  const stop = async (): Promise<void> => {
    ended.abort();
    await running;
  };
  return { port, stop, [Symbol.asyncDispose]: stop };
}

const hello = async (): Promise<{ status: number; headers: Record<string, string>; body: string }> => ({
  status: 200,
  headers: {},
  body: 'hello',
});

describe('HttpServer over TLS', () => {
  const secure = (process: Process, certDir?: string, tls: TlsSettings = {}): Omit<HttpServerOptions, 'name' | 'port'> => ({
    certificates: new ServingCertificate({ process, certDir, intervalMs: 20 }),
    tls,
    answer: hello,
  });

  test('makes a certificate for localhost when it is given none', async () => {
    await using process = new LiveRuntime().process('metrics');
    await using server = await serving(secure(process));
    const { status, body, certificate } = await fetched(server.port, '/metrics');
    assert.deepEqual([status, body, certificate.subjectaltname], [200, 'hello', 'DNS:localhost, IP Address:127.0.0.1']);
    const days = (Date.parse(certificate.valid_to) - Date.parse(certificate.valid_from)) / 86_400_000;
    assert.ok(days === 365 && Date.parse(certificate.valid_from) < Date.now(), `${certificate.valid_from} to ${certificate.valid_to}`);
    const pem = `-----BEGIN CERTIFICATE-----\n${certificate.raw.toString('base64')}\n-----END CERTIFICATE-----\n`;
    assert.equal((await fetched(server.port, '/', { ca: pem })).status, 200);
    await assert.rejects(fetched(server.port, '/', { ca: '' }), /self-signed certificate/);
    await using another = await serving(secure(process));
    assert.notEqual((await fetched(another.port, '/')).certificate.serialNumber, certificate.serialNumber);
  });

  test('serves the certificate of its files, and what replaces it', async () => {
    await using process = new LiveRuntime().process('metrics');
    await using authority = await TestAuthority.make(process);
    await authority.install(authority.issue('first', 'server'));
    await using server = await serving(secure(process, authority.directory));
    const client = { ca: authority.certificate };
    assert.equal((await fetched(server.port, '/', client)).certificate.subject.CN, 'first');
    await writeFile(authority.keyFile, 'half of it');
    await until(process, () => /^certwatcher_read_certificate_errors_total [1-9]/m.test(process.metrics.text()));
    assert.equal((await fetched(server.port, '/', client)).certificate.subject.CN, 'first');
    await authority.install(authority.issue('second', 'server'));
    await until(process, async () => (await fetched(server.port, '/', client)).certificate.subject.CN === 'second');
    assert.match(process.metrics.text(), /^certwatcher_read_certificate_total [1-9]/m);
  });

  test('makes one, and says so, when one of the files is not there; does not run when they are not of one pair', async () => {
    const warned: string[] = [];
    await using process = new LiveRuntime({ log: ({ message }) => warned.push(message) }).process('metrics');
    await using authority = await TestAuthority.make(process);
    await authority.install(authority.issue('first', 'server'));
    await rm(authority.keyFile);
    {
      await using server = await serving(secure(process, authority.directory));
      assert.equal((await fetched(server.port, '/')).certificate.subjectaltname, 'DNS:localhost, IP Address:127.0.0.1');
      assert.deepEqual(warned, ['There is no certificate to serve with: one is made that nobody vouches for']);
    }
    await writeFile(authority.keyFile, authority.issue('another', 'server').privateKey);
    await assert.rejects(serving(secure(process, authority.directory)), /key values mismatch/);
  });

  test('speaks no older TLS than it is told', async () => {
    await using process = new LiveRuntime().process('metrics');
    await using server = await serving(secure(process));
    assert.equal((await fetched(server.port, '/', { maxVersion: 'TLSv1.2' })).status, 200);
    await using strict = await serving(secure(process, undefined, { minVersion: 'TLSv1.3' }));
    await assert.rejects(fetched(strict.port, '/', { maxVersion: 'TLSv1.2' }), /protocol version/);
    assert.equal((await fetched(strict.port, '/')).status, 200);
    const nonsense = new HttpServer({ name: 'x', port: 0, ...secure(process, undefined, { ciphers: 'none' }) });
    await assert.rejects(nonsense.run(process.signal), /no cipher match/i);
    await assert.rejects(nonsense.ready(), /no cipher match/i);
  });

  test('does not wait at a stop for who connected and said nothing', async () => {
    await using process = new LiveRuntime().process('metrics');
    const server = await serving(secure(process));
    const silent = connect({ host: '127.0.0.1', port: server.port });
    silent.on('error', () => undefined); // it is cut
    await fetched(server.port, '/');
    const cut = new Promise<void>((resolve) => silent.once('close', () => resolve()));
    await Promise.all([server.stop(), cut]);
  });
});

describe('HttpServer', () => {
  test('leaves methods to who answers when it is told so, and tells it headers', async () => {
    await using process = new LiveRuntime().process('metrics');
    await using server = await serving({
      certificates: new ServingCertificate({ process }),
      methods: 'any',
      answer: async ({ method, headers }) => ({ status: 200, headers: {}, body: `${method} ${headers['authorization']}` }),
    });
    const sent = { method: 'POST', headers: { Authorization: 'Bearer x' } };
    assert.equal((await fetched(server.port, '/', sent)).body, 'POST Bearer x');
  });

  test('tells who answers that the caller has gone, and waits for it at a stop', async () => {
    const begun = Promise.withResolvers<void>();
    const told: string[] = [];
    const server = await serving({
      async answer({ signal }) {
        begun.resolve();
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        told.push(String(signal.reason));
        throw new Error('too late');
      },
    });
    const sent = plainRequest({ host: '127.0.0.1', port: server.port, path: '/', agent: false });
    const cut = new Promise<Error>((resolve) => sent.once('error', resolve));
    sent.end();
    await begun.promise;
    await server.stop();
    assert.deepEqual(told, ['Error: The client has gone']);
    assert.match((await cut).message, /socket hang up|ECONNRESET/);
  });
});

async function until(process: Process, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await isSo()) return;
    await process.clock.sleep(10);
  }
  assert.fail('it did not come to it');
}
