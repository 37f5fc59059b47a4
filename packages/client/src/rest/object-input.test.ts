import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, Event, Lease, Namespace, Node, Pod } from '@coracle/api';
import type { Frozen, Unstructured } from '@coracle/apimachinery';
import type { ObjectInput } from './resource-client.ts';

test('ObjectInput takes what users write without a cast, and refuses what misses something', () => {
  const read: Frozen<Deployment> = { metadata: { name: 'x' }, spec: { selector: {}, template: { spec: { containers: [] } } } };
  const written: readonly [
    ObjectInput<Namespace>,
    ObjectInput<Node>,
    ObjectInput<Lease>,
    ObjectInput<Event>,
    ObjectInput<Deployment>,
    ObjectInput<Unstructured>,
  ] = [
    { metadata: { name: 'x' } },
    { metadata: { name: 'x' } },
    { metadata: { name: 'x' }, spec: { holderIdentity: 'me' } },
    {
      metadata: { name: 'x' },
      involvedObject: { name: 'y' },
      reason: 'Why',
      message: 'so',
      type: 'Normal',
      reportingComponent: 'me',
      reportingInstance: '',
    },
    { ...read, spec: { ...read.spec, replicas: 3 } },
    { apiVersion: 'example.com/v1', kind: 'Foo', metadata: { name: 'x' }, spec: { anything: [1] } },
  ];
  assert.equal(written.length, 6);
  // @ts-expect-error a Pod without spec has no containers
  const podWithoutSpec: ObjectInput<Pod> = { metadata: { name: 'x' } };
  // @ts-expect-error every object has metadata
  const withoutMetadata: ObjectInput<Namespace> = { spec: {} };
  // @ts-expect-error replicas is a number
  const wrongType: ObjectInput<Deployment> = { ...read, spec: { ...read.spec, replicas: '3' } };
  assert.ok(podWithoutSpec && withoutMetadata && wrongType);
});
