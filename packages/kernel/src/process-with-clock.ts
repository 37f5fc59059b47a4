import type { Clock } from './clock.ts';
import type { Process } from './process.ts';

/** `process` with another clock, as on a machine whose clock goes wrong; everything else is `process`'s own. */
export function processWithClock(process: Process, clock: Clock): Process {
  return {
    name: process.name,
    incarnation: process.incarnation,
    signal: process.signal,
    clock,
    random: process.random,
    log: process.log,
    metrics: process.metrics,
    step: (at, run) => process.step(at, run),
    post: (at, run) => process.post(at, run),
    spawn: (name, run) => process.spawn(name, run),
    context: (cause, run) => process.context(cause, run),
    cause: () => process.cause(),
    busy: (what) => process.busy(what),
    stop: (reason) => process.stop(reason),
    [Symbol.asyncDispose]: () => process.stop(),
  };
}
