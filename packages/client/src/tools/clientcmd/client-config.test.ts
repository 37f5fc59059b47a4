import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryHost } from '../../rest/fixtures/memory-host.ts';
import { type ConfigOverrides, DirectClientConfig, parseTimeout } from './client-config.ts';
import { DeferredLoadingClientConfig, InClusterClientConfig } from './deferred-config.ts';
import { emptyKubeconfig, type Kubeconfig, readKubeconfig } from './kubeconfig.ts';
import { merged } from './merge.ts';
import { ConfigurationInvalidError, EmptyConfigError, isEmptyConfig } from './validation.ts';

const host = memoryHost({ '/ca': 'CA', '/cert': 'CERT', '/key': 'KEY', '/token': 'from-file\n', '/cert2': 'X', '/key2': 'Y' });
const base64 = (text: string): string => Buffer.from(text).toString('base64');

function config(cluster = 'server: "https://a:443"', user = 'token: t', context = 'cluster: c, user: u'): Kubeconfig {
  return readKubeconfig(
    `current-context: x\nclusters: [{name: c, cluster: {${cluster}}}]\nusers: [{name: u, user: {${user}}}]\ncontexts: [{name: x, context: {${context}}}]`,
  );
}

const connect = (of: Kubeconfig, overrides: ConfigOverrides = {}, contextName = ''): ReturnType<DirectClientConfig['clientConfig']> =>
  new DirectClientConfig({ config: of, host, overrides, contextName }).clientConfig();

