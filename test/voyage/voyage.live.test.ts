import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readYamlDocuments } from '@coracle/apimachinery';
import { Clientset, clientConfigFromKubeconfig, httpTransport } from '@coracle/client';
import { LiveRuntime } from '@coracle/kernel';
import { KubectlHands } from './kubectl-hands.ts';
import { runSampleController } from './sample-controller.ts';
import { StartedCluster } from './started-cluster.ts';
import { manifest, sampleControllerRights, voyage } from './voyage.ts';

for (const version of ['1.30', '1.35'] as const) {
  test(`the first voyage with kubectl ${version}: everything comes up, changes and goes`, async () => {
    await using cluster = await StartedCluster.start();
    const hands = new KubectlHands({ version, kubeconfig: cluster.kubeconfig, home: cluster.home });
    await hands.apply(sampleControllerRights);
    // The controller runs here, over HTTPS, with the rights of its own account.
    const {
      clientCertificate: _,
      clientKey: __,
      ...config
    } = clientConfigFromKubeconfig(readYamlDocuments(readFileSync(cluster.kubeconfig, 'utf8'))[0]);
    const token = (await hands.say('create', 'token', 'sample-controller')).trim();
    await using process = new LiveRuntime().process('sample-controller');
    await using transport = httpTransport({ process, config: { ...config, token } });
    // It comes before its kind, as a Deployment of it might.
    process.spawn('sample-controller', () => runSampleController({ process, clientset: new Clientset({ process, transport }) }));
    assert.ok(manifest.includes('\n---\n'));
    await voyage(hands);
  });
}
