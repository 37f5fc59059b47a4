import assert from 'node:assert/strict';
import test from 'node:test';
import { deepFreeze } from '@coracle/apimachinery';
import fc from 'fast-check';
import { TypeTable } from '../type-facts.ts';
import { StrategicMergeError } from './strategic-merge-error.ts';
import { strategicMergePatch } from './strategic-merge.ts';

const table = new TypeTable();

function patched(type: string, live: unknown, patch: unknown): unknown {
  return strategicMergePatch(table, type, deepFreeze(live), deepFreeze(patch));
}

interface Case {
  readonly name: string;
  readonly type: string;
  readonly live: unknown;
  readonly patch: unknown;
  readonly want: unknown;
}

const c1 = { name: 'c1', image: 'a' };
const c2 = { name: 'c2', image: 'b' };
const c3 = { name: 'c3', image: 'c' };
const pod = 'core.v1.PodSpec';

const cases: readonly Case[] = [
  { name: 'replaces a scalar', type: pod, live: { nodeName: 'a' }, patch: { nodeName: 'b' }, want: { nodeName: 'b' } },
  { name: 'null deletes', type: pod, live: { nodeName: 'a' }, patch: { nodeName: null }, want: {} },
  { name: 'null of an absent member', type: pod, live: {}, patch: { nodeName: null }, want: {} },
  {
    name: 'drops nulls of a new map',
    type: pod,
    live: {},
    patch: { nodeSelector: { a: null, b: '1' } },
    want: { nodeSelector: { b: '1' } },
  },
  {
    name: 'merges maps',
    type: pod,
    live: { nodeSelector: { a: '1' } },
    patch: { nodeSelector: { b: '2' } },
    want: { nodeSelector: { a: '1', b: '2' } },
  },
  { name: 'null deletes a map', type: pod, live: { nodeSelector: { a: '1' } }, patch: { nodeSelector: null }, want: {} },
  {
    name: '$patch replace of a map',
    type: pod,
    live: { nodeSelector: { a: '1' } },
    patch: { nodeSelector: { $patch: 'replace', b: '2' } },
    want: { nodeSelector: { b: '2' } },
  },
  {
    name: '$patch delete of a map',
    type: pod,
    live: { nodeSelector: { a: '1' } },
    patch: { nodeSelector: { $patch: 'delete' } },
    want: { nodeSelector: {} },
  },
  { name: '$patch of an absent map', type: pod, live: {}, patch: { nodeSelector: { $patch: 'delete' } }, want: {} },
  {
    name: 'a map replaces a scalar',
    type: pod,
    live: { nodeSelector: 1 },
    patch: { nodeSelector: { a: '1' } },
    want: { nodeSelector: { a: '1' } },
  },
  { name: 'a scalar replaces a map', type: pod, live: { nodeSelector: { a: '1' } }, patch: { nodeSelector: 3 }, want: { nodeSelector: 3 } },
  {
    name: 'replace of the whole',
    type: pod,
    live: { nodeName: 'a' },
    patch: { $patch: 'replace', hostname: 'h' },
    want: { hostname: 'h' },
  },
  {
    name: 'a map of strategy replace',
    type: 'policy.v1.PodDisruptionBudgetSpec',
    live: { selector: { matchLabels: { a: '1' } } },
    patch: { selector: { matchLabels: { b: '2' } } },
    want: { selector: { matchLabels: { b: '2' } } },
  },
  {
    name: 'strange keys are keys',
    type: 'core.v1.ConfigMap',
    live: { data: { constructor: '1', '': '2' } },
    patch: JSON.parse('{"data":{"__proto__":"3","toString":"4","constructor":null}}'),
    want: JSON.parse('{"data":{"":"2","__proto__":"3","toString":"4"}}'),
  },

  {
    name: 'atomic list',
    type: pod,
    live: { tolerations: [{ key: 'a' }] },
    patch: { tolerations: [{ key: 'b' }] },
    want: { tolerations: [{ key: 'b' }] },
  },
  { name: 'atomic list, empty', type: 'core.v1.Container', live: { args: ['x'] }, patch: { args: [] }, want: { args: [] } },
  {
    name: 'merges scalars',
    type: 'meta.v1.ObjectMeta',
    live: { finalizers: ['a', 'b'] },
    patch: { finalizers: ['c', 'a'] },
    want: { finalizers: ['c', 'a', 'b'] },
  },
  {
    name: 'drops repeated scalars',
    type: 'meta.v1.ObjectMeta',
    live: { finalizers: ['a'] },
    patch: { finalizers: ['b', 'b'] },
    want: { finalizers: ['b', 'a'] },
  },
  {
    name: 'deletes scalars',
    type: 'meta.v1.ObjectMeta',
    live: { finalizers: ['a', 'b', 'c'] },
    patch: { '$deleteFromPrimitiveList/finalizers': ['b', 'z'] },
    want: { finalizers: ['a', 'c'] },
  },
  {
    name: 'deletes scalars of a list of any strategy',
    type: 'core.v1.Container',
    live: { args: ['a', 'b'] },
    patch: { '$deleteFromPrimitiveList/args': ['a'] },
    want: { args: ['b'] },
  },
  {
    name: 'deletes scalars of an absent list',
    type: 'meta.v1.ObjectMeta',
    live: {},
    patch: { '$deleteFromPrimitiveList/finalizers': ['b'] },
    want: {},
  },
  {
    name: 'deletes, adds and orders scalars',
    type: 'meta.v1.ObjectMeta',
    live: { finalizers: ['a', 'b', 'c'] },
    patch: { '$deleteFromPrimitiveList/finalizers': ['b'], '$setElementOrder/finalizers': ['d', 'c', 'a'], finalizers: ['d'] },
    want: { finalizers: ['d', 'c', 'a'] },
  },

  {
    name: 'merges items by key',
    type: pod,
    live: { containers: [c1, c2] },
    patch: { containers: [{ name: 'c2', image: 'z' }] },
    want: { containers: [c1, { name: 'c2', image: 'z' }] },
  },
  {
    name: 'puts a new item in front',
    type: pod,
    live: { containers: [c1, c2] },
    patch: { containers: [c3] },
    want: { containers: [c3, c1, c2] },
  },
  {
    name: 'new items keep their order',
    type: 'core.v1.Container',
    live: { env: [{ name: 'A' }, { name: 'B' }, { name: 'C' }] },
    patch: { env: [{ name: 'D' }, { name: 'A' }] },
    want: { env: [{ name: 'D' }, { name: 'A' }, { name: 'B' }, { name: 'C' }] },
  },
  {
    name: 'deletes an item',
    type: pod,
    live: { containers: [c1, c2] },
    patch: { containers: [{ name: 'c1', $patch: 'delete' }] },
    want: { containers: [c2] },
  },
  {
    name: 'deletes a missing item',
    type: pod,
    live: { containers: [c1] },
    patch: { containers: [{ name: 'q', $patch: 'delete' }] },
    want: { containers: [c1] },
  },
  {
    name: 'replaces a list',
    type: pod,
    live: { containers: [c1, c2] },
    patch: { containers: [c3, { $patch: 'replace' }] },
    want: { containers: [c3] },
  },
  {
    name: 'replaces a list by nothing',
    type: pod,
    live: { containers: [c1] },
    patch: { containers: [{ $patch: 'replace' }] },
    want: { containers: [] },
  },
  {
    name: 'an item with $patch replace is only the flag',
    type: pod,
    live: { containers: [c1] },
    patch: { containers: [{ name: 'c1', image: 'q', $patch: 'replace' }] },
    want: { containers: [] },
  },
  {
    name: 'merges into the first of equal keys',
    type: 'core.v1.ServiceSpec',
    live: {
      ports: [
        { port: 53, protocol: 'TCP' },
        { port: 53, protocol: 'UDP' },
      ],
    },
    patch: { ports: [{ port: 53, name: 'u' }] },
    want: {
      ports: [
        { port: 53, protocol: 'TCP', name: 'u' },
        { port: 53, protocol: 'UDP' },
      ],
    },
  },
  {
    name: 'deletes all of equal keys',
    type: 'core.v1.ServiceSpec',
    live: {
      ports: [
        { port: 53, protocol: 'TCP' },
        { port: 53, protocol: 'UDP' },
      ],
    },
    patch: { ports: [{ port: 53, $patch: 'delete' }] },
    want: { ports: [] },
  },
  {
    name: 'keys of another type do not match',
    type: 'core.v1.ServiceSpec',
    live: { ports: [{ port: 80 }] },
    patch: { ports: [{ port: '80' }] },
    want: { ports: [{ port: '80' }, { port: 80 }] },
  },
  {
    name: '$setElementOrder alone orders',
    type: pod,
    live: { containers: [c1, c2] },
    patch: { '$setElementOrder/containers': [{ name: 'c2' }, { name: 'c1' }] },
    want: { containers: [c2, c1] },
  },
  {
    name: '$setElementOrder may name what nobody has',
    type: pod,
    live: { containers: [c1] },
    patch: { '$setElementOrder/containers': [{ name: 'q' }, { name: 'c1' }] },
    want: { containers: [c1] },
  },
  { name: '$setElementOrder of an absent list', type: pod, live: {}, patch: { '$setElementOrder/containers': [{ name: 'q' }] }, want: {} },
  {
    name: '$setElementOrder with a new list',
    type: pod,
    live: {},
    patch: { '$setElementOrder/containers': [{ name: 'c2' }, { name: 'c1' }], containers: [c2, c1, { name: 'c3', $patch: 'delete' }] },
    want: { containers: [c2, c1] },
  },
  {
    name: 'items of the server keep their place before known ones',
    type: pod,
    live: { containers: [c1, c2] },
    patch: { '$setElementOrder/containers': [{ name: 'c2' }, { name: 'c3' }], containers: [c3] },
    want: { containers: [c1, c2, c3] },
  },
  {
    name: 'an item of the server between swapped ones',
    type: pod,
    live: { containers: [c1, c3, c2] },
    patch: { '$setElementOrder/containers': [{ name: 'c2' }, { name: 'c1' }] },
    want: { containers: [c3, c2, c1] },
  },
  {
    name: 'a new item takes the slot of a deleted one',
    type: pod,
    live: { containers: [c1, c2, c3] },
    patch: {
      '$setElementOrder/containers': [{ name: 'c1' }, { name: 'c4' }],
      containers: [{ name: 'c4' }, { name: 'c2', $patch: 'delete' }],
    },
    want: { containers: [c1, c3, { name: 'c4' }] },
  },
  {
    name: 'nested lists',
    type: pod,
    live: {
      containers: [
        {
          name: 'a',
          env: [
            { name: 'A', value: '1' },
            { name: 'B', value: '2' },
          ],
        },
      ],
    },
    patch: {
      containers: [
        {
          name: 'a',
          env: [
            { name: 'A', value: null },
            { name: 'B', $patch: 'delete' },
          ],
        },
      ],
    },
    want: { containers: [{ name: 'a', env: [{ name: 'A' }] }] },
  },
  {
    name: '$retainKeys drops the others',
    type: pod,
    live: { volumes: [{ name: 'v', emptyDir: {} }] },
    patch: { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } }] },
    want: { volumes: [{ name: 'v', hostPath: { path: '/x' } }] },
  },
  {
    name: '$retainKeys of a map',
    type: 'apps.v1.DeploymentSpec',
    live: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } },
    patch: { strategy: { $retainKeys: ['type'], type: 'Recreate', rollingUpdate: null } },
    want: { strategy: { type: 'Recreate' } },
  },
  { name: 'a field that no struct has is a value', type: pod, live: {}, patch: { fish: { a: [1] } }, want: { fish: { a: [1] } } },
];

