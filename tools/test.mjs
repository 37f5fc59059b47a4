// `npm test` in the root: the gates, then every test in one run of the test runner, whose count is the last thing printed.
// `npm test -w packages/X`: the tests of that workspace alone.

import path from 'node:path';
import { becomeNode24, endLike, installMissing, root, runNode24 } from './toolchain.mjs';

const everything = ['packages/*/src/**/*.test.ts', 'examples/*/src/**/*.test.ts', 'tools/*.test.ts', 'test/**/*.test.ts'];

await installMissing();
const isRoot = process.cwd() === root;
if (isRoot) {
  const gates = await runNode24([path.join(root, 'tools/check.ts')]);
  if (gates.signal !== null || gates.code !== 0) endLike(gates);
}
await becomeNode24([
  '--test',
  `--test-reporter=${process.stdout.isTTY ? 'spec' : 'tap'}`,
  // No test takes long; one that hangs is named instead of holding the run.
  '--test-timeout=300000',
  ...process.argv.slice(2),
  ...(isRoot ? everything : ['src/**/*.test.ts']),
]);
