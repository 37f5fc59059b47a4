import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { probed, type ProbeState } from '../pod/probe-state.ts';
import { ContainerLog } from './container-log.ts';
import { ContainerProcess } from './container-process.ts';
import { mountedFileSystem, normalizePath, Volume } from './file-system.ts';
import { imageName, parseImage, ProgramRegistry } from './images.ts';

describe('parseImage()', () => {
  for (const { image, want } of [
    { image: 'nginx', want: 'docker.io/library/nginx:latest' },
    { image: 'pingcap/tikv:v8.5.7', want: 'docker.io/pingcap/tikv:v8.5.7' },
    { image: 'localhost:5000/a:1', want: 'localhost:5000/a:1' },
    { image: 'registry.k8s.io/pause', want: 'registry.k8s.io/pause:latest' },
    { image: `a@sha256:${'0'.repeat(64)}`, want: `docker.io/library/a@sha256:${'0'.repeat(64)}` },
  ]) {
    test(`${image} is ${want}`, () => assert.equal(imageName(parseImage(image)), want));
  }

  for (const image of ['', ' ', 'a b', ':1', 'a:', '/a']) {
    test(`refuses "${image}"`, () => assert.throws(() => parseImage(image), TypeError));
  }
});

test('ProgramRegistry.find() takes the last pattern that matches', () => {
  const programs = new ProgramRegistry({ fallback: 'missing' });
  const [any, v8, last] = [async () => 0, async () => 8, async () => 1];
  programs.set('pingcap/tikv', any);
  programs.set('pingcap/tikv:v8.*', v8);
  const find = (image: string): unknown => programs.find(parseImage(image));
  assert.deepEqual(
    [find('pingcap/tikv:v7'), find('pingcap/tikv:v8.5'), find('tikv:v8.5'), find('example.com/pingcap/tikv:v8.5')],
    [any, v8, 'missing', 'missing'],
  );
  programs.set('*', last);
  assert.equal(find('pingcap/tikv:v7'), last);
});

describe('mountedFileSystem()', () => {
  const data = new Volume();
  const config = new Volume([
    ['a/x', 'one'],
    ['b', 'two'],
  ]);
  const files = mountedFileSystem([
    { mountPath: '/data', volume: data, subPath: 'sub', readOnly: false },
    { mountPath: '/data/config', volume: config, subPath: '', readOnly: true },
    { mountPath: '/etc/b', volume: config, subPath: 'b', readOnly: true },
  ]);

  test('finds the deepest mount', () => {
    files.write('/data/../data//file', 'text');
    assert.deepEqual(data.paths(), ['sub/file']);
    assert.equal(files.read('/data/config/a/x'), 'one');
    assert.equal(files.read('/etc/b'), 'two');
    assert.deepEqual(files.list('/'), ['/data/config/a/x', '/data/config/b', '/data/file', '/etc/b']);
    assert.deepEqual(files.list('/data/config/a'), ['/data/config/a/x']);
  });

  test('refuses to write where it may not, and beyond the end of the disk', () => {
    assert.throws(() => files.write('/data/config/b', ''), { code: 'EROFS' });
    assert.throws(() => files.remove('/etc/b'), { code: 'EROFS' });
    assert.throws(() => files.write('/big', 'x'.repeat(65 * 1024 * 1024)), { code: 'ENOSPC' });
  });

  test('keeps bytes and strange names', () => {
    files.write('/__proto__', new Uint8Array([0xff, 0]));
    assert.deepEqual(files.readBytes('/__proto__'), new Uint8Array([0xff, 0]));
    assert.equal(files.read('/constructor'), undefined);
    assert.equal(files.remove('/__proto__'), true);
  });

  test('normalizePath() does not leave the root', () => assert.equal(normalizePath('../../a/./b/..'), '/a'));
});

test('ContainerLog keeps the end of a long log and lets followers keep their place', () => {
  const log = new ContainerLog(() => 0);
  log.write('stdout', 'first\n');
  const { next } = log.since(0);
  for (let i = 0; i < 10_000; i++) log.write('stdout', `${'x'.repeat(100)} ${i}\n`);
  assert.ok(log.lines.length < 5000);
  assert.match(log.lines.at(-1)?.text ?? '', /9999$/);
  const { lines, next: end } = log.since(next);
  assert.equal(end, 10_001);
  assert.equal(lines.length, log.lines.length);
});

describe('ContainerProcess', () => {
  test('a killed one runs nothing any more, and its host does not wait for it', async () => {
    const runtime = new SimRuntime();
    const host = runtime.process('host');
    const failures: unknown[] = [];
    const process = new ContainerProcess({ host, name: 'ns/p/c', incarnation: 0, onFailure: (error) => failures.push(error) });
    const done: string[] = [];
    process.spawn('loop', async () => {
      await process.clock.sleep(1000);
      done.push('slept');
    });
    process.post({ lane: 'x', op: 'post' }, () => done.push('posted'));
    process.kill();
    process.spawn('late', async () => void done.push('late'));
    await runtime.settle();
    await host.stop();
    assert.deepEqual([done, failures], [[], []]);
  });

  test('tells of a throw that nobody awaits', async () => {
    const runtime = new SimRuntime();
    const failures: unknown[] = [];
    const process = new ContainerProcess({
      host: runtime.process('host'),
      name: 'ns/p/c',
      incarnation: 0,
      onFailure: (error) => failures.push(error),
    });
    process.spawn('bad', async () => {
      throw new Error('boom');
    });
    await runtime.settle();
    assert.deepEqual(failures, [new Error('boom')]);
  });
});

test('probed() turns after as many tries in a row as the thresholds say', () => {
  const probe = { successThreshold: 2, failureThreshold: 3 };
  let state: ProbeState = { result: 'failure', run: undefined, succeededOnce: false };
  const results: string[] = [];
  for (const success of [true, false, true, true, false, false, true, false, false, false]) {
    state = probed(state, success, probe);
    results.push(state.result);
  }
  assert.deepEqual(results, ['failure', 'failure', 'failure', 'success', 'success', 'success', 'success', 'success', 'success', 'failure']);
});
