import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JsonPath, JsonPathError } from './json-path.ts';

const object = JSON.parse(`{
  "metadata": { "name": "b", "labels": { "app.kubernetes.io/name": "tidb", "__proto__": "p" } },
  "spec": { "sizes": [1, 2, 3, 4], "parts": [{ "name": "a", "size": 1 }, { "name": "b", "size": 2, "big": true }] },
  "status": { "conditions": [{ "type": "Ready", "status": "True" }, { "type": "Synced", "status": "False" }] }
}`) as unknown;

const found = [
  { path: '.metadata.name', values: ['b'] },
  { path: '{.metadata.name}', values: ['b'] },
  { path: '$.metadata.name', values: ['b'] },
  { path: '.spec.nothing.below', values: [] },
  { path: String.raw`.metadata.labels.app\.kubernetes\.io/name`, values: ['tidb'] },
  { path: ".metadata.labels['app.kubernetes.io/name']", values: ['tidb'] },
  { path: '.metadata.labels.__proto__', values: ['p'] },
  { path: '.metadata.constructor', values: [] },
  { path: '.spec.sizes[0]', values: [1] },
  { path: '.spec.sizes[-1]', values: [4] },
  { path: '.spec.sizes[9]', values: [] },
  { path: '.spec.sizes[1:3]', values: [2, 3] },
  { path: '.spec.sizes[::2]', values: [1, 3] },
  { path: '.spec.sizes[0,2]', values: [1, 3] },
  { path: '.spec.parts[*].name', values: ['a', 'b'] },
  { path: ".spec.parts[1]['name','size']", values: ['b', 2] },
  { path: '.status.conditions[?(@.type=="Ready")].status', values: ['True'] },
  { path: ".status.conditions[?(@.type=='Ready')].status", values: ['True'] },
  { path: '.status.conditions[?(@.type!="Ready")].status', values: ['False'] },
  { path: '.spec.parts[?(@.size>=2)].name', values: ['b'] },
  { path: '.spec.parts[?(@.big)].name', values: ['b'] },
  { path: '.spec.parts[?(@.big==true)].name', values: ['b'] },
  { path: '..status', values: [(object as { readonly status: unknown }).status, 'True', 'False'] },
];

for (const { path, values } of found) {
  test(`JsonPath ${path}`, () => assert.deepEqual(new JsonPath(path).find(object), values));
}

for (const path of ['metadata', '.a[', '.a[x]', '.a[?(b)]', '.a[::0]', '.a.'.repeat(200)]) {
  test(`JsonPath refuses ${path.slice(0, 20)}`, () => assert.throws(() => new JsonPath(path), JsonPathError));
}
