import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { Agent, request, type RequestOptions } from 'node:https';
import path from 'node:path';
import { describe, test } from 'node:test';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { type ObjectMeta, writeJson } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { LiveRuntime } from '@coracle/kernel';
import { TestAuthority } from '../fixtures/certificates.ts';
import { HttpServer } from '../transport/http-server.ts';
import { WebhookServer } from './webhook-server.ts';

const { deployments } = resources.apps.v1;

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly serial: string;
}

/** One request on a connection of its own. */
function post(port: number, url: string, body: string | Buffer, options: RequestOptions): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false });
    const headers = { 'content-type': 'application/json' };
    const sent = request({ host: '127.0.0.1', port, path: url, method: 'POST', headers, agent, ...options }, (answer) => {
      const { serialNumber }: PeerCertificate = (answer.socket as TLSSocket).getPeerCertificate();
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString(), serial: serialNumber }));
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

const review = (object: object): string =>
  writeJson({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: { uid: 'u', operation: 'CREATE', object } });

describe('WebhookServer over HTTPS', () => {
  test('answers reviews, exchanges its certificate without a pause, and wants a client’s where it is told so', async () => {
    await using process = new LiveRuntime().process('webhook');
    await using authority = await TestAuthority.make(process);
    const first = authority.issue('webhook', 'server');
    await authority.install(first);
    const server = new WebhookServer({
      process,
      host: '127.0.0.1',
      port: 0,
      certificateFile: authority.certificateFile,
      keyFile: authority.keyFile,
      certificateIntervalMs: 20,
    });
    const checked = server.validate(deployments, {
      create({ metadata }) {
        if (metadata.name === 'no') throw new Error('not this one');
      },
    });
    const mutated = server.mutate(deployments, (object) => ({
      ...object,
      metadata: { ...object.metadata, labels: { a: 'b' } } as ObjectMeta,
    }));
    assert.deepEqual([checked, mutated], ['/validate-apps-v1-deployment', '/mutate-apps-v1-deployment']);
    assert.throws(() => server.startedCheck(), /has not been started yet/);
    const stop = new AbortController();
    const running = server.run(stop.signal);
    const { port } = await server.address;
    await server.startedCheck();
    const trusting = { ca: authority.certificate };

    const denied = await post(port, checked, review({ metadata: { name: 'no' } }), trusting);
    assert.match(denied.body, /"allowed":false.*"message":"not this one"/);
    const patched = await post(port, mutated, review({ metadata: { name: 'a' } }), trusting);
    assert.match(patched.body, /"patchType":"JSONPatch"/);
    assert.equal((await post(port, '/none', '', trusting)).status, 404);
    const tooLong = await post(port, checked, Buffer.alloc(8 * 1024 * 1024), trusting).catch((error: unknown) => error);
    // The answer, or a connection that was closed while we still wrote.
    if (!(tooLong instanceof Error)) assert.match((tooLong as Reply).body, /"code":413/);
    await assert.rejects(post(port, checked, review({}), { rejectUnauthorized: true }), /self-signed|unable to (get|verify)/);

    await authority.install(authority.issue('webhook', 'server'));
    let replaced = await post(port, checked, review({ metadata: { name: 'a' } }), trusting);
    for (let i = 0; i < 100 && replaced.serial === denied.serial; i++) {
      await process.clock.sleep(20);
      replaced = await post(port, checked, review({ metadata: { name: 'a' } }), trusting);
    }
    assert.notEqual(replaced.serial, denied.serial);
    stop.abort();
    await running;
    await assert.rejects(post(port, checked, '', trusting), /ECONNREFUSED/);

    const clientAuthorityFile = path.join(authority.directory, 'ca.crt');
    await writeFile(clientAuthorityFile, authority.certificate);
    const strict = new WebhookServer({ process, host: '127.0.0.1', port: 0, ...filesOf(authority), clientAuthorityFile });
    strict.validate(deployments, {});
    const strictStop = new AbortController();
    const strictRunning = strict.run(strictStop.signal);
    const strictPort = (await strict.address).port;
    await assert.rejects(post(strictPort, checked, review({ metadata: {} }), trusting), /certificate required|ECONNRESET|socket hang up/);
    const client = authority.issue('api server', 'client');
    const known = await post(strictPort, checked, review({ metadata: {} }), {
      ...trusting,
      cert: client.certificate,
      key: client.privateKey,
    });
    assert.match(known.body, /"allowed":true/);
    strictStop.abort();
    await strictRunning;
  });

  test('does not run without a certificate', async () => {
    await using process = new LiveRuntime().process('webhook');
    const server = new WebhookServer({ process, host: '127.0.0.1', port: 0, certificateFile: '/none/tls.crt', keyFile: '/none/tls.key' });
    await assert.rejects(server.run(process.signal), /ENOENT/);
    await assert.rejects(server.ready(), /ENOENT/);
  });

  test('refuses a path that is taken', async () => {
    await using process = new LiveRuntime().process('webhook');
    const server = new WebhookServer({ process, certificateFile: '', keyFile: '' });
    server.validate(deployments, {});
    assert.throws(() => server.validate(deployments, {}), RangeError);
    assert.throws(() => server.register('x', { mostBytes: 1, answer: () => assert.fail('asked') }), /a path begins with/);
    const conversion = { group: 'g', kind: 'K', hub: 'v1', spokes: {} };
    assert.equal(server.convert(conversion), server.convert({ ...conversion, kind: 'L' }));
  });
});

test('HttpServer answers GET and HEAD on loopback, and nothing else', async () => {
  await using process = new LiveRuntime().process('probes');
  const server = new HttpServer({
    name: 'probes',
    port: 0,
    answer: async ({ url }) => ({ status: url.pathname === '/healthz' ? 200 : 404, headers: {}, body: 'ok' }),
  });
  const stop = new AbortController();
  const running = server.run(stop.signal);
  const { port, address } = await server.address;
  assert.equal(address, '127.0.0.1');
  const status = (url: string, method = 'GET'): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      get({ host: address, port, path: url, method }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      }).once('error', reject);
    });
  assert.deepEqual(
    [await status('/healthz?verbose'), await status('/none'), await status('/healthz', 'HEAD'), await status('/healthz', 'PUT')],
    [200, 404, 200, 405],
  );
  await assert.rejects(new HttpServer({ name: 'second', port, answer: () => assert.fail('asked') }).run(process.signal), /EADDRINUSE/);
  stop.abort();
  await running;
});

function filesOf({ certificateFile, keyFile }: TestAuthority): { readonly certificateFile: string; readonly keyFile: string } {
  return { certificateFile, keyFile };
}
