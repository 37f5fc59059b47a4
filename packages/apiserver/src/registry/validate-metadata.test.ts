import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type RecordedStep, runCase } from '../recorded/recorded-case.fixture.ts';
import { startWholeServer } from '../recorded/whole-server.fixture.ts';

const path = '/api/v1/namespaces/{ns}/configmaps';
const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: '1' };
const version = 'must be <group>/<version> or <version>';
const subdomain =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";

async function answers(steps: readonly RecordedStep[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const whole = await startWholeServer();
  try {
    return (await runCase(whole, { case: 'metadata', steps })).ctx.bodies as Readonly<Record<string, unknown>>[]; // objects and Statuses
  } finally {
    whole.stop();
  }
}

describe('metadata', () => {
  for (const { name, metadata, want } of [
    {
      name: 'an owner without fields',
      metadata: { ownerReferences: [{ apiVersion: '', kind: '', name: '', uid: '' }] },
      want: `[${['apiVersion', 'kind', 'name', 'uid'].map((field) => `metadata.ownerReferences[0].${field}: Required value: must not be empty`).join(', ')}]`,
    },
    {
      name: 'versions of owners',
      metadata: { ownerReferences: ['/', 'a/', 'a/b/c'].map((apiVersion) => ({ ...owner, apiVersion })) },
      want: `[${['/', 'a/', 'a/b/c'].map((text, i) => `metadata.ownerReferences[${i}].apiVersion: Invalid value: "${text}": ${version}`).join(', ')}]`,
    },
    {
      name: 'an event that owns',
      metadata: { ownerReferences: [{ uid: '1', name: 'p', kind: 'Event', apiVersion: 'v1' }] },
      want: 'metadata.ownerReferences[0]: Invalid value: {"apiVersion":"v1","kind":"Event","name":"p","uid":"1"}: /v1, Kind=Event is disallowed from being an owner',
    },
    {
      name: 'two controllers',
      metadata: {
        ownerReferences: [
          { ...owner, controller: true },
          { ...owner, name: 'q', controller: true },
        ],
      },
      want: 'metadata.ownerReferences: Invalid value: [{"apiVersion":"v1","kind":"Pod","name":"p","uid":"1","controller":true},{"apiVersion":"v1","kind":"Pod","name":"q","uid":"1","controller":true}]: Only one reference can have Controller set to true. Found "true" in references for Pod/p and Pod/q',
    },
    {
      name: 'a negative generation',
      metadata: { generation: -4 },
      want: 'metadata.generation: Invalid value: -4: must be greater than or equal to 0',
    },
    {
      name: 'keys with two slashes',
      metadata: { labels: { 'x/y/z': '' }, annotations: { 'X/y/z': '' } },
      want: `[metadata.labels: Invalid value: "x/y/z": a valid label key ${subdomain}, metadata.annotations: Invalid value: "X/y/z": a valid label key ${subdomain}]`,
    },
    {
      name: 'a name of 254 characters',
      metadata: { name: 'n'.repeat(254) },
      want: `metadata.name: Invalid value: "${'n'.repeat(254)}": must be no more than 253 characters`,
    },
    {
      name: 'dependents that are both orphaned and deleted',
      metadata: { finalizers: ['orphan', 'foregroundDeletion'] },
      want: 'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
    },
  ]) {
    test(`refused: ${name}`, async () => {
      const [answer] = await answers([{ do: `POST ${path}`, body: { metadata: { name: 'a', ...metadata } } }]);
      assert.deepEqual(
        [answer?.['code'], answer?.['message']],
        [422, `ConfigMap "${'name' in metadata ? metadata.name : 'a'}" is invalid: ${want}`],
      );
    });
  }

  test('the generation of a kind that counts none is what its maker said', async () => {
    const [made, changed] = await answers([
      { do: `POST ${path}`, body: { metadata: { name: 'a', generation: 5 } } },
      { do: `PUT ${path}/a`, body: { metadata: { name: 'a', generation: 7 }, data: { b: 'c' } } },
    ]);
    assert.deepEqual(
      [made, changed].map((object) => (object?.['metadata'] as { readonly generation?: number } | undefined)?.generation), // of an object
      [5, 5],
    );
  });
});
