import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { type Frozen, type KubeObject, readJson, TransportError, type WatchFrame } from '@coracle/apimachinery';
import fc from 'fast-check';
import { withoutManagedFields } from '../tools/cache/strip.ts';
import { WatchDecoder } from './watch-decoder.ts';

/** What the objects here have: enough that it is not parsed at once. */
const filler = 'x'.repeat(250);

interface Thing extends KubeObject {
  readonly spec: { readonly filler: string; readonly ports: readonly { readonly port: number }[]; readonly long?: bigint | number };
  readonly status: { readonly filler: string };
}

const thing = {
  kind: 'Thing',
  apiVersion: 'v1',
  metadata: {
    name: 'a',
    namespace: 'b',
    resourceVersion: '7',
    labels: { app: 'x' },
    managedFields: [{ manager: 'm', operation: 'Update', fieldsV1: { filler } }],
  },
  spec: { filler, ports: [{ port: 1 }] },
  status: { filler },
};

function decoded(line: string | Uint8Array, bigints = false): WatchFrame {
  const [frame, ...others] = new WatchDecoder({ path: '/things', bigints }).push(Buffer.from(line));
  assert.ok(frame !== undefined && others.length === 0);
  return frame;
}

function lineOf(object: unknown, type = 'MODIFIED'): string {
  return `{"type":"${type}","object":${typeof object === 'string' ? object : JSON.stringify(object)}}\n`;
}

function objectOf(object: unknown): Frozen<Thing> {
  return decoded(lineOf(object)).object as Frozen<Thing>; // that is what is given
}

/** Its members that are parsed for who asks. */
function accessors(object: object): string[] {
  return Object.entries(Object.getOwnPropertyDescriptors(object))
    .filter(([, { get }]) => get !== undefined)
    .map(([name]) => name);
}

test('WatchDecoder parses large members when they are read, once', () => {
  const object = objectOf(thing);
  assert.deepEqual(accessors(object), ['spec', 'status']);
  assert.deepEqual(accessors(object.metadata), ['managedFields']);
  assert.equal(object.spec, object.spec);
  assert.equal(object.spec.ports[0]?.port, 1);
  assert.ok(Object.isFrozen(object.spec.ports[0]));
});

test('WatchDecoder gives objects that nothing tells from parsed ones', () => {
  const object = objectOf(thing);
  assert.deepStrictEqual(objectOf(thing), thing);
  assert.deepStrictEqual(thing, objectOf(thing));
  assert.notDeepStrictEqual(objectOf(thing), { ...thing, status: {} });
  assert.equal(JSON.stringify(objectOf(thing)), JSON.stringify(thing));
  assert.deepEqual(Object.keys(object), Object.keys(thing));
  assert.deepEqual(Object.keys(object.metadata), Object.keys(thing.metadata));
  assert.deepStrictEqual(structuredClone(objectOf(thing)), thing);
  const copy = { ...objectOf(thing) };
  assert.deepEqual([accessors(copy), Reflect.ownKeys(copy)], [[], Object.keys(thing)]);
  assert.deepStrictEqual(Object.entries(objectOf(thing)), Object.entries(thing));
  assert.ok('spec' in object && Object.hasOwn(object, 'spec') && !('other' in object));
  assert.equal(Object.getPrototypeOf(object), Object.prototype);
  assert.ok(Object.isFrozen(object) && Object.isFrozen(object.metadata) && Object.isFrozen(object.metadata.labels));
  assert.equal(Object.freeze(object), object);
  assert.throws(() => Object.assign(object, { spec: {} }), TypeError);
  assert.equal(inspect(objectOf(thing), { depth: 9 }), inspect(thing, { depth: 9 }));
  assert.equal(inspect([objectOf(thing)]), inspect([thing]));
});

