// `node tools/run.mjs FILE …`: runs a TypeScript file of this repository, after installing what it needs.

import path from 'node:path';
import { becomeNode24, installMissing, root } from './toolchain.mjs';

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node tools/run.mjs FILE [ARGUMENT…]');
  process.exit(2);
}
await installMissing();
await becomeNode24([path.resolve(root, file), ...args]);
