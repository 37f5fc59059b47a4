import { readFileSync } from 'node:fs';
import path from 'node:path';

/** What a user does to a cluster, whichever way: kubectl against a process, or a client in a simulation. */
export interface Hands {
  /** As `kubectl apply -f`, again while a kind of the file is not served yet. */
  apply(yaml: string): Promise<void>;
  /** Waits until what `jsonPath` (as `{.status.phase}`) finds is `value`. */
  becomes(object: Named, jsonPath: string, value: string): Promise<void>;
  /** A JSON merge patch. */
  patch(object: Named, patch: object): Promise<void>;
  /** In the background, as kubectl does; resolves when the object itself is gone. */
  remove(object: Named): Promise<void>;
  /** Waits until the namespace holds no such object that belongs to `instance`, of any name where that is ''. */
  collected(resource: string, namespace: string, instance: string): Promise<void>;
  /** What `jsonPath` finds. */
  read(object: Named, jsonPath: string): Promise<string>;
}

export interface Named {
  /** As kubectl takes it: `deployments.apps`. */
  readonly resource: string;
  /** '' for what belongs to no namespace. */
  readonly namespace: string;
  readonly name: string;
}

const examples = path.join(import.meta.dirname, '../../examples');
const read = (file: string): string => readFileSync(path.join(examples, file), 'utf8');

/** What sample-controller runs as: applied by whoever installs it. */
export const sampleControllerRights: string = read('sample-controller/artifacts/rbac.yaml');

/** One file: the CRD of sample-controller, a Foo, a namespace and a TidbCluster, separated by `---`. */
export const manifest: string = [
  'sample-controller/artifacts/crd.yaml',
  'sample-controller/artifacts/example-foo.yaml',
  'tidb-cluster/basic.yaml',
]
  .map(read)
  .join('---\n');

export const foo: Named = { resource: 'foos.samplecontroller.k8s.io', namespace: 'default', name: 'example-foo' };
export const deployment: Named = { resource: 'deployments.apps', namespace: 'default', name: 'example-foo' };
export const tidbCluster: Named = { resource: 'tidbclusters.pingcap.com', namespace: 'tidb', name: 'basic' };
const tikvSet: Named = { resource: 'statefulsets.apps', namespace: 'tidb', name: 'basic-tikv' };

const readyPath = '{.status.conditions[?(@.type=="Ready")].status}';

/** The file is applied and everything in it becomes ready. */
export async function bringUp(hands: Hands): Promise<void> {
  await hands.apply(manifest);
  await hands.becomes(foo, '{.status.availableReplicas}', '1');
  await hands.becomes(deployment, '{.status.readyReplicas}', '1');
  await hands.becomes(tidbCluster, readyPath, 'True');
}

/** TiKV gets a fourth store, which comes up. */
export async function scaleOut(hands: Hands): Promise<void> {
  await hands.patch(tidbCluster, { spec: { tikv: { replicas: 4 } } });
  await hands.becomes(tikvSet, '{.status.readyReplicas}', '4');
  await hands.becomes(tidbCluster, '{.status.tikv.stores.*.state}', 'Up Up Up Up');
  await hands.becomes(tidbCluster, readyPath, 'True');
}

/** The Foo and the TidbCluster are deleted, and all that was made for them goes; claims stay until their namespace goes. */
export async function takeDown(hands: Hands): Promise<void> {
  await hands.remove(foo);
  for (const resource of ['deployments.apps', 'replicasets.apps', 'pods']) await hands.collected(resource, 'default', '');
  await hands.remove(tidbCluster);
  for (const resource of [
    'statefulsets.apps',
    'controllerrevisions.apps',
    'deployments.apps',
    'pods',
    'services',
    'endpoints',
    'endpointslices.discovery.k8s.io',
    'configmaps',
  ]) {
    await hands.collected(resource, 'tidb', 'basic');
  }
  await hands.remove({ resource: 'namespaces', namespace: '', name: 'tidb' });
  await hands.remove({ resource: 'customresourcedefinitions.apiextensions.k8s.io', namespace: '', name: 'foos.samplecontroller.k8s.io' });
}

/** The main job from its first to its last minute. */
export async function voyage(hands: Hands): Promise<void> {
  await bringUp(hands);
  await scaleOut(hands);
  await takeDown(hands);
}
