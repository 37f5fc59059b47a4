import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { decodeStruct } from '../decode.ts';
import { TypeTable } from '../type-facts.ts';
import { decodeMessage } from './decode.ts';
import { encodeMessage, maxDepth } from './encode.ts';
import {
  decodeProtobuf,
  encodeEnvelope,
  encodeProtobuf,
  encodeProtobufList,
  encodeWatchEvent,
  isProtobuf,
  readEnvelope,
} from './envelope.ts';
import { ProtobufError } from './wire.ts';
import { WireReader } from './wire-reader.ts';

const table = new TypeTable();
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

test('encodeProtobuf writes the envelope around the message', () => {
  const encoded = encodeProtobuf(table, 'core.v1.ConfigMap', {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: {},
    data: { b: '2', a: '1' },
  });
  assert.ok(isProtobuf(encoded));
  const { raw, ...rest } = readEnvelope(encoded);
  assert.deepEqual(rest, { apiVersion: 'v1', kind: 'ConfigMap', contentEncoding: '', contentType: '' });
  assert.deepEqual(decodeMessage(table, 'core.v1.ConfigMap', raw), { metadata: {}, data: { a: '1', b: '2' } });
});

test('encodeMessage writes what cannot be absent even when it is', () => {
  assert.equal(Buffer.from(encodeMessage(table, 'core.v1.ContainerPort', { containerPort: 80 })).toString('hex'), '0a001000185022002a00');
  assert.deepEqual(decodeMessage(table, 'core.v1.ContainerPort', bytes('0a001000185022002a00')), { containerPort: 80 });
});

test('decodeMessage leaves to decodeStruct what is not in the bytes', () => {
  assert.deepEqual(decodeMessage(table, 'core.v1.PodSpec', bytes('')), {});
  assert.deepEqual(decodeStruct(table, 'core.v1.PodSpec', {}).object['containers'], null);
});

test('negative and large integers survive', () => {
  for (const deletionGracePeriodSeconds of [-1, -(2 ** 31), 2 ** 31, 2 ** 53 - 1, -(2 ** 53) + 1, 2n ** 63n - 1n, -(2n ** 63n)]) {
    const encoded = encodeMessage(table, 'meta.v1.ObjectMeta', { deletionGracePeriodSeconds });
    assert.equal(decodeMessage(table, 'meta.v1.ObjectMeta', encoded)['deletionGracePeriodSeconds'], deletionGracePeriodSeconds);
  }
  const port = encodeMessage(table, 'core.v1.ContainerPort', { containerPort: -5 });
  assert.equal(decodeMessage(table, 'core.v1.ContainerPort', port)['containerPort'], -5);
});

test('times keep the precision of their type', () => {
  const spec = { acquireTime: '2026-01-01T00:00:00.123456Z' };
  assert.deepEqual(decodeMessage(table, 'coordination.v1.LeaseSpec', encodeMessage(table, 'coordination.v1.LeaseSpec', spec)), spec);
  const meta = encodeMessage(table, 'meta.v1.ObjectMeta', { creationTimestamp: '1969-12-31T23:00:00.9+01:00' });
  assert.equal(decodeMessage(table, 'meta.v1.ObjectMeta', meta)['creationTimestamp'], '1969-12-31T22:00:00Z');
  const zero = encodeMessage(table, 'meta.v1.ObjectMeta', { creationTimestamp: null });
  assert.ok(!('creationTimestamp' in decodeMessage(table, 'meta.v1.ObjectMeta', zero)));
});

test('lists in maps, and the verbs of a resource, are messages of their own', () => {
  const user = { extra: { scopes: ['a', 'b'], none: [] } };
  assert.deepEqual(decodeMessage(table, 'authentication.v1.UserInfo', encodeMessage(table, 'authentication.v1.UserInfo', user)), user);
  const resource = { name: 'pods', singularName: '', namespaced: true, kind: 'Pod', verbs: ['get', 'list'] };
  assert.deepEqual(decodeMessage(table, 'meta.v1.APIResource', encodeMessage(table, 'meta.v1.APIResource', resource)), resource);
});

