import assert from 'node:assert/strict';
import type { Profiler } from 'node:inspector';
import { Session } from 'node:inspector';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { Process } from '@coracle/kernel';
import { SimRuntime } from '@coracle/simulator';
import { type ReadProfile, readProfile } from '../fixtures/read-profile.ts';
import type { HttpAnswer, HttpRequest } from '../transport/http-server.ts';
import { PprofEndpoint } from './pprof-endpoint.ts';
import { encodeProfile, type Frame, type Profile } from './profile-proto.ts';
import { cpuProfile, heapProfile } from './v8-profiles.ts';
import { V8Profiler } from './v8-profiler.ts';

const request = (path: string, signal = new AbortController().signal): HttpRequest => ({
  method: 'GET',
  url: new URL(path, 'http://localhost'),
  headers: {},
  signal,
});

describe('encodeProfile()', () => {
  const frame = (name: string, line: number, file = '/a.js'): Frame => ({ name, file, line, column: 1 });
  const profile: Profile = {
    sampleTypes: [
      { type: 'samples', unit: 'count' },
      { type: 'cpu', unit: 'nanoseconds' },
    ],
    samples: [
      { stack: [frame('leaf', 3), frame('main', 1)], values: [2, 20_000_000] },
      { stack: [frame('main', 1)], values: [0, -1] },
      { stack: [frame('größe', 2 ** 31, ''), frame('main', 1)], values: [1, Number.MAX_SAFE_INTEGER] },
    ],
    periodType: { type: 'cpu', unit: 'nanoseconds' },
    period: 10_000_000,
    timeMs: Date.UTC(2026, 0, 1),
    durationMs: 1_500.25,
  };

  test('writes what a reader of the format reads back, each name and place once', () => {
    assert.deepEqual(readProfile(encodeProfile(profile, 'main.js')), {
      sampleTypes: ['samples/count', 'cpu/nanoseconds'],
      samples: [
        { stack: ['leaf /a.js:3:1', 'main /a.js:1:1'], values: [2, 20_000_000] },
        { stack: ['main /a.js:1:1'], values: [0, -1] },
        { stack: ['größe :2147483648:1', 'main /a.js:1:1'], values: [1, Number.MAX_SAFE_INTEGER] },
      ],
      mappings: [{ file: 'main.js', isNamed: true }],
      timeNanos: BigInt(Date.UTC(2026, 0, 1)) * 1_000_000n,
      durationNanos: 1_500_250_000n,
      period: '10000000 cpu/nanoseconds',
      counts: { functions: 3, locations: 3, texts: 10 },
    } satisfies ReadProfile);
  });

  test('writes one without samples, and one of many', () => {
    assert.deepEqual(readProfile(encodeProfile({ ...profile, samples: [] }, '')).samples, []);
    const samples = Array.from({ length: 1_000 }, (_, i) => ({ stack: [frame(`f${i}`, i), frame('main', 1)], values: [1, i] }));
    const read = readProfile(encodeProfile({ ...profile, samples }, ''));
    assert.equal(read.counts.locations, 1_001);
    assert.deepEqual(read.samples[999], { stack: ['f999 /a.js:999:1', 'main /a.js:1:1'], values: [1, 999] });
  });
});

describe('cpuProfile()', () => {
  const callFrame = (functionName: string, lineNumber = 0): Profiler.ProfileNode['callFrame'] => ({
    functionName,
    lineNumber,
    columnNumber: lineNumber,
    scriptId: '1',
    url: lineNumber < 0 ? '' : 'file:///a.js',
  });
  const nodes: Profiler.ProfileNode[] = [
    { id: 1, callFrame: callFrame('(root)', -1), children: [2, 3] },
    { id: 2, callFrame: callFrame('(idle)', -1) },
    { id: 3, callFrame: callFrame('main', 4), children: [4] },
    { id: 4, callFrame: callFrame('', 7) },
  ];

  test('counts for each stack the time until the next sample, without the time in which nothing ran', () => {
    // Samples at 100, 110, 120, 150 and 155 µs; the end at 160.
    const taken = { nodes, startTime: 90, endTime: 160, samples: [4, 3, 2, 4, 3], timeDeltas: [10, 10, 10, 30, 5] };
    const { samples, durationMs, period, timeMs } = cpuProfile(taken, { timeMs: 7, interval: 10_000 });
    const main = { name: 'main', file: '/a.js', line: 5, column: 5 };
    assert.deepEqual(samples, [
      { stack: [{ name: '(anonymous a.js:8)', file: '/a.js', line: 8, column: 8 }, main], values: [2, 15_000] },
      { stack: [main], values: [2, 15_000] },
    ]);
    assert.deepEqual({ durationMs, period, timeMs }, { durationMs: 0.07, period: 10_000_000, timeMs: 7 });
  });

  test('a profile without samples, and one whose clock went back', () => {
    const sampling = { timeMs: 0, interval: 1 };
    assert.deepEqual(cpuProfile({ nodes, startTime: 0, endTime: 1 }, sampling).samples, []);
    const back = cpuProfile({ nodes, startTime: 0, endTime: 5, samples: [3, 3], timeDeltas: [9, -3] }, sampling);
    assert.deepEqual(back.samples[0]?.values, [2, 0]);
  });
});

