import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeStruct } from './decode.ts';
import { TypeTable } from './type-facts.ts';

const table = new TypeTable();
const decode = (type: string, value: unknown): ReturnType<typeof decodeStruct> => decodeStruct(table, type, value);

test('decodeStruct writes what Go writes for fields that are absent', () => {
  const { object } = decode('core.v1.Pod', {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name: 'a' },
    spec: { containers: [{ name: 'c', env: [] }] },
  });
  assert.deepEqual(object, {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name: 'a' },
    spec: { containers: [{ name: 'c', resources: {} }] },
    status: {},
  });
  assert.deepEqual(decode('core.v1.PodCondition', { type: 'Ready', status: 'True' }).object, {
    lastProbeTime: null,
    lastTransitionTime: null,
    status: 'True',
    type: 'Ready',
  });
  assert.deepEqual(decode('rbac.v1.Role', { rules: [] }).object, { metadata: {}, rules: null });
});

test('decodeStruct keeps pointers to zero and drops zero values that may be omitted', () => {
  const { object } = decode('apps.v1.DeploymentSpec', { replicas: 0, paused: false, selector: {}, template: {} });
  assert.equal(object['replicas'], 0);
  assert.ok(!('paused' in object));
  assert.deepEqual(object['selector'], {});
});

test('decodeStruct names unknown fields in the order of the document', () => {
  const value = { metadata: { lables: {} }, spec: { a: 1, containers: [{ name: 'x', imag: 'y' }], b: 2 } };
  assert.deepEqual(decode('core.v1.Pod', value).unknown, ['metadata.lables', 'spec.a', 'spec.containers[0].imag', 'spec.b']);
});

for (const { type, value, message } of [
  {
    type: 'core.v1.Pod',
    value: { spec: { terminationGracePeriodSeconds: 'x' } },
    message: 'json: cannot unmarshal string into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64',
  },
  {
    type: 'core.v1.Pod',
    value: { spec: { containers: {} } },
    message: 'json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
  },
  {
    type: 'core.v1.Pod',
    value: { spec: { containers: [{ image: 1 }] } },
    message: 'json: cannot unmarshal number into Go struct field Container.spec.containers.image of type string',
  },
  {
    type: 'core.v1.Pod',
    value: { spec: { priority: 99999999999 } },
    message: 'json: cannot unmarshal number 99999999999 into Go struct field PodSpec.spec.priority of type int32',
  },
  {
    type: 'apps.v1.Deployment',
    value: { spec: { template: { metadata: { labels: { a: 1 } } } } },
    message: 'json: cannot unmarshal number into Go struct field ObjectMeta.spec.template.metadata.labels of type string',
  },
  { type: 'core.v1.ConfigMap', value: { binaryData: { a: '*' } }, message: 'illegal base64 data at input byte 0' },
  {
    type: 'core.v1.ResourceRequirements',
    value: { limits: { cpu: 'much' } },
    message: "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  },
]) {
  test(`decodeStruct refuses ${JSON.stringify(value)}`, () => {
    assert.throws(() => decode(type, value), { name: 'DecodeError', message });
  });
}

test('decodeStruct takes any key in a map of the wire', () => {
  const data = JSON.parse('{"__proto__":"a","constructor":"b","":"c"}') as unknown;
  const { object } = decode('core.v1.ConfigMap', { data });
  assert.deepEqual(Object.entries(object['data'] as object), [
    ['', 'c'],
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ]);
});
