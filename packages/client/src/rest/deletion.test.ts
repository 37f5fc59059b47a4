import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { MetadataClient } from '../metadata/metadata-client.ts';
import { DynamicClient } from '../dynamic/dynamic-client.ts';
import { answered, scripted, textAnswer } from './fixtures/scripted-transport.ts';

const gvr = { group: 'flops', version: 'v1', resource: 'flips' };
const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { name: 'a', uid: '1' } };
const whole = { kind: 'Flip', apiVersion: 'flops/v1', metadata: { name: 'a' }, spec: { x: 1 } };

test('delete() tells a Status from an object, and takes an answer without a body for a Status', async () => {
  const runtime = new SimRuntime();
  const transport = scripted(answered(200, status), answered(202, whole), textAnswer(200, '', 'application/json'));
  const flips = new DynamicClient({ process: runtime.process('c'), transport }).resource(gvr).namespace('n');
  assert.deepEqual(await runtime.drive(flips.delete('a')), { status });
  assert.deepEqual(await runtime.drive(flips.delete('a')), { object: whole });
  assert.deepEqual(await runtime.drive(flips.subresource('a', 'part').delete()), {
    status: { kind: 'Status', apiVersion: 'v1', metadata: {} },
  });
});

test('deleteCollection() gives what was deleted; nothing, where the server does not tell', async () => {
  const runtime = new SimRuntime();
  const list = { kind: 'FlipList', apiVersion: 'flops/v1', metadata: { resourceVersion: '5' }, items: [{ metadata: { name: 'a' } }] };
  const transport = scripted(answered(200, list), answered(200, status), textAnswer(200, '', 'application/json'));
  const flips = new DynamicClient({ process: runtime.process('c'), transport }).resource(gvr).namespace('n');
  assert.deepEqual(await runtime.drive(flips.deleteCollection()), {
    metadata: { resourceVersion: '5' },
    items: [{ kind: 'Flip', apiVersion: 'flops/v1', metadata: { name: 'a' } }],
  });
  for (let i = 0; i < 2; i++) assert.deepEqual((await runtime.drive(flips.deleteCollection())).items, []);
});

test('MetadataClient.delete() gives metadata, from a server that sends all too', async () => {
  const runtime = new SimRuntime();
  const transport = scripted(answered(200, status), answered(200, whole));
  const flips = new MetadataClient({ process: runtime.process('c'), transport }).resource(gvr, 'n');
  assert.deepEqual(await runtime.drive(flips.delete('a')), { status });
  assert.deepEqual(await runtime.drive(flips.delete('a')), { object: { kind: 'Flip', apiVersion: 'flops/v1', metadata: { name: 'a' } } });
});
