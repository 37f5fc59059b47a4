import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtInTypes, encodeProtobuf } from '@coracle/api';
import { type Unstructured, writeJsonBytes } from '@coracle/apimachinery';
import { readValue, UnreadableValueError } from './etcd3-value.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

test('readValue() reads protobuf as the JSON that this server writes', () => {
  const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a', namespace: 'b' }, data: { k: 'v' } };
  const type = builtInTypes.kind('', 'v1', 'ConfigMap')?.type ?? '';
  const read = readValue('/a', encodeProtobuf(builtInTypes, type, object));
  assert.deepEqual(JSON.parse(text(read.json)), object);
  assert.equal(text(read.json.subarray(0, read.rvOffset)), '{"kind":"ConfigMap","apiVersion":"v1","metadata":{');
});

test('readValue() writes of protobuf what is never left out, as Go does of the zero times of an event', () => {
  const object = { kind: 'Event', apiVersion: 'v1', metadata: { name: 'a', namespace: 'b' }, involvedObject: {} };
  const type = builtInTypes.kind('', 'v1', 'Event')?.type ?? '';
  assert.deepEqual(JSON.parse(text(readValue('/a', encodeProtobuf(builtInTypes, type, object)).json)), {
    ...object,
    source: {},
    firstTimestamp: null,
    lastTimestamp: null,
    eventTime: null,
    reportingComponent: '',
    reportingInstance: '',
  });
});

test('readValue() brings JSON of others into the form of this server: kind first, and no line break', () => {
  const own = '{"kind":"A","apiVersion":"v1","metadata":{"name":"a"}}';
  assert.equal(text(readValue('/a', Buffer.from(`${own}\n`)).json), own);
  assert.equal(text(readValue('/a', Buffer.from('{"metadata":{"name":"a"},"apiVersion":"v1","kind":"A"}')).json), own);
});

test('readValue() makes CustomResourceDefinitions v1, which upstream stores as v1beta1', () => {
  const stored = {
    kind: 'CustomResourceDefinition',
    apiVersion: 'apiextensions.k8s.io/v1beta1',
    metadata: { name: 'as.b' },
    spec: {
      group: 'b',
      version: 'v1',
      names: { plural: 'as', kind: 'A' },
      scope: 'Namespaced',
      validation: { openAPIV3Schema: { type: 'object' } },
      subresources: { status: {} },
      additionalPrinterColumns: [{ name: 'Age', type: 'date', JSONPath: '.metadata.creationTimestamp' }],
      versions: [
        { name: 'v1', served: true, storage: true },
        { name: 'v2', served: true, storage: false, schema: { openAPIV3Schema: { type: 'object', nullable: true } } },
      ],
      conversion: { strategy: 'Webhook', webhookClientConfig: { url: 'https://a' }, conversionReviewVersions: ['v1'] },
      preserveUnknownFields: false,
    },
    status: { storedVersions: ['v1'] },
  };
  const { json, object } = readValue('/crd', writeJsonBytes(stored));
  const read = JSON.parse(text(json)) as Unstructured;
  assert.deepEqual(read, object);
  const column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
  const shared = { subresources: { status: {} }, additionalPrinterColumns: [column] };
  assert.deepEqual(read, {
    ...stored,
    apiVersion: 'apiextensions.k8s.io/v1',
    spec: {
      group: 'b',
      names: { plural: 'as', kind: 'A' },
      scope: 'Namespaced',
      versions: [
        { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } }, ...shared },
        { name: 'v2', served: true, storage: false, schema: { openAPIV3Schema: { type: 'object', nullable: true } }, ...shared },
      ],
      conversion: { strategy: 'Webhook', webhook: { clientConfig: { url: 'https://a' }, conversionReviewVersions: ['v1'] } },
    },
  });
  const old = writeJsonBytes({ ...stored, spec: { group: 'b', version: 'v1' } });
  assert.deepEqual(readValue('/crd', old).object?.['spec'], {
    group: 'b',
    preserveUnknownFields: true,
    versions: [{ name: 'v1', served: true, storage: true }],
  });
});

for (const [what, value, message] of [
  ['nothing', '', 'it is neither JSON nor protobuf'],
  ['what is encrypted', 'k8s:enc:aescbc:v1:key1:…', 'it is neither JSON nor protobuf'],
  ['an object without metadata', '{"kind":"A"}', 'it has no metadata'],
  ['protobuf without an envelope', 'k8s\0\xff', undefined],
  ['a kind that is not registered', 'k8s\0\n\x0b\n\x02v9\x12\x05Thing', 'no kind "Thing" is registered for version "v9"'],
] as const) {
  test(`readValue() refuses ${what}, and says where it is`, () => {
    assert.throws(
      () => readValue('/registry/a', Buffer.from(value, 'latin1')),
      (error) =>
        error instanceof UnreadableValueError &&
        (message === undefined
          ? error.message.startsWith('cannot read what is stored as "/registry/a": ')
          : error.message === `cannot read what is stored as "/registry/a": ${message}`),
    );
  });
}
