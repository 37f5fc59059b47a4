import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

for (const { name, body } of [
  { name: 'a rejection that nobody takes', body: 'Promise.reject(new Error("unseen")); await Promise.resolve();' },
  {
    name: 'an error in a callback',
    body: 'await new Promise((resolve) => process.nextTick(() => { resolve(); throw new Error("unseen"); }));',
  },
]) {
  test(`${name} fails the file of its test, although promises are not tracked`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'untracked-'));
    try {
      const file = join(directory, 'some.test.mjs');
      writeFileSync(file, `import { test } from 'node:test';\ntest('one', async () => { ${body} });\n`);
      const guard = fileURLToPath(new URL('./guard-tests.ts', import.meta.url));
      const { status, stdout } = spawnSync(process.execPath, ['--conditions=coracle-source', `--import=${guard}`, file], {
        encoding: 'utf8',
      });
      assert.notEqual(status, 0, stdout);
      assert.match(stdout, /unseen/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}
