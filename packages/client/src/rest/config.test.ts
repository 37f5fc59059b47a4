import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anonymousConfig, type ClientConfig, describeConfig, kubernetesUserAgent } from './config.ts';

test('kubernetesUserAgent() shortens and fills in its parts', () => {
  const parts = { command: '/usr/bin/kubectl', version: 'v1.37.0-alpha+1', os: 'linux', arch: 'amd64', commit: '0123456789' };
  assert.equal(kubernetesUserAgent(parts), 'kubectl/v1.37.0 (linux/amd64) kubernetes/0123456');
  assert.equal(kubernetesUserAgent({ ...parts, command: '', version: '', commit: '' }), 'unknown/unknown (linux/amd64) kubernetes/unknown');
  assert.equal(kubernetesUserAgent({ ...parts, command: 'C:\\bin\\x.exe', commit: 'abc' }), 'x.exe/v1.37.0 (linux/amd64) kubernetes/abc');
});

const full: ClientConfig = {
  server: 'https://a',
  certificateAuthority: 'CA',
  clientCertificate: 'secret-1',
  clientKey: 'secret-2',
  token: 'secret-3',
  tokenFile: '/token',
  username: 'u',
  password: 'secret-4',
  impersonate: { userName: 'jane' },
  exec: {
    apiVersion: 'v1',
    command: 'c',
    args: ['secret-5'],
    env: [{ name: 'A', value: 'secret-6' }],
    provideClusterInfo: false,
    config: 'secret-7',
  },
  authProvider: { name: 'oidc', config: { 'refresh-token': 'secret-8' } },
  proxyUrl: 'http://p',
  userAgent: 'me',
};

test('anonymousConfig() keeps the way and drops who asks', () => {
  assert.deepEqual(anonymousConfig(full), { server: 'https://a', certificateAuthority: 'CA', proxyUrl: 'http://p', userAgent: 'me' });
});

test('describeConfig() shows no secret', () => {
  const text = describeConfig(full);
  assert.ok(!text.includes('secret'), text);
  assert.ok(text.includes('"server":"https://a"') && text.includes('"command":"c"'));
  assert.ok(!describeConfig({ server: 'https://a' }).includes('REDACTED'));
});
