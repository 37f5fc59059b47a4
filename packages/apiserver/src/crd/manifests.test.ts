import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type CustomResourceDefinition, TypeTable } from '@coracle/api';
import { deepFreeze, type Frozen, type Unstructured, readYamlDocuments } from '@coracle/apimachinery';

import { admissionChain } from '../admission/admission.ts';
import { builtInDefinitions } from '../registry/built-in.ts';
import { GenericRegistry } from '../registry/generic-registry.ts';
import { customResourceVersions, definitionsOf } from './custom-resource.ts';
import { customResourceDefinitionHooks } from './custom-resource-definition.ts';
import { openApiSchemas } from './open-api.ts';
import { contextFor } from './request-context.fixture.ts';

const data = join(dirname(fileURLToPath(import.meta.url)), '../../../../../shared/data');
const manifests = [
  'tidb-operator-1.6/manifests/crd.yaml',
  'sample-controller/artifacts/examples/crd.yaml',
  'sample-controller/artifacts/examples/crd-status-subresource.yaml',
];
const table = new TypeTable();
const [crdRow] = builtInDefinitions({
  table,
  hooks: { 'apiextensions.k8s.io/customresourcedefinitions': customResourceDefinitionHooks(table) },
  cells: {},
  strategicMerge: () => () => assert.fail('nothing is patched'),
}).filter(({ kind }) => kind === 'CustomResourceDefinition');

for (const manifest of manifests) {
  const path = join(data, manifest);
  describe(manifest, { skip: existsSync(path) ? false : 'not beside the repository' }, () => {
    let crds: Frozen<CustomResourceDefinition>[] = [];
    before(async () => {
      assert.ok(crdRow !== undefined);
      const registry = new GenericRegistry(crdRow, admissionChain([]));
      for (const document of readYamlDocuments(readFileSync(path, 'utf8'))) {
        const { object, strictErrors } = crdRow.decode(deepFreeze(document as Unstructured));
        assert.deepEqual(strictErrors, []);
        const created = await registry.create({ ...contextFor(1), namespace: '' }, object);
        crds = [...crds, created.object as unknown as Frozen<CustomResourceDefinition>]; // it is of that kind
      }
    });

    test('every definition is accepted and served', () => {
      assert.ok(crds.length > 0);
      for (const crd of crds) assert.equal(definitionsOf(crd, { table }).length, crd.spec.versions.filter(({ served }) => served).length);
    });

    test('an object without fields decodes, defaults and prints', () => {
      for (const { definition } of crds.flatMap((crd) => customResourceVersions(crd, { table }))) {
        const apiVersion = `${definition.group}/${definition.version}`;
        const { object } = definition.decode({ kind: definition.kind, apiVersion, metadata: { name: 'a' }, spec: {} });
        const defaulted = deepFreeze(definition.default?.(object) ?? object);
        assert.equal(definition.cells(defaulted, 0).length, definition.columns.length);
      }
    });

    test('every version has its OpenAPI schema', () => {
      for (const crd of crds) for (const version of crd.spec.versions) assert.equal(Object.keys(openApiSchemas(crd, version)).length, 2);
    });
  });
}
