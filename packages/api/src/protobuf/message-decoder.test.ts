import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { readJson } from '@coracle/apimachinery';
import fc from 'fast-check';
import { TypeTable } from '../type-facts.ts';
import { MessageDecoder, type MessageDecoderOptions, UnknownFieldError } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { readEnvelope } from './envelope.ts';
import { planOf } from './plan.ts';
import { ProtobufError } from './wire.ts';

const table = new TypeTable();
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

function read(type: string, bytes: Uint8Array, options: MessageDecoderOptions = { asJson: true }): Record<string, unknown> {
  const decoder = new MessageDecoder(table, options);
  decoder.reset(bytes, 0, bytes.length);
  return decoder.read(planOf(table, type), {});
}

function check(type: string, bytes: Uint8Array): void {
  const decoder = new MessageDecoder(table, { asJson: true, refusesUnknown: true });
  decoder.reset(bytes, 0, bytes.length);
  decoder.check(planOf(table, type));
  assert.ok(decoder.reader.isDone);
}

function isFrozen(value: unknown): boolean {
  return typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen));
}

/** Every kind as Go's libraries encode it. */
const recorded = [
  path.join(import.meta.dirname, 'fixtures'),
  path.join(import.meta.dirname, '../../../../../shared/data/kubernetes-1.37/wire-goldens'),
]
  .filter((folder) => existsSync(folder))
  .flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => file.endsWith('.pb'))
      .map((file) => path.join(folder, file)),
  );

test('as JSON, every recorded object is what the same object in JSON is, frozen', () => {
  for (const file of recorded) {
    const sent = readJson(readFileSync(file.replace(/pb$/, 'json'), 'utf8'), { bigints: true }).value as Record<string, unknown>;
    const { apiVersion, kind, raw } = readEnvelope(readFileSync(file));
    const [version = '', group = ''] = apiVersion.split('/').reverse();
    const type = table.kind(group, version, kind)?.type ?? assert.fail(`no type of ${apiVersion} ${kind}`);
    const object = { kind, apiVersion, ...read(type, raw, { asJson: true, refusesUnknown: true }) };
    assert.deepEqual(object, sent, file);
    assert.ok(Object.values(object).every(isFrozen), file);
    check(type, raw);
  }
});

test('as JSON, what Go never leaves out is there', () => {
  assert.deepEqual(read('core.v1.Pod', hex('')), { metadata: {}, spec: { containers: null }, status: {} });
  assert.deepEqual(read('core.v1.PodCondition', hex('')), { type: '', status: '', lastProbeTime: null, lastTransitionTime: null });
  // ContainerPort with the port alone, and one with every zero.
  assert.deepEqual(read('core.v1.ContainerPort', hex('18 50')), { containerPort: 80 });
  assert.deepEqual(read('core.v1.ContainerPort', hex('0a00 1000 1850 2200 2a00')), { containerPort: 80 });
});

test('integers beyond 2^53 are bigint, or the nearest number', () => {
  const bytes = encodeMessage(table, 'meta.v1.ObjectMeta', { generation: 2n ** 62n + 1n });
  assert.equal(read('meta.v1.ObjectMeta', bytes)['generation'], 2n ** 62n + 1n);
  assert.equal(read('meta.v1.ObjectMeta', bytes, { asJson: true, bigints: false })['generation'], 2 ** 62);
});

test('fields in any order and in pieces are merged, frozen or not', () => {
  // namespace, then name; labels before and behind them; a struct in two pieces.
  const pieces = hex('1a0162 5a060a016112 0131 0a0161 5a060a016212 0132');
  const expected = { name: 'a', namespace: 'b', labels: { a: '1', b: '2' } };
  assert.deepEqual(read('meta.v1.ObjectMeta', pieces), expected);
  assert.deepEqual(read('meta.v1.ObjectMeta', pieces, {}), expected);
  const split = hex('0a030a0161 12060a016112 0131 0a031a0162');
  assert.deepEqual(read('core.v1.ConfigMap', split), { metadata: { name: 'a', namespace: 'b' }, data: { a: '1' } });
  // The last one counts, a zero too.
  assert.deepEqual(read('meta.v1.ObjectMeta', hex('0a0161 0a00')), {});
});

