import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Gate } from './gates.ts';
import { readRepository } from './repository.ts';
import type { Finding } from './tidy.ts';

/** A line of the known-bad repository that `gate` has to report under `rule`. */
export interface Expectation {
  readonly gate: string;
  readonly rule: string;
  readonly path: string;
  readonly line: number;
}

const configuration = ['biome.json', '.oxlintrc.json', 'knip.json', 'tsconfig.json', 'tools/lint'];

/** A copy of tools/fixtures/known-bad under the configuration of `root`, so that it is the real rules that are shown to fail. */
export class KnownBad implements Disposable {
  readonly root: string;
  readonly expectations: readonly Expectation[];

  constructor(root: string) {
    this.root = realpathSync(mkdtempSync(path.join(tmpdir(), 'coracle-known-bad-')));
    cpSync(path.join(root, 'tools/fixtures/known-bad'), this.root, { recursive: true });
    for (const file of configuration) cpSync(path.join(root, file), path.join(this.root, file), { recursive: true });
    symlinkSync(path.join(root, 'node_modules'), path.join(this.root, 'node_modules'), 'dir');
    this.expectations = readRepository(this.root)
      .files.filter((file) => file.path.startsWith('packages/'))
      .flatMap(({ path: file, text }) =>
        text
          .split('\n')
          .flatMap((line, index) =>
            [...line.matchAll(/caught by (\S+) (\S+)/g)].map(([, gate = '', rule = '']) => ({ gate, rule, path: file, line: index + 1 })),
          ),
      );
  }

  /** What `gate` ought to have found here and did not. */
  missedBy(gate: Gate): readonly Expectation[] {
    const { findings } = gate.run(this.root);
    return this.expectations.filter((expected) => expected.gate === gate.name && !findings.some((finding) => meets(finding, expected)));
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** A finding about a whole file has no line. */
function meets(finding: Finding, expected: Expectation): boolean {
  return finding.rule === expected.rule && finding.path === expected.path && (finding.line ?? expected.line) === expected.line;
}
