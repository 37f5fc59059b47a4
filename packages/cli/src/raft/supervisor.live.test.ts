import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { LiveRuntime } from '@coracle/kernel';
import { raft } from './command.ts';
import { StartError, Supervisor } from './supervisor.ts';
import { serveSupervisor, SupervisorClient, SupervisorError } from './supervisor-socket.ts';

/** Says that it is ready and stays; ends in order when asked to. */
const steady = `console.log('ready'); setInterval(() => {}, 1000); process.on('SIGTERM', () => process.exit(0));`;
const program = (name: string, script: string) => ({ name, command: [process.execPath, '-e', script] });

interface Running {
  readonly supervisor: Supervisor;
  readonly lines: string[];
  readonly interruption: AbortController;
  readonly ended: Promise<void>;
  /** Resolves once a line says it. */
  heard(text: string): Promise<void>;
}

function running(t: TestContext, ...programs: readonly ReturnType<typeof program>[]): Running {
  const lines: string[] = [];
  const waiting = new Map<string, () => void>();
  const supervisor = new Supervisor({
    process: new LiveRuntime().process('supervisor'),
    programs,
    isReady: (line) => line === 'ready',
    line: (name, line) => {
      lines.push(`${name} ${line}`);
      waiting.get(`${name} ${line}`)?.();
    },
  });
  const interruption = new AbortController();
  const ended = supervisor.run(interruption.signal);
  t.after(async () => {
    interruption.abort();
    await ended.catch(() => undefined); // the test has looked at it
  });
  return {
    supervisor,
    lines,
    interruption,
    ended,
    heard: (text) => (lines.includes(text) ? Promise.resolve() : new Promise((resolve) => waiting.set(text, resolve))),
  };
}

test('Supervisor starts a program again that fails, not one that was stopped or has ended in order', { timeout: 30_000 }, async (t) => {
  const { supervisor, lines, heard, interruption, ended } = running(
    t,
    program('a', steady),
    program('b', steady),
    program('c', `console.log('ready')`),
  );
  await Promise.all([heard('a ready'), heard('b ready'), heard('c ready')]);
  await supervisor.stop('b');
  const pid = supervisor.states().find(({ name }) => name === 'a')?.pid;
  assert.ok(pid !== undefined);
  lines.length = 0;
  process.kill(pid, 'SIGKILL');
  await heard('a it ended: SIGKILL');
  await heard('a ready');
  const states = supervisor.states().map(({ name, state, restarts }) => ({ name, state, restarts }));
  assert.deepEqual(states, [
    { name: 'a', state: 'ready', restarts: 1 },
    { name: 'b', state: 'stopped', restarts: 0 },
    { name: 'c', state: 'ended', restarts: 0 },
  ]);
  interruption.abort();
  await ended;
  assert.deepEqual(
    supervisor.states().map(({ pid: left }) => left),
    [undefined, undefined, undefined],
  );
});

test('Supervisor gives up, with nothing left running, when a program cannot be started at all', { timeout: 30_000 }, async (t) => {
  const { supervisor, ended } = running(t, program('a', steady), program('b', 'process.exit(3)'));
  await assert.rejects(ended, (error) => error instanceof StartError && error.message === '"b" could not be started: exit code 3');
  assert.deepEqual(
    supervisor.states().map(({ state }) => state),
    ['stopped', 'stopped'],
  );
});

test('SupervisorClient stops and starts programs, one supervisor for a directory', { timeout: 30_000 }, async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'raft-'));
  t.after(() => rm(directory, { recursive: true }));
  const owner = new LiveRuntime().process('owner');
  const { supervisor, heard, lines } = running(t, program('m1', steady));
  const client = new SupervisorClient(directory);
  assert.equal(await client.isThere(), false);
  const socket = await serveSupervisor(owner, directory, supervisor);
  t.after(() => socket.close());
  await heard('m1 ready');
  await assert.rejects(serveSupervisor(owner, directory, supervisor), { message: `members in "${directory}" are running already` });
  assert.deepEqual(
    (await client.stop('m1')).map(({ state }) => state),
    ['stopped'],
  );
  lines.length = 0;
  assert.deepEqual(
    (await client.start('m1')).map(({ state }) => state),
    ['starting'],
  );
  await heard('m1 ready');
  for (const asked of [client.start('m2'), client.stop('m2')]) {
    await assert.rejects(asked, (error) => error instanceof SupervisorError && error.message === 'There is no "m2": m1');
  }
  await assert.rejects(client.stop('../x'), SupervisorError);
});

test('coracle raft says what it cannot do', async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'raft-'));
  t.after(() => rm(directory, { recursive: true }));
  const terminal = {
    stdout: { write: () => undefined },
    stderr: { write: () => undefined },
    env: {},
    program: [],
    interrupted: AbortSignal.abort(),
    log: () => undefined,
  };
  const at = ['--directory', directory];
  for (const { args, says } of [
    { args: at, says: 'what? up, status, start, stop, partition or heal' },
    { args: ['fly', ...at], says: 'unknown command "fly"' },
    { args: ['status'], says: 'neither XDG_STATE_HOME nor HOME is set; choose a folder with --directory' },
    { args: ['status', ...at], says: `there are no members in "${directory}"` },
    { args: ['status', 'm1', ...at], says: `there is no member "m1" in "${directory}"` },
    { args: ['status', 'm1', 'm2', ...at], says: 'unexpected argument "m2" of status' },
    { args: ['status', '--port', '1', ...at], says: 'option "--port" is not for status' },
    { args: ['heal', '--json', ...at], says: 'option "--json" is not for heal' },
    { args: ['heal', ...at], says: `no member in "${directory}" answers` },
    { args: ['partition', ...at], says: 'whom to cut off from the others? Name them' },
    { args: ['stop', ...at], says: 'whom to stop? Name a member' },
    { args: ['stop', 'm1', ...at], says: `no members are running in "${directory}"; "coracle raft up" starts them` },
    { args: ['up', '--members', '0', ...at], says: '"0" is no number of members: 1 to 9' },
    { args: ['up', '--members', '10', ...at], says: '"10" is no number of members: 1 to 9' },
    { args: ['up', '--port', '65535', ...at], says: '3 members need ports 65535 to 65540, and the last is 65535' },
    { args: ['up', '--nodes', '1', ...at], says: 'option "--nodes" needs --control-planes' },
    { args: ['up', 'm1', ...at], says: 'unexpected argument "m1" of up' },
  ]) {
    await assert.rejects(raft(args, terminal), { message: says });
  }
});
