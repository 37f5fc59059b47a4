import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parseScript } from './fixtures/data-driven.ts';
import { Interaction } from './fixtures/interaction.ts';

// Each script is a story with its full trace. UPDATE_SCRIPTS=1 writes the traces anew: read the difference before you keep it.
const folder = path.join(import.meta.dirname, 'testdata');
const isUpdate = process.env['UPDATE_SCRIPTS'] === '1';

const files = readdirSync(folder).filter((file) => file.endsWith('.txt'));

test('there are scripts', () => assert.ok(files.length >= 15));

for (const file of files) {
  test(`testdata/${file} replays`, () => {
    const text = readFileSync(path.join(folder, file), 'utf8');
    const script = parseScript(text);
    const interaction = new Interaction();
    const outputs = script.commands.map((command) => {
      const output = interaction.run(command);
      if (!isUpdate) assert.equal(output, command.expected, `${file}:${command.line} ${command.name}`);
      return output;
    });
    if (isUpdate) writeFileSync(path.join(folder, file), script.rewritten(outputs));
  });
}

test('parseScript() finds commands, arguments over spaces, input and output', () => {
  const [first, second] = parseScript('# a comment\ndo 1 to=(2, 3) it=true\n----\nok\n\nsay\nv1\n----\na\nb\n').commands;
  assert.deepEqual(first, {
    line: 2,
    name: 'do',
    args: [
      { key: '1', values: [] },
      { key: 'to', values: ['2', '3'] },
      { key: 'it', values: ['true'] },
    ],
    input: '',
    expected: 'ok\n',
  });
  assert.deepEqual([second?.input, second?.expected], ['v1', 'a\nb\n']);
});

test('parseScript() refuses a command without a separator', () => {
  assert.throws(() => parseScript('campaign 1\n'), /line 1: "campaign 1" has no ----/);
});

test('a script that is written again with its own outputs is the same text', () => {
  for (const file of files) {
    const text = readFileSync(path.join(folder, file), 'utf8');
    const script = parseScript(text);
    assert.equal(script.rewritten(script.commands.map(({ expected }) => expected)), text);
  }
});
