import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod, Service } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { DialError, type DialResponse } from '@coracle/kernel';
import { NodeCluster } from '../fixtures/node-cluster.ts';
import type { ContainerContext } from '../container/program.ts';

const ok = (body: string): DialResponse => ({ status: 200, headers: {}, body: new TextEncoder().encode(body) });

async function waits({ terminated }: ContainerContext): Promise<number> {
  await new Promise<void>((resolve) => terminated.addEventListener('abort', () => resolve(), { once: true }));
  return 0;
}

/** Two web pods behind Services, and a client pod whose context is returned. */
async function scene(seed = 1): Promise<{ readonly cluster: NodeCluster; readonly client: ContainerContext; readonly frontIP: string }> {
  const cluster = await NodeCluster.start({ seed });
  cluster.startNode('n1');
  cluster.run('web', async (container) => {
    using _server = container.network.listen(8080, async () => ok(container.pod.metadata.name ?? ''));
    return await waits(container);
  });
  let client: ContainerContext | undefined;
  cluster.run('client', async (container) => {
    client = container;
    return waits(container);
  });
  for (const name of ['web-0', 'web-1'])
    await cluster.createPod({ containers: [{ name: 'c', image: 'web' }], hostname: name, subdomain: 'web' }, { name });
  await cluster.createPod({ containers: [{ name: 'c', image: 'client' }] }, { name: 'client' });
  const service = (name: string, clusterIP?: string): Service => ({
    metadata: { name, namespace: 'default' },
    spec: { ...(clusterIP === undefined ? {} : { clusterIP }), ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  });
  await cluster.create(resources.core.v1.services, service('web', 'None'));
  const front = await cluster.create(resources.core.v1.services, service('front'));
  await cluster.runtime.settle();
  const ready = [true, true, false];
  const endpoints: Frozen<Pod>[] = [];
  for (const name of ['web-0', 'web-1', 'client']) endpoints.push(await cluster.pod(name));
  for (const name of ['web', 'front']) {
    await cluster.create(resources.discovery.v1.endpointSlices, {
      metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: endpoints.map((pod, i) => ({
        addresses: [pod.status?.podIP ?? ''],
        conditions: { ready: ready[i] ?? false },
        ...(name === 'web' ? { hostname: pod.metadata.name ?? '' } : {}),
      })),
      ports: [{ name: 'http', port: 8080 }],
    });
  }
  await cluster.runtime.settle();
  assert.ok(client);
  return { cluster, client, frontIP: front.spec.clusterIP ?? '' };
}

async function get({ cluster, client }: Awaited<ReturnType<typeof scene>>, url: string): Promise<string> {
  return cluster.runtime.drive(
    client.network.request(new URL(url), { method: 'GET' }).then(
      ({ body }) => new TextDecoder().decode(body),
      (error: unknown) => (error instanceof DialError ? error.code : String(error)),
    ),
  );
}

describe('Network', () => {
  test('finds pods by address, by headless name and through Services', async () => {
    const world = await scene();
    const ip = (await world.cluster.pod('web-0')).status?.podIP ?? '';
    for (const { url, want } of [
      { url: `http://${ip}:8080/`, want: /^web-0$/ },
      { url: 'http://web-1.web:8080/', want: /^web-1$/ },
      { url: 'http://web-1.web.default.svc:8080/', want: /^web-1$/ },
      { url: 'http://web-0.web.default.svc.cluster.local.:8080/', want: /^web-0$/ },
      { url: 'http://web.default:8080/', want: /^web-[01]$/ },
      { url: 'http://front/', want: /^web-[01]$/ },
      { url: `http://${world.frontIP}/`, want: /^web-[01]$/ },
      { url: `http://${ip.replaceAll('.', '-')}.default.pod.cluster.local:8080/`, want: /^web-0$/ },
      { url: 'http://front:81/', want: /^ECONNREFUSED$/ },
      { url: `http://${ip}:9/`, want: /^ECONNREFUSED$/ },
      { url: 'http://10.244.0.99/', want: /^EHOSTUNREACH$/ },
      { url: 'http://web-2.web:8080/', want: /^ENOTFOUND$/ },
      { url: 'http://client.web:8080/', want: /^ENOTFOUND$/ },
      { url: 'http://localhost:8080/', want: /^ECONNREFUSED$/ },
      { url: 'http://nobody/', want: /^ENOTFOUND$/ },
    ]) {
      assert.match(await get(world, url), want, url);
    }
  });

  test('spreads calls over the ready endpoints', async () => {
    const world = await scene();
    const answers = new Set<string>();
    for (let i = 0; i < 20; i++) answers.add(await get(world, 'http://front/'));
    assert.deepEqual([...answers].sort(), ['web-0', 'web-1']);
  });

  test('a fault refuses calls, or loses the answer of one that was carried out', async () => {
    const world = await scene();
    const fault = world.cluster.network.fault({ port: 8080, code: 'ETIMEDOUT' });
    assert.equal(await get(world, 'http://web-0.web:8080/'), 'ETIMEDOUT');
    fault[Symbol.dispose]();
    using _lost = world.cluster.network.fault({ port: 8080, code: 'ECONNRESET', when: 'after' });
    assert.equal(await get(world, 'http://web-0.web:8080/'), 'ECONNRESET');
  });

  test('a server that ends cuts what is under way', async () => {
    const world = await scene();
    world.cluster.run('slow', async (container) => {
      using _server = container.network.listen(1, () => new Promise(() => {}));
      await container.process.clock.sleep(3000);
      return 1;
    });
    await world.cluster.createPod({ containers: [{ name: 'c', image: 'slow' }], restartPolicy: 'Never' }, { name: 'slow' });
    await world.cluster.runtime.advance(100);
    const ip = (await world.cluster.pod('slow')).status?.podIP ?? '';
    assert.equal(await get(world, `http://${ip}:1/`), 'ECONNRESET');
  });

  test('a taken port is refused', async () => {
    const { client } = await scene();
    using _first = client.network.listen(5000);
    assert.throws(() => client.network.listen(5000), { name: 'ListenError', code: 'EADDRINUSE' });
  });

  test('connections carry bytes both ways', async () => {
    const { cluster, client } = await scene();
    using _echo = client.network.listenStream(7, (connection) => {
      client.process.spawn('echo', async () => {
        for await (const chunk of connection.readable) await connection.write(chunk);
        await connection.end();
      });
    });
    const answer = cluster.runtime.drive(
      (async () => {
        const connection = await client.network.connect('localhost', 7);
        await connection.write(new TextEncoder().encode('hello'));
        await connection.end();
        let text = '';
        for await (const chunk of connection.readable) text += new TextDecoder().decode(chunk);
        return text;
      })(),
    );
    assert.equal(await answer, 'hello');
  });
});
