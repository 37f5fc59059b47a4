import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { crdFromTypes } from './crd-from-types.ts';
import { operatorRbac } from '../rbac.ts';
import { tidbClusterCrd } from './crd.ts';
import { toYaml } from './yaml-writer.ts';

const root = new URL('../../', import.meta.url);

test('manifests/crd.yaml is what the types say now', () => {
  const crd = crdFromTypes(readFileSync(new URL('src/api/types.ts', root), 'utf8'));
  const manifest = readFileSync(new URL('manifests/crd.yaml', root), 'utf8');
  assert.equal(manifest.slice(manifest.indexOf('\n') + 1), toYaml(crd));
  assert.deepEqual(tidbClusterCrd(), crd);
});

test('manifests/rbac.yaml is what operatorRbac() says now', () => {
  const manifest = readFileSync(new URL('manifests/rbac.yaml', root), 'utf8');
  assert.equal(
    manifest.slice(manifest.indexOf('\n') + 1),
    operatorRbac()
      .map((object) => toYaml(object))
      .join('---\n'),
  );
});

test('crdFromTypes() refuses a type that it cannot express', () => {
  assert.throws(() => crdFromTypes('export interface TidbCluster {\n  readonly spec: Map<string, number>;\n}'), SyntaxError);
  assert.throws(
    () => crdFromTypes('export interface TidbCluster {\n  spec: string;\n}'),
    /Cannot read the fields of "TidbCluster" at "spec: string;"/,
  );
});
