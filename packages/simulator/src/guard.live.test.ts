import assert from 'node:assert/strict';
import * as childProcess from 'node:child_process';
import nodeCrypto, { randomBytes, randomFillSync, randomInt, randomUUID } from 'node:crypto';
import { lookup } from 'node:dns';
import { readFile as readFileCallback, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect as http2Connect } from 'node:http2';
import { connect, createServer, Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as namedSetTimeout } from 'node:timers';
import { scheduler, setInterval as promisedInterval, setTimeout as promisedTimeout } from 'node:timers/promises';
import { connect as tlsConnect } from 'node:tls';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { gzip } from 'node:zlib';
import { type GuardOptions, installGuard, NotHermetic } from './guard.ts';
import type { SimProcess } from './sim-process.ts';
import { SimRuntime } from './sim-runtime.ts';

/** Runs `work` inside a simulated process under a guard; background timers run, too, for a virtual minute. */
async function inside<T>(mode: GuardOptions['mode'], work: (process: SimProcess) => Promise<T>): Promise<T> {
  const runtime = new SimRuntime({ seed: 3 });
  using _guard = installGuard({ runtime, mode });
  const process = runtime.process('web');
  let result: { readonly value: T } | undefined;
  process.spawn('work', async () => {
    result = { value: await work(process) };
  });
  await runtime.settle();
  await runtime.advance(60_000);
  assert.ok(result !== undefined, 'the work has not ended');
  return result.value;
}

const startMs = Date.UTC(2026, 0, 1);

function firstTick(): Promise<unknown> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      clearInterval(timer);
      resolve('value');
    }, 5_000);
  });
}

function untilTimeout(): Promise<unknown> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(5_000);
    signal.addEventListener('abort', () => resolve(signal.reason.name === 'TimeoutError' ? 'value' : signal.reason));
  });
}

function refreshed(): Promise<unknown> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 3_000, 'value');
    setTimeout(() => timer.refresh(), 2_000);
  });
}

for (const { name, sleep } of [
  { name: 'setTimeout', sleep: () => new Promise((resolve) => setTimeout(resolve, 5_000, 'value')) },
  { name: 'a named import of setTimeout', sleep: () => new Promise((resolve) => namedSetTimeout(() => resolve('value'), 5_000)) },
  { name: 'promisify(setTimeout)', sleep: () => promisify(setTimeout)(5_000, 'value') },
  { name: 'timers/promises setTimeout', sleep: () => promisedTimeout(5_000, 'value') },
  { name: 'scheduler.wait', sleep: () => scheduler.wait(5_000).then(() => 'value') },
  { name: 'setInterval', sleep: firstTick },
  { name: 'timers/promises setInterval', sleep: async () => (await promisedInterval(5_000, 'value').next()).value },
  { name: 'AbortSignal.timeout', sleep: untilTimeout },
  { name: 'Timeout.unref', sleep: () => new Promise((resolve) => setTimeout(resolve, 5_000, 'value').unref()) },
  { name: 'Timeout.refresh', sleep: refreshed },
]) {
  test(`installGuard redirects ${name}`, async () => {
    const [value, atMs] = await inside('redirect', async (process) => [await sleep(), process.clock.monotonic()] as const);
    assert.deepEqual([value, atMs], ['value', 5_000]);
  });
}

test('installGuard redirects setImmediate, and clears what it is given', async () => {
  const ran = await inside('redirect', async () => {
    const names: string[] = [];
    clearImmediate(setImmediate(() => names.push('cleared immediate')));
    clearTimeout(setTimeout(() => names.push('cleared timeout'), 1));
    clearTimeout(undefined);
    await new Promise<void>((resolve) =>
      setImmediate((name: string) => {
        names.push(name);
        resolve();
      }, 'immediate'),
    );
    assert.equal(await promisify(setImmediate)('promised'), 'promised');
    return names;
  });
  assert.deepEqual(ran, ['immediate']);
});

test('installGuard: a timer of a killed process does not fire', async () => {
  const runtime = new SimRuntime();
  using _guard = installGuard({ runtime, mode: 'redirect' });
  const process = runtime.process('mortal');
  let fired = 0;
  process.post({ lane: 'a', op: 'b' }, () => void setTimeout(() => fired++, 10));
  await runtime.advance(5);
  process.kill();
  await runtime.advance(100);
  assert.equal(fired, 0);
});

test('installGuard redirects the present and leaves other dates alone', async () => {
  await inside('redirect', async (process) => {
    assert.equal(Date.now(), startMs);
    const present = new Date();
    assert.equal(present.toISOString(), '2026-01-01T00:00:00.000Z');
    assert.equal(Date(), new Date(startMs).toString());
    assert.equal(new Date(5).getTime(), 5);
    assert.equal(Date.UTC(1970, 0), 0);
    assert.ok(present instanceof Date && structuredClone(present) instanceof Date);
    class Instant extends Date {}
    assert.ok(new Instant() instanceof Instant && new Instant().getTime() === startMs);
    await process.clock.sleep(1_500);
    assert.equal(performance.now(), 1_500);
    assert.deepEqual(globalThis.process.hrtime(), [1, 500_000_000]);
    assert.deepEqual(globalThis.process.hrtime([1, 0]), [0, 500_000_000]);
    assert.equal(globalThis.process.hrtime.bigint(), 1_500_000_000n);
    assert.equal(globalThis.process.uptime(), 1.5);
  });
});

