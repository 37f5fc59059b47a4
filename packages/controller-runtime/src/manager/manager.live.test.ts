import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { get } from 'node:http';
import { Agent, get as getSecurely } from 'node:https';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type Transport, TransportError } from '@coracle/apimachinery';
import { Clientset } from '@coracle/client';
import { LiveRuntime } from '@coracle/kernel';
import { withAuthenticationAndAuthorization } from '../metrics/authentication-filter.ts';
import { readProfile } from '../fixtures/read-profile.ts';
import { Manager } from './manager.ts';

/** Nothing here asks a server. */
const noServer: Transport = {
  exchange: () => Promise.reject(new TransportError('There is no server', { executed: 'no' })),
  upgrade: () => Promise.reject(new TransportError('There is no server', { executed: 'no' })),
};

function answered(port: number, path: string, isSecure = false): Promise<{ readonly status: number; readonly body: Buffer }> {
  return new Promise((resolve, reject) => {
    const ask = isSecure ? getSecurely : get;
    const agent = isSecure ? new Agent({ keepAlive: false, rejectUnauthorized: false }) : false;
    ask({ host: '127.0.0.1', port, path, agent }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks) }));
    }).once('error', reject);
  });
}

async function fetched(port: number, path: string, isSecure = false): Promise<string> {
  const { status, body } = await answered(port, path, isSecure);
  return `${status} ${body.toString()}`;
}

test('a manager serves probes and metrics on loopback while it runs, and ends when it cannot', async () => {
  await using process = new LiveRuntime().process('operator');
  const clientset = new Clientset({ process, transport: noServer });
  const manager = new Manager({ process, clientset, name: 'operator', probes: { port: 0 }, metrics: { port: 0 } });
  manager.addReadyzCheck('never', () => {
    throw new Error('not yet');
  });
  const stop = new AbortController();
  const running = manager.run(stop.signal);
  const [probes, metrics] = await Promise.all([manager.probesAddress, manager.metricsAddress]);
  const port = probes?.port ?? 0;
  assert.equal(await fetched(port, '/healthz'), '200 ok');
  assert.match(await fetched(port, '/readyz'), /^500 \[-\]never failed/);
  const served = await fetched(metrics?.port ?? 0, '/metrics');
  assert.match(served, /^process_cpu_seconds_total \d/m);
  const numberOf = (name: string): number => Number(new RegExp(`^process_${name} (\\S+)$`, 'm').exec(served)?.[1] ?? Number.NaN);
  assert.ok(numberOf('resident_memory_bytes') > 1e7, served);
  assert.ok(Math.abs(numberOf('start_time_seconds') - (Date.now() / 1_000 - globalThis.process.uptime())) < 5, served);
  if (existsSync('/proc/self/fd')) {
    assert.ok(numberOf('open_fds') > 2 && numberOf('max_fds') >= numberOf('open_fds'), served);
    assert.ok(numberOf('virtual_memory_bytes') > numberOf('resident_memory_bytes'), served);
    assert.ok(numberOf('virtual_memory_max_bytes') >= numberOf('virtual_memory_bytes'), served);
  }
  const second = new Manager({ process, clientset, name: 'second', probes: { port } });
  await assert.rejects(second.run(process.signal), /EADDRINUSE/);
  stop.abort();
  await running;
  await assert.rejects(fetched(port, '/healthz'), /ECONNREFUSED/);
});

test('a manager serves metrics over TLS, behind a filter, and profiles of itself', async () => {
  await using process = new LiveRuntime().process('operator');
  const clientset = new Clientset({ process, transport: noServer });
  const manager = new Manager({
    process,
    clientset,
    name: 'operator',
    metrics: { port: 0, secureServing: true, filterProvider: withAuthenticationAndAuthorization },
    pprof: { port: 0 },
  });
  const stop = new AbortController();
  const running = manager.run(stop.signal);
  const port = (await manager.metricsAddress)?.port ?? 0;
  assert.equal(await fetched(port, '/metrics', true), '401 Unauthorized\n');
  assert.equal(await fetched(port, '/none', true), '404 404 page not found\n');
  await assert.rejects(fetched(port, '/metrics'), /socket hang up|ECONNRESET/);
  const pprof = (await manager.pprofAddress)?.port ?? 0;
  assert.match(await fetched(pprof, '/debug/pprof/cmdline'), /^200 .*manager\.live\.test\.ts/);
  const { status, body } = await answered(pprof, '/debug/pprof/heap');
  assert.deepEqual([status, readProfile(gunzipSync(body)).sampleTypes], [200, ['inuse_space/bytes']]);
  // One of two is refused at once; the other is cut when the manager stops.
  const both = [1, 2].map(() => fetched(pprof, '/debug/pprof/profile?seconds=30'));
  assert.equal(await Promise.race(both), '500 Could not enable CPU profiling: cpu profiling already in use\n');
  stop.abort();
  await assert.rejects(Promise.all(both), /socket hang up|ECONNRESET/);
  await running;
});
