import { monitorEventLoopDelay } from 'node:perf_hooks';

/** What each client is measured for, whatever its language; written as a line of JSON. */
export interface SyncFigures {
  readonly sync_ms: number;
  readonly sync_cpu_ms: number;
  /** The longest time for which nothing else could run; absent where there are threads. */
  readonly stall_ms?: number;
  /** The same, in CPU of the thread of the event loop: what is left of it when nobody else uses the machine. */
  readonly stall_cpu_ms?: number;
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

/** Wakes as often as it can; what the thread has used meanwhile was used in one turn of the event loop, or two. */
function longestTurn(): Disposable & { readonly ms: number } {
  let last = process.threadCpuUsage();
  let ms = 0;
  const timer = setInterval(() => {
    const now = process.threadCpuUsage();
    ms = Math.max(ms, (now.user + now.system - last.user - last.system) / 1000);
    last = now;
  }, 1);
  return {
    get ms() {
      return ms;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** CPU of this process for `events` changes that the server at `control` sends; the best of three rounds, as the first compiles the code. */
export async function measureEvents(
  control: string,
  events: number,
  seen: () => Promise<void>,
): Promise<Pick<SyncFigures, 'events_per_s' | 'events_per_cpu_s'>> {
  const rates: { readonly wall: number; readonly cpu: number }[] = [];
  for (let round = 0; round < 3; round++) {
    const all = seen();
    const [roundMs, roundCpuMs] = [performance.now(), cpuMs()];
    const response = await fetch(`${control}/send?events=${events}`, { method: 'POST' });
    if ((await response.text()) !== '1') throw new Error('The server does not have exactly one watch');
    await all;
    rates.push({ wall: (events / (performance.now() - roundMs)) * 1000, cpu: (events / (cpuMs() - roundCpuMs)) * 1000 });
  }
  const best = (of: 'wall' | 'cpu'): number => Math.max(...rates.map((rate) => rate[of]));
  return { events_per_s: best('wall'), events_per_cpu_s: best('cpu') };
}

/** Needs `--expose-gc`. `control` takes the order to send changes. */
export async function measureInformer(
  start: StartInformer,
  { url, control, pods, events }: { readonly url: string; readonly control: string; readonly pods: number; readonly events: number },
): Promise<SyncFigures> {
  if (globalThis.gc === undefined) throw new Error('Cannot measure the heap: Node was started without --expose-gc');
  let changes = 0;
  let seen: (() => void) | undefined;
  const before = heapBytes();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const turn = longestTurn();
  const [startedMs, startedCpuMs] = [performance.now(), cpuMs()];
  await start(url, () => {
    if (++changes % events === 0) seen?.();
  });
  const [sync_ms, sync_cpu_ms] = [performance.now() - startedMs, cpuMs() - startedCpuMs];
  await new Promise((resolve) => setTimeout(resolve, 200));
  delay.disable();
  turn[Symbol.dispose]();
  const heap_KB_each = (heapBytes() - before) / pods / 1000;
  const rates = await measureEvents(control, events, () => new Promise<void>((resolve) => (seen = resolve)));
  return { sync_ms, sync_cpu_ms, stall_ms: delay.max / 1e6, stall_cpu_ms: turn.ms, heap_KB_each, ...rates };
}