describe('DirectClientConfig', () => {
  test('a context as its connection', () => {
    assert.deepEqual(connect(config()), { server: 'https://a:443', token: 't' });
    assert.deepEqual(connect(config(undefined, undefined, 'cluster: c, user: u, namespace: ns'), {}, 'x').namespace, 'ns');
  });

  test('a path of the server is kept, what follows is not', () => {
    assert.equal(connect(config('server: "https://a/prefix?x=1#y"')).server, 'https://a/prefix');
    assert.equal(connect(config('server: "https://a"')).server, 'https://a');
  });

  test('no credentials over an open connection', () => {
    assert.deepEqual(connect(config('server: "http://a"')), { server: 'http://a' });
  });

  test('compression, time-out, proxy and server name', () => {
    const parts = connect(config('server: "https://a", disable-compression: true, proxy-url: "socks5://p:1", tls-server-name: name'), {
      timeout: '1m30s',
    });
    assert.deepEqual(parts, {
      server: 'https://a',
      disableCompression: true,
      proxyUrl: 'socks5://p:1',
      tlsServerName: 'name',
      timeoutMs: 90_000,
      token: 't',
    });
    assert.throws(() => connect(config(), { timeout: 'soon' }), /Invalid timeout value/);
    assert.deepEqual(['5', '0', '2h', '1.5s', '300ms'].map(parseTimeout), [5_000, 0, 7_200_000, 1_500, 300]);
  });

  test('insecure in an override drops the authority of the file, and an authority there drops insecure', () => {
    const insecure = connect(config(`server: "https://a", certificate-authority: /ca, certificate-authority-data: ""`), {
      cluster: { insecureSkipTlsVerify: true },
    });
    assert.deepEqual(insecure, { server: 'https://a', insecureSkipTlsVerify: true, token: 't' });
    const data = connect(config(`server: "https://a", certificate-authority-data: ${base64('DATA')}`), {
      cluster: { certificateAuthority: '/ca' },
    });
    assert.deepEqual(data, { server: 'https://a', certificateAuthorityFile: '/ca', token: 't' });
  });

  test('the server name of the file belongs to the server of the file', () => {
    const of = config('server: "https://a", tls-server-name: name');
    assert.equal(connect(of).tlsServerName, 'name');
    assert.equal(connect(of, { cluster: { server: 'https://b' } }).tlsServerName, undefined);
    assert.equal(connect(of, { cluster: { tlsServerName: 'm' } }).tlsServerName, 'm');
  });

  test('acting as somebody', () => {
    assert.deepEqual(
      connect(config(undefined, 'token: t, as: jane, as-uid: "7", as-groups: [a, b], as-user-extra: {k: [v]}')).impersonate,
      {
        userName: 'jane',
        uid: '7',
        groups: ['a', 'b'],
        extra: { k: ['v'] },
      },
    );
  });

  test('certificates as data, a name and password, a token file', () => {
    const certificates = connect(
      config(
        `server: "https://a", certificate-authority-data: ${base64('CA')}`,
        `client-certificate-data: ${base64('C')}, client-key-data: ${base64('K')}`,
      ),
    );
    assert.deepEqual(certificates, { server: 'https://a', certificateAuthority: 'CA', clientCertificate: 'C', clientKey: 'K' });
    assert.deepEqual(connect(config(undefined, 'username: name, password: p')), {
      server: 'https://a:443',
      username: 'name',
      password: 'p',
    });
    assert.deepEqual(connect(config(undefined, 'tokenFile: /token')), { server: 'https://a:443', token: 'from-file', tokenFile: '/token' });
    assert.deepEqual(connect(config(undefined, 'tokenFile: /token, token: t')), {
      server: 'https://a:443',
      token: 't',
      tokenFile: '/token',
    });
    assert.throws(() => connect(config(undefined, 'tokenFile: /none')), { message: 'open /none: no such file or directory' });
  });

  test('client certificates of the overrides, files or data, replace both of the file', () => {
    const of = config(undefined, `client-certificate-data: ${base64('C')}, client-key-data: ${base64('K')}`);
    assert.deepEqual(connect(of, { authInfo: { clientCertificate: '/cert2', clientKey: '/key2' } }), {
      server: 'https://a:443',
      clientCertificateFile: '/cert2',
      clientKeyFile: '/key2',
    });
    const files = config(undefined, 'client-certificate: /cert, client-key: /key');
    assert.deepEqual(connect(files, { authInfo: { clientCertificateData: base64('D'), clientKeyData: base64('E') } }), {
      server: 'https://a:443',
      clientCertificate: 'D',
      clientKey: 'E',
    });
  });

  test('exec plugins, with the extension of the cluster and a hint that is safe to print', () => {
    const of = config(
      'server: "https://a", extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: x}}]',
      String.raw`exec: {apiVersion: client.authentication.k8s.io/v1, command: login, interactiveMode: Never, installHint: "a\e[1mb\e[2J\nc \u00e9 \U0001F600"}`,
    );
    const { exec } = connect(of);
    assert.equal(exec?.installHint, 'aU+001B[1mbU+001B[2J\nc é 😀');
    assert.deepEqual(exec?.config, { audience: 'x' });
  });

  test('defaults stand below the file', () => {
    assert.equal(connect(emptyKubeconfig, { clusterDefaults: { server: 'https://d' } }).server, 'https://d');
    assert.equal(connect(config(), { clusterDefaults: { server: 'https://d' } }).server, 'https://a:443');
  });

  test('what the overrides name must exist', () => {
    assert.throws(() => connect(config(), { currentContext: 'gone' }), { message: 'context "gone" does not exist' });
    assert.throws(() => connect(config(), { context: { cluster: 'gone' } }), { message: 'cluster "gone" does not exist' });
    assert.throws(() => connect(config(), { context: { authInfo: 'gone' } }), { message: 'auth info "gone" does not exist' });
    assert.throws(() => connect(config(), {}, 'gone'), /context was not found for specified context: gone/);
    assert.throws(() => connect(emptyKubeconfig), isEmptyConfig);
  });

  test('the namespace of an override, of the context, or the default', () => {
    const namespaceOf = (of: Kubeconfig, overrides: ConfigOverrides = {}): unknown =>
      new DirectClientConfig({ config: of, host, overrides }).namespace();
    assert.deepEqual(namespaceOf(config()), { namespace: 'default', isOverridden: false });
    assert.deepEqual(namespaceOf(config(undefined, undefined, 'cluster: c, user: u, namespace: ns')), {
      namespace: 'ns',
      isOverridden: false,
    });
    assert.deepEqual(namespaceOf(config(), { context: { namespace: 'o' } }), { namespace: 'o', isOverridden: true });
  });

  test('mergedConfig writes the overrides into the config', () => {
    const merged = new DirectClientConfig({
      config: config(),
      host,
      overrides: { cluster: { server: 'https://b' }, authInfo: { token: 'z' }, context: { namespace: 'ns' } },
    }).mergedConfig();
    assert.deepEqual(
      [merged.clusters.get('c')?.server, merged.authInfos.get('u')?.token, merged.contexts.get('x')?.namespace],
      ['https://b', 'z', 'ns'],
    );
    assert.throws(() => new DirectClientConfig({ config: emptyKubeconfig, host }).mergedConfig(), isEmptyConfig);
  });
});

