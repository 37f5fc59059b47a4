import type { Process } from '@coracle/kernel';
import { type ProcessFacts, processFacts } from '../disk/process-facts.ts';

// What Go prints for a limit that there is none of.
const unlimited = 2 ** 64;

/**
 * `process_*`: CPU time, memory, files and start of the program, as every registry of upstream's has them (client_golang
 * collectors.NewProcessCollector). Those of Go itself, and of bytes over the network, are not there.
 */
export class ProcessMetrics {
  readonly #process: Process;
  readonly #read: () => ProcessFacts;
  #countedSeconds = 0;
  #startSeconds: number | undefined;

  constructor(process: Process, read: () => ProcessFacts = processFacts) {
    this.#process = process;
    this.#read = read;
  }

  /** Sets them to what is so now. */
  update(): void {
    const { cpuSeconds, residentBytes, uptimeSeconds, linux } = this.#read();
    const { metrics, clock } = this.#process;
    const cpu = metrics.counter({ name: 'process_cpu_seconds_total', help: 'CPU time of the program, its own and the system’s for it' });
    cpu.add(Math.max(0, cpuSeconds - this.#countedSeconds));
    this.#countedSeconds = Math.max(this.#countedSeconds, cpuSeconds);
    // Once: a start that moves looks like a restart.
    this.#startSeconds ??= clock.now() / 1_000 - uptimeSeconds;
    for (const [name, help, value] of [
      ['process_start_time_seconds', 'When the program began, in seconds since the epoch', this.#startSeconds],
      ['process_resident_memory_bytes', 'Memory of the program that is in RAM', residentBytes],
      ['process_open_fds', 'Files that are open', linux?.openFiles],
      ['process_max_fds', 'Files that may be open', linux?.mostFiles],
      ['process_virtual_memory_bytes', 'Address space of the program', linux?.virtualBytes],
      ['process_virtual_memory_max_bytes', 'Address space that it may have', linux?.mostVirtualBytes],
    ] as const) {
      if (value !== undefined) metrics.gauge({ name, help }).set(Math.min(value, unlimited));
    }
  }
}
