import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryHost } from '../../rest/fixtures/memory-host.ts';
import { KubeconfigError, readKubeconfig, writeKubeconfig } from './kubeconfig.ts';
import { LoadingRules } from './loading-rules.ts';
import { withoutBacksteps } from './paths.ts';

const file = (text: string): string => `apiVersion: v1\nkind: Config\n${text}`;

describe('LoadingRules', () => {
  test('reads the files of KUBECONFIG, each once, else the one at home', () => {
    assert.deepEqual(new LoadingRules({ host: memoryHost() }).loadingPrecedence, ['/people/me/.kube/config']);
    assert.deepEqual(new LoadingRules({ host: memoryHost({}, { KUBECONFIG: '/a' }) }).loadingPrecedence, ['/a']);
    assert.deepEqual(new LoadingRules({ host: memoryHost({}, { KUBECONFIG: '/a:/b:/a' }) }).loadingPrecedence, ['/a', '/b']);
    assert.deepEqual(new LoadingRules({ host: memoryHost({}, { KUBECONFIG: '/a' }), explicitPath: '/x' }).loadingPrecedence, ['/x']);
  });

  test('the first file wins, for each key and for each single value', () => {
    const host = memoryHost(
      {
        '/a': file('clusters: [{name: one, cluster: {server: "https://a"}}]\nusers: [{name: me, user: {token: a}}]'),
        '/b': file(
          'current-context: b\nclusters: [{name: one, cluster: {server: "https://b", proxy-url: "http://p"}}, {name: two, cluster: {server: "https://b2"}}]',
        ),
        '/c': file('current-context: c\npreferences: {colors: true}\ncontexts: [{name: b, context: {cluster: one, user: me}}]'),
      },
      { KUBECONFIG: '/a:/none:/b:/c' },
    );
    const config = new LoadingRules({ host }).load();
    assert.equal(config.currentContext, 'b');
    assert.equal(config.clusters.get('one')?.server, 'https://a');
    assert.equal(config.clusters.get('one')?.proxyUrl, '', 'an entry is one thing');
    assert.equal(config.clusters.get('two')?.server, 'https://b2');
    assert.equal(config.authInfos.get('me')?.locationOfOrigin, '/a');
    assert.equal(config.preferences.colors, true);
    assert.ok(config.contexts.has('b'));
  });

  test('missing files are left out, with a warning when all of KUBECONFIG are', () => {
    const lines: string[] = [];
    const refuse = (): never => assert.fail('logged');
    const log = { debug: refuse, info: refuse, warn: (message: string) => lines.push(message), error: refuse };
    assert.equal(new LoadingRules({ host: memoryHost({}, { KUBECONFIG: '/a:/b' }), log }).load().clusters.size, 0);
    assert.deepEqual(lines, ['Config not found: /a, /b']);
    new LoadingRules({ host: memoryHost({ '/b': file('') }, { KUBECONFIG: '/a:/b' }), log }).load();
    new LoadingRules({ host: memoryHost(), log }).load();
    assert.equal(lines.length, 1);
  });

  test('a file that was asked for must be there', () => {
    assert.throws(() => new LoadingRules({ host: memoryHost(), explicitPath: '/x' }).load(), {
      message: 'stat /x: no such file or directory',
    });
  });

  test('files that are no kubeconfig are named, all of them', () => {
    const host = memoryHost({ '/a': 'bad: [', '/b': undefined, '/c': file('') }, { KUBECONFIG: '/a:/b:/c' });
    assert.throws(
      () => new LoadingRules({ host }).load(),
      (error) => {
        assert.ok(error instanceof KubeconfigError);
        assert.match(error.message, /^\[error loading config file "\/a": .*, error loading config file "\/b": read \/b: is a directory\]$/);
        return true;
      },
    );
    assert.throws(() => new LoadingRules({ host, explicitPath: '/b' }).load(), /error loading config file "\/b": read \/b: is a directory/);
  });

  test('paths are those of the file that they stand in', () => {
    const users =
      'users: [{name: u, user: {client-certificate: rel/cert, client-key: /abs/key, tokenFile: ../token, exec: {apiVersion: v, command: bin/login}}}]';
    const host = memoryHost(
      {
        '/a/b/config': file(`clusters: [{name: c, cluster: {certificate-authority: ca}}]\n${users}`),
        '/here/x/config': file('users: [{name: v, user: {tokenFile: t, exec: {apiVersion: v, command: login}}}]'),
      },
      { KUBECONFIG: '/a/b/config:x/config' },
    );
    host.files.set('x/config', host.files.get('/here/x/config'));
    const config = new LoadingRules({ host }).load();
    assert.equal(config.clusters.get('c')?.certificateAuthority, '/a/b/ca');
    const { clientCertificate, clientKey, tokenFile, exec } = config.authInfos.get('u') ?? {};
    assert.deepEqual([clientCertificate, clientKey, tokenFile, exec?.command], ['/a/b/rel/cert', '/abs/key', '/a/token', '/a/b/bin/login']);
    assert.deepEqual([config.authInfos.get('v')?.tokenFile, config.authInfos.get('v')?.exec?.command], ['/here/x/t', 'login']);
    assert.equal(new LoadingRules({ host, keepPaths: true }).load().clusters.get('c')?.certificateAuthority, 'ca');
  });

  test('an old file is copied to the new place, when there is none', () => {
    const rules = (files: Record<string, string | undefined>): readonly [LoadingRules, ReturnType<typeof memoryHost>] => {
      const host = memoryHost(files);
      return [new LoadingRules({ host, precedence: ['/new'], migrationRules: new Map([['/new', '/old']]) }), host];
    };
    const [moved, movedHost] = rules({ '/old': file('current-context: old') });
    assert.equal(moved.load().currentContext, 'old');
    assert.equal(movedHost.files.get('/old'), file('current-context: old'), 'the source stays');
    const [kept] = rules({ '/old': file('current-context: old'), '/new': file('current-context: new') });
    assert.equal(kept.load().currentContext, 'new');
    const [none] = rules({});
    assert.equal(none.load().currentContext, '');
    const [folder] = rules({ '/old': undefined });
    assert.throws(() => folder.load(), { message: 'cannot migrate /old to /new because it is a directory' });
  });
});