const unknown: readonly (readonly [name: string, type: string, bytes: string])[] = [
  ['at the top', 'core.v1.ConfigMap', '2a0161'],
  ['in a struct', 'core.v1.ConfigMap', '0a04 aa070161'],
  ['in a struct of a list', 'core.v1.PodSpec', '12 04 aa070161'],
  ['as a group', 'core.v1.ConfigMap', '2b 08 01 2c'],
];
for (const [name, type, bytes] of unknown) {
  test(`an unknown field ${name} is refused if that was asked for, by check too`, () => {
    assert.throws(() => read(type, hex(bytes), { asJson: true, refusesUnknown: true }), UnknownFieldError);
    assert.throws(() => check(type, hex(bytes)), UnknownFieldError);
    read(type, hex(bytes), { asJson: true });
  });
}

test('check throws exactly when read does, but for the JSON of managedFields', () => {
  const pod = {
    metadata: {
      name: 'a',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: 'a', tier: 'b' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u', controller: true }],
    },
    spec: {
      containers: [
        {
          name: 'c',
          resources: { limits: { cpu: '1' } },
          livenessProbe: { httpGet: { port: 'http' }, periodSeconds: -1 },
          ports: [{ containerPort: 80 }],
        },
      ],
      tolerations: [{ key: 'a', tolerationSeconds: 300 }],
    },
    status: {
      startTime: '1960-01-01T00:00:00Z',
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    },
  };
  const scale = {
    metadata: {},
    spec: {
      maxReplicas: 3,
      metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 5 } } }],
    },
  };
  const lease = { metadata: {}, spec: { holderIdentity: 'a', acquireTime: '2026-01-01T00:00:00.123456Z' } };
  const bodies = [
    ['core.v1.Pod', encodeMessage(table, 'core.v1.Pod', pod)],
    ['autoscaling.v2.HorizontalPodAutoscaler', encodeMessage(table, 'autoscaling.v2.HorizontalPodAutoscaler', scale)],
    ['coordination.v1.Lease', encodeMessage(table, 'coordination.v1.Lease', lease)],
    ['authentication.v1.UserInfo', encodeMessage(table, 'authentication.v1.UserInfo', { username: 'u', extra: { scopes: ['a', 'b'] } })],
  ] as const;
  const outcome = (run: () => unknown): string => {
    try {
      run();
      return 'fine';
    } catch (error) {
      assert.ok(error instanceof ProtobufError || error instanceof UnknownFieldError, String(error));
      return error.name;
    }
  };
  for (const [type, bytes] of bodies) check(type, bytes);
  fc.assert(
    fc.property(
      fc.constantFrom(...bodies),
      fc.array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 }),
      fc.nat({ max: 20 }),
      ([type, whole], changes, cut) => {
        const bytes = whole.slice(0, whole.length - cut);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        assert.equal(
          outcome(() => check(type, bytes)),
          outcome(() => read(type, bytes, { asJson: true, refusesUnknown: true })),
        );
      },
    ),
    { numRuns: 3_000 },
  );
});

test('texts are right whatever was read before', () => {
  const decoder = new MessageDecoder(table, { asJson: true });
  const plan = planOf(table, 'core.v1.LocalObjectReference');
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ unit: fc.constantFrom('a', 'b', 'é'), maxLength: 6 })),
      (name) => {
        const bytes = encodeMessage(table, 'core.v1.LocalObjectReference', { name });
        decoder.reset(bytes, 0, bytes.length);
        assert.deepEqual(decoder.read(plan, {}), name === '' ? {} : { name });
      },
    ),
    { numRuns: 2_000 },
  );
});

test('bytes that are no UTF-8 become U+FFFD', () => {
  for (const text of ['80', 'c3', 'e282', 'f09f98', 'ff', '61c3']) {
    const bytes = hex(`0a${(text.length / 2).toString(16).padStart(2, '0')}${text}`);
    const expected = new TextDecoder('utf-8', { ignoreBOM: true }).decode(hex(text));
    assert.deepEqual(read('core.v1.LocalObjectReference', bytes), { name: expected });
  }
});
