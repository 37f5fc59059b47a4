import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createCertificate, fixtureKeySource } from '@coracle/apiserver';
import type { Process } from '@coracle/kernel';
import { SimRuntime } from '@coracle/simulator';
import type { ExecConfig } from '../../rest/config.ts';
import { answered, scripted } from '../../rest/fixtures/scripted-transport.ts';
import { ExecAuthenticator, execRoundTripper, type PluginHost, type PluginPolicy, validatePluginPolicy } from './exec.ts';
import { configOfExecCluster, execClusterOf, loadExecCredential } from './exec-credential.ts';

const v1 = 'client.authentication.k8s.io/v1';
const beta = 'client.authentication.k8s.io/v1beta1';
const base: ExecConfig = {
  apiVersion: v1,
  command: 'login',
  args: ['--now'],
  env: [{ name: 'A', value: 'b' }],
  provideClusterInfo: false,
  interactiveMode: 'Never',
};
const printed = (status: object | undefined, apiVersion = v1): string =>
  JSON.stringify({ kind: 'ExecCredential', apiVersion, ...(status === undefined ? {} : { status }) });

/** In steps: one sleep of an hour looks stuck. */
async function later(runtime: SimRuntime, { clock }: Process, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 600_000) await runtime.drive(clock.sleep(Math.min(left, 600_000)));
}

interface Given {
  readonly config?: Partial<ExecConfig>;
  readonly outputs?: readonly (string | number | Error)[];
  readonly isTerminal?: boolean;
  readonly policy?: PluginPolicy;
  readonly stdinUnavailable?: string;
  readonly paths?: Readonly<Record<string, string>>;
  /** Default: in a world of its own. */
  readonly beside?: { readonly runtime: SimRuntime; readonly process: Process };
}

function setUp({
  config = {},
  outputs = [printed({ token: 't' })],
  isTerminal = false,
  policy,
  stdinUnavailable,
  paths = {},
  beside,
}: Given = {}) {
  const runtime = beside?.runtime ?? new SimRuntime({ seed: 1 });
  const process = beside?.process ?? runtime.process('test');
  const ran: Parameters<PluginHost['run']>[0][] = [];
  const host: PluginHost = {
    environment: { PATH: '/bin', GONE: undefined },
    isTerminal,
    async run(program) {
      const output = outputs[Math.min(ran.length, outputs.length - 1)] ?? '';
      ran.push(program);
      if (output instanceof Error) throw output;
      return typeof output === 'number' ? { exitCode: output, stdout: '' } : { exitCode: 0, stdout: output };
    },
    resolve: (command) => paths[command],
  };
  let certificateChanges = 0;
  const authenticator = new ExecAuthenticator({
    process,
    host,
    config: { ...base, ...config },
    cluster: () => execClusterOf({ server: 'https://a', tlsServerName: 'n', exec: { ...base, config: { audience: 'x' } } }, 'CA'),
    ...(policy === undefined ? {} : { policy }),
    ...(stdinUnavailable === undefined ? {} : { stdinUnavailable }),
    onCertificateChanged: () => certificateChanges++,
  });
  return { runtime, process, authenticator, ran, changes: () => certificateChanges };
}

const infoOf = (program: { readonly environment: Readonly<Record<string, string>> } | undefined): unknown =>
  JSON.parse(program?.environment['KUBERNETES_EXEC_INFO'] ?? 'null');

