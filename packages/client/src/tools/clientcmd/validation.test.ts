import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryHost } from '../../rest/fixtures/memory-host.ts';
import { type AuthInfo, type Cluster, emptyAuthInfo, emptyCluster, emptyContext, emptyKubeconfig, type Kubeconfig } from './kubeconfig.ts';
import {
  ConfigurationInvalidError,
  confirmUsable,
  ContextNotFoundError,
  EmptyConfigError,
  isConfigurationInvalid,
  isContextNotFound,
  isEmptyConfig,
  validateKubeconfig,
} from './validation.ts';

const host = memoryHost({ '/ca': 'CA', '/cert': 'CERT', '/key': 'KEY', '/folder': undefined });

function configWith(parts: { readonly user?: Partial<AuthInfo>; readonly cluster?: Partial<Cluster> }): Kubeconfig {
  return {
    ...emptyKubeconfig,
    ...(parts.cluster === undefined ? {} : { clusters: new Map([['c', { ...emptyCluster, ...parts.cluster }]]) }),
    ...(parts.user === undefined ? {} : { authInfos: new Map([['u', { ...emptyAuthInfo, ...parts.user }]]) }),
  };
}

function faultOf(config: Kubeconfig): string {
  try {
    validateKubeconfig(config, host);
  } catch (error) {
    assert.ok(isConfigurationInvalid(error));
    return (error as Error).message.replace('invalid configuration: ', '');
  }
  return '';
}

const exec = {
  apiVersion: 'client.authentication.k8s.io/v1',
  command: 'login',
  args: [],
  env: [],
  provideClusterInfo: false,
  interactiveMode: 'Never',
} as const;

describe('validateKubeconfig', () => {
  const users: readonly { readonly name: string; readonly in: Partial<AuthInfo>; readonly want: string }[] = [
    { name: 'an empty user', in: {}, want: '' },
    { name: 'a token', in: { token: 'any' }, want: '' },
    { name: 'certificate and key from files', in: { clientCertificate: '/cert', clientKey: '/key' }, want: '' },
    {
      name: 'files that are not there',
      in: { clientCertificate: '/none', clientKey: '/nokey' },
      want: '[unable to read client-cert /none for u due to open /none: no such file or directory, unable to read client-key /nokey for u due to open /nokey: no such file or directory]',
    },
    {
      name: 'a certificate without key',
      in: { clientCertificateData: 'Qw==' },
      want: 'client-key-data or client-key must be specified for u to use the clientCert authentication method.',
    },
    {
      name: 'data beside files',
      in: { clientCertificate: '/cert', clientCertificateData: 'Qw==', clientKey: '/key', clientKeyData: 'Qw==' },
      want: '[client-cert-data and client-cert are both specified for u. client-cert-data will override., client-key-data and client-key are both specified for u; client-key-data will override]',
    },
    {
      name: 'several ways to log in',
      in: { token: 't', username: 'a', password: 'b' },
      want: 'more than one authentication method found for u; found [token basicAuth], only one is allowed',
    },
    { name: 'an exec plugin', in: { exec }, want: '' },
    {
      name: 'an exec plugin without version',
      in: { exec: { ...exec, apiVersion: '' } },
      want: 'apiVersion must be specified for u to use exec authentication plugin',
    },
    {
      name: 'an exec plugin without command',
      in: { exec: { ...exec, command: '' } },
      want: 'command must be specified for u to use exec authentication plugin',
    },
    {
      name: 'an exec plugin beside an auth provider',
      in: { exec, authProvider: { name: 'oidc', config: {} } },
      want: 'authProvider cannot be provided in combination with an exec plugin for u',
    },
    {
      name: 'an exec plugin with an unnamed variable',
      in: { exec: { ...exec, env: [{ name: '', value: 'x' }] } },
      want: 'env variable name must be specified for u to use exec authentication plugin',
    },
    { name: 'an exec plugin with an empty variable', in: { exec: { ...exec, env: [{ name: 'a', value: '' }] } }, want: '' },
    {
      name: 'an exec plugin that does not say whether it asks',
      in: { exec: (({ interactiveMode: _, ...rest }) => rest)(exec) },
      want: 'interactiveMode must be specified for u to use exec authentication plugin',
    },
    {
      name: 'an exec plugin of another mode',
      in: { exec: { ...exec, interactiveMode: 'Sometimes' as 'Never' } },
      want: 'invalid interactiveMode for u: "Sometimes"',
    },
    { name: 'acting as a user', in: { impersonate: 'jane' }, want: '' },
    {
      name: 'acting as all of a user',
      in: { impersonate: 'jane', impersonateUid: '1', impersonateGroups: ['g'], impersonateUserExtra: { k: ['v'] } },
      want: '',
    },
    {
      name: 'a uid without user',
      in: { impersonateUid: '1' },
      want: 'requesting uid, groups or user-extra for u without impersonating a user',
    },
    {
      name: 'groups without user',
      in: { impersonateGroups: ['g'] },
      want: 'requesting uid, groups or user-extra for u without impersonating a user',
    },
    {
      name: 'extra without user',
      in: { impersonateUserExtra: { k: ['v'] } },
      want: 'requesting uid, groups or user-extra for u without impersonating a user',
    },
  ];
  for (const { name, in: user, want } of users) test(`user: ${name}`, () => assert.equal(faultOf(configWith({ user })), want));

  const clusters: readonly { readonly name: string; readonly in: Partial<Cluster>; readonly want: string }[] = [
    { name: 'nothing at all', in: {}, want: 'cluster has no server defined' },
    { name: 'no server', in: { insecureSkipTlsVerify: true }, want: 'no server found for cluster "c"' },
    { name: 'an authority from a file', in: { server: 'https://a', certificateAuthority: '/ca' }, want: '' },
    {
      name: 'an authority that is not there',
      in: { server: 'https://a', certificateAuthority: '/none' },
      want: 'unable to read certificate-authority /none for c due to open /none: no such file or directory',
    },
    {
      name: 'an authority that is a folder',
      in: { server: 'https://a', certificateAuthority: '/folder' },
      want: 'unable to read certificate-authority /folder for c due to read /folder: is a directory',
    },
    {
      name: 'an authority twice',
      in: { server: 'https://a', certificateAuthority: '/ca', certificateAuthorityData: 'Qw==' },
      want: 'certificate-authority-data and certificate-authority are both specified for c. certificate-authority-data will override.',
    },
    { name: 'no proxy-url', in: { server: 'https://a', proxyUrl: '' }, want: '' },
    { name: 'a socks5 proxy', in: { server: 'https://a', proxyUrl: 'socks5://p' }, want: '' },
    { name: 'an https proxy', in: { server: 'https://a', proxyUrl: 'https://p' }, want: '' },
    { name: 'an http proxy', in: { server: 'https://a', proxyUrl: 'http://p' }, want: '' },
    {
      name: 'a proxy of another scheme',
      in: { server: 'https://a', proxyUrl: 'socks6://p' },
      want: `invalid 'proxy-url' "socks6://p" for cluster "c": unsupported scheme "socks6", must be http, https, or socks5`,
    },
    {
      name: 'a proxy without scheme',
      in: { server: 'https://a', proxyUrl: 'localhost' },
      want: `invalid 'proxy-url' "localhost" for cluster "c": unsupported scheme "", must be http, https, or socks5`,
    },
    {
      name: 'a proxy that is no URL',
      in: { server: 'https://a', proxyUrl: 'chewbacca@@:8080/%' },
      want: `invalid 'proxy-url' "chewbacca@@:8080/%" for cluster "c": unsupported scheme "", must be http, https, or socks5`,
    },
    {
      name: 'a proxy with a control character',
      in: { server: 'https://a', proxyUrl: 'http://a\u0001' },
      want: `invalid 'proxy-url' "http://a\u0001" for cluster "c": could not parse: http://a\u0001`,
    },
  ];
  for (const { name, in: cluster, want } of clusters) test(`cluster: ${name}`, () => assert.equal(faultOf(configWith({ cluster })), want));

  test('contexts name users and clusters that exist, and a namespace that can', () => {
    const config: Kubeconfig = {
      ...emptyKubeconfig,
      currentContext: 'gone',
      contexts: new Map([['x', { ...emptyContext, cluster: 'c', authInfo: 'u', namespace: 'A' }]]),
    };
    assert.equal(
      faultOf(config),
      '[context was not found for specified context: gone, user "u" was not found for context "x", cluster "c" was not found for context "x", namespace "A" for context "x" does not conform to the kubernetes DNS_LABEL rules]',
    );
    assert.equal(
      faultOf({ ...emptyKubeconfig, contexts: new Map([['', emptyContext]]) }),
      '[empty context name is not allowed, user was not specified for context "", cluster was not specified for context ""]',
    );
  });

  test('an empty config is told apart', () => {
    assert.throws(
      () => validateKubeconfig(emptyKubeconfig, host),
      (error) => isEmptyConfig(error) && isConfigurationInvalid(error),
    );
    assert.ok(!isEmptyConfig(new ConfigurationInvalidError([new Error('x')])));
    assert.ok(!isEmptyConfig(new ConfigurationInvalidError([new EmptyConfigError(), new Error('x')])));
    assert.ok(isEmptyConfig(new EmptyConfigError()) && !isEmptyConfig(undefined));
  });
});