for (const { name, type, live, patch, want } of cases) {
  test(`strategicMergePatch: ${name}`, () => assert.deepEqual(patched(type, live, patch), want));
}

interface Refusal {
  readonly name: string;
  readonly type?: string;
  readonly live?: unknown;
  readonly patch: unknown;
  readonly code?: number;
  readonly message: string;
}

const live = { containers: [c1, c2] };
const refusals: readonly Refusal[] = [
  {
    name: 'a patch that is a list',
    patch: [],
    code: 400,
    message: 'json: cannot unmarshal array into Go value of type map[string]interface {}',
  },
  {
    name: 'an unknown directive',
    patch: { containers: [{ name: 'c1', $patch: 'explode' }] },
    message: 'unknown patch type: explode in map: map[$patch:explode name:c1]',
  },
  { name: 'an unknown directive of a map', patch: { $patch: 'merge' }, message: 'unknown patch type: merge in map: map[$patch:merge]' },
  { name: 'a directive that is no text', patch: { $patch: 1 }, message: 'unknown patch type: %!s(int64=1) in map: map[$patch:1]' },
  {
    name: '$patch merge of a list',
    patch: { containers: [{ name: 'c1', $patch: 'merge' }] },
    message: 'merging lists cannot yet be specified in the patch',
  },
  {
    name: 'an item without its key',
    patch: { containers: [{ image: 'x' }] },
    message: 'map: map[image:x] does not contain declared merge key: name',
  },
  {
    name: 'a deletion without key',
    patch: { containers: [{ $patch: 'delete' }] },
    message: 'map: map[$patch:delete] does not contain declared merge key: name',
  },
  {
    name: 'items of two types',
    patch: { containers: ['x'] },
    message: 'list element types are not identical: [[map[image:a name:c1] map[image:b name:c2]] [x]]',
  },
  { name: 'lists of lists', live: { containers: [] }, patch: { containers: [[]] }, code: 422, message: 'lists of lists are not supported' },
  {
    name: 'an order without slash',
    patch: { $setElementOrdercontainers: [] },
    code: 400,
    message: 'invalid patch format of setElementOrder list',
  },
  {
    name: 'an order that is a map',
    patch: { '$setElementOrder/containers': {} },
    message: 'expected a []interface {}, but received a map[string]interface {}',
  },
  {
    name: 'an order that is null',
    patch: { '$setElementOrder/containers': null },
    message: 'expected a []interface {}, but received a %!s(<nil>)',
  },
  {
    name: 'an order that misses an item',
    patch: { '$setElementOrder/containers': [{ name: 'a' }], containers: [{ name: 'b', image: 'x' }] },
    message: "The order in patch list:\n[map[image:x name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
  },
  { name: 'an order of texts', patch: { '$setElementOrder/containers': ['c1'] }, message: 'value for key 0 is not a map' },
  {
    name: 'an order without keys',
    patch: { '$setElementOrder/containers': [{ a: 1 }] },
    message: 'map: map[a:1] does not contain declared merge key: name',
  },
  {
    name: 'an order for a field that is no list',
    patch: { '$setElementOrder/nodeName': [] },
    message: 'expected slice or array type, but got: struct',
  },
  {
    name: 'an order for an unknown field',
    patch: { '$setElementOrder/fish': [] },
    message: 'unable to find api field in struct PodSpec for the json field "fish"',
  },
  {
    name: 'deletions without slash',
    patch: { $deleteFromPrimitiveList: [] },
    code: 400,
    message: 'invalid patch format of primitive list',
  },
  { name: '$retainKeys that is a map', patch: { $retainKeys: {} }, code: 400, message: 'invalid patch format of retainKeys' },
  {
    name: '$retainKeys without a key that is sent',
    patch: { $retainKeys: ['a'], nodeName: 'b' },
    code: 400,
    message: 'invalid patch format of retainKeys',
  },
  {
    name: 'a merge inside of raw data',
    type: 'apps.v1.ControllerRevision',
    live: { data: { spec: { a: 1 } } },
    patch: { data: { spec: { a: 2 } } },
    message: 'unable to find api field in struct RawExtension for the json field "spec"',
  },
  {
    name: 'lists as values of a map',
    type: 'certificates.v1.CertificateSigningRequestSpec',
    live: { extra: { a: ['x'] } },
    patch: { extra: { a: ['y'] } },
    message: 'merging an object in json but data type is not struct, instead is: map',
  },
];

