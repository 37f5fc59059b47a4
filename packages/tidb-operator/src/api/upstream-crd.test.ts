import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { readYamlDocuments } from '@coracle/apimachinery';
import { tidbClusterCrd } from './crd.ts';
import type { Schema } from './crd-from-types.ts';

const upstream = new URL('../../../../../shared/data/tidb-operator-1.6/', import.meta.url);
const skip = existsSync(upstream) ? false : 'there is no ../shared/data/tidb-operator-1.6';

interface Version {
  readonly schema: { readonly openAPIV3Schema: Schema };
  readonly additionalPrinterColumns: unknown;
}

function versionOf(crd: unknown): Version {
  const { spec } = crd as { readonly spec: { readonly versions: readonly Version[] } }; // a CustomResourceDefinition
  const [version] = spec.versions;
  assert.ok(version);
  return version;
}

function upstreamVersion(): Version {
  const crds = readYamlDocuments(readFileSync(new URL('manifests/crd.yaml', upstream), 'utf8')) as readonly {
    readonly metadata: { readonly name: string };
  }[];
  return versionOf(crds.find(({ metadata }) => metadata.name === 'tidbclusters.pingcap.com'));
}

interface Comparison {
  fields: number;
  kept: number;
  readonly missing: string[];
  readonly otherTypes: string[];
}

/** Counts the fields of `theirs` and which of them ours keeps: by name, or below a structure that keeps everything. */
function compare(theirs: Schema, ours: Schema | undefined, at: string, result: Comparison): Comparison {
  const keepsAll = ours?.['x-kubernetes-preserve-unknown-fields'] === true;
  for (const [name, their] of Object.entries(theirs.properties ?? {})) {
    const own = ours?.properties?.[name];
    result.fields++;
    if (own === undefined && !keepsAll) result.missing.push(`${at}.${name}`);
    else result.kept++;
    if (own !== undefined && own.type !== their.type && own['x-kubernetes-preserve-unknown-fields'] !== true)
      result.otherTypes.push(`${at}.${name}: ${their.type}, ours ${own.type}`);
    compare(their, own ?? (keepsAll ? { 'x-kubernetes-preserve-unknown-fields': true } : undefined), `${at}.${name}`, result);
  }
  const below = (schema: Schema | undefined): Schema | undefined =>
    schema ?? (keepsAll ? { 'x-kubernetes-preserve-unknown-fields': true } : undefined);
  if (theirs.items) compare(theirs.items, below(ours?.items), `${at}[]`, result);
  if (typeof theirs.additionalProperties === 'object')
    compare(theirs.additionalProperties, below(ours?.additionalProperties), `${at}{}`, result);
  return result;
}

const empty = (): Comparison => ({ fields: 0, kept: 0, missing: [], otherTypes: [] });

test("our schema keeps every field of upstream's spec, and says how much of its status", { skip }, (context) => {
  const [theirs, ours] = [
    upstreamVersion().schema.openAPIV3Schema.properties,
    versionOf(tidbClusterCrd()).schema.openAPIV3Schema.properties,
  ];
  assert.ok(theirs?.['spec'] && theirs['status'] && ours);
  const spec = compare(theirs['spec'], ours['spec'], 'spec', empty());
  context.diagnostic(`spec: ${spec.kept} of ${spec.fields} fields`);
  assert.deepEqual(spec.missing, []);
  assert.deepEqual(spec.otherTypes, []);
  assert.ok(spec.fields > 5_000, 'the comparison saw the schema');
  const status = compare(theirs['status'], ours['status'], 'status', empty());
  context.diagnostic(
    `status: ${status.kept} of ${status.fields} fields; not written by us: ${status.missing.filter((field) => !status.missing.some((other) => field !== other && field.startsWith(`${other}`))).length} structures`,
  );
  assert.deepEqual(status.otherTypes, []);
});

test('the comparison sees a field that is missing', () => {
  const theirs: Schema = { properties: { a: { type: 'string' }, b: { properties: { c: { type: 'string' } } } } };
  assert.deepEqual(compare(theirs, { properties: { b: {} } }, 's', empty()).missing, ['s.a', 's.b.c']);
  assert.deepEqual(compare(theirs, { 'x-kubernetes-preserve-unknown-fields': true }, 's', empty()).kept, 3);
});

test("our printer columns are upstream's", { skip }, () => {
  assert.deepEqual(versionOf(tidbClusterCrd()).additionalPrinterColumns, upstreamVersion().additionalPrinterColumns);
});

/** A key of it is there twice, which kubectl refuses too. */
const setsKeyTwice = 'examples/heterogeneous-tls/heterogeneous-cluster.yaml';

/** Fields of `value` that a server with `schema` would prune. */
function pruned(value: unknown, schema: Schema | undefined, at: string): readonly string[] {
  if (schema === undefined) return [at];
  if (schema['x-kubernetes-preserve-unknown-fields'] === true || typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item, i) => pruned(item, schema.items, `${at}[${i}]`));
  return Object.entries(value).flatMap(([key, member]) =>
    pruned(member, schema.properties?.[key] ?? schema.additionalProperties, `${at}.${key}`),
  );
}

test("no field of upstream's examples is pruned by our schema", { skip }, (context) => {
  const schema = versionOf(tidbClusterCrd()).schema.openAPIV3Schema;
  const root = fileURLToPath(upstream);
  let count = 0;
  for (const file of globSync('examples/**/*.yaml', { cwd: root }).sort()) {
    const text = readFileSync(path.join(root, file), 'utf8');
    if (!text.includes('kind: TidbCluster\n')) continue;
    if (file === setsKeyTwice) {
      assert.throws(() => readYamlDocuments(text), /already set in map/);
      continue;
    }
    for (const document of readYamlDocuments(text) as readonly { readonly kind?: string; readonly spec?: unknown }[]) {
      if (document?.kind !== 'TidbCluster') continue;
      count++;
      assert.deepEqual(pruned(document.spec, schema.properties?.['spec'], `${file}: spec`), []);
    }
  }
  context.diagnostic(`${count} TidbClusters`);
  assert.ok(count > 20);
});