test('schemas of a CRD in all their forms', () => {
  const schema = {
    items: { type: 'string' },
    additionalProperties: false,
    dependencies: { a: { type: 'object' }, b: ['c'] },
    default: { x: [1, null] },
  };
  const encoded = encodeMessage(table, 'apiextensions.v1.JSONSchemaProps', schema);
  assert.deepEqual(decodeMessage(table, 'apiextensions.v1.JSONSchemaProps', encoded), schema);
});

test('decodeMessage passes over unknown fields, groups among them', () => {
  // field 100: varint; 101: fixed64; 102: fixed32; 103: group with a string in it; then name.
  const unknown = 'a006 01 a906 0000000000000000 b506 00000000 bb06 0a0161 bc06';
  assert.deepEqual(decodeMessage(table, 'core.v1.LocalObjectReference', bytes(`${unknown} 0a0161`)), { name: 'a' });
});

test('decodeMessage merges a message in two pieces and reads packed numbers', () => {
  // metadata { name: a } metadata { namespace: b }
  assert.deepEqual(decodeMessage(table, 'core.v1.ConfigMap', bytes('0a030a0161 0a031a0162')), { metadata: { name: 'a', namespace: 'b' } });
  const packed = decodeMessage(table, 'batch.v1.PodFailurePolicyOnExitCodesRequirement', bytes('1a03018001'));
  assert.deepEqual(packed['values'], [1, 128]);
});

test('keys and texts of any kind survive, at any size of the buffer', () => {
  const text = fc.oneof(
    fc.constantFrom('__proto__', 'constructor', '', '10', '2', '\ufeffx', '\u{1f600}'),
    fc.string({ unit: 'binary', maxLength: 300 }),
  );
  const value = fc.record({ immutable: fc.boolean(), data: fc.dictionary(text, text, { minKeys: 1 }) });
  fc.assert(
    fc.property(value, ({ immutable, data }) => {
      const decoded = decodeMessage(table, 'core.v1.ConfigMap', encodeMessage(table, 'core.v1.ConfigMap', { data, immutable }));
      assert.deepEqual(decoded, { metadata: {}, immutable, data: { ...data } });
    }),
  );
});

test('encodeProtobufList makes of encoded items what encodeProtobuf makes of the list', () => {
  const text = fc.string({ unit: 'binary', maxLength: 400 });
  const item = fc.record({ metadata: fc.record({ name: text }), data: fc.dictionary(fc.string({ maxLength: 5 }), text) });
  const metadata = fc.record(
    { resourceVersion: text, continue: text, remainingItemCount: fc.nat() },
    { requiredKeys: ['resourceVersion'] },
  );
  fc.assert(
    fc.property(metadata, fc.array(item, { maxLength: 5 }), (of, items) => {
      const list = { kind: 'ConfigMapList', apiVersion: 'v1', metadata: of };
      const encoded = items.map((one) => {
        const { bytes: whole, message } = encodeEnvelope(table, 'core.v1.ConfigMap', { kind: 'ConfigMap', apiVersion: 'v1', ...one });
        assert.deepEqual(new Uint8Array(readEnvelope(whole).raw), message);
        return message;
      });
      const joined = encodeProtobufList(table, 'core.v1.ConfigMapList', list, encoded);
      assert.deepEqual(joined, encodeProtobuf(table, 'core.v1.ConfigMapList', { ...list, items }));
    }),
  );
});

