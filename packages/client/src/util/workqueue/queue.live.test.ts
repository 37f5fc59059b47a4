import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { LiveRuntime } from '@coracle/kernel';
import { Queue } from './queue.ts';

test('a queue keeps nothing of an item that is done', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void; // there since the flag was set
  const runtime = new LiveRuntime();
  const queue = new Queue<object>({ process: runtime.process('c'), name: 'q' });
  const gone = (() => {
    const item = { large: new Array(1000).fill(0) };
    queue.add(item);
    queue.tryGet();
    queue.done(item);
    return new WeakRef(item);
  })();
  // A WeakRef is kept alive to the end of the job that made it.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  assert.equal(gone.deref(), undefined);
  queue.shutDown();
});
