import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodSpec } from '@coracle/api';
import { pod } from './fixtures/objects.ts';
import { podRequests, scoringRequests } from './resource.ts';

const container = (cpu: string, restartPolicy?: string) => ({
  name: 'c',
  resources: { requests: { cpu } },
  ...(restartPolicy === undefined ? {} : { restartPolicy }),
});

for (const { what, spec, want } of [
  { what: 'adds containers', spec: { containers: [container('100m'), container('1')] }, want: { cpu: 1100 } },
  {
    what: 'takes the largest init container',
    spec: { containers: [container('1')], initContainers: [container('3'), container('2')] },
    want: { cpu: 3000 },
  },
  {
    what: 'adds sidecars to what runs',
    spec: { containers: [container('1')], initContainers: [container('1', 'Always'), container('500m')] },
    want: { cpu: 2000 },
  },
  {
    what: 'adds the sidecars started before to an init container',
    spec: { containers: [container('1')], initContainers: [container('1', 'Always'), container('4')] },
    want: { cpu: 5000 },
  },
  {
    what: 'adds overhead',
    spec: { containers: [container('1')], overhead: { cpu: '250m', memory: '1Ki' } },
    want: { cpu: 1250, memory: 1024 },
  },
  {
    what: 'prefers what the pod itself asks for',
    spec: { containers: [container('1')], resources: { requests: { cpu: '3' } } },
    want: { cpu: 3000 },
  },
  { what: 'rounds up', spec: { containers: [container('100u')] }, want: { cpu: 1 } },
] as readonly { what: string; spec: PodSpec; want: Record<string, number> }[]) {
  test(`podRequests() ${what}`, () => assert.deepEqual(Object.fromEntries(podRequests({ ...pod(), spec })), want));
}

test('scoringRequests() assumes 100m and 200Mi for what is not asked for', () => {
  assert.deepEqual(Object.fromEntries(scoringRequests(pod({ requests: { cpu: '2' } }))), { cpu: 2000, memory: 200 * 1024 * 1024 });
});

test('podRequests() throws for a text that is no quantity', () => {
  assert.throws(() => podRequests(pod({ requests: { cpu: 'much' } })), SyntaxError);
});
