import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deepFreeze } from '@coracle/apimachinery';
import { contextFor } from '../crd/request-context.fixture.ts';
import type { ApiObject, ResourceDefinition } from '../registry/definition.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { defaultTolerationSeconds, priority } from './pod-defaults.ts';

const definition = { group: '', version: 'v1', resource: 'pods', kind: 'Pod' } as ResourceDefinition; // all that these plug-ins read

async function admit(plugin: AdmissionPlugin, spec: object, old?: object): Promise<unknown> {
  const pod = (own: object): ApiObject => deepFreeze({ kind: 'Pod', apiVersion: 'v1', metadata: { name: 'a' }, spec: own }) as ApiObject;
  const request: AdmissionRequest = {
    operation: old === undefined ? 'CREATE' : 'UPDATE',
    definition,
    subresource: '',
    name: 'a',
    object: pod(spec),
    old: old === undefined ? undefined : pod(old),
    context: contextFor(1),
  };
  return ((await plugin.admit?.(request)) ?? request.object)?.['spec'];
}

test('DefaultTolerationSeconds: an update that leaves the tolerations out gets them again', async () => {
  const created = await admit(defaultTolerationSeconds, {});
  assert.deepEqual(await admit(defaultTolerationSeconds, {}, created as object), created);
});

test('Priority: an update that leaves out what the plug-in wrote keeps it', async () => {
  const old = { priority: 7, preemptionPolicy: 'Never' };
  assert.deepEqual(await admit(priority, {}, old), old);
});

for (const { spec, want } of [
  { spec: { priority: 5 }, want: /the integer value of priority \(5\) must not be provided/ },
  { spec: { preemptionPolicy: 'Maybe' }, want: /the string value of PreemptionPolicy \(Maybe\) must not be provided/ },
  { spec: { priorityClassName: 'none' }, want: /no PriorityClass with name none was found/ },
]) {
  test(`Priority refuses: ${want.source}`, () => assert.rejects(admit(priority, spec), want));
}
