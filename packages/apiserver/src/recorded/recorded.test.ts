import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { differences, namesOf, notCompared, reasons } from './differences.fixture.ts';
import { type CaseContext, type RawAnswer, type RecordedCase, runCase } from './recorded-case.fixture.ts';
import { startWholeServer } from './whole-server.fixture.ts';

/** What a real server answered, and the rules that mask what differs from run to run. Both lie beside the repository. */
const shared = join(dirname(fileURLToPath(import.meta.url)), '../../../../../shared');
const recordings = join(shared, 'data/kubernetes-1.37/recorded');
const rules = join(shared, 'oracle/record/replay.mjs');
const skip = existsSync(recordings) && existsSync(rules) ? false : 'no recorded facts beside the repository';

interface Rules {
  maskCase(recorded: RecordedCase, raw: readonly RawAnswer[], ctx: CaseContext): readonly unknown[];
  compare(recorded: RecordedCase, masked: readonly unknown[]): Fault | null;
}

interface Fault {
  readonly step: number;
  readonly do: string;
  readonly at: string;
  readonly want: unknown;
  readonly got: unknown;
}

describe('recorded cases, replayed through the whole server', { skip }, () => {
  const areas = skip === false ? readdirSync(recordings).sort() : [];
  const passed: string[] = [];
  const seen = new Set<string>();
  for (const area of areas) {
    test(`${area}: every answer is the real server's, but for the differences that have a reason`, async (t) => {
      const judge = (await import(pathToFileURL(rules).href)) as Rules; // a script beside the repository: its shape is described there
      const unexpected: string[] = [];
      const files = readdirSync(join(recordings, area)).sort();
      for (const file of files) {
        const recorded = notCompared(JSON.parse(readFileSync(join(recordings, area, file), 'utf8'))) as RecordedCase; // the format is described beside the recordings
        const fault = await replay(recorded, judge);
        const reason = reasons.get(recorded.case);
        seen.add(recorded.case);
        if (fault === undefined) passed.push(recorded.case);
        if (fault !== undefined && reason === undefined) unexpected.push(`${recorded.case}: ${fault}`);
        if (fault === undefined && reason !== undefined)
          unexpected.push(`${recorded.case}: answers as recorded, although listed as different: ${reason}`);
      }
      const equal = passed.filter((name) => name.startsWith(`${area}/`)).length;
      t.diagnostic(`${area}: ${equal} of ${files.length} recorded pairs`);
      assert.deepEqual(unexpected, []);
    });
  }

  test('differences name cases that exist, each once; all other cases are equal', (t) => {
    t.diagnostic(`${passed.length} of ${seen.size} recorded pairs`);
    const listed = differences.flatMap(({ cases }) => namesOf(cases));
    assert.deepEqual(
      listed.filter((name, i) => !seen.has(name) || listed.indexOf(name) < i),
      [],
    );
    assert.equal(passed.length, seen.size - listed.length);
  });
});

async function replay(recorded: RecordedCase, { maskCase, compare }: Rules): Promise<string | undefined> {
  const whole = await startWholeServer();
  try {
    const { raw, ctx } = await runCase(whole, recorded);
    const fault = compare(recorded, notCompared(maskCase(recorded, raw, ctx)) as readonly unknown[]); // as long as what was masked
    if (fault === null) return undefined;
    return `step ${fault.step} (${fault.do}) at ${fault.at}: ${JSON.stringify(fault.got)}, not ${JSON.stringify(fault.want)}`;
  } finally {
    whole.stop();
  }
}
