import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { disksStateOf } from './disks-state.ts';
import { VolumeSaver } from './volume-saver.ts';

test('VolumeSaver writes what has changed, soon and at the end, and goes on when it cannot', async () => {
  const runtime = new SimRuntime();
  const process = runtime.process('volumes');
  const disk = { state: disksStateOf([]), written: [] as unknown[], isFull: false };
  const saver = new VolumeSaver({
    process,
    snapshot: () => disk.state,
    write(state) {
      if (disk.isFull) throw new Error('no space left on device');
      disk.written.push(state);
    },
  });
  process.spawn('volumes', (signal) => saver.run(signal));
  await runtime.settle();
  assert.deepEqual(disk.written, []);
  disk.state = disksStateOf([['uid-1', [['region', 'a']]]]);
  await runtime.advance(60_000);
  assert.equal(disk.written.length, 1, 'nothing has changed after the first time');
  disk.isFull = true;
  disk.state = disksStateOf([['uid-1', [['region', 'b']]]]);
  await runtime.advance(10_000);
  disk.isFull = false;
  saver.save();
  assert.deepEqual(disk.written.at(-1), [['uid-1', [['region', 'b']]]]);
  assert.deepEqual(runtime.failures, []);
});

for (const { name, value } of [
  { name: 'no list', value: {} },
  { name: 'a volume that is no pair', value: [['uid']] },
  { name: 'a uid that is no text', value: [[1, []]] },
  { name: 'files that are no list', value: [['uid', 'x']] },
  { name: 'a path that is no text', value: [['uid', [[null, 'x']]]] },
  { name: 'a file without content', value: [['uid', [['a', null]]]] },
]) {
  test(`disksStateOf() refuses ${name}`, () => assert.throws(() => disksStateOf(value), TypeError));
}

test('disksStateOf() takes text and base64, and any path', () => {
  const state = [
    [
      'uid',
      [
        ['__proto__', 'x'],
        ['b', { base64: '/w==' }],
      ],
    ],
  ];
  assert.deepEqual(disksStateOf(JSON.parse(JSON.stringify(state))), state);
});
