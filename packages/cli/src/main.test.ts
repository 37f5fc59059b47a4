import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { ClusterDirectoryError, programVersion } from '@coracle/cluster';
import { explain } from './explain.ts';
import { main } from './main.ts';

async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let [out, err] = ['', ''];
  const code = await main(args, {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    env,
    program: [],
    interrupted: AbortSignal.abort(),
    log: () => undefined,
  });
  return { code, out, err };
}

describe('main()', () => {
  for (const args of [['--help'], ['-h'], ['help']]) {
    test(`${args.join(' ')} lists the commands`, async () => {
      const { code, out, err } = await run(args);
      assert.deepEqual([code, err], [0, '']);
      for (const command of ['up', 'start', 'version']) assert.match(out, new RegExp(`^ {2}${command} +\\S`, 'm'));
    });
  }

  test('COMMAND --help lists its options', async () => {
    const { code, out } = await run(['up', '--help']);
    assert.equal(code, 0);
    for (const flag of ['--port', '--directory', '--nodes', '--name']) assert.match(out, new RegExp(`^ {2}${flag} `, 'm'));
    // A long one has its meaning below it, not glued to it.
    assert.match(out, /^ {2}--etcd-certfile PATH *\n {22}\S/m);
    assert.match(out, /^ {2}--initial-cluster LIST *\n {22}\S/m);
  });

  test('version prints that of the packages', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
    assert.equal(programVersion, version);
    assert.match(
      (await run(['version'])).out,
      new RegExp(`^Coracle ${version.replaceAll('.', '\\.')}, serving the API of Kubernetes v1\\.`),
    );
  });

  for (const { args, says, env = { HOME: '/nowhere' } } of [
    { args: [], says: /^Usage: coracle COMMAND/ },
    { args: ['fly'], says: /^coracle: unknown command "fly"\n\nUsage:/ },
    { args: ['--port', '0'], says: /^coracle: unknown command "--port"/ },
    { args: ['up', '--prot', '1'], says: /^coracle up: unknown option "--prot"\n"coracle up --help" lists the options/ },
    { args: ['up', 'fast'], says: /^coracle up: unexpected argument "fast"/ },
    { args: ['up', '--port'], says: /option "--port" needs a value/ },
    { args: ['up', '--port', '-1'], says: /"-1" is no port/ },
    { args: ['up', '--port', '65536'], says: /"65536" is no port: a number from 0 to 65535/ },
    { args: ['up', '--port='], says: /"" is no port/ },
    { args: ['up', '--port', '0x10'], says: /"0x10" is no port/ },
    { args: ['up', '--nodes', '1001'], says: /"1001" is no number of nodes: 0 to 1000/ },
    { args: ['up', '--name', '../up'], says: /"\.\.\/up" is no name: lower case letters, digits and "-"/ },
    { args: ['up', '--directory='], says: /option "--directory" needs a value/ },
    { args: ['up'], env: {}, says: /neither XDG_STATE_HOME nor HOME is set; choose a folder with --directory/ },
    { args: ['start'], says: /^coracle start: which manifest\? Name one with --file/ },
    { args: ['version', 'all'], says: /unexpected argument "all"/ },
  ] satisfies readonly { args: readonly string[]; says: RegExp; env?: Record<string, string> }[]) {
    test(`"coracle ${args.join(' ')}" is bad usage${Object.keys(env).length === 0 ? ' without HOME' : ''}`, async () => {
      const { code, out, err } = await run(args, env);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, says);
    });
  }

  test('a manifest that cannot be used is one line, and nothing is started', async () => {
    const { code, err } = await run(['start', '--file', '/nowhere/there.yaml'], { HOME: '/nowhere' });
    assert.equal(code, 1);
    assert.match(err, /^coracle start: Cannot read "\/nowhere\/there\.yaml": ENOENT[^\n]*\n$/);
  });
});

test('explain() has words for what a person can act on, and none for our own faults', () => {
  const systemError = (code: string, port?: number): Error => Object.assign(new Error(code), { code }, port === undefined ? {} : { port });
  assert.equal(explain(systemError('EADDRINUSE', 6443)), 'port 6443 is in use; choose another with --port, or 0 for a free one');
  assert.equal(explain(systemError('EACCES', 443)), 'port 443 needs privileges; choose one above 1023 with --port, or 0 for a free one');
  assert.equal(explain(new ClusterDirectoryError('what, and what to do')), 'what, and what to do');
  for (const ours of [new TypeError('x is not a function'), systemError('EIO'), systemError('EPIPE', 1), 'text'])
    assert.equal(explain(ours), undefined);
});
