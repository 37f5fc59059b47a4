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

test('everything that the package exports is documented', () => {
  const undocumented: string[] = [];
  let count = 0;
  for (const [file, names] of exportsOf(readFileSync(path.join(import.meta.dirname, 'index.ts'), 'utf8'))) {
    const source = readFileSync(path.join(import.meta.dirname, file), 'utf8');
    for (const name of names) {
      count++;
      const documented = isDocumented(source, name);
      assert.notEqual(documented, undefined, `${name} is not declared in ${file}`);
      if (documented === false) undocumented.push(`${file}: ${name}`);
    }
  }
  assert.ok(count > 200, `only ${count} names were found`);
  assert.deepEqual(undocumented, []);
});

test('isDocumented() tells what has a comment from what has none', () => {
  const source = '/** Is. */\nexport interface A {}\n// not\nexport class B {}\nexport type C = 1;\n';
  assert.deepEqual(
    ['A', 'B', 'C', 'D'].map((name) => isDocumented(source, name)),
    [true, false, false, undefined],
  );
});