test('heapProfile() has what each stack holds, however deep', () => {
  const node = (functionName: string, selfSize: number, children: Parameters<typeof heapProfile>[0]['head'][] = []) => ({
    callFrame: { functionName, lineNumber: 0, columnNumber: 0, scriptId: '1', url: 'node:fs' },
    selfSize,
    id: 1,
    children,
  });
  const main = node('main', 0, [node('leaf', 40), node('other', 2)]);
  const { samples, period } = heapProfile({ head: node('(root)', 9, [main]) }, { timeMs: 0, interval: 512 });
  const at = (name: string): Frame => ({ name, file: 'node:fs', line: 1, column: 1 });
  assert.deepEqual(
    new Map(samples.map(({ stack, values }) => [stack, values[0]])),
    new Map([
      [[at('leaf'), at('main')], 40],
      [[at('other'), at('main')], 2],
    ]),
  );
  assert.equal(period, 512);
  let deep = node('leaf', 1);
  for (let i = 0; i < 20_000; i++) deep = node('recursive', 0, [deep]);
  assert.equal(heapProfile({ head: node('(root)', 0, [deep]) }, { timeMs: 0, interval: 1 }).samples[0]?.stack.length, 20_001);
});

/** Keeps a processor busy, seen by V8 under this name. */
function burnAllTheTime(): void {
  let sum = 0;
  for (let i = 0; i < 1_000_000; i++) sum += Math.sqrt(i) * Math.sin(i);
  assert.ok(!Number.isNaN(sum));
}

/** Holds memory: V8 sees this name. */
function holdMuchMemory(): readonly (readonly number[])[] {
  return Array.from({ length: 20_000 }, (_, i) => new Array<number>(100).fill(i));
}

interface Served {
  readonly runtime: SimRuntime;
  readonly process: Process;
  readonly endpoint: PprofEndpoint;
  readonly profiler: V8Profiler;
}

/** V8 itself, in virtual time. */
async function started(): Promise<Served> {
  const runtime = new SimRuntime();
  const process = runtime.process('operator');
  const profiler = new V8Profiler(process, async () => ({ Session }));
  await profiler.start();
  return { runtime, process, endpoint: new PprofEndpoint(profiler), profiler };
}

const textOf = ({ status, body }: HttpAnswer<string | Uint8Array>): string => `${status} ${typeof body === 'string' ? body : 'bytes'}`;

function profileOf({ status, headers, body }: HttpAnswer<string | Uint8Array>, name: string): ReadProfile {
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/octet-stream');
  assert.equal(headers['content-disposition'], `attachment; filename="${name}"`);
  assert.ok(typeof body !== 'string');
  return readProfile(gunzipSync(body));
}

