import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { clientConfigFromKubeconfig } from './from-kubeconfig.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function kubeconfig(user: object = { token: 't' }, cluster: object = { server: 'https://127.0.0.1:6443' }): object {
  return {
    'current-context': 'dev',
    contexts: [{ name: 'dev', context: { cluster: 'c', user: 'u', namespace: 'team' } }],
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
  };
}

describe('clientConfigFromKubeconfig', () => {
  test('reads certificates from data and from files', () => {
    const user = { 'client-certificate-data': base64('CERT'), 'client-key': '/key' };
    const cluster = { server: 'https://127.0.0.1:6443', 'certificate-authority-data': base64('CA') };
    assert.deepEqual(clientConfigFromKubeconfig(kubeconfig(user, cluster), { readFile: (path) => `content of ${path}` }), {
      server: 'https://127.0.0.1:6443',
      certificateAuthority: 'CA',
      clientCertificate: 'CERT',
      clientKey: 'content of /key',
      namespace: 'team',
    });
  });

  test('a token file wins over a token', () => {
    const config = clientConfigFromKubeconfig(kubeconfig({ token: 'a', tokenFile: '/t' }), { readFile: () => 'b\n' });
    assert.equal(config.token, 'b');
  });

  const refused: readonly { readonly name: string; readonly in: unknown; readonly context?: string; readonly want: RegExp }[] = [
    { name: 'no mapping', in: 'text', want: /kubeconfig must be a mapping/ },
    { name: 'no context chosen', in: {}, want: /current-context is not set/ },
    { name: 'unknown context', in: kubeconfig(), context: 'prod', want: /context "prod" does not exist/ },
    { name: 'a name of Object.prototype', in: kubeconfig(), context: '__proto__', want: /context "__proto__" does not exist/ },
    { name: 'no server', in: kubeconfig({}, {}), want: /no server|no configuration/ },
    {
      name: 'certificate without key',
      in: kubeconfig({ 'client-certificate-data': base64('C') }),
      want: /client-key-data or client-key must be specified for u to use/,
    },
    { name: 'no base64', in: kubeconfig({ 'client-key-data': '%%' }), want: /client-key-data is not base64/ },
    {
      name: 'a plugin that names nothing',
      in: kubeconfig({ exec: {} }),
      want: /command must be specified for u to use exec authentication plugin/,
    },
    { name: 'a file where none can be read', in: kubeconfig({ tokenFile: '/t' }), want: /files cannot be read here/ },
    { name: 'a number as token', in: kubeconfig({ token: 5 }), want: /token must be a string/ },
  ];
  for (const { name, in: file, context, want } of refused) {
    test(`refuses ${name}`, () => {
      assert.throws(() => clientConfigFromKubeconfig(file, context === undefined ? {} : { context }), want);
    });
  }
});
