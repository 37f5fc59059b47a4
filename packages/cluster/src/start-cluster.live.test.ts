import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { kubectl } from '../../../tools/kubectl.ts';
import { advertiseAddress } from './advertise-address.ts';
import { ClusterDirectoryError } from './cluster-directory.ts';
import { startCluster } from './start-cluster.ts';

test('startCluster() has the Service kubernetes, which leads to its port, and keeps it over a restart', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'coracle-start-'));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const time of ['first', 'second']) {
    const started = await startCluster({ directory, port: 0, name: 'test', nodes: 0 });
    try {
      const get = async (...args: readonly string[]): Promise<readonly string[]> => {
        const call = ['--kubeconfig', started.kubeconfig, 'get', '--no-headers', ...args];
        return (await promisify(execFile)(kubectl('1.35'), call)).stdout.trim().split(/\s+/);
      };
      assert.deepEqual(
        (await get('services', 'kubernetes')).slice(0, 5),
        ['kubernetes', 'ClusterIP', '10.0.0.1', '<none>', '443/TCP'],
        time,
      );
      const address = advertiseAddress();
      if (address === undefined) continue; // a machine without network
      const { port } = started.listener;
      assert.equal((await get('endpoints', 'kubernetes'))[1], `${address}:${port}`);
      assert.deepEqual((await get('endpointslices', 'kubernetes')).slice(0, 4), ['kubernetes', 'IPv4', String(port), address]);
    } finally {
      await started.stop();
    }
  }
});

test('startCluster() that cannot keep its keys says so to whoever called it, and to nobody else', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'coracle-start-'));
  t.after(() => rmSync(directory, { recursive: true }));
  // In the way of the keys when they are whole, which is while the server begins to listen.
  mkdirSync(path.join(directory, 'pki'));
  writeFileSync(path.join(directory, 'pki', 'something else'), '');
  const lost: unknown[] = [];
  const note = (error: unknown): void => void lost.push(error);
  process.on('unhandledRejection', note);
  t.after(() => process.off('unhandledRejection', note));
  await assert.rejects(startCluster({ directory, port: 0, name: 'test', nodes: 0 }), ClusterDirectoryError);
  // Nobody waits for the keys any more when something else has failed before.
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo; // it listens on TCP
  await assert.rejects(startCluster({ directory, port, name: 'test', nodes: 0 }), { code: 'EADDRINUSE' });
  assert.deepEqual(lost, []);
});