test('merged() replaces what says something, and joins maps', () => {
  const a = config().clusters.get('c');
  assert.ok(a !== undefined);
  assert.equal(merged(a, undefined), a);
  assert.deepEqual(merged(a, { server: '', insecureSkipTlsVerify: false, extensions: new Map() }), a);
  assert.deepEqual(
    merged(
      {
        ...a,
        extensions: new Map([
          ['k', 1],
          ['l', 2],
        ]),
      },
      {
        proxyUrl: 'p',
        extensions: new Map([
          ['l', 3],
          ['m', 4],
        ]),
      },
    ),
    {
      ...a,
      proxyUrl: 'p',
      extensions: new Map([
        ['k', 1],
        ['l', 3],
        ['m', 4],
      ]),
    },
  );
});

describe('DeferredLoadingClientConfig', () => {
  const podConfig = { server: 'https://pod' };
  const pod = { isPossible: true, clientConfig: () => podConfig, namespace: () => ({ namespace: 'pod-ns', isOverridden: false }) };
  const nowhere = { ...pod, isPossible: false, clientConfig: () => assert.fail('asked'), namespace: () => assert.fail('asked') };
  const over = (
    load: () => Kubeconfig,
    inCluster: typeof pod,
    extra: { readonly overrides?: ConfigOverrides; readonly defaultConfig?: () => { readonly server: string } } = {},
  ) => new DeferredLoadingClientConfig({ rules: { host, load }, inCluster, ...extra });
  const failing = (error: Error) => () => {
    throw error;
  };

  test('the files win over the pod', () => {
    assert.equal(over(config, pod).clientConfig().server, 'https://a:443');
  });
  test('nothing configured: the pod, or the fault where there is none', () => {
    assert.equal(over(() => emptyKubeconfig, pod).clientConfig(), podConfig);
    assert.throws(() => over(() => emptyKubeconfig, nowhere).clientConfig(), isEmptyConfig);
    assert.throws(() => over(() => emptyKubeconfig, { ...pod, clientConfig: failing(new Error('no token')) }).clientConfig(), {
      message: 'no token',
    });
  });
  test('a broken file is a fault, in a pod too', () => {
    assert.throws(() => over(failing(new Error('broken')), pod).clientConfig(), { message: 'broken' });
    assert.throws(() => over(() => config('proxy-url: x'), pod).clientConfig(), ConfigurationInvalidError);
  });
  test('the default config is nothing configured, too', () => {
    const defaultConfig = () => ({ server: 'http://localhost:8080' });
    const unset = () => config('server: "http://localhost:8080"');
    assert.equal(over(unset, pod, { defaultConfig }).clientConfig(), podConfig);
    assert.equal(over(unset, nowhere, { defaultConfig }).clientConfig().server, 'http://localhost:8080');
    assert.equal(over(unset, pod, { defaultConfig: failing(new EmptyConfigError()) }).clientConfig().server, 'http://localhost:8080');
    assert.equal(over(config, pod, { defaultConfig }).clientConfig().server, 'https://a:443');
  });
  test('files are read once', () => {
    let reads = 0;
    const deferred = over(() => {
      reads++;
      return config();
    }, nowhere);
    deferred.clientConfig();
    deferred.namespace();
    assert.equal(reads, 1);
  });
  test('the namespace: of an override, of the context, of the pod when nobody chose one', () => {
    const chosen = () => config(undefined, undefined, 'cluster: c, user: u, namespace: ns');
    const spelled = () => config(undefined, undefined, 'cluster: c, user: u, namespace: default');
    assert.equal(over(chosen, pod).namespace().namespace, 'ns');
    assert.equal(over(spelled, pod).namespace().namespace, 'default');
    assert.equal(over(spelled, pod, { overrides: { currentContext: 'x' } }).namespace().namespace, 'default');
    assert.equal(over(config, pod).namespace().namespace, 'pod-ns');
    assert.equal(over(config, nowhere).namespace().namespace, 'default');
    assert.deepEqual(over(config, pod, { overrides: { context: { namespace: 'o' } } }).namespace(), { namespace: 'o', isOverridden: true });
    assert.equal(over(() => emptyKubeconfig, pod).namespace().namespace, 'pod-ns');
    assert.throws(() => over(() => emptyKubeconfig, nowhere).namespace(), isEmptyConfig);
    assert.throws(() => over(() => config('proxy-url: x'), pod).namespace(), ConfigurationInvalidError);
  });
});

