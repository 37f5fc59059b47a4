import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type KubeObject, readYamlDocuments } from '@coracle/apimachinery';
import { type Clientset, DiscoveryClient, RestMapper } from '@coracle/client';
import { createMissing, SimulatedCluster } from '@coracle/cluster';
import { tidbClusters } from '@coracle/tidb-operator';
import { root } from './bundle.ts';

/** Of `examples/tidb-cluster/basic.yaml`. */
export const basic = { namespace: 'tidb', name: 'basic' } as const;

/** Creates what `examples/tidb-cluster/basic.yaml` holds. */
export async function applyBasic(clientset: Clientset): Promise<void> {
  const mapper = new RestMapper(new DiscoveryClient(clientset.rest));
  const text = readFileSync(path.join(root, 'examples/tidb-cluster/basic.yaml'), 'utf8');
  for (const object of readYamlDocuments(text) as readonly KubeObject[]) await createMissing(clientset, mapper, object); // the example holds objects
}

/** A simulated cluster whose TidbCluster is ready, at rest. */
export async function readySimulation(seed: number): Promise<SimulatedCluster> {
  const cluster = await SimulatedCluster.start({ seed });
  await becomeReady(cluster);
  return cluster;
}

/** Applies the TidbCluster and lets the cluster settle. Throws when it is not ready then. */
export async function becomeReady(cluster: SimulatedCluster): Promise<void> {
  await cluster.drive(applyBasic(cluster.admin));
  await cluster.settle();
  const { status } = await cluster.drive(cluster.admin.resource(tidbClusters, basic.namespace).get(basic.name));
  const isReady = status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
  if (isReady !== true) throw new Error(`TidbCluster "${basic.name}" is not ready: ${JSON.stringify(status?.conditions)}`);
}
