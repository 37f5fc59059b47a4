import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type RecordedStep, runCase } from '../recorded/recorded-case.fixture.ts';
import { startWholeServer } from '../recorded/whole-server.fixture.ts';

const deployments = '/apis/apps/v1/namespaces/{ns}/deployments';
const replicaSets = '/apis/apps/v1/namespaces/{ns}/replicasets';
const pods = '/api/v1/namespaces/{ns}/pods';
const drivers = '/apis/storage.k8s.io/v1/csidrivers';
const pod = { spec: { containers: [{ name: 'oven', image: 'registry.example/oven:1' }] } };
const workload = { spec: { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, ...pod } } };
const merge = { 'content-type': 'application/merge-patch+json' };

/** `generation` of an object after it was made and after each of the changes. */
async function generations(path: string, object: object, changes: readonly RecordedStep[]): Promise<readonly unknown[]> {
  const whole = await startWholeServer();
  try {
    const make = { do: `POST ${path}`, body: { metadata: { name: 'a' }, ...object } };
    const read = { do: `GET ${path}/a` };
    const steps = [make, read, ...changes.flatMap((change) => [change, read])];
    const { raw, ctx } = await runCase(whole, { case: 'generation', steps });
    for (const answer of raw) assert.ok('status' in answer && answer.status < 300, JSON.stringify(answer));
    return ctx.bodies
      .filter((_, i) => steps[i] === read)
      .map((body) => (body as { readonly metadata: { readonly generation?: number } }).metadata.generation); // an object, as it was answered
  } finally {
    whole.stop();
  }
}

const patch = (path: string, body: object): RecordedStep => ({ do: `PATCH ${path}`, headers: merge, body });
const label = { metadata: { labels: { c: 'd' } } };
const annotation = { metadata: { annotations: { c: 'd' } } };

describe('generation', () => {
  for (const { name, path, object, changes, want } of [
    {
      name: 'of a Deployment counts its spec and its annotations',
      path: deployments,
      object: workload,
      changes: [
        patch(`${deployments}/a`, label),
        patch(`${deployments}/a`, annotation),
        patch(`${deployments}/a`, annotation),
        patch(`${deployments}/a`, { spec: { replicas: 2 } }),
        patch(`${deployments}/a/scale`, { spec: { replicas: 3 } }),
        patch(`${deployments}/a/status`, { ...annotation, status: { replicas: 1 } }),
      ],
      want: [1, 1, 2, 2, 3, 4, 4],
    },
    {
      name: 'of a ReplicaSet counts its spec',
      path: replicaSets,
      object: workload,
      changes: [
        patch(`${replicaSets}/a`, annotation),
        patch(`${replicaSets}/a/status`, { status: { replicas: 1 } }),
        patch(`${replicaSets}/a`, { spec: { minReadySeconds: 2 } }),
      ],
      want: [1, 1, 1, 2],
    },
    {
      name: 'of a Pod does not count its binding, nor its status, but its deletion',
      path: pods,
      object: pod,
      changes: [
        { do: `POST ${pods}/a/binding`, body: { metadata: { name: 'a' }, target: { kind: 'Node', name: 'n' } } },
        patch(`${pods}/a/status`, { status: { phase: 'Running' } }),
        patch(`${pods}/a`, label),
        patch(`${pods}/a`, { spec: { activeDeadlineSeconds: 100 } }),
        { do: `DELETE ${pods}/a` },
      ],
      want: [1, 1, 1, 1, 2, 3],
    },
    {
      name: 'of a CSIDriver counts its spec from nothing',
      path: drivers,
      object: { spec: {} },
      changes: [patch(`${drivers}/a`, label), patch(`${drivers}/a`, { spec: { storageCapacity: true } })],
      want: [undefined, undefined, 1],
    },
  ]) {
    test(name, async () => {
      assert.deepEqual(await generations(path, object, changes), want);
    });
  }
});
