import assert from 'node:assert/strict';
import { get } from 'node:http';
import { test } from 'node:test';
import { type Transport, TransportError } from '@coracle/apimachinery';
import { Clientset } from '@coracle/client';
import { LiveRuntime } from '@coracle/kernel';
import { Manager } from './manager.ts';

/** Nothing here asks a server. */
const noServer: Transport = {
  exchange: () => Promise.reject(new TransportError('There is no server', { executed: 'no' })),
  upgrade: () => Promise.reject(new TransportError('There is no server', { executed: 'no' })),
};

function fetched(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve(`${answer.statusCode} ${Buffer.concat(chunks).toString()}`));
    }).once('error', reject);
  });
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
  assert.match(await fetched(metrics?.port ?? 0, '/metrics'), /^200 /);
  const second = new Manager({ process, clientset, name: 'second', probes: { port } });
  await assert.rejects(second.run(process.signal), /EADDRINUSE/);
  stop.abort();
  await running;
  await assert.rejects(fetched(port, '/healthz'), /ECONNREFUSED/);
});
