// `npm start`: a cluster that is kept in ./.coracle; `npm start -- COMMAND …`: the coracle command, from the sources.

import path from 'node:path';
import { becomeNode24, installMissing, root } from './toolchain.mjs';

const args = process.argv.slice(2);
const firstVoyage = ['start', '--directory', path.join(root, '.coracle'), '--file', path.join(root, 'examples/tidb-cluster/basic.yaml')];
await installMissing();
await becomeNode24([
  path.join(root, 'packages/coracle/src/bin.ts'),
  ...(args.length === 0 ? firstVoyage : args),
]);
