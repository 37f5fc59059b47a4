import { ControllerManager, localProvisioner } from '@coracle/controller-manager';
import { Scheduler } from '@coracle/scheduler';
import { TidbOperator, operatorNamespace, operatorRbac, operatorServiceAccount, tidbClusterCrd } from '@coracle/tidb-operator';
import { tidbPrograms } from '@coracle/tidb-simulator';
import { deepFreeze, type Frozen, isAlreadyExists, type KubeObject, parseGroupVersion } from '@coracle/apimachinery';
import { type Clientset, DiscoveryClient, RestMapper, SharedInformerFactory } from '@coracle/client';
import type { Cluster } from './cluster.ts';
import { Nodes } from './nodes.ts';

/** Which parts run against the API server. */
export interface ComponentsOptions {
  /** Simulated machines, `node-1` to `node-N`. */
  readonly nodes: number;
  /** PEM: what pods get to trust. */
  readonly rootCA: string;
  /** As --controllers. */
  readonly controllers?: readonly string[];
  /** Parts left out, for tests of what waits for them. */
  readonly without?: readonly ('scheduler' | 'tidb-operator')[];
}

/** What claims without a class get: a directory of a simulated node. */
const defaultStorageClass = deepFreeze({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: localProvisioner,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'Immediate',
});

const serviceAccountGroups = (namespace: string): readonly string[] => ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];

/** Everything that runs against the API server of a cluster, each with the identity that upstream gives it. */
export class Components {
  readonly nodes: Nodes;
  readonly #cluster: Cluster;
  readonly #options: ComponentsOptions;

  constructor(cluster: Cluster, options: ComponentsOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.nodes = new Nodes(cluster, { count: options.nodes, programs: tidbPrograms() });
  }

  /** Resolves when all have been started; they come up by themselves. */
  async start(): Promise<void> {
    await install(this.#cluster.admin, defaultStorageClass);
    this.#startControllers();
    if (this.#options.without?.includes('scheduler') !== true) this.#startScheduler();
    this.nodes.start();
    if (this.#options.without?.includes('tidb-operator') !== true) await this.#startOperator();
  }

  #startControllers(): void {
    const cluster = this.#cluster;
    const clientset = cluster.clientset('kube-controller-manager', { name: 'system:kube-controller-manager', groups: [] });
    const manager = new ControllerManager({
      process: clientset.process,
      informers: new SharedInformerFactory(clientset),
      clientsetFor: (serviceAccount) => cluster.clientset(`kube-controller-manager/${serviceAccount}`, { name: `system:serviceaccount:kube-system:${serviceAccount}`, groups: serviceAccountGroups('kube-system') }),
      rootCA: this.#options.rootCA,
      ...(this.#options.controllers === undefined ? {} : { controllers: this.#options.controllers }),
    });
    clientset.process.spawn('controllers', (signal) => manager.run(signal));
  }

  #startScheduler(): void {
    const clientset = this.#cluster.clientset('kube-scheduler', { name: 'system:kube-scheduler', groups: [] });
    const { process } = clientset;
    const scheduler = new Scheduler({ process, clientset });
    process.spawn('scheduler', (signal) => scheduler.run(signal));
  }

  async #startOperator(): Promise<void> {
    const installer = this.#cluster.admin;
    for (const object of [tidbClusterCrd(), ...operatorRbac()]) await install(installer, object);
    const clientset = this.#cluster.clientset('tidb-controller-manager', {
      name: `system:serviceaccount:${operatorNamespace}:${operatorServiceAccount}`,
      groups: serviceAccountGroups(operatorNamespace),
    });
    const { process } = clientset;
    const operator = new TidbOperator({ process, clientset, dialer: this.nodes.network.dialer(process) });
    process.spawn('tidb-operator', (signal) => operator.run(signal));
  }
}

/** Creates `object`, whatever its kind, unless it is there. */
async function install(clientset: Clientset, object: Frozen<KubeObject>): Promise<void> {
  const mapper = new RestMapper(new DiscoveryClient(clientset.rest));
  const { group, version } = parseGroupVersion(object.apiVersion ?? '');
  const handle = await mapper.handleForKind({ group, version, kind: object.kind ?? '' });
  try {
    await clientset.resource(handle, object.metadata.namespace ?? '').create(object as never); // the handle is that of its kind
  } catch (error) {
    if (!isAlreadyExists(error)) throw error; // of an earlier start
  }
}
