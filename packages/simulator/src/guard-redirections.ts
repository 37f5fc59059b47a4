import { promisify } from 'node:util';
import { abortReason } from '@coracle/kernel';
import type { Guarding, Patch } from './guard.ts';
import { timeoutMs, VirtualImmediate, VirtualTimeout } from './guard-timers.ts';
import type { SimProcess } from './sim-process.ts';

/** Time, timers and chance: what a process has of its own. */
export function redirections(): readonly Patch[] {
  const timers: object = process.getBuiltinModule('node:timers');
  return [...ofTimers(globalThis, ''), ...ofTimers(timers, 'node:timers '), ...ofTimersPromises(), ...ofTime(), ...ofChance()];
}

type Callable = (...args: readonly unknown[]) => unknown;
type Redirect = (process: SimProcess, args: readonly unknown[]) => unknown;

const clock = 'use process.clock';
const chance = 'use process.random';

function redirection(owner: object, key: string, name: string, advice: string, redirect: Redirect): Patch {
  return {
    owner,
    key,
    replace(original, guarding) {
      return function (this: unknown, ...args: readonly unknown[]): unknown {
        const process = guarding.redirected(name, advice);
        if (process !== undefined) return redirect(process, args);
        return Reflect.apply(original as Callable, this, args); // each key is of a function
      };
    },
  };
}

function ofTimers(owner: object, prefix: string): readonly Patch[] {
  const of = (key: string, redirect: Redirect): Patch => redirection(owner, key, `${prefix}${key}`, clock, redirect);
  const calling = (run: unknown, args: readonly unknown[]) => (): void => {
    Reflect.apply(run as Callable, undefined, args); // as in Node, a TypeError when it is none
  };
  const timeout = of('setTimeout', (process, [run, ms, ...args]) => new VirtualTimeout(process, ms, calling(run, args), false));
  const immediate = of('setImmediate', (process, [run, ...args]) => new VirtualImmediate(process, calling(run, args)));
  return [
    promisified(timeout, promisedTimeout),
    promisified(immediate, soon),
    of('setInterval', (process, [run, ms, ...args]) => new VirtualTimeout(process, ms, calling(run, args), true)),
    ...['clearTimeout', 'clearInterval', 'clearImmediate'].map((key) => clearing(owner, key)),
  ];
}

/** `promisify(setTimeout)` asks the function for its own promised form. */
function promisified(patch: Patch, redirect: Redirect): Patch {
  return {
    ...patch,
    replace(original, guarding) {
      const replaced = patch.replace(original, guarding);
      const promised: unknown = Reflect.get(original as object, promisify.custom); // each key is of a function
      const custom = redirection({}, '', patch.key, clock, redirect).replace(promised, guarding);
      return Object.assign(replaced as object, { [promisify.custom]: custom }); // a function, too
    },
  };
}

/** Virtual timers may be cleared from everywhere, and real ones from inside. */
function clearing(owner: object, key: string): Patch {
  return {
    owner,
    key,
    replace: (original) => (handle: unknown) => {
      if (handle instanceof VirtualTimeout || handle instanceof VirtualImmediate) handle.close();
      else Reflect.apply(original as Callable, undefined, [handle]); // each key is of a function
    },
  };
}

function ofTimersPromises(): readonly Patch[] {
  const promises = process.getBuiltinModule('node:timers/promises');
  const name = (key: string): string => `node:timers/promises ${key}`;
  return [
    redirection(promises, 'setTimeout', name('setTimeout'), clock, promisedTimeout),
    redirection(promises, 'setImmediate', name('setImmediate'), clock, soon),
    redirection(promises, 'setInterval', name('setInterval'), clock, intervals),
    redirection(promises.scheduler, 'wait', name('scheduler.wait'), clock, (process, [ms, options]) =>
      promisedTimeout(process, [ms, undefined, options]),
    ),
    redirection(promises.scheduler, 'yield', name('scheduler.yield'), clock, soon),
  ];
}

interface PromiseOptions {
  readonly signal?: AbortSignal;
  readonly ref?: boolean;
}

async function promisedTimeout(process: SimProcess, [ms, value, options]: readonly unknown[]): Promise<unknown> {
  const { signal, ref } = (options ?? {}) as PromiseOptions; // as Node declares it
  try {
    await process.clock.sleep(timeoutMs(ms), { signal, background: ref === false });
  } catch {
    throw abortError(signal); // nothing else ends a sleep
  }
  return value;
}

async function* intervals(process: SimProcess, [ms, value, options]: readonly unknown[]): AsyncGenerator<unknown> {
  const given = options as PromiseOptions | undefined; // as Node declares it
  for (;;) yield await promisedTimeout(process, [ms, value, { ref: false, ...given }]);
}

function soon(process: SimProcess, [value]: readonly unknown[]): Promise<unknown> {
  return process.step({ lane: 'immediate', op: 'immediate' }, () => value);
}

