// `npm start` (and `npm start -- --OPTION …`): a cluster that is kept in ./.coracle; `npm start -- COMMAND …`: the coracle command, from the sources.

import path from 'node:path';
import { becomeNode24, installMissing, root } from './toolchain.mjs';

const args = process.argv.slice(2);
const firstVoyage = ['start', '--directory', path.join(root, '.coracle'), '--file', path.join(root, 'examples/tidb-cluster/basic.yaml')];
// `npm start -- --port 0` is the first voyage on another port; help and commands are the command line's.
const isFirstVoyage = args[0] === undefined || (args[0].startsWith('-') && !['--help', '-h'].includes(args[0]));
await installMissing();
await becomeNode24([path.join(root, 'packages/coracle/src/bin.ts'), ...(isFirstVoyage ? [...firstVoyage, ...args] : args)]);
