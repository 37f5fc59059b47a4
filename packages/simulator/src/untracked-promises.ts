import { type AsyncHook, createHook } from 'node:async_hooks';

/**
 * Keeps Node's test runner from following every promise to the test that made it. It hooks into the life of each one for that, which
 * is a quarter of the CPU of a simulation and garbage besides. What is lost is the name of the test in the report of an error that
 * nobody caught; its file fails as before. Does nothing where the runner is another than it knows.
 */
export function leavePromisesUntracked(): void {
  const prototype = Object.getPrototypeOf(createHook({})) as AsyncHook; // the class is not exported
  const original = prototype.enable;
  prototype.enable = function (this: AsyncHook): AsyncHook {
    return isOfTestRunner(this) ? this : original.call(this);
  };
}

/** Node's lib/internal/test_runner/harness.js keeps the tests by their resources. */
function isOfTestRunner(hook: AsyncHook): boolean {
  const callbacks = Object.getOwnPropertySymbols(hook).map((symbol): unknown => Reflect.get(hook, symbol));
  return callbacks.some((callback) => typeof callback === 'function' && String(callback).includes('testResources'));
}