describe('readKubeconfig', () => {
  for (const [list, entry] of [
    ['clusters', '{name: twice, cluster: {server: a}}'],
    ['contexts', '{name: twice, context: {cluster: a}}'],
    ['users', '{name: twice, user: {token: a}}'],
    ['extensions', '{name: twice, extension: {a: b}}'],
  ] as const) {
    test(`refuses a name that comes twice in ${list}, without printing what it holds`, () => {
      assert.throws(
        () => readKubeconfig(file(`${list}: [${entry}, ${entry}]`)),
        (error: Error) => /^error converting .* duplicate name "twice" in list$/.test(error.message),
      );
    });
  }

  test('an empty text and null lists are empty', () => {
    for (const text of ['', '\n', 'clusters: null\nusers:\ncontexts: []\n', '{}']) assert.equal(readKubeconfig(text).clusters.size, 0);
  });

  test('a token that looks like a number is one text, there and back', () => {
    for (const token of ['433e40', '0', '1', 'true', 'null']) {
      const config = readKubeconfig(file(`users: [{name: u, user: {token: "${token}"}}]`));
      assert.equal(readKubeconfig(writeKubeconfig(config)).authInfos.get('u')?.token, token);
    }
  });

  test('what is written is what was read', () => {
    const text = file(
      [
        'current-context: x',
        'preferences: {colors: true, extensions: [{name: p, extension: 1}]}',
        'extensions: [{name: e, extension: {a: [1]}}]',
        'clusters: [{name: c, cluster: {server: "https://a", tls-server-name: name, insecure-skip-tls-verify: true, proxy-url: "http://p", disable-compression: true, extensions: [{name: q, extension: {b: c}}]}}]',
        'contexts: [{name: x, context: {cluster: c, user: u, namespace: ns}}]',
        'users: [{name: u, user: {as: a, as-uid: b, as-groups: [g, h], as-user-extra: {k: [v, w]}, username: name, password: p, auth-provider: {name: oidc, config: {issuer: at}}}}, {name: v, user: {tokenFile: t, exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: c, args: [a], env: [{name: name, value: v}], installHint: hint, provideClusterInfo: true}}}]',
      ].join('\n'),
    );
    const config = readKubeconfig(text);
    assert.deepEqual(readKubeconfig(writeKubeconfig(config)), config);
    assert.equal(config.authInfos.get('v')?.exec?.interactiveMode, 'IfAvailable', 'the default of v1beta1');
  });

  test('refuses other kinds and wrong types', () => {
    assert.throws(() => readKubeconfig('kind: Pod\napiVersion: v1'), /no kind "Pod"/);
    assert.throws(() => readKubeconfig('kind: Config\napiVersion: v2'), /version "v2"/);
    assert.throws(() => readKubeconfig('clusters: {}'), /clusters must be a list/);
    assert.throws(() => readKubeconfig('users: [{name: u, user: {as-groups: a}}]'), /as-groups must be a list of strings/);
  });
});

describe('withoutBacksteps', () => {
  for (const [path, base, want] of [
    ['/etc/kube/pki/ca.crt', '/etc/kube', 'pki/ca.crt'],
    ['/etc/kube/ca.crt', '/etc/kube', 'ca.crt'],
    ['/var/ca.crt', '/etc/kube', '/var/ca.crt'],
    ['', '/etc/kube', ''],
  ] as const) {
    test(`${path} from ${base}`, () => assert.equal(withoutBacksteps(path, base), want));
  }
  test('refuses a relative path that leads out', () => {
    assert.throws(() => withoutBacksteps('../ca.crt', 'kube'), /requires backsteps and is not absolute/);
    assert.throws(() => withoutBacksteps('ca.crt', '/etc'), /can't make ca.crt relative to \/etc/);
  });
});
