import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { LiveRuntime } from '@coracle/kernel';
import { controlPath, MemberControl, type MemberReport, serveControl } from './control-socket.ts';

const view = { id: 1, name: 'm1', role: 'leader', term: 2 };
const memberOf = () => {
  let cutFrom: readonly number[] = [];
  return {
    report: () => ({ ...view, cutFrom }) as unknown as MemberReport, // what it holds does not matter here
    cut: (ids: readonly number[]) => {
      cutFrom = ids;
    },
  };
};

test('serveControl() shows a member to its owner only, cuts it off and joins it again, and refuses the rest', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'control-'));
  t.after(() => rm(directory, { recursive: true }));
  const process = new LiveRuntime().process('member');
  const control = new MemberControl(directory);
  await assert.rejects(control.report(), { code: 'ENOENT' });
  await writeFile(controlPath(directory), 'left by a killed process');
  const served = await serveControl(process, directory, memberOf());
  assert.ok(served !== undefined);
  assert.equal((await stat(controlPath(directory))).mode & 0o777, 0o600);
  assert.deepEqual(await control.report(), { ...view, cutFrom: [] });
  await control.cut([2, 3]);
  assert.deepEqual((await control.report()).cutFrom, [2, 3]);
  const ask = (method: string, path: string, body: string, headers = {}): Promise<string> =>
    new Promise((resolve, reject) => {
      const asking = request({ socketPath: controlPath(directory), method, path, headers }, (answer) => {
        text(answer).then((said) => resolve(`${answer.statusCode} ${said}`), reject);
      });
      asking.on('error', reject).end(body);
    });
  assert.equal(await ask('GET', '/', ''), '404 {"error":"no \\"GET /\\""}');
  for (const body of ['', '{', '{}', '[0]', '[1.5]', '["1"]', '[null]']) {
    const answer = await ask('POST', '/cut', body, { 'content-length': body.length });
    assert.equal(answer, '400 {"error":"the ids of members are wanted, as a list in JSON"}', body);
  }
  assert.match(await ask('POST', '/cut', '', { 'transfer-encoding': 'chunked' }), /^400 /);
  assert.match(await ask('POST', '/cut', ' '.repeat(70_000), { 'content-length': 70_000 }), /^400 /);
  await control.cut([]);
  assert.deepEqual((await control.report()).cutFrom, []);
  await served.close();
  await assert.rejects(control.report(), { code: 'ENOENT' });
  await process.stop();
});

test('serveControl() does without in a directory whose path is too long, or that is none', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'control-'));
  t.after(() => rm(directory, { recursive: true }));
  const process = new LiveRuntime().process('member');
  const deep = join(directory, 'd'.repeat(100));
  await mkdir(deep);
  assert.equal(await serveControl(process, deep, memberOf()), undefined);
  assert.equal(await serveControl(process, join(directory, 'absent'), memberOf()), undefined);
});
