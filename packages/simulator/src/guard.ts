import { syncBuiltinESMExports } from 'node:module';
import { redirections } from './guard-redirections.ts';
import { refusals } from './guard-refusals.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimRuntime } from './sim-runtime.ts';

export interface GuardOptions {
  readonly runtime: SimRuntime;
  /**
   * What happens to real time, timers and chance inside a simulated process: `redirect` gives those of the process, for
   * code that cannot be changed; `throw` refuses them, for code that should have used the process. Real I/O is refused in
   * both.
   */
  readonly mode: 'redirect' | 'throw';
}

/** Code inside a simulated process reached for what a simulation cannot replay. */
export class NotHermetic extends Error {
  override readonly name = 'NotHermetic';
}

/** How a patch asks on whose behalf it is called. */
export interface Guarding {
  /** The process to use instead of the real thing; undefined outside of every process. Throws in mode `throw`. */
  redirected(name: string, advice: string): SimProcess | undefined;
  /** Throws inside a process. */
  refused(name: string, advice: string): void;
}

/** One property of a global or a built-in module that is replaced while a guard is installed. */
export interface Patch {
  readonly owner: object;
  readonly key: string;
  replace(original: unknown, guarding: Guarding): unknown;
}

/**
 * Replaces the globals and the exports of built-in modules through which code reaches real time, timers, chance and I/O,
 * named imports of modules loaded earlier included. Only code that runs inside a process of `runtime` sees a difference:
 * test runners and other runtimes keep the real ones. Disposing restores them; guards may be disposed in any order.
 *
 * Not caught: a function that was copied from its global before (`const { setTimeout } = globalThis`), and what Node does
 * inside itself.
 */
export function installGuard({ runtime, mode }: GuardOptions): Disposable {
  let isInstalled = true;
  const refused = (name: string, advice: string): SimProcess | undefined => {
    const process = isInstalled ? runtime.current() : undefined;
    if (process === undefined) return undefined;
    throw new NotHermetic(`${name} was used in the simulated process "${process.name}": ${advice}`);
  };
  const guarding: Guarding = {
    refused,
    redirected: mode === 'throw' ? refused : () => (isInstalled ? runtime.current() : undefined),
  };
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