/** As Node's promised timers reject. */
function abortError(signal: AbortSignal | undefined): Error {
  const cause = signal === undefined ? undefined : abortReason(signal);
  return Object.assign(new Error('The operation was aborted', { cause }), { name: 'AbortError', code: 'ABORT_ERR' });
}

function ofTime(): readonly Patch[] {
  const { performance } = process.getBuiltinModule('node:perf_hooks');
  return [
    {
      owner: globalThis,
      key: 'Date',
      replace: (original, guarding) => virtualDate(original as DateConstructor, guarding), // that is what Date is
    },
    redirection(performance, 'now', 'performance.now', clock, (process) => process.clock.monotonic()),
    redirection(AbortSignal, 'timeout', 'AbortSignal.timeout', 'use process.clock.deadline', (process, [ms]) => {
      const { signal } = process.clock.deadline(Number(ms));
      return signal;
    }),
    {
      owner: process,
      key: 'hrtime',
      replace(original, guarding) {
        const nanoseconds = (virtual: SimProcess): bigint => BigInt(Math.round(virtual.clock.monotonic() * 1e6));
        const [pair, bigint] = ['hrtime', 'bigint'].map((key) =>
          redirection({}, key, 'process.hrtime', clock, (virtual, [since]) => {
            if (key === 'bigint') return nanoseconds(virtual);
            const [seconds = 0, rest = 0] = (since ?? []) as readonly number[]; // a pair, as Node declares it
            const elapsed = nanoseconds(virtual) - BigInt(seconds) * 1_000_000_000n - BigInt(rest);
            return [Number(elapsed / 1_000_000_000n), Number(elapsed % 1_000_000_000n)];
          }).replace(key === 'bigint' ? Reflect.get(original as object, 'bigint') : original, guarding),
        );
        return Object.assign(pair as object, { bigint }); // both are functions
      },
    },
    redirection(process, 'uptime', 'process.uptime', clock, (virtual) => virtual.clock.monotonic() / 1_000),
  ];
}

/** Date, except that the present is the process's. */
function virtualDate(original: DateConstructor, guarding: Guarding): DateConstructor {
  const nowMs = (name: string): number => guarding.redirected(name, clock)?.clock.now() ?? original.now();
  const now = (): number => nowMs('Date.now');
  const virtual: DateConstructor = new Proxy(original, {
    apply: () => new original(nowMs('Date')).toString(),
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [nowMs('new Date')] : args, newTarget === virtual ? target : newTarget),
    get: (target, key, receiver) => (key === 'now' ? now : Reflect.get(target, key, receiver)),
  });
  return virtual;
}

function ofChance(): readonly Patch[] {
  const crypto = process.getBuiltinModule('node:crypto');
  const global = (key: string, redirect: Redirect): Patch => redirection(globalThis.crypto, key, `crypto.${key}`, chance, redirect);
  const of = (key: string, redirect: Redirect): Patch => redirection(crypto, key, `node:crypto ${key}`, chance, redirect);
  const uuid: Redirect = (process) => process.random.uuid();
  return [
    redirection(Math, 'random', 'Math.random', chance, (process) => process.random.float()),
    global('randomUUID', uuid),
    global('getRandomValues', (process, [array]) => filled(process, array)),
    of('randomUUID', uuid),
    of('randomFillSync', (process, [array, offset, size]) => filled(process, array, offset, size)),
    of('randomFill', (process, args) => later(process, args, filled(process, args[0], ...args.slice(1, -1)))),
    of('randomBytes', (process, args) => {
      const bytes = Buffer.from(process.random.bytes(Number(args[0])));
      return typeof args[1] === 'function' ? later(process, args, bytes) : bytes;
    }),
    of('randomInt', (process, args) => {
      const [low, high] = typeof args[1] === 'number' ? [Number(args[0]), args[1]] : [0, Number(args[0])];
      const drawn = low + Math.floor(process.random.float() * (high - low));
      return typeof args.at(-1) === 'function' ? later(process, args, drawn) : drawn;
    }),
  ];
}

/** Answers in the callback that comes last. */
function later(process: SimProcess, args: readonly unknown[], value: unknown): void {
  const callback = args.at(-1) as Callable; // as Node declares it
  process.post({ lane: 'immediate', op: 'immediate' }, () => void callback(null, value));
}

function filled(process: SimProcess, array: unknown, offset: unknown = 0, size?: unknown): unknown {
  if (!ArrayBuffer.isView(array)) throw new TypeError('Cannot fill what is no view of an ArrayBuffer');
  const count = Number(Reflect.get(array, 'length') ?? array.byteLength); // a DataView has none
  const unit = array.byteLength / Math.max(1, count);
  const start = Number(offset) * unit;
  const length = size === undefined ? array.byteLength - start : Number(size) * unit;
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(process.random.bytes(length), start);
  return array;
}
