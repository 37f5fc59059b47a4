import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newConflict } from '@coracle/apimachinery';
import type { LogRecord } from '@coracle/kernel';
import { SimRuntime } from '@coracle/simulator';
import { KeyedController } from './keyed-controller.ts';

test('KeyedController warns of a sync that failed, not of one that somebody else was faster than; it tries both again', async () => {
  const lines: LogRecord[] = [];
  const runtime = new SimRuntime({ log: (line) => lines.push(line) });
  const process = runtime.process('controllers');
  const tries = new Map<string, number>();
  const controller = new KeyedController({
    process,
    name: 'deployment',
    async sync(key) {
      const count = (tries.get(key) ?? 0) + 1;
      tries.set(key, count);
      if (count > 1) return;
      throw key === 'conflict' ? newConflict({ group: 'apps', resource: 'deployments' }, 'web', 'it was modified') : new Error('no');
    },
  });
  process.spawn('deployment', (signal) => controller.run(signal));
  for (const key of ['conflict', 'fault']) controller.queue.add(key);
  await runtime.advance(1000);
  assert.deepEqual(
    [...tries],
    [
      ['conflict', 2],
      ['fault', 2],
    ],
  );
  assert.deepEqual(
    lines.map(({ level, fields }) => [level, fields['key']]),
    [
      ['debug', 'conflict'],
      ['warn', 'fault'],
    ],
  );
});
