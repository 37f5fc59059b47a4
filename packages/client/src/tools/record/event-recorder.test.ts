import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type ApiRequest,
  type ApiResponse,
  deepFreeze,
  type KubeObject,
  newConflict,
  newForbidden,
  newNotFound,
  StatusError,
  type Transport,
  TransportError,
} from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { Clientset } from '../../kubernetes/clientset.ts';
import { defaultRetry, retryOnConflict } from '../../util/retry.ts';
import { EventRecorder } from './event-recorder.ts';

interface Scene {
  readonly runtime: SimRuntime;
  readonly recorder: EventRecorder;
  readonly sent: string[];
  readonly faults: Error[];
}

function scene(): Scene {
  const runtime = new SimRuntime();
  const process = runtime.process('component');
  const sent: string[] = [];
  const faults: Error[] = [];
  const transport: Transport = {
    exchange: ({ method, path, body }: ApiRequest): Promise<ApiResponse> =>
      process.step({ lane: 'server', op: method }, () => {
        const object = (body?.form === 'object' ? body.object : {}) as { readonly count?: number; readonly message?: string };
        sent.push(`${method} ${path.replace(/\.[0-9a-f]+$/, '.*')} ${object.count} ${object.message ?? ''}`.trim());
        const fault = faults.shift();
        if (fault instanceof StatusError)
          return { status: fault.code, headers: {}, body: { form: 'object', object: deepFreeze(fault.status) } };
        if (fault !== undefined) throw fault;
        return { status: 200, headers: {}, body: { form: 'object', object: body?.form === 'object' ? body.object : {} } };
      }),
    async upgrade() {
      throw new TransportError('no', { executed: 'no' });
    },
  };
  const recorder = new EventRecorder({ clientset: new Clientset({ process, transport }), component: 'test' });
  return { runtime, recorder, sent, faults };
}

const pod: KubeObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'a', uid: 'u', resourceVersion: '1' } };
const node: KubeObject = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', uid: 'n' } };

describe('EventRecorder', () => {
  test('creates an event, and counts the same one up, of a later version of the object too', async () => {
    const { runtime, recorder, sent } = scene();
    recorder.event(pod, 'Normal', 'Synced', 'done');
    recorder.event({ ...pod, metadata: { ...pod.metadata, resourceVersion: '2' } }, 'Normal', 'Synced', 'done');
    recorder.event(node, 'Warning', 'Bad', 'broken');
    assert.deepEqual(sent, []);
    await runtime.settle();
    assert.deepEqual(sent, [
      'POST /api/v1/namespaces/a/events 1 done',
      'PATCH /api/v1/namespaces/a/events/web.* 2 done',
      'POST /api/v1/namespaces/default/events 1 broken',
    ]);
  });

  test('creates anew what the server has forgotten', async () => {
    const { runtime, recorder, sent, faults } = scene();
    recorder.event(pod, 'Normal', 'Synced', 'done');
    await runtime.settle();
    faults.push(newNotFound({ group: '', resource: 'events' }, 'web.1'));
    recorder.event(pod, 'Normal', 'Synced', 'done');
    await runtime.settle();
    assert.deepEqual(
      sent.map((line) => line.split(' ')[0]),
      ['POST', 'PATCH', 'POST'],
    );
  });

  test('takes a refusal as final and tries a broken connection again, twelve times', async () => {
    const { runtime, recorder, sent, faults } = scene();
    faults.push(newForbidden({ group: '', resource: 'events' }, '', 'no'));
    recorder.event(pod, 'Normal', 'A', 'refused');
    await runtime.settle();
    assert.equal(sent.length, 1);
    for (let i = 0; i < 20; i++) faults.push(new TransportError('cut', { executed: 'unknown' }));
    recorder.event(pod, 'Normal', 'B', 'cut off');
    await runtime.settle();
    assert.equal(sent.length, 1 + 12);
  });

  test('drops what comes when 1,000 wait', async () => {
    const { runtime, recorder, sent } = scene();
    for (let i = 0; i < 1100; i++) recorder.event({ ...pod, metadata: { name: `web-${i}`, namespace: 'a' } }, 'Normal', 'Many', 'so many');
    await runtime.settle();
    assert.equal(sent.length, 1000);
  });
});

describe('retryOnConflict', () => {
  const conflict = newConflict({ group: '', resource: 'pods' }, 'web', 'modified');

  test('runs again until there is no conflict', async () => {
    const runtime = new SimRuntime();
    let tries = 0;
    const result = await runtime.drive(
      retryOnConflict(runtime.process('p'), defaultRetry, async () => {
        if (++tries < 3) throw conflict;
        return 'written';
      }),
    );
    assert.equal(result, 'written');
    assert.equal(tries, 3);
  });

  test('throws the last conflict after the last try, and any other error at once', async () => {
    const runtime = new SimRuntime();
    for (const [error, want] of [
      [conflict, 5],
      [new Error('other'), 1],
    ] as const) {
      let tries = 0;
      const work = retryOnConflict(runtime.process('p'), defaultRetry, async () => {
        tries++;
        throw error;
      });
      await assert.rejects(runtime.drive(work), (thrown) => thrown === error);
      assert.equal(tries, want);
    }
  });
});
