import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { type Command, parseScript } from './fixtures/data-driven.ts';
import { Interaction } from './fixtures/interaction.ts';
import { ConfChangeScript, runQuorum } from './fixtures/pure-scripts.ts';

// Upstream's own scripts are the exam: read from the published Go module, never kept here.
const upstream = 'go.etcd.io/raft/v3@v3.7.0';

/** The folder of the module, or why there is none. */
function downloadModule(): { readonly folder: string } | { readonly missing: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'raft-scripts-'));
  try {
    const { error, status, stdout, stderr } = spawnSync('go', ['mod', 'download', '-json', upstream], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
    });
    if (error !== undefined) return { missing: `the go command cannot be run (${error.message})` };
    if (status !== 0) return { missing: `go mod download ${upstream} failed: ${stderr.trim() || stdout.trim()}` };
    const { Dir } = JSON.parse(stdout) as { Dir?: string };
    return Dir === undefined ? { missing: 'go mod download named no folder' } : { folder: Dir };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const suites: readonly { readonly folder: string; readonly count: number; readonly begin: () => (command: Command) => string }[] = [
  {
    folder: 'testdata',
    count: 28,
    begin: () => {
      const interaction = new Interaction();
      return (command) => interaction.run(command);
    },
  },
  { folder: 'quorum/testdata', count: 4, begin: () => runQuorum },
  {
    folder: 'confchange/testdata',
    count: 9,
    begin: () => {
      const script = new ConfChangeScript();
      return (command) => script.run(command);
    },
  },
];

const total = suites.reduce((sum, { count }) => sum + count, 0);
const module = downloadModule();

if ('missing' in module) {
  test(`upstream's ${total} scripts`, { skip: `not run: ${module.missing}` }, () => {});
} else {
  let replayed = 0;
  for (const { folder, count, begin } of suites) {
    const files = readdirSync(path.join(module.folder, folder)).filter((file) => file.endsWith('.txt'));
    test(`${folder} of ${upstream} has ${count} scripts`, () => assert.equal(files.length, count));
    for (const file of files) {
      test(`${folder}/${file} replays byte for byte`, () => {
        const run = begin();
        for (const command of parseScript(readFileSync(path.join(module.folder, folder, file), 'utf8')).commands) {
          assert.equal(run(command), command.expected, `${folder}/${file}:${command.line} ${command.name}`);
        }
        replayed += 1;
      });
    }
  }
  after(() => process.stdout.write(`# ${replayed} of ${total} upstream scripts\n`));
}