test('withoutManagedFields() parses nothing, and what is parsed later is parsed for both', () => {
  const object = objectOf(thing);
  const stripped = withoutManagedFields(object);
  assert.deepEqual([accessors(stripped), accessors(stripped.metadata)], [['spec', 'status'], []]);
  const { managedFields: _, ...metadata } = thing.metadata;
  assert.deepStrictEqual(withoutManagedFields(objectOf(thing)), { ...thing, metadata });
  assert.equal(stripped.spec, object.spec);
  assert.equal(withoutManagedFields(stripped), stripped);
  assert.ok(Object.isFrozen(stripped) && Object.isFrozen(stripped.metadata));
});

const broken = [
  { what: 'a member of spec', spec: `{"filler":"${filler}","ports":[{"port":}]}` },
  { what: 'a number', spec: `{"filler":"${filler}","ports":01}` },
  { what: 'a string', spec: `{"filler":"${filler}\u0001"}` },
  { what: 'brackets', spec: `{"filler":"${filler}","ports":[{]}}` },
  { what: 'the end', spec: `{"filler":"${filler}"` },
];
for (const { what, spec } of broken) {
  test(`WatchDecoder refuses an event before it is read that is broken deep inside: ${what}`, () => {
    const line = lineOf(`{"kind":"Thing","metadata":{"name":"a"},"spec":${spec}}`);
    assert.throws(() => decoded(line), { name: TransportError.name, message: 'Cannot watch "/things": an event is not JSON' });
  });
}

/** Objects in whose reading something may go wrong, as text. */
const filled = `{"filler":"${filler}"}`;
const awkward = [
  `{"spec":${filled},"spec":1}`,
  `{"spec":1,"spec":${filled}}`,
  `{"spec":${filled},"metadata":{"name":"a"},"spec":${filled}}`,
  `{"metadata":{"name":"a","managedFields":${filled}},"metadata":{"name":"b"}}`,
  `{"metadata":{"name":"a","managedFields":${filled}},"metad\\u0061ta":null}`,
  `{"metadata":{"managedFields":${filled},"managedFields":${filled},"name":"a"}}`,
  `{"metadata":{"managedFields":${filled},"name":"a"},"a":1,"spec":${filled}}`,
  `{"apiVersion":"v1","data":${filled},"kind":"ConfigMap","metadata":{"managedFields":${filled},"name":"a"}}`,
  `{"__proto__":${filled},"spec":${filled},"a":1}`,
  `{"spec":${filled},"__proto__":{"x":1}}`,
  `{"constructor":${filled},"toString":${filled},"hasOwnProperty":${filled},"metadata":{"a":1}}`,
  `{"2":${filled},"1":1,"spec":${filled},"0":1}`,
  `{ "spec" : ${filled} , "metadata" : { "name" : "a" , "managedFields" : [ ${filled} ] } }`,
  `{"metadata":{"name":"ü","managedFields":[${filled},"ü"]},"spec":{"filler":"${filler}ü😀"}}`,
  `{"metadata":{"name":"\\ud800"},"spec":{"filler":"${filler}\\udc00"}}`,
  `{"metadata":{"name":"a"},"spec":{"filler":"${filler}","long":1e400}}`,
  `{"metadata":{"name":"a","managedFields":${filled}},"metadata":[]}`,
  `{"metadata":null,"metadata":{"name":"a","managedFields":${filled}}}`,
  `{"metadata":[],"spec":${filled}}`,
  `{"metadata":null,"spec":${filled}}`,
  `{"spec":{"deep":${'['.repeat(996)}${filled}${']'.repeat(996)}}}`,
  `{"spec":{"deep":${'['.repeat(997)}${filled}${']'.repeat(997)}}}`,
  `{"spec":{"deep":${'['.repeat(1_100)}${filled}${']'.repeat(1_100)}}}`,
  `{}`,
];
/** The same line, read as answers of a list are. */
function readWhole(line: string | Uint8Array, bigints: boolean): unknown {
  return readJson(typeof line === 'string' ? line.trimEnd() : line, { bigints }).value;
}

function outcome(read: () => unknown): unknown {
  try {
    return read();
  } catch {
    return 'refused';
  }
}

for (const text of awkward) {
  test(`WatchDecoder reads as a whole reader does: ${text.replaceAll(filler, '…').slice(0, 90)}`, () => {
    const line = lineOf(text);
    const expected = outcome(() => readWhole(line, false));
    const given = outcome(() => decoded(line));
    assert.deepStrictEqual(given, expected);
    assert.equal(JSON.stringify(given), JSON.stringify(expected)); // in the same order
  });
}

