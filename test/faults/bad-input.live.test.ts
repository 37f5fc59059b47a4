import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readYamlDocuments } from '@coracle/apimachinery';
import { type ClientConfig, clientConfigFromKubeconfig } from '@coracle/client';
import { kubectl, type KubectlVersion } from '../../tools/kubectl.ts';
import { CoracleProcess } from './coracle-process.ts';

const versions: readonly KubectlVersion[] = ['1.30', '1.35'];
const folder = mkdtempSync(path.join(tmpdir(), 'coracle-bad-input-'));
const isRoot = process.getuid?.() === 0;
after(() => rmSync(folder, { recursive: true }));

interface Answer {
  readonly code: number;
  readonly text: string;
}

/** What a real kubectl says to `input`, on both outputs. */
function run(version: KubectlVersion, kubeconfig: string, args: readonly string[], input = ''): Promise<Answer> {
  return new Promise((resolve) => {
    const child = execFile(kubectl(version), [...args], { env: { HOME: folder, KUBECONFIG: kubeconfig } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr });
    });
    child.stdin?.end(input);
  });
}

function configOf(directory: string): ClientConfig {
  const [kubeconfig] = readYamlDocuments(readFileSync(path.join(directory, 'kubeconfig'), 'utf8'));
  return clientConfigFromKubeconfig(kubeconfig);
}

interface Sent {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Without it as the administrator. */
  readonly anonymous?: boolean;
}

/** A request without any client of ours or kubectl's, which would stop it. */
async function https(
  config: ClientConfig,
  at: string,
  { method = 'GET', body = '', headers = {}, anonymous = false }: Sent = {},
): Promise<Answer> {
  const who = anonymous ? {} : { cert: config.clientCertificate, key: config.clientKey };
  const sent = request(new URL(at, config.server), {
    method,
    ca: config.certificateAuthority,
    agent: false,
    headers: { 'content-type': 'application/json', ...headers },
    ...who,
  });
  sent.end(body);
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { code: Number(response.statusCode), text };
}