describe('InClusterClientConfig', () => {
  const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
  const inPod = (files: Record<string, string> = {}, environment = {}) =>
    memoryHost(
      { [`${folder}/token`]: 'jwt', [`${folder}/ca.crt`]: '-----BEGIN CERTIFICATE-----', [`${folder}/namespace`]: 'team\n', ...files },
      { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443', ...environment },
    );

  test('the service account of the pod', () => {
    const pod = new InClusterClientConfig(inPod());
    assert.ok(pod.isPossible);
    assert.deepEqual(pod.clientConfig(), {
      server: 'https://10.0.0.1:443',
      token: 'jwt',
      tokenFile: `${folder}/token`,
      certificateAuthorityFile: `${folder}/ca.crt`,
    });
    assert.equal(pod.namespace().namespace, 'team');
    assert.equal(new InClusterClientConfig(inPod({}, { POD_NAMESPACE: 'p' })).namespace().namespace, 'p');
    assert.equal(
      new InClusterClientConfig(inPod({}, { KUBERNETES_SERVICE_HOST: 'fd00::1' })).clientConfig().server,
      'https://[fd00::1]:443',
    );
  });
  test('overrides of server, token and authority', () => {
    const of = (overrides: ConfigOverrides): unknown => new InClusterClientConfig(inPod(), overrides).clientConfig();
    const base = {
      server: 'https://10.0.0.1:443',
      token: 'jwt',
      tokenFile: `${folder}/token`,
      certificateAuthorityFile: `${folder}/ca.crt`,
    };
    assert.deepEqual(of({ cluster: { server: 'https://h', certificateAuthority: '/ca' } }), {
      ...base,
      server: 'https://h',
      certificateAuthorityFile: '/ca',
    });
    assert.deepEqual(of({ authInfo: { token: 'o' } }), {
      server: base.server,
      token: 'o',
      certificateAuthorityFile: base.certificateAuthorityFile,
    });
    assert.deepEqual(of({ authInfo: { tokenFile: '/f' } }), {
      server: base.server,
      tokenFile: '/f',
      certificateAuthorityFile: base.certificateAuthorityFile,
    });
  });
  test('outside of a pod', () => {
    const pod = new InClusterClientConfig(memoryHost());
    assert.ok(!pod.isPossible);
    assert.throws(() => pod.clientConfig(), { name: 'NotInClusterError' });
    assert.equal(pod.namespace().namespace, 'default');
  });
});
