import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtInTypes, encodeProtobuf, encodeProtobufList, encodeMessage, encodeWatchEvent } from '@coracle/api';
import * as codec from '@coracle/api/protobuf';
import { type Frozen, type KubeObject, TransportError, type WatchFrame } from '@coracle/apimachinery';
import fc from 'fast-check';
import { withoutManagedFields } from '../tools/cache/strip.ts';
import type { ReadOptions } from './object-decoder.ts';
import { ProtobufObjects } from './protobuf-objects.ts';
import { ProtobufWatchDecoder } from './protobuf-watch-decoder.ts';
import { WatchDecoder } from './watch-decoder.ts';

interface Pod extends KubeObject {
  readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
  readonly status: { readonly message?: string; readonly phase?: string };
}

/** Enough that it is not made at once. */
const filler = 'x'.repeat(250);
const kind = { group: '', version: 'v1', kind: 'Pod' };

const pod = {
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: {
    name: 'a',
    namespace: 'b',
    uid: 'u',
    resourceVersion: '7',
    generation: 3,
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { app: 'a name that is long enough', tier: 'back' },
    managedFields: [{ manager: 'm', operation: 'Update', fieldsType: 'FieldsV1', fieldsV1: { 'f:metadata': { [filler]: {} } } }],
  },
  spec: { containers: [{ name: 'c', image: `é${filler}`, resources: { limits: { cpu: '1', memory: '1Gi' } } }] },
  status: {
    message: filler,
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True', lastProbeTime: null, lastTransitionTime: '2026-01-01T00:00:00Z' }],
  },
};

function framed(event: Uint8Array): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(event.length);
  return Buffer.concat([prefix, event]);
}

function frameOf(object: Readonly<Record<string, unknown>>, type = 'MODIFIED'): Buffer {
  const { group, version, kind: name } = { ...kind, kind: String(object['kind']) };
  const typeName = builtInTypes.kind(group, version, name)?.type ?? assert.fail(`no kind ${name}`);
  return framed(encodeWatchEvent(type, encodeProtobuf(builtInTypes, typeName, object)));
}

function decoder(options: ReadOptions = {}): ProtobufWatchDecoder {
  return new ProtobufWatchDecoder('/pods', codec, new ProtobufObjects(codec, kind, options));
}

function decoded(bytes: Uint8Array, options?: ReadOptions): Frozen<Pod> {
  const [frame, ...others] = decoder(options).push(bytes);
  assert.ok(frame !== undefined && others.length === 0);
  return frame.object as Frozen<Pod>; // that is what is given
}

/** What JSON gives of the same object. */
function viaJson(object: unknown, options: ReadOptions = {}): Frozen<Pod> {
  const [frame] = new WatchDecoder({ ...options, path: '/pods' }).push(
    Buffer.from(`{"type":"MODIFIED","object":${JSON.stringify(object)}}\n`),
  );
  return frame?.object as Frozen<Pod>; // as above
}

function accessors(object: object): string[] {
  return Object.entries(Object.getOwnPropertyDescriptors(object))
    .filter(([, { get }]) => get !== undefined)
    .map(([name]) => name);
}

test('an object from protobuf is what it is from JSON, and large members are made when they are read', () => {
  const object = decoded(frameOf(pod));
  assert.deepEqual(accessors(object), ['spec', 'status']);
  assert.deepEqual(accessors(object.metadata), ['labels', 'managedFields']);
  assert.equal(object.spec, object.spec);
  assert.ok(Object.isFrozen(object.spec.containers[0]) && Object.isFrozen(object.metadata.labels));
  const expected = viaJson({ ...pod, spec: { containers: [{ ...pod.spec.containers[0] }] } });
  assert.deepEqual(object, expected);
  assert.deepEqual(JSON.parse(JSON.stringify(object)), JSON.parse(JSON.stringify(expected)));
  assert.deepEqual(structuredClone(object), structuredClone(expected));
  assert.deepEqual(withoutManagedFields(object), withoutManagedFields(expected));
});

