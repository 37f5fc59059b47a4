import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Container, Pod } from '@coracle/api';
import { environment, expand } from './environment.ts';
import { fieldText } from './field-reference.ts';
import { ConfigError, type PodObjects } from './pod-objects.ts';
import { resourceText } from './resource-reference.ts';
import { mountsOf, planVolume } from './volumes.ts';

const pod: Pod = {
  metadata: {
    name: 'p',
    namespace: 'ns',
    uid: 'u',
    labels: { 'app.kubernetes.io/name': 'web', constructor: 'yes' },
    annotations: { a: 'line\n"q"' },
  },
  spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i', resources: { limits: { cpu: '1500m' }, requests: { memory: '1Gi' } } }] },
  status: { podIP: '10.244.0.2', hostIP: '172.18.0.2' },
};
const strange = JSON.parse('{"__proto__":"p","constructor":"c","":"e"}') as Record<string, string>;
const objects: PodObjects = {
  isPending: false,
  configMap: (name) => (name === 'm' ? { metadata: { name }, data: strange } : undefined),
  secret: (name) => (name === 's' ? { metadata: { name }, data: { user: 'cm9vdA==', key: '/w==' } } : undefined),
  claimedVolume: () => undefined,
  token: () => 'token',
};
const allocatable = { cpu: '8', memory: '32Gi' };

function env(container: Partial<Container>): Readonly<Record<string, string>> {
  const services = [
    { metadata: { name: 'my-db', namespace: 'ns' }, spec: { clusterIP: '10.96.0.9', ports: [{ name: 'sql', port: 4000 }] } },
  ];
  return Object.fromEntries(
    environment({ pod, container: { name: 'c', image: 'i', ...container }, objects, services, master: undefined, allocatable }),
  );
}

describe('expand()', () => {
  for (const { text, want } of [
    { text: '$(A)-$(B)', want: 'a-$(B)' },
    { text: '$$(A)', want: '$(A)' },
    { text: '$A $( $', want: '$A $( $' },
    { text: '$$$(A)', want: '$a' },
  ]) {
    test(`${text} → ${want}`, () =>
      assert.equal(
        expand(text, (name) => (name === 'A' ? 'a' : undefined)),
        want,
      ));
  }
});

describe('environment()', () => {
  test('resolves references, and variables that come before', () => {
    const found = env({
      envFrom: [{ prefix: 'M_', configMapRef: { name: 'm' } }, { secretRef: { name: 's' } }],
      env: [
        { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'WHO', value: '$(POD) $(user) $(LATER) $(MY_DB_SERVICE_HOST)' },
        { name: 'LATER', value: 'x' },
        { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      ],
    });
    assert.equal(found['WHO'], 'p root $(LATER) 10.96.0.9');
    assert.equal(found['CPU'], '8');
    assert.equal(found['M_constructor'], 'c');
    assert.equal(found['M___proto__'], 'p');
    assert.equal(found['MY_DB_PORT_4000_TCP_ADDR'], '10.96.0.9');
    assert.equal(found['HOSTNAME'], 'p');
  });

  for (const { name, container, want } of [
    { name: 'a ConfigMap', container: { envFrom: [{ configMapRef: { name: 'x' } }] }, want: 'configmap "x" not found' },
    { name: 'a Secret', container: { envFrom: [{ secretRef: { name: 'x' } }] }, want: 'secret "x" not found' },
    {
      name: 'a key',
      container: { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'm', key: 'toString' } } }] },
      want: "couldn't find key toString in ConfigMap ns/m",
    },
    {
      name: 'a field',
      container: { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.x' } } }] },
      want: 'unsupported fieldPath: spec.x',
    },
  ] satisfies readonly { name: string; container: Partial<Container>; want: string }[]) {
    test(`says that ${name} is missing`, () => assert.throws(() => env(container), new ConfigError(want)));
  }

  test('leaves out what is optional', () => {
    assert.equal(env({ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'x', key: 'k', optional: true } } }] })['A'], undefined);
  });
});

test('fieldText() prints maps sorted, one quoted value a line', () => {
  assert.equal(fieldText(pod, 'metadata.labels'), 'app.kubernetes.io/name="web"\nconstructor="yes"');
  assert.equal(fieldText(pod, 'metadata.annotations'), 'a="line\\n\\"q\\""');
  assert.equal(fieldText(pod, "metadata.labels['app.kubernetes.io/name']"), 'web');
  assert.equal(fieldText(pod, "metadata.labels['toString']"), '');
});

for (const { resource, divisor, want } of [
  { resource: 'limits.cpu', divisor: '1m', want: '1500' },
  { resource: 'limits.cpu', divisor: '0', want: '2' },
  { resource: 'requests.memory', divisor: '1Mi', want: '1024' },
  { resource: 'limits.memory', divisor: '1Gi', want: '32' },
  { resource: 'requests.cpu', divisor: '1', want: '0' },
  { resource: 'requests.memory', divisor: '1G', want: '2' },
]) {
  test(`resourceText() of ${resource} in ${divisor} is ${want}`, () =>
    assert.equal(resourceText({ containerName: 'c', resource, divisor }, { pod, allocatable }), want));
}

test('resourceText() refuses what is no resource of a container', () => {
  assert.throws(() => resourceText({ containerName: 'c', resource: 'spec.cpu' }, { pod, allocatable }), ConfigError);
  assert.throws(() => resourceText({ containerName: 'x', resource: 'limits.cpu' }, { pod, allocatable }), ConfigError);
});

describe('planVolume()', () => {
  const input = { pod, objects, allocatable };
  test('keeps the bytes of a Secret', () => {
    const plan = planVolume({ name: 'v', secret: { secretName: 's', items: [{ key: 'key', path: '../a/./key' }] } }, input);
    assert.deepEqual(plan, { kind: 'projected', data: [['a/key', { base64: '/w==' }]] });
  });

  test('projects several sources, a later one winning', () => {
    const sources = [
      { configMap: { name: 'm', items: [{ key: 'constructor', path: 'token' }] } },
      { serviceAccountToken: { path: 'token' } },
      { downwardAPI: { items: [{ path: 'ns', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
    ];
    assert.deepEqual(planVolume({ name: 'v', projected: { sources } }, input), {
      kind: 'projected',
      data: [
        ['token', 'token'],
        ['ns', 'ns'],
      ],
    });
  });

  test('refuses types that a simulated node does not have', () => {
    assert.throws(() => planVolume({ name: 'v', nfs: { server: 's', path: '/' } }, input), /do not support the type of volume "v"/);
    const claimedVolume = () => ({ volume: { metadata: { name: 'pv', uid: 'u' }, spec: { volumeMode: 'Block' } } });
    assert.throws(
      () => planVolume({ name: 'v', persistentVolumeClaim: { claimName: 'x' } }, { ...input, objects: { ...objects, claimedVolume } }),
      /^ClaimError: volume v has volumeMode Block, but is specified in volumeMounts$/,
    );
    const container = { name: 'c', image: 'i', volumeDevices: [{ name: 'v', devicePath: '/dev/x' }] };
    assert.throws(() => mountsOf(container, new Map(), new Map()), /simulated nodes have no block devices, which container "c" asks for/);
  });
});
