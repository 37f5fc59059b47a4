import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readYamlDocuments, readYamlStream, writeYaml, YamlSyntaxError } from './yaml.ts';

test('readYamlDocuments reads several documents and leaves empty ones out', () => {
  const text = 'a: 1\n---\n# nothing\n---\nb: [yes, 012, "x", null, 2020-01-01]\n';
  assert.deepEqual(readYamlDocuments(text), [{ a: 1 }, { b: [true, 10, 'x', null, '2020-01-01'] }]);
  assert.deepEqual(readYamlDocuments('{"a": {"b": []}}'), [{ a: { b: [] } }]);
  assert.deepEqual(readYamlDocuments(''), []);
});

test('readYamlDocuments makes own properties of any key', () => {
  const [document] = readYamlDocuments('__proto__: {a: 1}\nconstructor: b\n') as [object];
  assert.deepEqual(Object.keys(document), ['__proto__', 'constructor']);
  assert.equal(Object.getPrototypeOf(document), Object.prototype);
});

/** Ten times as many values with each level. */
function laughs(levels: number): string {
  const lines = ['a0: &a0 [x]'];
  for (let i = 1; i <= levels; i++) lines.push(`a${i}: &a${i} [${Array(10).fill(`*a${i - 1}`).join()}]`);
  return lines.join('\n');
}

/** Three times as deep as it looks. */
function ladder(depth: number): string {
  const nested = (inside: string): string => `${'['.repeat(depth)}${inside}${']'.repeat(depth)}`;
  return `a: &a ${nested('x')}\nb: &b ${nested('*a')}\nc: ${nested('*b')}\n`;
}

for (const { name, text, line } of [
  { name: 'a key that comes twice', text: 'a: 1\nb: 2\na: 3\n', line: 3 },
  { name: 'what is no YAML', text: 'a: 1\n: :\n- x', line: 3 },
  { name: 'a bomb of aliases', text: `a: &a [x]\nb: [${'*a, '.repeat(2_000)}]\n`, line: 2 },
  { name: 'a text that aliases blow up', text: laughs(9), line: 1 },
  { name: 'a list that contains itself', text: 'a: &a [*a]\n', line: 1 },
  { name: 'a map that contains itself', text: 'a: &a {b: [*a]}\n', line: 1 },
  { name: 'aliases that nest deeper than a reader may', text: ladder(900), line: 1 },
  { name: 'an unknown anchor', text: 'a: 1\nb: *c\n', line: 2 },
  { name: 'a key that is a list', text: '[a]: b\n', line: 1 },
  { name: 'deep nesting', text: '['.repeat(2_000), line: 1 },
]) {
  test(`readYamlDocuments refuses ${name}`, () => {
    assert.throws(() => readYamlDocuments(text), (error) => error instanceof YamlSyntaxError && error.line === line);
  });
}

test('readYamlDocuments shares what an alias stands for', () => {
  assert.deepEqual(readYamlDocuments('a: &a {x: 1}\nb: *a\nc: {<<: *a, z: 2}\n'), [{ a: { x: 1 }, b: { x: 1 }, c: { x: 1, z: 2 } }]);
  assert.equal(readYamlDocuments(laughs(4)).length, 1);
});

for (const { text, want } of [
  { text: '22:22', want: '22:22' },
  { text: '1:30.5', want: '1:30.5' },
  { text: '1e3', want: 1000 },
  { text: '0x1F', want: 31 },
  { text: '0o14', want: 12 },
  { text: '014', want: 12 },
  { text: '089', want: 89 },
  { text: '-0b11', want: -3 },
  { text: '1_000', want: 1000 },
  { text: '.5', want: 0.5 },
  { text: '1.', want: 1 },
  { text: '9007199254740991', want: 9007199254740991 },
  { text: '9007199254740993', want: 9007199254740993n },
  { text: '-9223372036854775808', want: -9223372036854775808n },
  { text: '1e999', want: '1e999' },
  { text: '_1', want: '_1' },
  { text: 'y', want: true },
  { text: 'Off', want: false },
  { text: '"yes"', want: 'yes' },
  { text: '~', want: null },
  { text: '2026-01-02T03:04:05Z', want: '2026-01-02T03:04:05Z' },
  { text: '!!str 5', want: '5' },
]) {
  test(`readYamlDocuments takes ${text} as Kubernetes does`, () => assert.deepEqual(readYamlDocuments(`a: ${text}\n`), [{ a: want }]));
}

test('readYamlStream says where documents begin and which keys came again', () => {
  const text = '# first\na: 1\na: 2\nb: {c: [{d: 1, d: 2}], c: 3}\n---\n---\n\n- x: 1\n- x: 2\n';
  assert.deepEqual(readYamlStream(text), [
    {
      value: { a: 2, b: { c: 3 } },
      line: 2,
      duplicates: [
        { line: 3, message: 'line 3: key "a" already set in map' },
        { line: 4, message: 'line 4: key "d" already set in map' },
        { line: 4, message: 'line 4: key "c" already set in map' },
      ],
    },
    { value: [{ x: 1 }, { x: 2 }], line: 8, duplicates: [] },
  ]);
});

test('writeYaml prints as the API server does', () => {
  const value = {
    b: [{ z: '22:22', y: 'plain' }, []],
    a: { '10': 'yes', '2': '2026-01-02T03:04:05Z', e: {} },
    c: 'x: y',
    d: 'l1\nl2\n',
    f: 5n,
  };
  const text = `a:
  "10": "yes"
  "2": "2026-01-02T03:04:05Z"
  e: {}
b:
- "y": plain
  z: "22:22"
- []
c: 'x: y'
d: |
  l1
  l2
f: 5
`;
  assert.equal(writeYaml(value), text);
});

test('writeYaml is read back', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (generated) => {
      const text = JSON.stringify({ generated });
      fc.pre(!/\d{16}/.test(text)); // a number beyond 2^53 comes back as a bigint
      const value = JSON.parse(text) as unknown; // without negative zeros
      assert.deepEqual(readYamlDocuments(writeYaml(value)), [value]);
    }),
  );
});

test('writeYaml quotes what could be taken for something else', () => {
  const numbers = ['22:22', '1e3', '0o14', '012', '089', '1_0', '.5', '2020-01-01', '+5', '.inf', '0x1f'];
  for (const word of [...numbers, 'y', 'N', 'Off', 'null', '~', '', '<<']) assert.equal(writeYaml({ a: word }), `a: "${word}"\n`);
  for (const word of ['a', '1.2.3', '1Gi', '500m', 'yesterday', '-x', 'v1']) assert.equal(writeYaml({ a: word }), `a: ${word}\n`);
});
