// `npm test` in the root: the gates, then every test in one run of the test runner, whose count is the last thing printed.
// `npm test -w packages/X`: the tests of that workspace alone.

import { availableParallelism } from 'node:os';
import path from 'node:path';
import { endLike, installMissing, root, runNode24 } from './toolchain.mjs';

const everything = ['packages/*/src/**/*.test.ts', 'examples/*/src/**/*.test.ts', 'tools/*.test.ts', 'test/**/*.test.ts'];

await installMissing();
const isRoot = process.cwd() === root;
const gates = isRoot ? await runNode24([path.join(root, 'tools/check.ts')]) : { code: 0, signal: null };
if (gates.signal !== null) endLike(gates);
// The tests run whatever the gates say, so that one run shows everything; either makes it fail.
if (gates.code !== 0) console.log('The gates do not pass: this run fails, whatever the tests say');
const tests = await runNode24([
  '--test',
  `--import=${new URL('untracked-promises.mjs', import.meta.url)}`,
  // Real time, chance and sockets throw in every test that is not named *.live.test.ts.
  '--import=@coracle/simulator/guard',
  `--test-reporter=${process.stdout.isTTY ? 'spec' : 'tap'}`,
  // All cores: Node leaves one free, which of two is half.
  `--test-concurrency=${availableParallelism()}`,
  // No test takes long; one that hangs is named instead of holding the run.
  '--test-timeout=300000',
  ...process.argv.slice(2),
  ...(isRoot ? everything : ['src/**/*.test.ts']),
]);
endLike(tests.code === 0 ? gates : tests);
