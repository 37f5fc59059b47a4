// Preloaded (`node --import`) into the processes of the test runner. To tell whose an error is that nobody awaits, the runner
// follows every promise with an async hook, which makes code of many promises, as simulations are, take twice the CPU.
// Here it knows of tests and suites only: they nest as ever, and an error that nobody awaits fails the file, not the test.

import asyncHooks from 'node:async_hooks';

if (!process.execArgv.includes('--test')) {
  const { AsyncResource, createHook } = asyncHooks;
  /** @type {Set<NonNullable<import('node:async_hooks').HookCallbacks['init']>>} */
  const told = new Set();
  // The runner takes both when it is loaded.
  asyncHooks.createHook = ({ init }) => {
    const hook = {
      enable() {
        if (init !== undefined) told.add(init);
        return hook;
      },
      disable() {
        if (init !== undefined) told.delete(init);
        return hook;
      },
    };
    return hook;
  };
  asyncHooks.AsyncResource = class extends AsyncResource {
    /** @param {ConstructorParameters<typeof AsyncResource>} args */
    constructor(...args) {
      super(...args);
      for (const init of told) init(this.asyncId(), args[0], this.triggerAsyncId(), this);
    }
  };
  await import('node:test');
  Object.assign(asyncHooks, { AsyncResource, createHook });
}
