import { EmbeddedStorage, type HttpListener, liveKeySource, listenHttp, mastersGroup, type UserInfo } from '@coracle/apiserver';
import { openDurableStore } from '@coracle/etcd';
import { LiveRuntime, type LogSink } from '@coracle/kernel';
import { Cluster } from './cluster.ts';
import { Components } from './components.ts';
import { ClusterDirectory } from './cluster-directory.ts';
import type { Nodes } from './nodes.ts';
import { createPki, kubeconfigOf } from './pki.ts';

export interface StartClusterOptions {
  /** Keys, certificates and the kubeconfig are kept there. */
  readonly directory: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly name: string;
  /** Simulated machines. */
  readonly nodes: number;
  readonly log?: LogSink;
}

/** A cluster that listens. */
export interface StartedCluster {
  readonly cluster: Cluster;
  readonly listener: HttpListener;
  /** `https://127.0.0.1:6443`. */
  readonly url: string;
  /** The administrator: for clients in this process. */
  readonly adminUser: UserInfo;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** Idempotent. Resolves when the port is free and nothing of the cluster runs any more. */
  stop(): Promise<void>;
}

const host = '127.0.0.1';

/**
 * Starts a control plane in this process, reachable over HTTPS on loopback only. Rejects with Node's error when the port is in
 * use, with ClusterDirectoryError when the directory cannot be used.
 */
export async function startCluster(options: StartClusterOptions): Promise<StartedCluster> {
  const directory = new ClusterDirectory(options.directory);
  directory.open();
  const runtime = new LiveRuntime(options.log === undefined ? {} : { log: options.log });
  let address = '';
  let pki = directory.readPki();
  if (pki === undefined) {
    pki = createPki(runtime.process('pki'), liveKeySource, [host, 'localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc']);
    directory.writePki(pki);
  }
  const store = await openDurableStore({ process: runtime.process('etcd'), directory: directory.store });
  let nodes: Nodes | undefined;
  const storage = new EmbeddedStorage(store);
  const cluster = new Cluster({ runtime, storage, nodes: (name) => nodes?.connection(name), serviceAccountKey: pki.serviceAccountKeys.privateKey, serverAddress: () => address });
  const { process } = cluster.server;
  const listener = await listenHttp({
    process,
    serve: (request, credentials, { signal }) => cluster.server.serve(request, credentials, { signal }),
    host,
    port: options.port,
    certificate: pki.server.certificate,
    privateKey: pki.server.keys.privateKey,
    clientAuthority: pki.authority.certificate,
  });
  address = `${host}:${listener.port}`;
  const url = `https://${address}`;
  directory.writeKubeconfig(kubeconfigOf(pki, url, options.name));
  directory.writePid(globalThis.process.pid);
  await cluster.start();
  const components = new Components(cluster, { nodes: options.nodes, rootCA: pki.authority.certificate });
  nodes = components.nodes;
  await components.start();
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await listener.close();
    await cluster.stop();
    await store.close();
    directory.removePid();
  };
  return {
    cluster,
    listener,
    url,
    adminUser: { name: 'kubernetes-admin', groups: [mastersGroup] },
    kubeconfig: directory.kubeconfig,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}
