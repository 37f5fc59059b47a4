// Preloaded (`node --import`) into every process of the test runner: what a test file or the code under test reaches for in
// the real world throws, unless the file is named `.live.test`.

import { fileURLToPath } from 'node:url';
import { installGuard } from './guard.ts';

const [, file = ''] = process.argv;
// The workshop's own tests are of programs that are run.
const workshop = fileURLToPath(new URL('../../../tools/', import.meta.url));
// The runner itself has the pattern, or the first of its files, in the place of the file.
if (
  !process.execArgv.includes('--test') &&
  /\.test\.[cm]?[jt]s$/.test(file) &&
  !/\.live\.test\./.test(file) &&
  !file.startsWith(workshop)
) {
  // Loaded first, the runner holds the real timers.
  await import('node:test');
  installGuard({ mode: 'throw', everywhere: true });
}