describe('confirmUsable', () => {
  const usable: Kubeconfig = {
    ...emptyKubeconfig,
    contexts: new Map([
      ['clean', { ...emptyContext, cluster: 'clean', authInfo: 'clean' }],
      ['bad', { ...emptyContext, cluster: 'gone', authInfo: 'missing' }],
    ]),
    clusters: new Map([
      ['clean', { ...emptyCluster, server: 'https://a' }],
      ['broken', { ...emptyCluster, proxyUrl: 'x' }],
    ]),
    authInfos: new Map([
      ['clean', { ...emptyAuthInfo, token: 't' }],
      ['broken', { ...emptyAuthInfo, clientCertificate: '/none' }],
    ]),
  };

  test('looks at the chosen context only', () => confirmUsable(usable, 'clean', host));

  test('tells all that is wrong with it', () => {
    assert.throws(() => confirmUsable(usable, 'bad', host), {
      message:
        'invalid configuration: [user "missing" was not found for context "bad", cluster "gone" was not found for context "bad", cluster has no server defined]',
    });
  });

  test('refuses a context that is not there, none at all, and an empty config', () => {
    assert.throws(
      () => confirmUsable(usable, 'nobody', host),
      (error) => isConfigurationInvalid(error) && isContextNotFound(error),
    );
    assert.throws(() => confirmUsable(usable, '', host), { message: 'no context chosen' });
    assert.throws(() => confirmUsable(emptyKubeconfig, '', host), isEmptyConfig);
    assert.ok(isContextNotFound(new ContextNotFoundError('x')) && !isContextNotFound(new Error('x')));
  });
});

test('ConfigurationInvalidError names each fault once', () => {
  const errors = [new Error('a'), new Error('b'), new Error('a'), new AggregateError([new Error('c')])];
  assert.equal(new ConfigurationInvalidError(errors).message, 'invalid configuration: [a, b, c]');
  assert.equal(new ConfigurationInvalidError([new Error('a')]).message, 'invalid configuration: a');
});
