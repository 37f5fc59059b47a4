/** The documents of a real API server, without descriptions. Needs the recordings beside the repository; skipped without them. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { resourceRows } from '../generated/resources.ts';
import { TypeTable } from '../type-facts.ts';
import { openApiDocument } from './open-api.ts';

type Members = Readonly<Record<string, unknown>>;

interface Recorded {
  readonly openapi: string;
  readonly info: unknown;
  readonly paths: Members;
  readonly components: { readonly schemas: Members; readonly securitySchemes: Members };
}

const folder = path.join(import.meta.dirname, '../../../../../shared/data/kubernetes-1.37/openapi-v3');
const table = new TypeTable();
const groupVersions = new Map(resourceRows.map(({ group, version }) => [`${group}/${version}`, { group, version }]));

for (const { group, version } of groupVersions.values()) {
  const file = path.join(folder, group === '' ? `api__${version}.json` : `apis__${group}__${version}.json`);
  const skip = existsSync(folder) ? (existsSync(file) ? false : 'not recorded') : 'no ../shared/data beside the repository';
  test(`openApiDocument of ${group}/${version} equals the recorded one`, { skip }, (context) => {
    const recorded = JSON.parse(readFileSync(file, 'utf8')) as Recorded;
    const document = openApiDocument(resourceRows, table, group, version);
    const schemas = differences(document.components.schemas, recorded.components.schemas);
    const paths = differences(document.paths, recorded.paths);
    const [allSchemas, allPaths] = [Object.keys(recorded.components.schemas).length, Object.keys(recorded.paths).length];
    context.diagnostic(
      `${group}/${version}: schemas ${allSchemas - schemas.length}/${allSchemas}, paths ${allPaths - paths.length}/${allPaths}`,
    );
    assert.deepEqual([...schemas, ...paths], []);
    assert.deepEqual(document, recorded);
  });
}

function differences(ours: Members, theirs: Members): readonly string[] {
  const keys = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])];
  return keys.filter((key) => canonical(ours[key]) !== canonical(theirs[key]));
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member) ? Object.fromEntries(Object.entries(member).sort()) : member,
  );
}
