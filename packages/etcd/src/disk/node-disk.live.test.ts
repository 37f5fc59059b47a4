import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LiveRuntime, type Process } from '@coracle/kernel';
import { portrait } from '../contract/disk-bench.ts';
import { DirectoryInUse, DirectoryNotOwned } from '../directory/errors.ts';
import type { DurableStore } from '../durable-store.ts';
import { openDurableStore } from '../open.ts';

/** A directory that does not exist yet, below one that is removed afterwards. */
async function withDirectory(run: (directory: string, process: Process) => Promise<void>): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), 'store-'));
  const process = new LiveRuntime().process('store');
  try {
    await run(join(parent, 'a', 'store'), process);
  } finally {
    await process.stop();
    await rm(parent, { recursive: true });
  }
}

const put = (store: DurableStore, key: string, size: number): Promise<unknown> =>
  store.txn({ compares: [], success: [{ op: 'put', key, value: Buffer.alloc(size, key) }], failure: [] });

test('openDurableStore() keeps a directory that only its owner can enter, and finds in it what was written', async () => {
  await withDirectory(async (directory, process) => {
    const store = await openDurableStore({ process, directory });
    // Sizes on both sides of the bound between the two ways of writing durably.
    await Promise.all([10, 1000, 70_000, 1_000_000].map((size) => put(store, `k${size}`, size)));
    const before = portrait(store);
    await store.close();
    for (const name of ['', 'wal', 'snap']) assert.equal((await stat(join(directory, name))).mode & 0o777, 0o700);
    for (const name of ['META', `wal/${(await readdir(join(directory, 'wal')))[0]}`]) {
      assert.equal((await stat(join(directory, name))).mode & 0o777, 0o600);
    }
    assert.deepEqual((await readdir(directory)).sort(), ['META', 'snap', 'wal']);
    await using again = await openDurableStore({ process, directory });
    assert.equal(portrait(again), before);
  });
});

test('openDurableStore() makes an existing directory private, and refuses what is none', async () => {
  await withDirectory(async (directory, process) => {
    await mkdir(directory, { recursive: true });
    await chmod(directory, 0o755);
    await (await openDurableStore({ process, directory })).close();
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    await writeFile(join(directory, 'file'), '');
    await assert.rejects(openDurableStore({ process, directory: join(directory, 'file') }), DirectoryNotOwned);
  });
});

test('openDurableStore() refuses the directory of another user', { skip: process.getuid?.() !== 0 && 'needs root' }, async () => {
  await withDirectory(async (directory, process) => {
    await mkdir(directory, { recursive: true });
    await chown(directory, 12345, 12345);
    await assert.rejects(openDurableStore({ process, directory }), /belongs to user 12345, not to 0; run as its owner/);
    assert.deepEqual(await readdir(directory), []);
  });
});

test('openDurableStore() refuses the directory of a live process, and names it', async () => {
  await withDirectory(async (directory, process) => {
    await using first = await openDurableStore({ process, directory });
    await assert.rejects(openDurableStore({ process, directory }), (error) => {
      assert.ok(error instanceof DirectoryInUse);
      assert.match(error.message, new RegExp(`process ${globalThis.process.pid};`));
      return true;
    });
    await put(first, 'a', 1);
  });
});

test('openDurableStore() takes over from a dead process, and from an older one with the pid of a live one', async () => {
  await withDirectory(async (directory, process) => {
    await (await openDurableStore({ process, directory })).close();
    const dead = spawn(globalThis.process.execPath, ['-e', '']);
    await once(dead, 'exit');
    for (const owner of [
      { pid: dead.pid, started: '' },
      { pid: globalThis.process.pid, started: 'another boot/1' },
    ]) {
      await writeFile(join(directory, 'LOCK'), `${JSON.stringify(owner)}\n`);
      await (await openDurableStore({ process, directory })).close();
      assert.deepEqual(
        (await readdir(directory)).filter((name) => name.startsWith('LOCK')),
        [],
      );
    }
    await writeFile(join(directory, 'LOCK'), 'gibberish');
    await assert.rejects(openDurableStore({ process, directory }), /unknown owner \(remove ".*LOCK" if there is none\)/);
  });
});

test('openDurableStore() by many at once gives the directory to one', async () => {
  await withDirectory(async (directory, process) => {
    await (await openDurableStore({ process, directory })).close();
    await writeFile(join(directory, 'LOCK'), `${JSON.stringify({ pid: 0x7fff_fff0, started: '' })}\n`);
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => openDurableStore({ process, directory })));
    const opened = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    assert.equal(opened.length, 1);
    for (const outcome of outcomes) if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof DirectoryInUse);
    for (const { value } of opened) await value.close();
  });
});