describe('PprofEndpoint', () => {
  test('profiles what the program does', async () => {
    const { runtime, process, endpoint, profiler } = await started();
    process.clock.timer(1_000, burnAllTheTime);
    const answer = await runtime.drive(endpoint.answer(request('/debug/pprof/profile?seconds=2')));
    const { samples, sampleTypes, period, durationNanos } = profileOf(answer, 'profile');
    assert.deepEqual([sampleTypes, period], [['samples/count', 'cpu/nanoseconds'], '10000000 cpu/nanoseconds']);
    assert.ok(durationNanos > 0n);
    const burning = samples.filter(({ stack }) => stack[0]?.startsWith('burnAllTheTime '));
    for (const type of [0, 1])
      assert.notEqual(
        burning.reduce((sum, { values }) => sum + (values[type] ?? 0), 0),
        0,
        JSON.stringify(samples),
      );
    assert.match(burning[0]?.stack[0] ?? '', /^burnAllTheTime \/.*pprof\.test\.ts:\d+:\d+$/);
    assert.ok(!samples.some(({ stack }) => stack[0]?.startsWith('(idle)')));
    profiler.stop();
  });

  for (const { query, seconds } of [
    { query: '', seconds: 30 },
    { query: '?seconds=5', seconds: 5 },
    { query: '?seconds=-5x', seconds: 30 },
  ]) {
    test(`profiles for ${seconds} seconds when it is asked with "${query}"`, async () => {
      const { runtime, process, endpoint, profiler } = await started();
      const startMs = process.clock.monotonic();
      profileOf(await runtime.drive(endpoint.answer(request(`/debug/pprof/profile${query}`))), 'profile');
      assert.equal(process.clock.monotonic() - startMs, seconds * 1_000);
      profiler.stop();
    });
  }

  test('refuses a second profile beside the first, and makes one after it; who goes does not hold the next', async () => {
    const { runtime, endpoint, profiler } = await started();
    const first = endpoint.answer(request('/debug/pprof/profile?seconds=10'));
    await runtime.advance(1_000);
    const second = await runtime.drive(endpoint.answer(request('/debug/pprof/profile?seconds=1')));
    assert.equal(textOf(second), '500 Could not enable CPU profiling: cpu profiling already in use\n');
    assert.equal(second.headers['x-go-pprof'], '1');
    profileOf(await runtime.drive(first), 'profile');
    const gone = new AbortController();
    const third = endpoint.answer(request('/debug/pprof/profile?seconds=10', gone.signal));
    await runtime.advance(1_000);
    gone.abort(new Error('The client has gone'));
    await assert.rejects(runtime.drive(third), /^Error: The client has gone$/);
    profileOf(await runtime.drive(endpoint.answer(request('/debug/pprof/profile?seconds=1'))), 'profile');
    profiler.stop();
  });

  test('tells what memory is held and by whom', async () => {
    const { runtime, endpoint, profiler } = await started();
    const held = holdMuchMemory();
    const heldBy = async (query: string): Promise<number> => {
      const { samples, sampleTypes, period } = profileOf(
        await runtime.drive(endpoint.answer(request(`/debug/pprof/heap${query}`))),
        'heap',
      );
      assert.deepEqual([sampleTypes, period], [['inuse_space/bytes'], `${512 * 1024} space/bytes`]);
      return samples
        .filter(({ stack }) => stack.some((at) => at.startsWith('holdMuchMemory ')))
        .reduce((sum, { values }) => sum + (values[0] ?? 0), 0);
    };
    const bytes = await heldBy('?gc=1');
    // 100 numbers of four or eight bytes each, sampled every 512 KiB.
    assert.ok(bytes > 4_000_000 && bytes < 40_000_000, `${bytes} bytes of ${held.length} arrays`);
    profiler.stop();
  });

  test('lists what there is, tells the command line, and refuses what there is not', async () => {
    const { runtime, endpoint, profiler } = await started();
    const of = async (path: string): Promise<string> => textOf(await runtime.drive(endpoint.answer(request(path))));
    assert.match(await of('/debug/pprof/'), /^200 .*href="heap".*href="profile"/s);
    assert.equal((await runtime.drive(endpoint.answer(request('/debug/pprof')))).headers['location'], '/debug/pprof/');
    assert.match((await of('/debug/pprof/cmdline')).split('\u0000')[1] ?? '', /pprof\.test\.ts$/);
    for (const name of ['symbol', 'trace', 'goroutine', 'allocs', 'heap/x'])
      assert.equal(await of(`/debug/pprof/${name}`), '404 Unknown profile\n');
    assert.equal(await of('/metrics'), '404 404 page not found\n');
    assert.equal(await of('/debug/pprof/heap?seconds=1'), '400 "seconds" parameter is not supported for this profile type\n');
    assert.equal(await of('/debug/pprof/heap?debug=1'), '400 There is no text form of profiles: leave "debug" out\n');
    assert.equal(await of('/debug/pprof/profile?seconds=3601'), '400 Cannot profile for 3601 s: at most 3600\n');
    profiler.stop();
  });

  test('a runtime without V8’s inspector says so', async () => {
    const runtime = new SimRuntime();
    const missing = new V8Profiler(runtime.process('operator'), () => Promise.reject(new Error('No such built-in module: node:inspector')));
    const sentence = 'Profiles need node:inspector, which this runtime does not have';
    await assert.rejects(runtime.drive(missing.start()), { name: 'NoProfilerError', message: sentence });
    const endpoint = new PprofEndpoint(missing);
    for (const path of ['profile?seconds=1', 'heap', 'heap?gc=1']) {
      assert.equal(textOf(await runtime.drive(endpoint.answer(request(`/debug/pprof/${path}`)))), `501 ${sentence}\n`);
    }
    assert.match(textOf(await runtime.drive(endpoint.answer(request('/debug/pprof/cmdline')))), /^200 /);
  });
});