test('decodeMessage of any bytes gives an object or a ProtobufError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (input) => {
      try {
        decodeMessage(table, 'core.v1.Pod', input);
      } catch (error) {
        assert.ok(error instanceof ProtobufError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

const malformed: readonly (readonly [name: string, type: string, hex: string, message: RegExp])[] = [
  ['a cut length', 'core.v1.ConfigMap', '0a05', /unexpected EOF/],
  ['a cut varint', 'core.v1.ConfigMap', '80', /unexpected EOF/],
  ['a varint without end', 'core.v1.ConfigMap', 'a006 ffffffffffffffffffffff', /integer overflow/],
  ['a length beyond 2 GiB', 'core.v1.ConfigMap', '0a ffffffffffffffffff01', /negative length/],
  ['field 0', 'core.v1.ConfigMap', '0000', /illegal tag 0/],
  ['a wire type that does not exist', 'core.v1.ConfigMap', 'a706', /illegal wireType 7/],
  ['a number for a message', 'core.v1.ConfigMap', '0801', /wrong wireType = 0 for field metadata/],
  ['the end of no group', 'core.v1.ConfigMap', '0c', /end group/],
  ['groups without end', 'core.v1.ConfigMap', 'bb06'.repeat(200), /exceeded max depth/],
  ['raw data that is no JSON', 'apps.v1.ControllerRevision', '12030a017b', /Cannot decode raw JSON/],
  ['a time beyond the year 9999', 'meta.v1.ObjectMeta', '4209 08 8080808080808001', /Cannot decode a Time/],
];
for (const [name, type, hex, message] of malformed) {
  test(`decodeMessage refuses ${name}`, () =>
    assert.throws(
      () => decodeMessage(table, type, bytes(hex)),
      (error) => error instanceof ProtobufError && message.test(error.message),
    ));
}

test('both directions refuse what is nested too deeply', () => {
  let schema: unknown = {};
  for (let i = 0; i < maxDepth; i++) schema = { not: schema };
  assert.throws(() => encodeMessage(table, 'apiextensions.v1.JSONSchemaProps', schema), /exceeded max depth/);
  let message = new Uint8Array(); // each around the last: field 28, `not`
  for (let i = 0; i < maxDepth; i++) message = Uint8Array.of(0xe2, 0x01, ...length(message.length), ...message);
  assert.throws(() => decodeMessage(table, 'apiextensions.v1.JSONSchemaProps', message), /exceeded max depth/);
});

test('encodeMessage refuses values of the wrong type', () => {
  const bad: readonly (readonly [string, Record<string, unknown>])[] = [
    ['core.v1.ConfigMap', { data: { a: 1 } }],
    ['core.v1.ConfigMap', { data: [] }],
    ['core.v1.ConfigMap', { metadata: 'x' }],
    ['core.v1.ConfigMap', { immutable: 'x' }],
    ['core.v1.PodSpec', { containers: {} }],
    ['core.v1.ContainerPort', { containerPort: 1.5 }],
    ['meta.v1.ObjectMeta', { creationTimestamp: 'yesterday' }],
    ['core.v1.ServicePort', { targetPort: true }],
  ];
  for (const [type, object] of bad) assert.throws(() => encodeMessage(table, type, object), ProtobufError, JSON.stringify(object));
});

test('decodeProtobuf refuses what does not start as protobuf of Kubernetes does', () => {
  assert.equal(isProtobuf(bytes('6b38')), false);
  assert.throws(() => decodeProtobuf(table, 'core.v1.Pod', bytes('7b7d')), /expected prefix \[107 56 115 0\]/);
  assert.throws(() => decodeProtobuf(table, 'core.v1.Pod', bytes('6b387300 1005')), ProtobufError);
});

test('encodeWatchEvent holds the envelope of its object', () => {
  const object = encodeProtobuf(table, 'core.v1.ConfigMap', { kind: 'ConfigMap', apiVersion: 'v1' });
  const reader = new WireReader(encodeWatchEvent('ADDED', object));
  assert.deepEqual([reader.tag() >>> 3, reader.string()], [1, 'ADDED']);
  assert.equal(reader.tag() >>> 3, 2);
  const outer = reader.enter();
  assert.equal(reader.tag() >>> 3, 1);
  assert.deepEqual(new Uint8Array(reader.bytes()), object);
  assert.ok(reader.isDone);
  reader.leave(outer);
  assert.ok(reader.isDone);
});

function length(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...length(value >>> 7)];
}
