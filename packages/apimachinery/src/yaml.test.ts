import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readYamlDocuments, writeYaml, YamlSyntaxError } from './yaml.ts';

test('readYamlDocuments reads several documents and leaves empty ones out', () => {
  assert.deepEqual(readYamlDocuments('a: 1\n---\n# nothing\n---\nb: [yes, 012, "x", null, 2020-01-01]\n'), [{ a: 1 }, { b: [true, 10, 'x', null, '2020-01-01'] }]);
  assert.deepEqual(readYamlDocuments('{"a": {"b": []}}'), [{ a: { b: [] } }]);
  assert.deepEqual(readYamlDocuments(''), []);
});

test('readYamlDocuments makes own properties of any key', () => {
  const [document] = readYamlDocuments('__proto__: {a: 1}\nconstructor: b\n') as [object];
  assert.deepEqual(Object.keys(document), ['__proto__', 'constructor']);
  assert.equal(Object.getPrototypeOf(document), Object.prototype);
});

for (const { name, text, line } of [
  { name: 'a key that comes twice', text: 'a: 1\nb: 2\na: 3\n', line: 3 },
  { name: 'what is no YAML', text: 'a: 1\n: :\n- x', line: 3 },
  { name: 'a bomb of aliases', text: `a: &a [x]\nb: [${'*a, '.repeat(2_000)}]\n`, line: 2 },
  { name: 'deep nesting', text: '['.repeat(2_000), line: 1 },
]) {
  test(`readYamlDocuments refuses ${name}`, () => {
    assert.throws(() => readYamlDocuments(text), (error) => error instanceof YamlSyntaxError && error.line === line);
  });
}

test('writeYaml is read back', () => {
  const value = { b: ['yes', '012', 1, true, null, { c: 'a\nb\n' }], a: 'x: y' };
  assert.deepEqual(readYamlDocuments(writeYaml(value)), [value]);
});
