import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import nodeProcess from 'node:process';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { readYamlDocuments } from '@coracle/apimachinery';
import { EmbeddedStorage, liveKeySource, listenHttp } from '@coracle/apiserver';
import { Clientset, clientConfigFromKubeconfig, httpTransport } from '@coracle/client';
import { Cluster, createPki, kubeconfigOf } from '@coracle/cluster';
import { MemoryStore } from '@coracle/etcd';
import { LiveRuntime } from '@coracle/kernel';
import { kubectl } from '../../tools/kubectl.ts';
import { grantAll, launcher, node } from './thread-components.ts';

const map = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: app, labels: { run: web } }\n';

/** The same controller and node as in thread.test.ts, over HTTPS and in real time. */
describe('the thread, live', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'coracle-thread-'));
  const env = { HOME: folder, KUBECONFIG: path.join(folder, 'kubeconfig') };
  const runtime = new LiveRuntime();
  const pki = createPki(runtime.process('pki'), liveKeySource);
  const storage = new EmbeddedStorage(new MemoryStore({ process: runtime.process('etcd') }));
  const cluster = new Cluster({ runtime, storage, serviceAccountKey: pki.serviceAccountKeys.privateKey });
  let listener: Awaited<ReturnType<typeof listenHttp>>;

  before(async () => {
    listener = await listenHttp({
      process: cluster.server.process,
      serve: (request, credentials, { signal }) => cluster.server.serve(request, credentials, { signal }),
      host: '127.0.0.1',
      port: 0,
      certificate: pki.server.certificate,
      privateKey: pki.server.keys.privateKey,
      clientAuthority: pki.authority.certificate,
    });
    writeFileSync(env.KUBECONFIG, kubeconfigOf(pki, `https://127.0.0.1:${listener.port}`, 'thread'), { mode: 0o600 });
    await cluster.start();
    await grantAll(cluster);
    cluster.run(launcher);
    cluster.run(node);
  });
  after(async () => {
    await listener.close();
    await cluster.stop();
    rmSync(folder, { recursive: true });
  });

  test('what is created over HTTP/2 is there', async (t) => {
    const process = runtime.process('load');
    const config = clientConfigFromKubeconfig(readYamlDocuments(readFileSync(env.KUBECONFIG, 'utf8'))[0]);
    await using transport = httpTransport({ process, config });
    const maps = new Clientset({ process, transport }).coreV1.configMaps('default');
    const creates = 1_000;
    const started = nodeProcess.cpuUsage();
    for (let i = 0; i < creates; i++) await maps.create({ metadata: { name: `map-${i}`, labels: { made: 'here' } } });
    const { user, system } = nodeProcess.cpuUsage(started);
    t.diagnostic(
      `${Math.round((user + system) / creates)} us of CPU per create over HTTP/2, with the client, controller and node in the same process`,
    );
    assert.equal((await maps.list({ labelSelector: 'made=here' })).items.length, creates);
    await maps.deleteCollection(undefined, { labelSelector: 'made=here' });
  });

  for (const version of ['1.30', '1.35'] as const) {
    test(`kubectl ${version} explains, watches and applies`, async () => {
      const says = async (...args: readonly string[]): Promise<string> =>
        (await promisify(execFile)(kubectl(version), args, { env })).stdout;
      assert.match(await says('explain', 'pod.spec.containers.image'), /FIELD: image <string>/);
      const watch = spawn(kubectl(version), ['get', 'pods', '--watch'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
      const running = (async () => {
        for await (const line of createInterface(watch.stdout)) if (/^app .* Running /.test(line)) return true;
        return false;
      })();
      writeFileSync(path.join(folder, 'map.yaml'), map);
      assert.match(await says('apply', '--filename', path.join(folder, 'map.yaml')), /configmap\/app created/);
      assert.ok(await running, 'the watch ended before the pod ran');
      watch.kill();
      assert.match(await says('apply', '--filename', path.join(folder, 'map.yaml')), /configmap\/app unchanged/);
      await says('delete', 'configmap/app', 'pod/app', '--grace-period=0', '--force');
    });
  }
});
