import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { externalEtcd } from './external-etcd.ts';
import { UsageError } from './flags.ts';

test('externalEtcd() reads the flags of kube-apiserver, and the files that they name', () => {
  const directory = mkdtempSync(join(tmpdir(), 'flags-'));
  try {
    for (const name of ['ca', 'crt', 'key']) writeFileSync(join(directory, name), `PEM of ${name}`);
    assert.deepEqual(
      externalEtcd({
        'etcd-servers': 'https://a:2379, https://b:2379',
        'etcd-prefix': '/other',
        'etcd-cafile': join(directory, 'ca'),
        'etcd-certfile': join(directory, 'crt'),
        'etcd-keyfile': join(directory, 'key'),
      }),
      {
        etcd: {
          servers: ['https://a:2379', 'https://b:2379'],
          prefix: '/other',
          tls: { authority: 'PEM of ca', certificate: 'PEM of crt', privateKey: 'PEM of key' },
        },
      },
    );
    assert.deepEqual(externalEtcd({ 'etcd-servers': 'http://a:2379' }), { etcd: { servers: ['http://a:2379'], tls: {} } });
    assert.deepEqual(externalEtcd({}), {});
  } finally {
    rmSync(directory, { recursive: true });
  }
});

for (const [values, message] of [
  [{ 'etcd-prefix': '/a' }, 'option "--etcd-prefix" needs --etcd-servers'],
  [{ 'etcd-servers': '' }, '"" is no server of etcd: http://HOST:PORT or https://HOST:PORT'],
  [{ 'etcd-servers': 'a:2379' }, '"a:2379" is no server of etcd: http://HOST:PORT or https://HOST:PORT'],
  [{ 'etcd-servers': 'http://a:1/x' }, '"http://a:1/x" is no server of etcd: http://HOST:PORT or https://HOST:PORT'],
  [{ 'etcd-servers': 'http://root:hidden@a:1' }, '--etcd-servers names no users'],
  [{ 'etcd-servers': 'http://a:1', 'etcd-prefix': '/' }, '"/" is no prefix: /registry'],
  [{ 'etcd-servers': 'https://a:1', 'etcd-keyfile': 'k' }, '--etcd-certfile and --etcd-keyfile go together'],
  [{ 'etcd-servers': 'http://a:1', 'etcd-cafile': 'k' }, 'certificates are for servers with https, of which --etcd-servers names none'],
] as const) {
  test(`externalEtcd() refuses ${JSON.stringify(values)}`, () => {
    assert.throws(() => externalEtcd(values), new UsageError(message));
  });
}
