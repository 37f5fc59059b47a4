import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { builtInTypes, DecodeError } from '@coracle/api';
import { deepFreeze } from '@coracle/apimachinery';
import { builtInDefinitions } from '../registry/built-in.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import type { RecordedCase } from '../recorded/recorded-case.fixture.ts';
import { kindHooks } from './kinds.ts';

/** What a real server was asked. It lies beside the repository. */
const shared = join(dirname(fileURLToPath(import.meta.url)), '../../../../../shared');
const recordings = join(shared, 'data/kubernetes-1.37/recorded');
const skip = existsSync(recordings) ? false : 'no recorded facts beside the repository';

describe('recorded bodies of requests', { skip }, () => {
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
  return JSON.parse(readFileSync(join(recordings, area, `${name}.json`), 'utf8')) as RecordedCase; // the format is described beside the recordings
}

const definitions = new Map<string, ResourceDefinition>(
  builtInDefinitions({
    table: builtInTypes,
    hooks: kindHooks,
    cells: {},
    strategicMerge: () => () => assert.fail('nothing is patched'),
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
