import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { LiveRuntime, type Process } from '@coracle/kernel';
import { httpTransport } from '../../transport/http-transport.ts';
import { type Peer, upgradeServer } from '../../transport/upgrade-server.fixture.ts';
import { ExitCodeError } from '../remotecommand/command-result.ts';
import type { RemoteCommandTarget } from '../remotecommand/remote-command.ts';
import { copyFromPod, copyToPod, localEntries, localWriter, type SourceEntry } from './copy.ts';
import { tarEnd, TarError, tarHeader, tarPadding } from './tar.ts';

const success = '{"metadata":{},"status":"Success"}';
const skip = spawnSync('tar', ['--version']).status === 0 ? false : 'there is no tar here';

let process: Process;
let folder: string;
let closing: (() => Promise<void>)[];

beforeEach(() => {
  process = new LiveRuntime().process('test');
  folder = mkdtempSync(path.join(tmpdir(), 'copy-'));
  closing = [];
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  await process.stop();
  rmSync(folder, { recursive: true });
});

function exited(peer: Peer, code: number): void {
  const failure = {
    metadata: {},
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: 'x',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
  peer.send(3, code === 0 ? success : JSON.stringify(failure));
  peer.close();
}

/** A container whose files are those of `folder/pod`, with the tar of this machine. */
async function pod(): Promise<RemoteCommandTarget> {
  mkdirSync(path.join(folder, 'pod'), { recursive: true });
  const children = new Map<Peer, ChildProcess>();
  return served({
    onOpen(peer) {
      const [program = '', ...args] = peer.url.searchParams.getAll('command');
      const child = spawn(program, args, { cwd: path.join(folder, 'pod'), stdio: 'pipe' });
      children.set(peer, child);
      closing.push(async () => void child.kill()); // one whose caller went away waits for ever
      child.stdin.on('error', () => undefined); // it may end before it has read everything
      child.stdout.on('data', (chunk: Buffer) => peer.send(1, chunk));
      child.stderr.on('data', (chunk: Buffer) => peer.send(2, chunk));
      child.on('close', (code) => exited(peer, code ?? 255));
      if (!peer.url.searchParams.has('stdin')) child.stdin.end();
    },
    onMessage(peer, channel, payload) {
      const stdin = children.get(peer)?.stdin;
      if (channel === 0) stdin?.write(payload);
      else if (channel === 255) stdin?.end();
    },
  });
}

async function served(options: Parameters<typeof upgradeServer>[0]): Promise<RemoteCommandTarget> {
  const { url, close } = await upgradeServer(options);
  const transport = httpTransport({ process, config: { server: url } });
  closing.push(close, () => transport.close());
  return { process, transport, namespace: 'n', pod: 'p' };
}

/** A container whose tar gives just this. */
function hostile(...headers: readonly Uint8Array[]): Promise<RemoteCommandTarget> {
  return served({
    onOpen(peer) {
      peer.send(1, Buffer.concat([...headers, tarEnd]));
      exited(peer, 0);
    },
  });
}

function tree(of: string): string[] {
  return readdirSync(of, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      const name = path.relative(of, file);
      return entry.isFile() ? `${name} ${(statSync(file).mode & 0o777).toString(8)} ${readFileSync(file, 'utf8').length}` : `${name}/`;
    })
    .sort();
}

function fill(at: string): void {
  mkdirSync(path.join(at, 'deep', 'x'.repeat(90)), { recursive: true });
  writeFileSync(path.join(at, 'a'), 'one', { mode: 0o600 });
  writeFileSync(path.join(at, 'empty'), '');
  writeFileSync(path.join(at, 'deep', 'x'.repeat(90), 'ünïcode'), 'y'.repeat(300_000), { mode: 0o755 });
}

async function bytesOf(content: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const chunk of content) length += chunk.length;
  return length;
}