const configMap = (rest: string, name = 'a'): string => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${rest}`;

describe('what kubectl sends', () => {
  const directory = path.join(folder, 'served');
  const kubeconfig = path.join(directory, 'kubeconfig');
  let running: CoracleProcess;
  before(async () => {
    running = await CoracleProcess.up(directory, '--nodes', '0');
  });
  after(() => running.kill('SIGTERM'));

  for (const version of versions) {
    const apply = (input: string): Promise<Answer> => run(version, kubeconfig, ['apply', '-f', '-'], input);
    for (const { fault, input, says } of [
      {
        fault: 'wrong YAML',
        input: 'kind: A\n  metadata: b\n',
        says: /error converting YAML to JSON: yaml: line \d+: mapping values are not allowed in this context/,
      },
      { fault: 'an unknown kind', input: configMap('').replace('ConfigMap', 'Boat'), says: /no matches for kind "Boat" in version "v1"/ },
      { fault: 'an unknown field', input: configMap('date: {}\n'), says: /strict decoding error: unknown field "date"/ },
      {
        fault: 'an invalid name',
        input: configMap('', 'A_b'),
        says: /The ConfigMap "A_b" is invalid: metadata\.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain/,
      },
      {
        fault: 'a value of another type',
        input: configMap('data: {a: 1}\n'),
        says: /cannot unmarshal number into Go struct field ConfigMap\.data of type string/,
      },
      {
        fault: 'a label __proto__',
        input: configMap('').replace('metadata:', 'metadata:\n  labels: {__proto__: x}'),
        says: /metadata\.labels: Invalid value: "__proto__": name part must consist of/,
      },
      {
        fault: 'a namespace that is not there',
        input: configMap('').replace('metadata:', 'metadata:\n  namespace: nowhere'),
        says: /namespaces "nowhere" not found/,
      },
    ]) {
      test(`kubectl ${version}: ${fault} is refused in words`, async () => {
        const { code, text } = await apply(input);
        assert.match(text, says);
        assert.equal(code, 1);
      });
    }

    test(`kubectl ${version}: a stale resourceVersion is a conflict, and what is stored stays`, async () => {
      const name = `stale-${version.replace('.', '-')}`;
      await run(version, kubeconfig, ['create', 'configmap', name, '--from-literal=a=1']);
      const { text: stale } = await run(version, kubeconfig, ['get', 'configmap', name, '-o', 'yaml']);
      await run(version, kubeconfig, ['patch', 'configmap', name, '--type=merge', '-p', '{"data":{"a":"2"}}']);
      const { code, text } = await run(version, kubeconfig, ['replace', '-f', '-'], stale);
      assert.match(
        text,
        /Error from server \(Conflict\).*the object has been modified; please apply your changes to the latest version and try again/,
      );
      assert.equal(code, 1);
      assert.equal((await run(version, kubeconfig, ['get', 'configmap', name, '-o', 'jsonpath={.data.a}'])).text, '2');
    });

    test(`kubectl ${version}: wrong credentials are refused`, async () => {
      const other = path.join(folder, `other-${version}`);
      const { server, certificateAuthority = '' } = configOf(directory);
      const file = (user: string): string =>
        `apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: "${server}", certificate-authority-data: ${Buffer.from(certificateAuthority).toString('base64')}}}]\nusers: [{name: u, user: ${user}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n`;
      writeFileSync(other, file('{token: "not.a.token"}'));
      assert.match((await run(version, other, ['get', 'pods'])).text, /You must be logged in to the server/);
    });

    test(`kubectl ${version}: a map keeps the key __proto__`, async () => {
      const name = `proto-${version.replace('.', '-')}`;
      assert.deepEqual((await apply(configMap('data: {__proto__: text, constructor: more}\n', name))).code, 0);
      const { text } = await run(version, kubeconfig, [
        'get',
        'configmap',
        name,
        '-o',
        'go-template={{index .data "__proto__"}} {{.data.constructor}}',
      ]);
      assert.equal(text, 'text more');
    });
  }

  const collection = '/api/v1/namespaces/default/configmaps';
  for (const { fault, sent, code, says, at = collection } of [
    { fault: 'nobody', sent: { anonymous: true }, code: 403, says: /"reason":"Forbidden"|forbidden: User \\"system:anonymous\\"/ },
    { fault: 'a wrong token', sent: { anonymous: true, headers: { authorization: 'Bearer wrong' } }, code: 401, says: /Unauthorized/ },
    { fault: 'text that is not JSON', sent: { method: 'POST', body: '{"a"' }, code: 400, says: /"reason":"BadRequest"/ },
    {
      fault: 'an unknown media type',
      sent: { method: 'POST', body: 'a', headers: { 'content-type': 'text/plain' } },
      code: 415,
      says: /"reason":"UnsupportedMediaType"/,
    },
    { fault: 'a body without end', sent: { method: 'POST', body: 'a'.repeat(3 * 1024 * 1024 + 1) }, code: 413, says: /too large/ },
    { fault: 'an unknown path', sent: {}, code: 404, says: /404|could not find/, at: '/apis/no.such/v1/boats' },
  ] satisfies readonly { fault: string; sent: Sent; code: number; says: RegExp; at?: string }[]) {
    test(`over HTTPS: ${fault} gets ${code}`, async () => {
      const answer = await https(configOf(directory), at, sent);
      assert.equal(answer.code, code, answer.text);
      assert.match(answer.text, says);
    });
  }

  test('neither its arguments nor what it says hold a key', async () => {
    const { clientKey = '' } = configOf(directory);
    const said = (await running.says(/KUBECONFIG/)) + readFileSync(`/proc/${running.child.pid}/cmdline`, 'utf8');
    for (const secret of [clientKey.split('\n')[1] ?? 'no key', 'PRIVATE KEY']) assert.ok(!said.includes(secret));
  });
});

describe('what a start finds', () => {
  const refused = async (args: readonly string[]): Promise<string> => {
    const { code, out, err } = await new CoracleProcess(['up', ...args]).ended;
    assert.deepEqual([code, out], [1, ''], err);
    assert.match(err, /^coracle up: [^\n]+\n$/);
    return err;
  };

  test('a port in use is named, and the directory is free afterwards', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const directory = path.join(folder, 'port');
    assert.match(
      await refused(['--port', String(port), '--directory', directory]),
      new RegExp(`port ${port} is in use; choose another with --port, or 0 for a free one`),
    );
    server.close();
    assert.ok(!existsSync(path.join(directory, 'store/LOCK')));
  });

  test('a directory in use names the process; after kill -9 the next start takes it over', async () => {
    const directory = path.join(folder, 'used');
    const running = await CoracleProcess.up(directory, '--nodes', '0');
    assert.match(
      await refused(['--port', '0', '--directory', directory]),
      new RegExp(`it is in use by process ${running.child.pid}; stop that first`),
    );
    await running.kill('SIGKILL');
    assert.ok(existsSync(path.join(directory, 'store/LOCK')));
    const again = await CoracleProcess.up(directory, '--nodes', '0');
    assert.equal((await again.kill('SIGTERM')).code, 0);
  });

  test('a damaged log stops the start at the place of the damage, and is left as it is', async () => {
    const directory = path.join(folder, 'damaged');
    assert.equal((await (await CoracleProcess.up(directory, '--nodes', '0')).kill('SIGTERM')).code, 0);
    const wal = path.join(directory, 'store/wal');
    const file = path.join(wal, readdirSync(wal)[0] ?? '');
    const bytes = readFileSync(file);
    bytes[1_000] = (bytes[1_000] ?? 0) ^ 0xff;
    writeFileSync(file, bytes);
    assert.match(
      await refused(['--port', '0', '--directory', directory]),
      /"wal\/\d+-\d+\.wal" at byte \d+: .*; restore the directory from a copy/,
    );
    assert.deepEqual(readFileSync(file), bytes);
  });

  test('a directory of another user is left to them', { skip: !isRoot && 'only root can give a directory away' }, async () => {
    const directory = path.join(folder, 'theirs');
    mkdirSync(directory);
    chownSync(directory, 12_345, 12_345);
    assert.match(
      await refused(['--port', '0', '--directory', directory]),
      /it belongs to user 12345, not to 0; run as its owner, or choose another directory/,
    );
  });

  test('a file in place of the directory', async () => {
    const file = path.join(folder, 'file');
    writeFileSync(file, '');
    assert.match(await refused(['--port', '0', '--directory', file]), /it is not a directory.*; choose another directory/);
  });
});

/** A file system of so many bytes at `at`, or why there is none. */
function mountSmall(at: string, size: string): string | undefined {
  mkdirSync(at);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', at], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'a small file system cannot be mounted here';
  }
}

test('a full disk refuses writes, goes on reading and deleting, and writes again when there is room', async (t) => {
  const disk = path.join(folder, 'disk');
  // The store keeps a spare segment of 64 MiB, so that deletes and compactions have room when nothing else has.
  const skip = mountSmall(disk, '200m');
  if (skip !== undefined) return t.skip(skip);
  const directory = path.join(disk, 'cluster');
  const ballast = path.join(disk, 'ballast');
  writeFileSync(ballast, Buffer.alloc(100 * 1024 * 1024));
  const running = await CoracleProcess.up(directory, '--nodes', '0');
  try {
    const config = configOf(directory);
    const at = '/api/v1/namespaces/default/configmaps';
    const create = (name: string): Promise<Answer> =>
      https(config, at, { method: 'POST', body: JSON.stringify({ metadata: { name }, data: { text: 'x'.repeat(500_000) } }) });
    let count = 0;
    let answer = await create(`full-${count}`);
    while (answer.code === 201 && count < 300) answer = await create(`full-${++count}`);
    assert.equal(answer.code, 503, answer.text);
    assert.match(answer.text, /no space is left; free some, and writes are accepted again/);
    assert.equal((await https(config, `${at}/full-0`)).code, 200);
    assert.equal((await https(config, `${at}/full-0`, { method: 'DELETE' })).code, 200);
    rmSync(ballast);
    // The store looks every ten seconds whether there is room.
    const until = performance.now() + 60_000;
    do answer = await create('roomy');
    while (answer.code === 503 && performance.now() < until);
    assert.equal(answer.code, 201, answer.text);
  } finally {
    await running.kill('SIGTERM');
    await once(spawn('umount', [disk]), 'exit');
  }
});