test('installGuard redirects chance, which replays', async () => {
  const draw = () =>
    inside('redirect', async () => [
      Math.random(),
      crypto.randomUUID(),
      randomUUID(),
      randomBytes(5).toString('hex'),
      randomInt(10),
      randomInt(5, 10),
      [...crypto.getRandomValues(new Uint16Array(3))],
      [...randomFillSync(new Uint8Array(4), 2)],
      await promisify(nodeCrypto.randomBytes)(3),
    ]);
  const first = await draw();
  assert.deepEqual(await draw(), first);
  assert.deepEqual((first[7] as number[]).slice(0, 2), [0, 0]);
});

test('installGuard: a promised timer is aborted as Node’s', async () => {
  await inside('redirect', async () => {
    const controller = new AbortController();
    const sleeping = promisedTimeout(5_000, undefined, { signal: controller.signal });
    controller.abort('enough');
    await assert.rejects(sleeping, { name: 'AbortError', code: 'ABORT_ERR' });
    assert.equal(await promisedTimeout(Number.NaN, 'no number is 1 ms'), 'no number is 1 ms');
  });
});

const forbidden: readonly (readonly [name: string, use: () => unknown])[] = [
  ['fetch', () => fetch('http://localhost')],
  ['WebSocket', () => new WebSocket('ws://localhost')],
  ['WeakRef', () => new WeakRef({})],
  ['FinalizationRegistry', () => new FinalizationRegistry(() => undefined)],
  ['Atomics.wait', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)],
  ['node:fs readFile', () => readFileCallback('/', () => undefined)],
  ['node:fs/promises readFile', () => readFile('/')],
  ['node:zlib gzip', () => gzip('', () => undefined)],
  ['node:dns lookup', () => lookup('localhost', () => undefined)],
  ['node:child_process exec', () => childProcess.exec('true')],
  ['node:child_process exec', () => promisify(childProcess.exec)('true')],
  ['node:worker_threads Worker', () => new Worker('', { eval: true })],
  ['node:net connect', () => connect(1)],
  ['node:net Socket.connect', () => new Socket().connect(1)],
  ['node:tls connect', () => tlsConnect(1)],
  ['node:http request', () => request('http://localhost')],
  ['node:http2 connect', () => http2Connect('http://localhost')],
  ['node:net Server.listen', () => createServer().listen(0)],
  ['node:crypto generateKeyPairSync', () => nodeCrypto.generateKeyPairSync('ed25519')],
];
const ofTheProcess: readonly (readonly [name: string, use: () => unknown])[] = [
  ['setTimeout', () => setTimeout(() => undefined, 1)],
  ['setTimeout', () => promisify(setTimeout)(1)],
  ['setInterval', () => setInterval(() => undefined, 1)],
  ['setImmediate', () => setImmediate(() => undefined)],
  ['node:timers setTimeout', () => namedSetTimeout(() => undefined, 1)],
  ['node:timers/promises setTimeout', () => promisedTimeout(1)],
  ['AbortSignal.timeout', () => AbortSignal.timeout(1)],
  ['new Date', () => new Date()],
  ['Date.now', () => Date.now()],
  ['performance.now', () => performance.now()],
  ['process.hrtime', () => process.hrtime.bigint()],
  ['Math.random', () => Math.random()],
  ['crypto.randomUUID', () => crypto.randomUUID()],
  ['node:crypto randomBytes', () => randomBytes(1)],
];

for (const [mode, uses] of [
  ['redirect', forbidden],
  ['throw', [...forbidden, ...ofTheProcess]],
] as const) {
  for (const [name, use] of uses) {
    test(`installGuard refuses ${name} in mode ${mode}: ${use.toString().slice(6, 40)}`, async () => {
      await inside(mode, async () => {
        const start = `${name} was used in the simulated process "web": `;
        assert.throws(use, (error) => error instanceof NotHermetic && error.message.startsWith(start));
      });
    });
  }
}

test('installGuard changes nothing outside of its processes, and files can be read at once inside', async () => {
  const runtime = new SimRuntime();
  using _guard = installGuard({ runtime, mode: 'throw' });
  assert.ok(Date.now() > startMs + 1);
  assert.match(randomUUID(), /^[0-9a-f-]{36}$/);
  await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(new WeakRef({}).deref() !== undefined, true);
  assert.ok((await readFile(import.meta.filename)).length > 0);
  await inside('throw', async () => assert.ok(readFileSync(import.meta.filename).length > 0));
  // Processes of another runtime are outside, too.
  const other = new SimRuntime();
  await other.drive(other.process('a').step({ lane: 'a', op: 'b' }, () => Math.random()));
});

test('installGuard: disposing restores everything, in whatever order guards are disposed', () => {
  const look = (): readonly unknown[] => [
    setTimeout,
    Date,
    Math.random,
    performance.now,
    fetch,
    WeakRef,
    crypto.randomUUID,
    AbortSignal.timeout,
    process.hrtime,
    randomUUID,
    readFile,
    promisedTimeout,
    namedSetTimeout,
    Object.getOwnPropertyDescriptor(globalThis, 'fetch')?.get,
    Object.hasOwn(performance, 'now'),
    Object.hasOwn(crypto, 'randomUUID'),
  ];
  const before = look();
  const one = installGuard({ runtime: new SimRuntime(), mode: 'throw' });
  assert.notEqual(look()[0], before[0]);
  one[Symbol.dispose]();
  one[Symbol.dispose]();
  assert.deepEqual(look(), before);
  const runtime = new SimRuntime();
  const below = installGuard({ runtime, mode: 'throw' });
  const above = installGuard({ runtime: new SimRuntime(), mode: 'throw' });
  below[Symbol.dispose]();
  assert.ok(Date.now() > 0);
  above[Symbol.dispose]();
  assert.ok(Date.now() > 0);
});
