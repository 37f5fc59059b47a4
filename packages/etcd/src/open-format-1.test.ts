import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { diskBench, portrait } from './contract/disk-bench.ts';

/** A directory that the program of format 1 left behind when it was killed, and what its store answered. */
const left = JSON.parse(readFileSync(new URL('./fixtures/format-1.json', import.meta.url), 'utf8')) as {
  readonly files: Readonly<Record<string, string>>;
  readonly portrait: readonly string[];
};

test('openDurableStore() reads a directory of format 1, which is of this format from then on', async () => {
  const bench = diskBench();
  const disk = bench.disk.attach(bench.runtime.process('writer'));
  for (const directory of ['wal', 'snap']) await bench.runtime.drive(disk.makeDirectory(directory));
  for (const [path, content] of Object.entries(left.files)) {
    const [length, base64 = ''] = content.split(' ');
    const bytes = Buffer.alloc(Number(length));
    Buffer.from(base64, 'base64').copy(bytes);
    const file = await bench.runtime.drive(disk.open(path, 'create'));
    await bench.runtime.drive(file.write(0, bytes));
    await bench.runtime.drive(file.sync());
  }
  for (const directory of ['', 'wal', 'snap']) await bench.runtime.drive(disk.syncDirectory(directory));
  let store = await bench.open();
  assert.equal(portrait(store), left.portrait.join('\n'));
  assert.equal(Buffer.from(bench.disk.contents('META')).readUInt32LE(8 + 4096), 3, 'the older slot was written anew');
  await bench.put(store, 'new');
  const after = portrait(store);
  for (const end of ['kill', 'power failure'] as const) {
    bench.process().kill();
    if (end === 'kill') bench.disk.restart();
    else bench.disk.powerFailure();
    store = await bench.open();
    assert.equal(portrait(store), after, end);
  }
});
