import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import type { ProcessFacts } from '../disk/process-facts.ts';
import { ProcessMetrics } from './process-metrics.ts';

test('ProcessMetrics has what is so now under upstream’s names; time counts up, the start stays', async () => {
  const runtime = new SimRuntime();
  const process = runtime.process('operator');
  let facts: ProcessFacts = {
    cpuSeconds: 1.5,
    residentBytes: 1_000,
    uptimeSeconds: 10,
    linux: { openFiles: 7, mostFiles: 1_024, virtualBytes: 2_000, mostVirtualBytes: Number.POSITIVE_INFINITY },
  };
  const metrics = new ProcessMetrics(process, () => facts);
  metrics.update();
  const startSeconds = process.clock.now() / 1_000 - 10;
  await runtime.advance(60_000);
  facts = { cpuSeconds: 2.25, residentBytes: 900, uptimeSeconds: 70.5 }; // nothing of Linux: what was known of it stays
  metrics.update();
  metrics.update();
  assert.deepEqual(
    process.metrics
      .text()
      .split('\n')
      .filter((line) => line.startsWith('process_')),
    [
      'process_cpu_seconds_total 2.25',
      'process_max_fds 1024',
      'process_open_fds 7',
      'process_resident_memory_bytes 900',
      `process_start_time_seconds ${startSeconds}`,
      'process_virtual_memory_bytes 2000',
      'process_virtual_memory_max_bytes 18446744073709552000',
    ],
  );
});
