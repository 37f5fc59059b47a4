// `npm start`: the first voyage; `npm start -- COMMAND …`: the coracle command, from the sources.

import path from 'node:path';
import { becomeNode24, installMissing, root } from './toolchain.mjs';

const args = process.argv.slice(2);
await installMissing();
await becomeNode24([path.join(root, 'packages/coracle/src/bin.ts'), ...(args.length === 0 ? ['start'] : args)]);