test('managedFields are dropped when nobody needs them, from JSON too', () => {
  for (const object of [decoded(frameOf(pod), { withoutManagedFields: true }), viaJson(pod, { withoutManagedFields: true })]) {
    assert.ok(!('managedFields' in object.metadata));
    assert.deepEqual(object, withoutManagedFields(viaJson(pod)));
  }
  // Not the last member of metadata.
  const { managedFields, ...rest } = pod.metadata;
  const first = viaJson({ ...pod, metadata: { managedFields, ...rest } }, { withoutManagedFields: true });
  assert.deepEqual(first, withoutManagedFields(viaJson(pod)));
});

test('bytes in any pieces give the same events, and bookmarks and errors are events', () => {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'too old', reason: 'Expired', code: 410 };
  const bookmark = { kind: 'Pod', apiVersion: 'v1', metadata: { resourceVersion: '9' } };
  const bytes = Buffer.concat([frameOf(pod, 'ADDED'), frameOf(bookmark, 'BOOKMARK'), frameOf(pod), frameOf(status, 'ERROR')]);
  const whole = decoder().push(bytes);
  assert.deepEqual(
    whole.map(({ type }) => type),
    ['ADDED', 'BOOKMARK', 'MODIFIED', 'ERROR'],
  );
  assert.deepEqual(whole[1]?.object, { ...bookmark, spec: { containers: null }, status: {} });
  assert.deepEqual(whole[3]?.object, status);
  fc.assert(
    fc.property(fc.array(fc.nat({ max: bytes.length }), { maxLength: 12 }), (cuts) => {
      const torn = decoder();
      const frames: WatchFrame[] = [];
      let from = 0;
      for (const to of [...cuts.sort((a, b) => a - b), bytes.length]) {
        frames.push(...torn.push(bytes.subarray(from, to)));
        from = to;
      }
      assert.deepEqual(frames, whole);
    }),
  );
});

test('what has not changed since the state that the caller has is the same in both', () => {
  for (const read of [(object: typeof pod, options?: ReadOptions) => decoded(frameOf(object), options), viaJson]) {
    const first = read(pod);
    const asked: string[] = [];
    const previous = (namespace: string, name: string): object => {
      asked.push(`${namespace}/${name}`);
      return first;
    };
    const next = read(
      { ...pod, metadata: { ...pod.metadata, resourceVersion: '8' }, status: { ...pod.status, phase: 'Failed' } },
      { previous },
    );
    assert.deepEqual(asked, ['b/a']);
    assert.equal(next.metadata.resourceVersion, '8');
    assert.equal(next.status.phase, 'Failed');
    assert.notEqual(next.status, first.status);
    // In JSON, text beyond ASCII is not compared.
    if (read !== viaJson) assert.equal(next.spec, first.spec);
    else assert.deepEqual(next.spec, first.spec);
    const same = read(pod, { previous });
    assert.equal(same.status, first.status);
  }
});

test('whatever the caller has, an object is what its bytes say', () => {
  const text = fc.constantFrom('', 'a', `${filler}a`, `${filler}b`, `é${filler}`, `"\\${filler}`);
  const state = fc.record({ message: text, image: text, label: text });
  const made = ({ message, image, label }: { message: string; image: string; label: string }): typeof pod => ({
    ...pod,
    metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, app: label } },
    spec: { containers: [{ ...pod.spec.containers[0], image } as (typeof pod.spec.containers)[0]] },
    status: { ...pod.status, message },
  });
  fc.assert(
    fc.property(fc.array(state, { minLength: 2, maxLength: 5 }), fc.boolean(), (states, reads) => {
      let fromProtobuf: Frozen<Pod> | undefined;
      let fromJson: Frozen<Pod> | undefined;
      for (const each of states) {
        fromProtobuf = decoded(frameOf(made(each)), { previous: () => fromProtobuf });
        fromJson = viaJson(made(each), { previous: () => fromJson });
        if (reads) assert.ok([fromProtobuf.spec, fromJson.spec, fromProtobuf.status, fromJson.status].every(Object.isFrozen));
        const plain = viaJson(made(each));
        assert.deepEqual(fromJson, plain);
        assert.deepEqual(fromProtobuf.spec.containers[0]?.image ?? '', plain.spec.containers[0]?.image);
        assert.deepEqual(fromProtobuf.status.message ?? '', plain.status.message);
        assert.deepEqual(fromProtobuf.metadata.labels, plain.metadata.labels);
      }
    }),
  );
});

