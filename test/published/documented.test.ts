import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

/** Names that the package exports, by the file that declares them. */
function exportsOf(index: string): ReadonlyMap<string, readonly string[]> {
  const files = new Map<string, readonly string[]>();
  for (const [, names = '', file = ''] of index.matchAll(/export (?:type )?\{([^}]*)\} from '([^']+)';/g)) {
    const exported = names.split(',').map((name) =>
      name
        .trim()
        .replace(/^type /, '')
        .replace(/ as .*$/, ''),
    );
    files.set(file, [...(files.get(file) ?? []), ...exported.filter((name) => name !== '')]);
  }
  return files;
}

/** Whether a comment of documentation stands before where `name` is declared; undefined when it is not declared there. */
function isDocumented(source: string, name: string): boolean | undefined {
  const declared = new RegExp(
    String.raw`^export (?:declare |abstract |async )*(?:class|function\*?|const|interface|type) ${name}\b`,
    'm',
  ).exec(source);
  return declared === null ? undefined : source.slice(0, declared.index).trimEnd().endsWith('*/');
}

const packages = path.join(import.meta.dirname, '../../packages');

/** Those that `npm run pack` packs, with fewer names than they export. */
for (const [name, atLeast] of [
  ['kernel', 40],
  ['apimachinery', 130],
  ['api', 40],
  ['client', 200],
  ['controller-runtime', 100],
] as const) {
  test(`everything that ${name} exports is documented`, () => {
    const sources = path.join(packages, name, 'src');
    const undocumented: string[] = [];
    let count = 0;
    for (const [file, names] of exportsOf(readFileSync(path.join(sources, 'index.ts'), 'utf8'))) {
      const source = readFileSync(path.join(sources, file), 'utf8');
      for (const exported of names) {
        count++;
        const documented = isDocumented(source, exported);
        assert.notEqual(documented, undefined, `${exported} is not declared in ${file}`);
        if (documented === false) undocumented.push(`${file}: ${exported}`);
      }
    }
    assert.ok(count > atLeast, `only ${count} names were found`);
    assert.deepEqual(undocumented, []);
  });
}

test('isDocumented() tells what has a comment from what has none', () => {
  const source = '/** Is. */\nexport interface A {}\n// not\nexport class B {}\nexport type C = 1;\n';
  assert.deepEqual(
    ['A', 'B', 'C', 'D'].map((name) => isDocumented(source, name)),
    [true, false, false, undefined],
  );
});
