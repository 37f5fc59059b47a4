import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { builtInTypes, DecodeError } from '@coracle/api';
import { deepFreeze } from '@coracle/apimachinery';
import { builtInDefinitions } from '../registry/built-in.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import { notCompared } from '../recorded/differences.fixture.ts';
import { type CaseContext, type RawAnswer, type RecordedCase, runCase } from '../recorded/recorded-case.fixture.ts';
import { startWholeServer } from '../recorded/whole-server.fixture.ts';
import { kindHooks } from './kinds.ts';
import { kindDifference, kindDifferences } from './recorded-differences.fixture.ts';

/** What a real server answered, and the rules that mask what differs from run to run. Both lie beside the repository. */
const shared = join(dirname(fileURLToPath(import.meta.url)), '../../../../../shared');
const recordings = join(shared, 'data/kubernetes-1.37/recorded');
const rules = join(shared, 'oracle/record/replay.mjs');
const skip = existsSync(recordings) && existsSync(rules) ? false : 'no recorded facts beside the repository';
/** Those about single kinds, their admission and their rows; the others are replayed beside the server. */
const areas = ['admission', 'defaults', 'tables', 'validation'];

interface Rules {
  maskCase(recorded: RecordedCase, raw: readonly RawAnswer[], ctx: CaseContext): readonly unknown[];
  compare(
    recorded: RecordedCase,
    masked: readonly unknown[],
  ): { readonly step: number; readonly at: string; readonly want: unknown; readonly got: unknown } | null;
}

describe('recorded answers about kinds, replayed through the whole server', { skip }, () => {
  for (const area of areas) {
    test(`${area}: every answer is the real server's, but for the differences that have a reason`, async (t) => {
      const judge = (await import(pathToFileURL(rules).href)) as Rules; // a script beside the repository: its shape is described there
      const unexpected: string[] = [];
      let equal = 0;
      const names = namesIn(area);
      for (const name of names) {
        const fault = await replay(caseOf(area, name), judge);
        const reason = kindDifference(area, name);
        if (fault === undefined) equal++;
        if ((fault === undefined) === (reason === undefined)) continue;
        unexpected.push(fault === undefined ? `${name} answers as recorded, although it is listed: ${reason}` : `${name}: ${fault}`);
      }
      t.diagnostic(`${area}: ${equal} of ${names.length} recorded pairs`);
      assert.deepEqual(unexpected, []);
    });
  }

  test('differences name cases that exist, each once', () => {
    const listed = kindDifferences.flatMap(({ cases }) =>
      Object.entries(cases).flatMap(([area, names]) => names.split(' ').map((name) => `${area}/${name}`)),
    );
    const existing = new Set(areas.flatMap((area) => namesIn(area).map((name) => `${area}/${name}`)));
    assert.deepEqual(
      listed.filter((name, i) => !existing.has(name) || listed.indexOf(name) < i),
      [],
    );
  });

  test('default() of what default() made is the same', () => {
    for (const area of ['defaults', 'validation'])
      for (const name of namesIn(area)) for (const step of caseOf(area, name).steps) assertIdempotent(step);
  });
});

function namesIn(area: string): readonly string[] {
  return readdirSync(join(recordings, area))
    .sort()
    .map((file) => file.replace(/\.json$/, ''));
}

function caseOf(area: string, name: string): RecordedCase {
  return notCompared(JSON.parse(readFileSync(join(recordings, area, `${name}.json`), 'utf8'))) as RecordedCase; // the format is described beside the recordings
}

async function replay(recorded: RecordedCase, { maskCase, compare }: Rules): Promise<string | undefined> {
  const whole = await startWholeServer();
  try {
    const { raw, ctx } = await runCase(whole, recorded);
    const fault = compare(recorded, notCompared(maskCase(recorded, raw, ctx)) as readonly unknown[]); // as long as what was masked
    if (fault === null) return undefined;
    return `step ${fault.step} at ${fault.at}: ${JSON.stringify(fault.got)}, not ${JSON.stringify(fault.want)}`;
  } finally {
    whole.stop();
  }
}

const definitions = new Map<string, ResourceDefinition>(
  builtInDefinitions({
    table: builtInTypes,
    hooks: kindHooks,
    cells: {},
    strategicMerge: () => () => assert.fail('nothing is patched'),
    subresources: {},
  }).map((definition) => [`${definition.group}/${definition.version}/${definition.resource}`, definition]),
);

function assertIdempotent({ do: line, body }: RecordedCase['steps'][number]): void {
  const [, group = '', version = 'v1', resource = ''] =
    /^(?:POST|PUT) \/api(?:\/v1|s\/([^/]+)\/([^/]+))(?:\/namespaces\/\{ns\})?\/([a-z]+)/.exec(line) ?? [];
  const definition = definitions.get(`${group}/${version}/${resource}`);
  if (definition?.default === undefined || typeof body !== 'object' || body === null) return;
  let object: ReturnType<ResourceDefinition['decode']>['object'];
  try {
    object = deepFreeze(definition.decode(body).object) as typeof object; // default() builds new objects
  } catch (error) {
    if (error instanceof DecodeError) return; // a body that no kind can be read from
    throw error;
  }
  const once = deepFreeze(definition.default(object)) as typeof object; // as above
  assert.deepEqual(definition.default(once), once, line);
}