test('an object whose fields come in another order is read as a whole', () => {
  const head = Buffer.from(encodeProtobuf(builtInTypes, 'core.v1.Pod', { kind: 'Pod', apiVersion: 'v1' }));
  const typeMeta = head.subarray(0, 4 + 2 + (head[5] ?? 0));
  const { raw } = codec.readEnvelope(encodeProtobuf(builtInTypes, 'core.v1.Pod', pod));
  const reader = new codec.WireReader(raw);
  const fields: Uint8Array[] = [];
  while (!reader.isDone) {
    const start = reader.at;
    reader.skip(reader.tag());
    fields.push(raw.subarray(start, reader.at));
  }
  assert.equal(fields.length, 3);
  const length = Buffer.from([0x12, (raw.length & 0x7f) | 0x80, raw.length >> 7]);
  const object = decoded(framed(encodeWatchEvent('ADDED', Buffer.concat([typeMeta, length, ...fields.toReversed()]))));
  assert.deepEqual(accessors(object), []);
  assert.deepEqual(object, decoded(frameOf(pod)));
});

test('lists are read object by object, and each names its kind', () => {
  const { kind: _, apiVersion: _apiVersion, ...message } = pod;
  const item = encodeMessage(builtInTypes, 'core.v1.Pod', message);
  const list = encodeProtobufList(
    builtInTypes,
    'core.v1.PodList',
    { kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '9', continue: 'more', remainingItemCount: 5 } },
    [item, item],
  );
  const objects = new ProtobufObjects(codec, kind, {});
  assert.deepEqual(objects.read(Buffer.from(list), 0, list.length), {
    kind: 'PodList',
    apiVersion: 'v1',
    metadata: { resourceVersion: '9', continue: 'more', remainingItemCount: 5 },
    items: [decoded(frameOf(pod)), decoded(frameOf(pod))],
  });
  const empty = encodeProtobufList(builtInTypes, 'core.v1.PodList', { kind: 'PodList', apiVersion: 'v1', metadata: {} }, []);
  assert.deepEqual(objects.read(Buffer.from(empty), 0, empty.length), { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: null });
});

const podBytes = frameOf(pod);
const changed = (change: (bytes: Buffer) => void): Buffer => {
  const bytes = Buffer.from(podBytes);
  change(bytes);
  return bytes;
};
const refused: readonly (readonly [name: string, bytes: Buffer, cause: RegExp | undefined])[] = [
  ['an event that is too large', Buffer.from([0x7f, 0xff, 0xff, 0xff]), undefined],
  ['what is no message', framed(Buffer.from('07', 'hex')), /illegal tag/],
  ['an event without an object', framed(Buffer.from('0a054144444544', 'hex')), undefined],
  ['an event of another type', frameOf(pod, 'GONE'), undefined],
  [
    'an object without an envelope',
    framed(encodeWatchEvent('ADDED', Buffer.from('{"kind":"Pod"}'))),
    /does not appear to be a protobuf message/,
  ],
  [
    'an object of a kind that nobody knows',
    framed(encodeWatchEvent('ADDED', encodeProtobuf(builtInTypes, 'core.v1.Pod', { kind: 'Peapod', apiVersion: 'v1' }))),
    /no kind "Peapod" is registered for version "v1"/,
  ],
  ['a length beyond its message, deep inside', changed((bytes) => bytes.writeUInt8(0x7f, bytes.indexOf('Ready') - 1)), /unexpected EOF/],
  [
    'a field that this version does not know, deep inside',
    changed((bytes) => bytes.writeUInt8(0x7a, bytes.indexOf('Ready') - 2)),
    /has no field 15/,
  ],
];
for (const [name, bytes, cause] of refused) {
  test(`a watch in protobuf ends with ${name}`, () => {
    assert.throws(
      () => decoder().push(bytes),
      (error) => {
        assert.ok(error instanceof TransportError, String(error));
        if (cause !== undefined) assert.match(String(error.cause), cause);
        return true;
      },
    );
  });
}

test('JSON in managedFields that is none is an error of who reads it', () => {
  const object = decoded(changed((bytes) => bytes.write('}', bytes.indexOf('{"f:metadata"'))));
  assert.equal(object.status.phase, 'Running');
  assert.throws(() => object.metadata.managedFields, /Cannot decode raw JSON/);
});
