import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NodeCluster } from './fixtures/node-cluster.ts';
import type { Kubelet } from './kubelet.ts';

interface Scene {
  readonly cluster: NodeCluster;
  readonly kubelet: Kubelet;
}

/** A pod that logs a line each second, four in all, and then waits. */
async function scene(): Promise<Scene> {
  const cluster = await NodeCluster.start();
  const { kubelet } = cluster.startNode('n1');
  cluster.run('talker', async ({ stdout, stderr, process, terminated }) => {
    for (const line of ['one\n', 'two\nth', 'ree\n']) {
      stdout.write(line);
      await process.clock.sleep(1000);
    }
    stderr.write('four\n');
    return new Promise((resolve) => terminated.addEventListener('abort', () => resolve(3)));
  });
  await cluster.createPod({ containers: [{ name: 'c', image: 'talker' }] });
  await cluster.runtime.settle();
  return { cluster, kubelet };
}

async function ask({ cluster, kubelet }: Scene, target: string): Promise<string> {
  const url = new URL(target, 'http://node');
  const read = async (): Promise<string> => {
    const response = await kubelet.api.handle({ method: 'GET', path: url.pathname, query: [...url.searchParams], headers: {} });
    assert.ok('body' in response);
    let text = '';
    if (response.body.form === 'bytes') text = new TextDecoder().decode(response.body.bytes);
    if (response.body.form === 'stream') for await (const chunk of response.body.chunks) text += new TextDecoder().decode(chunk);
    return `${response.status} ${text}`;
  };
  return cluster.runtime.drive(read());
}

const logs = '/containerLogs/default/p/c';
const invalid = '422 {"message": "Invalid request."}';
const undecodable = '400 {"message": "Unable to decode query."}';

describe('KubeletApi', () => {
  let shared: Promise<Scene> | undefined;
  for (const { target, want } of [
    { target: '/healthz', want: '200 ok' },
    { target: logs, want: '200 one\ntwo\nthree\nfour\n' },
    { target: `${logs}?tailLines=2`, want: '200 three\nfour\n' },
    { target: `${logs}?tailLines=0`, want: '200 ' },
    { target: `${logs}?limitBytes=5`, want: '200 one\nt' },
    { target: `${logs}?stream=Stderr`, want: '200 four\n' },
    { target: `${logs}?sinceSeconds=2`, want: '200 two\nthree\nfour\n' },
    { target: `${logs}?tailLines=1&timestamps=true`, want: '200 2026-01-01T00:00:03.000000000Z four\n' },
    { target: `${logs}?previous=true`, want: '400 previous terminated container "c" in pod "p" not found' },
    { target: `${logs}?tail=1`, want: '200 four\n' },
    { target: `${logs}?tail=all`, want: '200 one\ntwo\nthree\nfour\n' },
    { target: `${logs}?tailLines=1&timestamps`, want: '200 2026-01-01T00:00:03.000000000Z four\n' },
    { target: `${logs}?tailLines=1&timestamps=False&follow=0`, want: '200 four\n' },
    { target: `${logs}?sinceTime=2026-01-01T00:00:03Z`, want: '200 four\n' },
    { target: `${logs}?sinceTime=2026-01-01T01:00:02%2B01:00`, want: '200 three\nfour\n' },
    { target: `${logs}?sinceTime=2027-01-01T00:00:00Z`, want: '200 ' },
    { target: `${logs}?tailLines=-1`, want: invalid },
    { target: `${logs}?limitBytes=0`, want: invalid },
    { target: `${logs}?sinceSeconds=0`, want: invalid },
    { target: `${logs}?sinceSeconds=1&sinceTime=2026-01-01T00:00:03Z`, want: invalid },
    { target: `${logs}?stream=Both`, want: invalid },
    { target: `${logs}?stream=Stderr&tailLines=1`, want: invalid },
    { target: `${logs}?tailLines=some`, want: undecodable },
    { target: `${logs}?tailLines=9223372036854775808`, want: undecodable },
    { target: `${logs}?limitBytes=`, want: undecodable },
    { target: `${logs}?sinceTime=yesterday`, want: undecodable },
    { target: '/containerLogs/default/q/c?tailLines=-1', want: invalid },
    { target: '/containerLogs/default/p/other', want: '404 container "other" not found in pod "p"' },
    { target: '/containerLogs/default/q/c', want: '404 pod "q" does not exist' },
    { target: '/containerLogs/default/p', want: '404 404 page not found' },
    { target: '/exec/default/p/c', want: '501 exec is not supported: the containers of a simulated node are programs without processes' },
    { target: '/nothing', want: '404 404 page not found' },
  ]) {
    test(`answers ${target}`, async () => {
      shared ??= scene(); // these only read
      assert.equal(await ask(await shared, target), want);
    });
  }

  test('says why there is no log yet', async () => {
    const { cluster, kubelet } = await scene();
    cluster.programs.set('gone', 'missing');
    await cluster.createPod({ containers: [{ name: 'c', image: 'gone' }] }, { name: 'q' });
    await cluster.runtime.settle();
    assert.equal(
      await ask({ cluster, kubelet }, '/containerLogs/default/q/c'),
      '400 container "c" in pod "q" is waiting to start: trying and failing to pull image',
    );
  });

  test('follows until the container ends, and keeps the log of the run before', async () => {
    const { cluster, kubelet } = await scene();
    cluster.run('brief', async ({ stdout, process }) => {
      await process.clock.sleep(1000);
      stdout.write(`run ${process.incarnation}\n`);
      await process.clock.sleep(1000);
      stdout.write('unfinished line');
      return 1;
    });
    await cluster.createPod({ containers: [{ name: 'c', image: 'brief' }] }, { name: 'q' });
    await cluster.runtime.advance(500);
    assert.equal(await ask({ cluster, kubelet }, '/containerLogs/default/q/c?follow=true'), '200 run 0\nunfinished line\n');
    await cluster.runtime.advance(1500);
    assert.equal(await ask({ cluster, kubelet }, '/containerLogs/default/q/c?previous=true'), '200 run 0\nunfinished line\n');
  });

  test('is reached over the network at the node', async () => {
    const { cluster } = await scene();
    const dialer = cluster.network.dialer(cluster.admin.process);
    const { status, body } = await cluster.runtime.drive(
      dialer.request(new URL(`http://172.18.0.2:10250${logs}?tailLines=1`), { method: 'GET' }),
    );
    assert.deepEqual([status, new TextDecoder().decode(body)], [200, 'four\n']);
  });
});
