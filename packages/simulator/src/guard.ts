import { syncBuiltinESMExports } from 'node:module';
import { callingFile } from './calling-file.ts';
// Takes the real setImmediate for the driver before it is replaced.
import './drain.ts';
import { redirections } from './guard-redirections.ts';
import { refusals } from './guard-refusals.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimRuntime } from './sim-runtime.ts';
import { contexts } from './step-context.ts';

export interface GuardOptions {
  /** Whose processes are guarded. Default: those of every runtime. */
  readonly runtime?: SimRuntime;
  /**
   * What happens to real time, timers and chance inside a simulated process: `redirect` gives those of the process, for
   * code that cannot be changed; `throw` refuses them, for code that should have used the process. Real I/O is refused in
   * both.
   */
  readonly mode: 'redirect' | 'throw';
  /**
   * Refuses the same to code outside of processes, where the file that calls is neither Node's nor of node_modules: for a
   * whole process that has no business with the real world, like a test that is not live. Default false.
   */
  readonly everywhere?: boolean;
}

/** Code that is guarded reached for what a simulation cannot replay. */
export class NotHermetic extends Error {
  override readonly name = 'NotHermetic';
}

/** How a patch asks on whose behalf it is called. */
export interface Guarding {
  /** The process to use instead of the real thing; undefined outside of every process. Throws in mode `throw`. */
  redirected(name: string, advice: string): SimProcess | undefined;
  /** Throws inside a process, and everywhere if the guard is. */
  refused(name: string, advice: string): void;
  /** Throws inside a process. */
  refusedInside(name: string, advice: string): void;
}

/** One property of a global or a built-in module that is replaced while a guard is installed. */
export interface Patch {
  readonly owner: object;
  readonly key: string;
  replace(original: unknown, guarding: Guarding): unknown;
}

/**
 * Replaces the globals and the exports of built-in modules through which code reaches real time, timers, chance and I/O,
 * named imports of modules loaded earlier included. Only code that runs inside a process of `runtime` sees a difference,
 * unless the guard is `everywhere`: test runners and other runtimes keep the real ones. Disposing restores them; guards may
 * be disposed in any order.
 *
 * Not caught: a function that was copied from its global before (`const { setTimeout } = globalThis`), and what Node does
 * inside itself.
 */
export function installGuard({ runtime, mode, everywhere = false }: GuardOptions): Disposable {
  let isInstalled = true;
  const current = (): SimProcess | undefined => {
    if (!isInstalled) return undefined;
    return runtime === undefined ? contexts.getStore()?.process : runtime.current();
  };
  const refusedInside = (name: string, advice: string): void => {
    const process = current();
    if (process !== undefined) throw new NotHermetic(`${name} was used in the simulated process "${process.name}": ${advice}`);
  };
  const refused = (name: string, advice: string): undefined => {
    refusedInside(name, advice);
    if (!everywhere || !isInstalled) return;
    const file = callingFile();
    if (file !== undefined && !/^node:|[\\/]node_modules[\\/]/.test(file)) {
      throw new NotHermetic(`${name} was used by "${file}" in a process that is not live: ${advice}`);
    }
  };
  const guarding: Guarding = { refused, refusedInside, redirected: mode === 'throw' ? refused : current };
  const undo: (() => void)[] = [];
  const dispose = (): void => {
    if (!isInstalled) return;
    isInstalled = false;
    for (const restore of undo.reverse()) restore();
    syncBuiltinESMExports();
  };
  try {
    for (const patch of [...redirections(), ...refusals()]) undo.push(install(patch, guarding));
    syncBuiltinESMExports();
  } catch (error) {
    dispose(); // another version of Node may have made a property unchangeable: all or nothing
    throw error;
  }
  return { [Symbol.dispose]: dispose };
}

function install({ owner, key, replace }: Patch, guarding: Guarding): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, key);
  const replaced = replace(Reflect.get(owner, key), guarding);
  const { enumerable = false } = before ?? {};
  Object.defineProperty(owner, key, { value: replaced, enumerable, configurable: true, writable: true });
  return () => {
    // Where a later guard has put its own on top, ours stays below and passes everything on.
    if (Reflect.get(owner, key) !== replaced) return;
    if (before === undefined) Reflect.deleteProperty(owner, key);
    else Object.defineProperty(owner, key, before);
  };
}
