/** `npm run build`: the coracle command as one file, `dist/coracle.mjs`, with parts that load when they are wanted. */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

const root = path.dirname(import.meta.dirname);
const output = path.join(root, 'dist');

rmSync(output, { recursive: true, force: true });
const bundle = await rolldown({
  input: { coracle: path.join(root, 'packages/coracle/src/bin.ts') },
  platform: 'node',
  resolve: { conditionNames: ['coracle-source', 'node', 'import', 'default'] },
});
await bundle.write({ dir: output, format: 'esm', entryFileNames: '[name].mjs', chunkFileNames: '[name]-[hash].mjs', sourcemap: true });
await bundle.close();

for (const name of readdirSync(output).sort()) {
  if (!name.endsWith('.mjs')) continue;
  const file = path.join(output, name);
  const zipped = gzipSync(readFileSync(file)).length;
  console.log(`dist/${name}: ${kilobytes(statSync(file).size)} KB, ${kilobytes(zipped)} KB with gzip`);
}

function kilobytes(bytes: number): string {
  return (bytes / 1000).toFixed(0);
}
