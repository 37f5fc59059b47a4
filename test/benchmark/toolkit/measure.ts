import { monitorEventLoopDelay } from 'node:perf_hooks';

/** What each client is measured for, whatever its language; written as a line of JSON. */
export interface SyncFigures {
  readonly sync_ms: number;
  readonly sync_cpu_ms: number;
  /** The longest time for which nothing else could run; absent where there are threads. */
  readonly stall_ms?: number;
  readonly heap_KB_each: number;
  readonly events_per_s: number;
  readonly events_per_cpu_s: number;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function heapBytes(): number {
  // Twice: what was kept by weak references goes with the second.
  for (let i = 0; i < 2; i++) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What an informer of Node is made of: it calls `told` for each change of an object, and resolves when it has all of them. */
export type StartInformer = (url: string, told: () => void) => Promise<void>;

/** Needs `--expose-gc`. */
export async function measureInformer(start: StartInformer, url: string, pods: number, events: number): Promise<SyncFigures> {
  if (globalThis.gc === undefined) throw new Error('Cannot measure the heap: Node was started without --expose-gc');
  let changes = 0;
  let seen: (() => void) | undefined;
  const before = heapBytes();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const [startedMs, startedCpuMs] = [performance.now(), cpuMs()];
  await start(url, () => {
    if (++changes % events === 0) seen?.();
  });
  const [sync_ms, sync_cpu_ms] = [performance.now() - startedMs, cpuMs() - startedCpuMs];
  await new Promise((resolve) => setTimeout(resolve, 200));
  delay.disable();
  const heap_KB_each = (heapBytes() - before) / pods / 1000;
  const rates: { readonly wall: number; readonly cpu: number }[] = [];
  // The first round compiles the code.
  for (let round = 0; round < 3; round++) {
    const all = new Promise<void>((resolve) => (seen = resolve));
    const [roundMs, roundCpuMs] = [performance.now(), cpuMs()];
    const response = await fetch(`${url}/send?events=${events}`, { method: 'POST' });
    if ((await response.text()) !== '1') throw new Error('The server does not have exactly one watch');
    await all;
    rates.push({ wall: (events / (performance.now() - roundMs)) * 1000, cpu: (events / (cpuMs() - roundCpuMs)) * 1000 });
  }
  const best = (of: 'wall' | 'cpu'): number => Math.max(...rates.map((rate) => rate[of]));
  return { sync_ms, sync_cpu_ms, stall_ms: delay.max / 1e6, heap_KB_each, events_per_s: best('wall'), events_per_cpu_s: best('cpu') };
}