test('WatchDecoder keeps integers beyond 2^53 where it is told to, deep inside and in metadata', () => {
  const text = `{"metadata":{"name":"a","generation":9007199254740993},"spec":{"filler":"${filler}","long":9007199254740993,"exact":5}}`;
  assert.deepStrictEqual(decoded(lineOf(text), true).object, {
    metadata: { name: 'a', generation: 9007199254740993n },
    spec: { filler, long: 9007199254740993n, exact: 5 },
  });
  assert.equal(objectOf(text).spec.long, 9007199254740992);
  assert.deepStrictEqual(decoded('{"type":"BOOKMARK","object":{"a":9007199254740993}}\n', true).object, { a: 9007199254740993n });
});

test('WatchDecoder gives the same however the bytes are cut, and each chunk is one batch', () => {
  const lines = [lineOf(thing, 'ADDED'), lineOf('{"metadata":{"name":"ü"}}'), '\n', lineOf(thing, 'DELETED'), lineOf({ a: 1 }, 'BOOKMARK')];
  const bytes = Buffer.from(lines.join(''));
  const whole = new WatchDecoder({ path: '/things' }).push(bytes);
  assert.deepEqual(
    whole.map(({ type }) => type),
    ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'],
  );
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 8 }), (cuts) => {
      const decoder = new WatchDecoder({ path: '/things' });
      const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      // Each in memory of its own that is overwritten once it was read, as a socket's is.
      const frames = edges.slice(1).flatMap((end, i) => decoder.push(Uint8Array.from(bytes.subarray(edges[i], end))));
      assert.deepStrictEqual(frames, whole);
    }),
  );
});

test('WatchDecoder reads what JSON.stringify writes, and what has a byte of it changed, as a whole reader does', () => {
  const member = fc.constantFrom('spec', 'status', 'metadata', 'data', 'kind', 'managedFields', '__proto__', 'a-b', '1');
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.jsonValue({ maxDepth: 1 }).map((of) => ({ filler, of })),
    fc.constant({ filler, long: 12345678901234567890 }),
  );
  const object = fc.array(fc.tuple(member, value), { maxLength: 5 });
  const text = (entries: readonly [string, unknown][]): string =>
    `{${entries.map(([name, of]) => `${JSON.stringify(name)}:${typeof of === 'string' ? of : JSON.stringify(of)}`).join(',')}}`;
  fc.assert(
    fc.property(object, object, fc.option(fc.tuple(fc.nat(), fc.nat(255))), (outer, ofMetadata, wrong) => {
      const metadata: [string, string] = ['metadata', text(ofMetadata.map(([name, of]) => [name, JSON.stringify(of)]))];
      const whole = text([metadata, ...outer.map(([name, of]): [string, unknown] => [name, JSON.stringify(of)])]);
      const line = Buffer.from(lineOf(whole));
      if (wrong !== null && wrong[1] !== 0x0a) line[wrong[0] % (line.length - 1)] = wrong[1];
      for (const bigints of [false, true]) {
        const expected = outcome(() => {
          const frame = readWhole(line, bigints) as Partial<WatchFrame>;
          const isEvent =
            ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'].includes(frame.type ?? '') && typeof frame.object === 'object';
          return isEvent && frame.object !== null ? { type: frame.type, object: frame.object } : 'refused';
        });
        assert.deepStrictEqual(
          outcome(() => decoded(line, bigints)),
          expected,
        );
      }
    }),
    { numRuns: 30 },
  );
});

test('WatchDecoder refuses an event of more than 64 MiB', () => {
  const decoder = new WatchDecoder({ path: '/things' });
  const chunk = Buffer.alloc(1 << 20, 'x');
  const push = (): void => {
    for (let i = 0; i < 65; i++) decoder.push(chunk);
  };
  assert.throws(push, { name: TransportError.name, message: 'Cannot watch "/things": an event is larger than 67108864 bytes' });
});
