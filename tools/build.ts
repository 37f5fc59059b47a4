/**
 * `npm run build`: the coracle command, `dist/coracle.mjs`, which has Node keep what it compiles and loads the rest. Names are kept, so
 * that a stack is readable; what only a reader of the source needs is left out, so that less is read at each start.
 */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Plugin, rolldown } from 'rolldown';

const root = path.dirname(import.meta.dirname);
const output = path.join(root, 'dist');

/**
 * Asks for Node's own modules by name instead of importing them: an import makes all that a module offers at once, what is not used
 * (the Web Crypto API) too, which takes more time at a start than the module itself.
 */
const nodeModules: Plugin = {
  name: 'node-modules',
  renderChunk(code) {
    const imports = /^import (?:([\w$]+)(?:, | ))?(?:\{([^}]*)\} )?from "(node:[\w/]+)";$/gm;
    const asked = code.replace(imports, (_, whole: string | undefined, named: string | undefined, name: string) => {
      const names = named === undefined ? [] : [`{${named.replace(/([\w$]+) as ([\w$]+)/g, '$1: $2')}}`];
      return `const ${[...(whole === undefined ? [] : [whole]), ...names].map((target) => `${target} = process.getBuiltinModule("${name}")`).join(', ')};`;
    });
    const left = /^.*(?:from|import) "node:.*$/m.exec(asked);
    if (left !== null) throw new Error(`Cannot tell what is imported in: ${left[0]}`);
    return { code: asked, map: null }; // whole lines are replaced by whole lines
  },
};

rmSync(output, { recursive: true, force: true });
const bundle = await rolldown({
  input: { coracle: path.join(root, 'packages/coracle/src/bin.ts') },
  platform: 'node',
  // Only the command does something when it is loaded: a file of the output holds no more of a package than is asked of it.
  treeshake: { moduleSideEffects: (id: string) => id.includes('/packages/coracle/') },
  resolve: { conditionNames: ['coracle-source', 'node', 'import', 'default'] },
  plugins: [nodeModules],
});
await bundle.write({
  dir: output,
  format: 'esm',
  entryFileNames: '[name].mjs',
  chunkFileNames: '[name]-[hash].mjs',
  minify: { mangle: false, compress: false, codegen: true },
  sourcemap: true,
});
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
