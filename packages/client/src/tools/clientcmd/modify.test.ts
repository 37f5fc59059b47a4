import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryHost } from '../../rest/fixtures/memory-host.ts';
import { emptyCluster, type Kubeconfig, readKubeconfig } from './kubeconfig.ts';
import { LoadingRules } from './loading-rules.ts';
import { modifyKubeconfig, writeKubeconfigFile } from './modify.ts';
import { flattened, minified, redacted, shortened } from './views.ts';

const a =
  'current-context: x\nclusters: [{name: c, cluster: {server: "https://a"}}]\ncontexts: [{name: x, context: {cluster: c, user: u}}, {name: yy, context: {cluster: d, user: v}}]';
const b =
  'users: [{name: u, user: {token: t, password: p, client-key-data: S0VZ, client-certificate-data: Q0VSVA==}}, {name: v, user: {client-certificate: cert, client-key: key}}]\nclusters: [{name: d, cluster: {server: "https://d", certificate-authority: ca}}]';

function setUp(): readonly [ReturnType<typeof memoryHost>, LoadingRules] {
  const host = memoryHost({ '/k/a': a, '/k/b': b, '/k/cert': 'CERT', '/k/key': 'KEY', '/k/ca': 'CA' }, { KUBECONFIG: '/k/a:/k/b' });
  return [host, new LoadingRules({ host, keepPaths: true })];
}

describe('modifyKubeconfig', () => {
  const read = (host: ReturnType<typeof memoryHost>, file: string): Kubeconfig => readKubeconfig(host.readFile(file));

  test('writes what changed into the file that it came from, and what is new into the first', () => {
    const [host, rules] = setUp();
    const start = rules.load();
    const users = new Map([...start.authInfos].map(([name, user]) => [name, { ...user, token: `${name}-new` }]));
    modifyKubeconfig(rules, {
      ...start,
      currentContext: 'yy',
      authInfos: users,
      clusters: new Map([...start.clusters, ['e', { ...emptyCluster, server: 'https://e' }]]),
    });
    assert.equal(read(host, '/k/b').authInfos.get('u')?.token, 'u-new');
    assert.equal(read(host, '/k/a').authInfos.size, 0);
    assert.equal(read(host, '/k/a').clusters.get('e')?.server, 'https://e');
    assert.equal(read(host, '/k/a').currentContext, 'yy');
    assert.equal(host.modes.get('/k/a'), 0o600);
    assert.ok(![...host.files.keys()].some((file) => file.endsWith('.lock')));
  });

  test('removes what is gone, and a current context where one is', () => {
    const [host, rules] = setUp();
    const start = rules.load();
    modifyKubeconfig(rules, { ...start, currentContext: '', contexts: new Map(), clusters: new Map(), authInfos: new Map() });
    const [first, second] = [read(host, '/k/a'), read(host, '/k/b')];
    assert.deepEqual(
      [first.currentContext, first.contexts.size, first.clusters.size, second.clusters.size, second.authInfos.size],
      ['', 0, 0, 0, 0],
    );
    const nowhere = new LoadingRules({ host: memoryHost({ '/a': a, '/b': b }), precedence: ['/a', '/b'], keepPaths: true });
    modifyKubeconfig(nowhere, { ...nowhere.load(), currentContext: '' });
    assert.equal(nowhere.load().currentContext, '');
  });

  test('changes nothing when nothing changed', () => {
    const [host, rules] = setUp();
    modifyKubeconfig(rules, rules.load());
    assert.equal(host.files.get('/k/a'), a);
  });

  test('a new cluster gets paths relative to its file where they lie below', () => {
    const [host, rules] = setUp();
    const start = rules.load();
    const clusters = new Map([
      ...start.clusters,
      ['below', { ...emptyCluster, server: 's', certificateAuthority: '/k/pki/ca' }],
      ['elsewhere', { ...emptyCluster, server: 's', certificateAuthority: '/etc/ca' }],
    ]);
    modifyKubeconfig(rules, { ...start, clusters }, { relativizePaths: true });
    assert.equal(read(host, '/k/a').clusters.get('below')?.certificateAuthority, 'pki/ca');
    assert.equal(read(host, '/k/a').clusters.get('elsewhere')?.certificateAuthority, '/etc/ca');
  });

  test('waits for nobody: a locked file is refused, and the lock of the other stays', () => {
    const [host, rules] = setUp();
    host.files.set('/k/b.lock', '');
    assert.throws(() => modifyKubeconfig(rules, rules.load()), { message: 'open /k/b.lock: file exists' });
    assert.deepEqual(
      [...host.files.keys()].filter((file) => file.endsWith('.lock')),
      ['/k/b.lock'],
    );
  });

  test('a file of its own', () => {
    const [host, rules] = setUp();
    writeKubeconfigFile(host, '/new', rules.load());
    assert.equal(read(host, '/new').currentContext, 'x');
  });
});

describe('views of a config', () => {
  test('minified() leaves the current context and what it names', () => {
    const [, rules] = setUp();
    const small = minified(rules.load());
    assert.deepEqual([[...small.contexts.keys()], [...small.clusters.keys()], [...small.authInfos.keys()]], [['x'], ['c'], ['u']]);
    const start = rules.load();
    assert.throws(() => minified({ ...start, currentContext: '' }), { message: 'current-context must exist in order to minify' });
    assert.throws(() => minified({ ...start, contexts: new Map() }), { message: 'cannot locate context x' });
    assert.throws(() => minified({ ...start, clusters: new Map() }), { message: 'cannot locate cluster c' });
    assert.throws(() => minified({ ...start, authInfos: new Map() }), { message: 'cannot locate user u' });
  });

  test('flattened() carries the files within', () => {
    const [host, rules] = setUp();
    const flat = flattened(rules.load(), host);
    assert.equal(flat.authInfos.get('v')?.clientCertificateData, Buffer.from('CERT').toString('base64'));
    assert.equal(flat.authInfos.get('v')?.clientKey, '');
    assert.equal(flat.clusters.get('d')?.certificateAuthorityData, Buffer.from('CA').toString('base64'));
    host.files.delete('/k/ca');
    assert.throws(() => flattened(rules.load(), host), { message: 'open /k/ca: no such file or directory' });
  });

  test('shortened() and redacted() show no secret', () => {
    const [, rules] = setUp();
    const short = shortened(rules.load()).authInfos.get('u');
    assert.deepEqual([short?.clientKeyData, short?.clientCertificateData, short?.token], ['DATA+OMITTED', 'DATA+OMITTED', 'REDACTED']);
    const hidden = redacted(rules.load()).authInfos.get('u');
    assert.deepEqual(
      [hidden?.token, hidden?.password, hidden?.clientKeyData],
      ['REDACTED', 'REDACTED', Buffer.from('REDACTED').toString('base64')],
    );
  });
});