describe('cp', { skip }, () => {
  test('a folder goes into a pod and comes out again as it was', async () => {
    const to = await pod();
    const source = path.join(folder, 'source');
    fill(source);
    await copyToPod(to, localEntries(source, 'copied'), '.');
    assert.deepEqual(tree(path.join(folder, 'pod', 'copied')), tree(source));
    const back = path.join(folder, 'back');
    await copyFromPod(to, 'copied', localWriter(back));
    assert.deepEqual(tree(back), tree(source));
    await copyFromPod(to, path.join(folder, 'pod', 'copied', 'a'), localWriter(path.join(folder, 'one-file')));
    assert.equal(readFileSync(path.join(folder, 'one-file'), 'utf8'), 'one');
  });

  test('symlinks of a container are left out: they could lead anywhere', async () => {
    const to = await pod();
    fill(path.join(folder, 'pod', 'd'));
    symlinkSync('/etc', path.join(folder, 'pod', 'd', 'link'));
    const seen: string[] = [];
    await copyFromPod(to, 'd', async ({ name }) => void seen.push(name));
    assert.ok(seen.includes('a') && !seen.includes('link'), seen.join(' '));
  });

  test('a file is never written through a symlink that stands in its place', async () => {
    const to = await pod();
    writeFileSync(path.join(folder, 'pod', 'a'), 'new');
    writeFileSync(path.join(folder, 'kept'), 'old');
    symlinkSync(path.join(folder, 'kept'), path.join(folder, 'trap'));
    await assert.rejects(copyFromPod(to, 'a', localWriter(path.join(folder, 'trap'))), { code: 'ELOOP' });
    assert.equal(readFileSync(path.join(folder, 'kept'), 'utf8'), 'old');
  });

  test('what tar says is told with its code', async () => {
    const to = await pod();
    await assert.rejects(
      copyFromPod(to, 'nothing', localWriter(folder)),
      (error) => error instanceof ExitCodeError && error.exitCode === 2 && /terminated with exit code 2: .*nothing/.test(error.message),
    );
    await assert.rejects(copyToPod(to, [{ name: 'f', type: 'file', mode: 0o644, size: 0 }], 'no/folder'), ExitCodeError);
  });

  for (const name of ['../evil', 'd/../../evil', '/etc/evil', 'other/evil', 'd2', String.raw`d\..\evil`]) {
    test(`a container that gives ${name} is refused, and nothing is written`, async () => {
      const to = await hostile(tarHeader({ name, type: 'file', mode: 0o644, size: 0 }));
      await assert.rejects(copyFromPod(to, 'd', localWriter(path.join(folder, 'into'))), TarError);
      assert.deepEqual(readdirSync(folder), []);
    });
  }

  test('names that lead out are refused on the way in, too, and before anything is asked on the way out', async () => {
    const to = await pod();
    for (const name of ['../evil', '/evil', 'a/../../evil'])
      await assert.rejects(copyToPod(to, [{ name, type: 'file', mode: 0o644, size: 0 }], '.'), TarError);
    await assert.rejects(copyFromPod(to, '../../etc', localWriter(folder)), TarError);
  });

  test('limits of bytes and entries end a copy, in both directions', async () => {
    const header = tarHeader({ name: 'd/f', type: 'file', mode: 0o644, size: 600 });
    const file = Buffer.concat([header, new Uint8Array(600), tarPadding(600)]);
    const read = async (_entry: unknown, content: AsyncIterable<Uint8Array>): Promise<void> => void (await bytesOf(content));
    await copyFromPod(await hostile(file, file), 'd', read, { maxBytes: 1200, maxEntries: 2 });
    await assert.rejects(copyFromPod(await hostile(file, file), 'd', read, { maxBytes: 1199 }), /more than 1199 bytes/);
    await assert.rejects(copyFromPod(await hostile(file, file), 'd', read, { maxEntries: 1 }), /more than 1 entries/);
    const entries: readonly SourceEntry[] = [
      { name: 'd', type: 'directory', mode: 0o755, size: 0 },
      { name: 'd/e', type: 'directory', mode: 0o755, size: 0 },
    ];
    await assert.rejects(copyToPod(await pod(), entries, '.', { maxEntries: 1 }), /more than 1 entries/);
  });

  test('a file that has another size than it said ends the copy', async () => {
    const entry = (text: string): SourceEntry => ({
      name: 'f',
      type: 'file',
      mode: 0o644,
      size: 4,
      content: (async function* () {
        yield Buffer.from(text);
      })(),
    });
    const to = await pod();
    for (const text of ['abc', 'abcde']) await assert.rejects(copyToPod(to, [entry(text)], '.'), /another size than 4 bytes/);
    await copyToPod(to, [entry('abcd')], '.');
  });

  test('an abort ends it with the reason', async () => {
    const to = await served({ onOpen: (peer) => peer.send(1, tarHeader({ name: 'd/f', type: 'file', mode: 0o644, size: 1 << 20 })) });
    const stop = new AbortController();
    const reason = new Error('enough');
    const copying = copyFromPod(
      to,
      'd',
      async (_entry, content) => {
        stop.abort(reason);
        await bytesOf(content);
      },
      { signal: stop.signal },
    );
    await assert.rejects(copying, (error) => error === reason);
    await assert.rejects(copyToPod(to, [], '.', { signal: AbortSignal.abort(reason) }), (error) => error === reason);
  });
});
