import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { PeerOptions } from '@coracle/etcd';
import { LiveRuntime } from '@coracle/kernel';
import { ClusterDirectory } from './cluster-directory.ts';
import { sharePki } from './share-pki.ts';
import { startCluster } from './start-cluster.ts';

const host = '127.0.0.1';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as { port: number }; // of a server that listens
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('startCluster() of a member waits for a leader, gives up when told to, and serves once there is one', {
  timeout: 60_000,
}, async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'coracle-member-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const [port, absent] = [await freePort(), await freePort()];
  const peersOf = (...others: readonly (readonly [name: string, port: number])[]): PeerOptions => ({
    listen: { host, port },
    advertise: [`http://${host}:${port}`],
    initial: {
      members: new Map([['m1', port] as const, ...others].map(([name, at]) => [name, [`http://${host}:${at}`]])),
      token: 'test',
      state: 'new',
    },
    tickMs: 20,
  });
  const optionsOf = (name: string, peers: PeerOptions) => ({
    directory: path.join(directory, name),
    port: 0,
    name: 'test',
    nodes: 0,
    member: { name: 'm1', peers },
  });

  const patience = new AbortController();
  const waiting = startCluster({ ...optionsOf('two', peersOf(['m2', absent])), signal: patience.signal });
  const refused = assert.rejects(waiting, (error) => error === patience.signal.reason);
  setTimeout(() => patience.abort(), 300);
  await refused;

  const alone = optionsOf('one', peersOf());
  const started = await startCluster(alone);
  try {
    await started.cluster.admin.coreV1.namespaces().create({ metadata: { name: 'made' } });
    assert.equal((await started.cluster.admin.coreV1.namespaces().get('made')).metadata?.name, 'made');
  } finally {
    await started.stop();
  }
  const { member, ...withoutOthers } = optionsOf('two', peersOf());
  await assert.rejects(startCluster(withoutOthers), {
    message: /it belongs to a member of a cluster with m2, and was opened without them/,
  });
  await assert.rejects(startCluster({ ...withoutOthers, member }), { name: 'DirectoryOfAnotherMember' });
});

test('sharePki() gives directories the keys of the first, and leaves those that have some', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'coracle-pki-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const process = new LiveRuntime().process('pki');
  const [a = '', b = '', c = ''] = ['a', 'b', 'c'].map((name) => path.join(directory, name));
  await sharePki(process, [c]);
  await sharePki(process, [a, b, c]);
  const keyOf = (of: string): string => {
    const keys = new ClusterDirectory(of);
    keys.open();
    return keys.pki(process, { keyPair: () => assert.fail('nothing is made anew') }).pki.authority.certificate;
  };
  assert.equal(keyOf(b), keyOf(a));
  assert.notEqual(keyOf(c), keyOf(a));
});
