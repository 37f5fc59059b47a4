import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { resourceRows, TypeTable } from '@coracle/api';
import { deepFreeze, type Unstructured } from '@coracle/apimachinery';
import { customResourceDefinitionHooks } from '../crd/custom-resource-definition.ts';
import { contextFor } from '../crd/request-context.fixture.ts';
import { kindHooks } from '../kinds/kinds.ts';
import { builtInDefinitions } from '../registry/built-in.ts';
import type { ApiObject, ResourceDefinition } from '../registry/definition.ts';
import { cellsOf } from './cells.ts';

/** Tables of the real server. The facts live beside the repository. */
const root = join(dirname(fileURLToPath(import.meta.url)), '../../../../../shared/data/kubernetes-1.37/recorded/tables');

interface Step {
  readonly do?: string;
  readonly body?: Unstructured;
  readonly res?: { readonly body?: { readonly rows?: readonly { readonly cells: readonly unknown[] }[] } };
}

const table = new TypeTable();
const definitions = new Map(
  builtInDefinitions({
    table,
    hooks: { ...kindHooks, 'apiextensions.k8s.io/customresourcedefinitions': customResourceDefinitionHooks(table) },
    cells: cellsOf,
    strategicMerge: () => () => assert.fail('nothing is patched'),
    subresources: {},
  }).map((definition) => [`${definition.group}/${definition.version}/${definition.resource}`, definition]),
);
/** What a server adds that has more than the registry: its controllers, admission and allocators. */
const added: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'csr-denied': { spec: { username: 'admin', signerName: 'example.test/kiln', request: 'cQ==', expirationSeconds: 7_200 } },
  'min-APIService': { status: { conditions: [{ type: 'Available', status: 'False', reason: 'ServiceNotFound' }] } },
  'ns-terminating': { status: { phase: 'Terminating' } },
  'pod-scheduling-gated': {
    status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
  },
  'min-FlowSchema': { status: { conditions: [{ type: 'Dangling', status: 'False' }] } },
};
const now = Date.UTC(2026, 5, 1);

describe('recorded tables', { skip: existsSync(root) ? false : 'no recorded facts beside the repository' }, () => {
  for (const file of existsSync(root) ? readdirSync(root).sort() : []) {
    const name = file.replace('.json', '');
    test(`${name}: the row is the real server's`, () => compareRow(name, join(root, file)));
  }
});

test('cellsOf has a row for each resource with columns, but for those that cannot be stored in their own form', () => {
  const missing = resourceRows.filter(
    ({ group, version, resource, columns }) => columns.length > 0 && cellsOf[`${group}/${version}/${resource}`] === undefined,
  );
  assert.deepEqual(
    missing.map(({ resource }) => resource),
    ['podcertificaterequests'],
  );
});

function compareRow(name: string, path: string): void {
  const { steps } = JSON.parse(readFileSync(path, 'utf8').replaceAll('{u}', 'u1').replaceAll('{ns}', 'default')) as {
    readonly steps: readonly Step[];
  };
  const [, group = '', version = '', resource = ''] =
    /^POST \/api(?:s\/([^/]+))?\/([^/]+)(?:\/namespaces\/[^/]+)?\/([^/?]+)/.exec(steps[0]?.do ?? '') ?? [];
  const definition = definitions.get(`${group}/${version}/${resource}`) ?? assertNone(name);
  const expected = steps.find(({ res }) => res?.body?.rows !== undefined)?.res?.body?.rows?.[0]?.cells;
  if (definition === undefined) return;
  const isDeleted = steps.some((step) => step.do?.startsWith('DELETE'));
  const actual = definition.cells(storedBy(name, steps, definition, isDeleted), now);
  assert.deepEqual(actual.map(masked(expected ?? [])), expected);
}

/** Kinds that are stored in another form are not served yet. */
function assertNone(name: string): undefined {
  assert.match(name, /^min-Event\.events/);
}

/** The object after the writes of a case: created with defaults, its status from the last update. */
function storedBy(name: string, steps: readonly Step[], definition: ResourceDefinition, isDeleted: boolean): ApiObject {
  const context = contextFor(1);
  const bodies = steps.flatMap(({ body }) => (body === undefined ? [] : [body]));
  const [first, last] = [bodies[0], bodies.at(-1)];
  assert.ok(first !== undefined && last !== undefined);
  const decoded = definition.decode(
    deepFreeze({ ...first, ...(bodies.length > 1 ? { status: last['status'] } : {}), ...added[name] }),
  ).object;
  const metadata = {
    ...decoded.metadata,
    uid: 'uid-1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...(isDeleted ? { deletionTimestamp: '2026-01-02T00:00:00Z' } : {}),
  };
  const created = deepFreeze(definition.default?.({ ...decoded, metadata } as Unstructured) ?? { ...decoded, metadata });
  const prepared =
    bodies.length > 1 || added[name] !== undefined ? created : (definition.strategy.prepareForCreate?.(created, context) ?? created);
  return deepFreeze(prepared);
}

/** Ages and what is chosen by chance are masked in the recording. */
function masked(expected: readonly unknown[]): (cell: unknown, i: number) => unknown {
  return (cell, i) => {
    const wanted = expected[i];
    if (wanted === '<age>' || wanted === '<time>' || wanted === '0s') return typeof cell === 'string' ? wanted : cell;
    return typeof wanted === 'string' && /<(?:ip|uid)-\d+>/.test(wanted) ? wanted : cell;
  };
}