for (const { name, patch, message, ...rest } of refusals) {
  test(`strategicMergePatch refuses ${name}`, () => {
    assert.throws(
      () => patched(rest.type ?? pod, rest.live ?? live, patch),
      (error) => {
        assert.ok(error instanceof StrategicMergeError);
        assert.deepEqual({ message: error.message, code: error.code }, { message, code: rest.code ?? 500 });
        return true;
      },
    );
  });
}

test('strategicMergePatch shares what the patch leaves alone', () => {
  const before = deepFreeze({ metadata: { labels: { a: '1' } }, spec: { replicas: 1, template: { spec: { containers: [c1, c2] } } } });
  const after = patched('apps.v1.Deployment', before, {
    spec: { template: { spec: { containers: [{ name: 'c2', image: 'z' }] } } },
  }) as typeof before;
  assert.equal(after.metadata, before.metadata);
  assert.equal(after.spec.template.spec.containers[0], before.spec.template.spec.containers[0]);
});

test('strategicMergePatch with an object itself, or with nothing, returns the same object', () => {
  const value = {
    metadata: { labels: { a: '1' }, finalizers: ['x', 'y'] },
    spec: { replicas: 1, template: { spec: { containers: [c1, c2], tolerations: [] } } },
  };
  assert.equal(patched('apps.v1.Deployment', value, {}), value);
  assert.deepEqual(patched('apps.v1.Deployment', value, structuredClone(value)), value);
  assert.throws(() => patched('apps.v1.Deployment', null, {}), TypeError);
});

test('strategicMergePatch applied twice changes nothing more', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', '__proto__', 'constructor', '10', '2', '');
  const item = fc.record({ name, image: fc.constantFrom('x', 'y') }, { requiredKeys: ['name'] });
  const list = fc.uniqueArray(item, { selector: (one) => one.name, maxLength: 4 });
  const map = fc.dictionary(name, fc.constantFrom('1', '2'), { maxKeys: 3 });
  const spec = fc.record({ containers: list, nodeSelector: map, nodeName: fc.constantFrom('m', 'n') }, { requiredKeys: [] });
  fc.assert(
    fc.property(spec, spec, (before, patch) => {
      const once = patched(pod, before, patch);
      assert.deepEqual(patched(pod, once, patch), once);
    }),
  );
});