describe('ExecAuthenticator', () => {
  test('runs the program with its arguments and environment, and no secret in either', async () => {
    const { authenticator, ran } = setUp();
    assert.equal((await authenticator.credentials()).token, 't');
    assert.deepEqual([ran[0]?.command, ran[0]?.args, ran[0]?.interactive], ['login', ['--now'], false]);
    assert.deepEqual({ ...ran[0]?.environment, KUBERNETES_EXEC_INFO: '' }, { PATH: '/bin', A: 'b', KUBERNETES_EXEC_INFO: '' });
    assert.deepEqual(infoOf(ran[0]), { kind: 'ExecCredential', apiVersion: v1, spec: { interactive: false } });
  });

  test('tells of the cluster when it is asked to', async () => {
    const { authenticator, ran } = setUp({
      config: { provideClusterInfo: true, apiVersion: beta },
      outputs: [printed({ token: 't' }, beta)],
    });
    await authenticator.credentials();
    assert.deepEqual(infoOf(ran[0]), {
      kind: 'ExecCredential',
      apiVersion: beta,
      spec: {
        cluster: {
          server: 'https://a',
          'tls-server-name': 'n',
          'certificate-authority-data': Buffer.from('CA').toString('base64'),
          config: { audience: 'x' },
        },
        interactive: false,
      },
    });
  });

  const modes: readonly (readonly [
    ExecConfig['interactiveMode'],
    { readonly isTerminal?: boolean; readonly stdinUnavailable?: string },
    boolean | RegExp,
  ])[] = [
    ['Never', {}, false],
    ['Never', { isTerminal: true, stdinUnavailable: '' }, false],
    ['IfAvailable', {}, false],
    ['IfAvailable', { isTerminal: true }, true],
    ['IfAvailable', { isTerminal: true, stdinUnavailable: '' }, false],
    ['Always', { isTerminal: true }, true],
    ['Always', {}, /exec plugin cannot support interactive mode: standard input is not a terminal$/],
    ['Always', { isTerminal: true, stdinUnavailable: '' }, /standard input is unavailable$/],
    ['Always', { isTerminal: true, stdinUnavailable: 'used by apply' }, /standard input is unavailable: used by apply$/],
    ['Sometimes' as 'Never', {}, /unknown interactiveMode: "Sometimes"/],
  ];
  for (const [mode, given, want] of modes) {
    test(`interactiveMode ${mode} with ${JSON.stringify(given)}`, async () => {
      const { authenticator, ran } = setUp({ ...given, config: mode === undefined ? {} : { interactiveMode: mode } });
      if (want instanceof RegExp) {
        await assert.rejects(authenticator.credentials(), want);
        assert.equal(ran.length, 0);
      } else {
        await authenticator.credentials();
        assert.equal(ran[0]?.interactive, want);
      }
    });
  }

  const refused: readonly (readonly [string, string | number | Error, RegExp])[] = [
    ['prints no JSON', 'token: secret', /^decoding stdout: it is not JSON$/],
    ['prints another kind', '{"kind":"Pod","apiVersion":"v1"}', /^decoding stdout: Object 'Kind' is not ExecCredential$/],
    ['prints no kind', '{}', /Object 'Kind' is missing/],
    [
      'speaks another version',
      printed({ token: 't' }, beta),
      /^exec plugin is configured to use API version client.authentication.k8s.io\/v1, plugin returned version client.authentication.k8s.io\/v1beta1$/,
    ],
    ['gives no status', printed(undefined), /^exec plugin didn't return a status field$/],
    ['gives nothing', printed({}), /^exec plugin didn't return a token or cert\/key pair$/],
    [
      'gives a certificate without key',
      printed({ clientCertificateData: 'C' }),
      /^exec plugin returned only certificate or key, not both$/,
    ],
    ['gives a pair that is none', printed({ clientCertificateData: 'C', clientKeyData: 'K' }), /^failed parsing client key\/certificate: /],
    ['gives a token that is no text', printed({ token: 5 }), /status.token must be a string/],
    ['gives a time that is none', printed({ token: 't', expirationTimestamp: 'soon' }), /expirationTimestamp "soon" is no time/],
    ['fails', 3, /^exec: executable login failed with exit code 3$/],
    ['cannot be run', Object.assign(new Error('spawn EACCES'), { code: 'EACCES' }), /^exec: spawn EACCES$/],
  ];
  for (const [name, output, want] of refused) {
    test(`refuses a program that ${name}`, async () => {
      const { authenticator } = setUp({ outputs: [output] });
      await assert.rejects(authenticator.credentials(), (error: Error) => want.test(error.message) && !error.message.includes('secret'));
    });
  }

  test('a missing program is explained, with the hint, ten times an hour', async () => {
    const { runtime, process, authenticator } = setUp({
      config: { installHint: 'try apt' },
      outputs: [Object.assign(new Error('x'), { code: 'ENOENT' })],
    });
    const message = async (): Promise<string> =>
      authenticator.credentials().then(
        () => '',
        (error: Error) => error.message,
      );
    const first = await message();
    assert.ok(first.startsWith('exec: executable login not found\n\nIt looks like') && first.endsWith('\n\ntry apt'), first);
    for (let i = 0; i < 9; i++) assert.ok((await message()).includes('try apt'));
    assert.equal(await message(), 'exec: executable login not found');
    await later(runtime, process, 3_600_000);
    assert.ok((await message()).includes('try apt'));
    assert.ok(process.metrics.text().includes('rest_client_exec_plugin_call_total{code="1",call_status="plugin_not_found_error"} 12'));
  });

  test('credentials are kept until they expire; callers at the same time share one run', async () => {
    const { runtime, process, authenticator, ran } = setUp({
      outputs: [printed({ token: 'a', expirationTimestamp: '1970-01-01T01:00:00Z' }), printed({ token: 'b' })],
    });
    const start = process.clock.now();
    const [one, two] = await Promise.all([authenticator.credentials(), authenticator.credentials()]);
    assert.equal(one, two);
    if (start > 3_600_000) assert.equal((await authenticator.credentials()).token, 'b', 'what is given is old already');
    else {
      assert.equal(ran.length, 1);
      await later(runtime, process, 3_600_001);
      assert.equal((await authenticator.credentials()).token, 'b');
    }
    assert.equal(ran.length, 2);
    await authenticator.credentials();
    assert.equal(ran.length, 2);
  });

  test('401 runs the program again, once for each credential', async () => {
    const { runtime, process, authenticator, ran } = setUp({ outputs: [printed({ token: 'a' }), printed({ token: 'b' })] });
    const transport = scripted(answered(401), answered(200));
    const wrapped = execRoundTripper(authenticator, process.log)(transport);
    const ask = (): Promise<{ readonly status: number }> => wrapped.exchange({ method: 'GET', path: '/', query: [], headers: {} });
    assert.equal((await runtime.drive(ask())).status, 401);
    assert.equal((await runtime.drive(ask())).status, 200);
    assert.deepEqual(
      transport.asked.map(({ headers }) => headers['authorization']),
      ['Bearer a', 'Bearer b'],
    );
    const first = await authenticator.credentials();
    await authenticator.refresh({ ...first });
    assert.equal(ran.length, 2, 'somebody refreshed it already');
  });

  test('a request that brings its authorization runs nothing', async () => {
    const { process, authenticator, ran } = setUp();
    await execRoundTripper(
      authenticator,
      process.log,
    )(scripted(answered(200))).exchange({ method: 'GET', path: '/', query: [], headers: { authorization: 'x' } });
    assert.equal(ran.length, 0);
  });

  test('a failure names what was done', async () => {
    const { process, authenticator } = setUp({ outputs: [1] });
    await assert.rejects(
      execRoundTripper(authenticator, process.log)(scripted(answered(200))).exchange({ method: 'GET', path: '/', query: [], headers: {} }),
      {
        message: 'getting credentials: exec: executable login failed with exit code 1',
      },
    );
  });

  test('refuses versions that it does not speak', () => {
    assert.throws(
      () => setUp({ config: { apiVersion: 'client.authentication.k8s.io/v1alpha1' } }),
      /exec plugin: invalid apiVersion "client.authentication.k8s.io\/v1alpha1"/,
    );
  });

  describe('policy', () => {
    const run = async (
      policy: PluginPolicy,
      command = 'login',
      paths: Readonly<Record<string, string>> = { login: '/bin/login', '/bin/login': '/bin/login' },
    ): Promise<string> => {
      const { authenticator, ran } = setUp({ policy, config: { command }, paths });
      return authenticator.credentials().then(
        () => `ran ${ran[0]?.command}`,
        (error: Error) => error.message,
      );
    };
    test('decides which programs run', async () => {
      assert.equal(await run({ type: 'AllowAll' }), 'ran login');
      assert.equal(await run({ type: 'DenyAll' }), 'plugin "login" not allowed: policy set to "DenyAll"');
      assert.equal(await run({ type: 'Allowlist', commands: ['login'] }), 'ran login');
      assert.equal(await run({ type: 'Allowlist', commands: ['/bin/login'] }), 'ran /bin/login');
      assert.equal(await run({ type: 'Allowlist', commands: ['login'] }, '/bin/login'), 'ran /bin/login');
      assert.equal(
        await run({ type: 'Allowlist', commands: ['other'] }),
        'plugin path "/bin/login" is not permitted by the credential plugin allowlist',
      );
      assert.equal(
        await run({ type: 'Allowlist', commands: ['other'] }, 'login', {}),
        'plugin path "login" cannot be resolved for credential plugin allowlist check: executable file not found in $PATH',
      );
    });
    test('is refused when it says nothing clear', () => {
      assert.throws(() => validatePluginPolicy({ type: 'Allowlist', commands: [] }), /allowlist is empty; use "DenyAll"/);
      assert.throws(() => validatePluginPolicy({ type: 'Allowlist', commands: ['a', ''] }), /empty allowlist entry #2/);
      assert.throws(
        () => validatePluginPolicy({ type: 'Allowlist', commands: ['/bin//a'] }),
        /non-normalized file path: "\/bin\/\/a" vs "\/bin\/a"/,
      );
      validatePluginPolicy({ type: 'DenyAll' });
    });
  });
});

describe('metrics of plugins', () => {
  const minutes = 60_000;
  const valuesOf = (process: Process, name: string): readonly string[] =>
    process.metrics
      .text()
      .split('\n')
      .filter((line) => line.startsWith(name));

  /** What a plugin prints that gives a certificate. */
  function certificate(process: Process, fromMs: number, toMs: number): string {
    const keys = fixtureKeySource.keyPair();
    const subject = { commonName: 'me' };
    const nowMs = process.clock.now();
    const clientCertificateData = createCertificate({
      subject,
      keys,
      issuer: { subject, keys },
      serial: Uint8Array.of(1),
      notBeforeMs: nowMs + fromMs,
      notAfterMs: nowMs + toMs,
      usage: 'client',
    });
    return printed({ clientCertificateData, clientKeyData: keys.privateKey });
  }

  test('tell how long the certificate lives that ends first, and how old those were that were replaced', async () => {
    const outputs: string[] = [];
    const one = setUp({ outputs });
    const { runtime, process } = one;
    const ttl = (): string | undefined => valuesOf(process, 'rest_client_exec_plugin_ttl_seconds')[0]?.split(' ')[1];
    assert.equal(ttl(), '+Inf');
    outputs.push(certificate(process, -20 * minutes, 60 * minutes), certificate(process, 0, 120 * minutes));
    const first = await one.authenticator.credentials();
    assert.equal(ttl(), '3600');
    await later(runtime, process, 10 * minutes);
    assert.equal(ttl(), '3000');

    const other = setUp({ beside: one, outputs: [certificate(process, 0, 5 * minutes)] });
    await other.authenticator.credentials();
    assert.equal(ttl(), '300', 'the one that ends first');
    other.authenticator[Symbol.dispose]();
    assert.equal(ttl(), '3000');

    await one.authenticator.refresh(first);
    assert.equal(ttl(), String((120 - 10) * 60));
    assert.deepEqual(
      valuesOf(process, 'rest_client_exec_plugin_certificate_rotation_age').filter((line) => !line.includes('_bucket')),
      ['rest_client_exec_plugin_certificate_rotation_age_sum 1800', 'rest_client_exec_plugin_certificate_rotation_age_count 1'],
    );
    await later(runtime, process, 120 * minutes);
    assert.equal(ttl(), '-600', 'it has ended');
    one.authenticator[Symbol.dispose]();
    assert.equal(ttl(), '+Inf');
  });

  test('a plugin that gives a token has no certificate to tell of', async () => {
    const { authenticator, process } = setUp();
    await authenticator.credentials();
    assert.deepEqual(valuesOf(process, 'rest_client_exec_plugin_ttl_seconds'), ['rest_client_exec_plugin_ttl_seconds +Inf']);
  });

  test('tell what the policy said', async () => {
    const one = setUp({ outputs: [7] });
    await assert.rejects(one.authenticator.credentials()); // that it fails is no matter of the policy
    await assert.rejects(setUp({ beside: one, policy: { type: 'DenyAll' } }).authenticator.credentials());
    await assert.rejects(setUp({ beside: one, policy: { type: 'Allowlist', commands: ['other'] } }).authenticator.credentials());
    assert.deepEqual(valuesOf(one.process, 'rest_client_exec_plugin_policy_call_total'), [
      'rest_client_exec_plugin_policy_call_total{status="allowed"} 1',
      'rest_client_exec_plugin_policy_call_total{status="denied"} 2',
    ]);
  });
});

describe('loadExecCredential', () => {
  const cluster = {
    server: 'https://a',
    'certificate-authority-data': Buffer.from('CA').toString('base64'),
    'proxy-url': 'http://p',
    'insecure-skip-tls-verify': true,
  };
  for (const apiVersion of [v1, beta]) {
    test(`the cluster that ${apiVersion} tells of`, () => {
      const { config } = loadExecCredential(JSON.stringify({ apiVersion, kind: 'ExecCredential', spec: { cluster, interactive: false } }));
      assert.deepEqual(config, { server: 'https://a', certificateAuthority: 'CA', proxyUrl: 'http://p', insecureSkipTlsVerify: true });
    });
  }
  test('refuses what is none', () => {
    assert.throws(() => loadExecCredential('{'), /^Error: decode: it is not JSON$/);
    assert.throws(
      () => loadExecCredential('{"apiVersion":"v1","kind":"Pod"}'),
      /invalid group\/kind: wanted ExecCredential.client.authentication.k8s.io, got Pod/,
    );
    assert.throws(
      () => loadExecCredential(JSON.stringify({ apiVersion: v1, kind: 'ExecCredential', spec: {} })),
      /does not contain cluster information/,
    );
    assert.throws(
      () =>
        loadExecCredential(
          JSON.stringify({ apiVersion: v1, kind: 'ExecCredential', spec: { cluster: { server: 'a', 'certificate-authority-data': '%' } } }),
        ),
      /not base64/,
    );
  });
  test('the way there and back keeps all but credentials', () => {
    const config = { server: 'https://a', tlsServerName: 'n', certificateAuthority: 'CA', proxyUrl: 'http://p', disableCompression: true };
    assert.deepEqual(configOfExecCluster(execClusterOf({ ...config, token: 't' }, 'CA')), config);
  });
});
