import {
  EmbeddedStorage,
  type HttpListener,
  liveKeySource,
  listenHttp,
  mastersGroup,
  type Storage,
  type UserInfo,
} from '@coracle/apiserver';
import { LiveRuntime, type LogSink, type Process } from '@coracle/kernel';
import { advertiseAddress } from './advertise-address.ts';
import { Cluster } from './cluster.ts';
import { ClusterDirectory } from './cluster-directory.ts';
import type { ExternalEtcdOptions } from './external-etcd.ts';
import type { ClusterMemberOptions } from './member-storage.ts';
import type { Nodes } from './nodes.ts';
import { kubeconfigOf } from './pki.ts';
import { VolumeSaver } from './volume-saver.ts';

export interface StartClusterOptions {
  /** Keys, certificates and the kubeconfig are kept there. */
  readonly directory: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly name: string;
  /** Simulated machines. */
  readonly nodes: number;
  /** Where the objects are kept; default: in the directory. */
  readonly etcd?: ExternalEtcdOptions;
  /** This control plane is one of several over one store; not with `etcd`. They need the same `pki/` in their directories. */
  readonly member?: ClusterMemberOptions;
  /** Gives up waiting for the other members. */
  readonly signal?: AbortSignal;
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
 * Starts a control plane in this process, reachable over HTTPS on loopback only. Rejects, with nothing left running, with Node's
 * error when the port cannot be had, with ClusterDirectoryError when the directory cannot be used, and as `openExternalEtcd` does.
 */
export async function startCluster(options: StartClusterOptions): Promise<StartedCluster> {
  const started: (() => void | Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of started.splice(0).reverse()) await end();
  };
  try {
    return await startEach(options, started, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

/** `started` learns how to end each thing as soon as it is there. */
async function startEach(
  options: StartClusterOptions,
  started: (() => void | Promise<void>)[],
  stop: () => Promise<void>,
): Promise<StartedCluster> {
  const directory = new ClusterDirectory(options.directory);
  directory.open();
  const runtime = new LiveRuntime(options.log === undefined ? {} : { log: options.log });
  // First, because its lock keeps two processes from making keys at once.
  const { storage, ready } = await openStorage(options, directory, runtime.process('etcd'), started);
  const { pki, kept } = directory.pki(runtime.process('pki'), liveKeySource);
  // Listened to from the start: it may fail before anybody waits for it, who is told then.
  const settled = kept.catch(() => undefined);
  started.push(() => settled);
  let address = '';
  let nodes: Nodes | undefined;
  const advertised = advertiseAddress();
  const cluster = new Cluster({
    runtime,
    storage,
    nodes: (name) => nodes?.connection(name),
    serviceAccountKey: pki.serviceAccountKeys.privateKey,
    serverAddress: () => address,
    ...(advertised === undefined ? {} : { advertiseAddress: advertised }),
  });
  const volumes = directory.readVolumes();
  const saver = new VolumeSaver({
    process: cluster.server.process,
    snapshot: () => nodes?.disks ?? volumes,
    write: (state) => directory.writeVolumes(state),
  });
  // Once nothing runs that could write to them.
  started.push(() => saver.save());
  started.push(() => cluster.stop());
  const listener = await listenHttp({
    process: cluster.server.process,
    serve: (request, credentials, call) => cluster.server.serve(request, credentials, call),
    host,
    port: options.port,
    certificate: pki.server.certificate,
    privateKey: pki.server.keys.privateKey,
    clientAuthority: pki.authority.certificate,
  });
  started.push(() => listener.close());
  address = `${host}:${listener.port}`;
  const url = `https://${address}`;
  await kept;
  directory.writeKubeconfig(kubeconfigOf(pki, url, options.name));
  directory.writePid(globalThis.process.pid);
  started.push(() => directory.removePid());
  await ready(url, options.signal);
  await cluster.start();
  const parts = { nodes: options.nodes, rootCA: pki.authority.certificate, disks: volumes };
  // What runs against the server is half of the program: it is loaded once the server answers.
  if (options.member === undefined) {
    const { Components } = await import('./components.ts');
    const components = new Components(cluster, parts);
    nodes = components.nodes;
    await components.start();
  } else {
    const { electComponents } = await import('./elected-components.ts');
    const { name: identity } = options.member;
    electComponents({ cluster, identity, components: parts, onChanged: (now) => (nodes = now?.nodes) });
  }
  cluster.server.process.spawn('volumes', (signal) => saver.run(signal));
  let stopping: Promise<void> | undefined;
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

/** The objects of the cluster; `ready` resolves once they can be written. */
interface OpenedStorage {
  readonly storage: Storage;
  ready(url: string, signal: AbortSignal | undefined): Promise<void>;
}

async function openStorage(
  { etcd, member }: StartClusterOptions,
  directory: ClusterDirectory,
  process: Process,
  started: (() => void | Promise<void>)[],
): Promise<OpenedStorage> {
  const ready = async (): Promise<void> => undefined;
  if (member !== undefined) {
    const { openMemberStorage } = await import('./member-storage.ts');
    const opened = await openMemberStorage(directory, member, process);
    started.push(() => opened.close());
    return opened;
  }
  if (etcd === undefined) {
    const store = await directory.openStore(process);
    started.push(() => store.close());
    return { storage: new EmbeddedStorage(store), ready };
  }
  const lock = await directory.lock(process);
  started.push(() => lock.release());
  const { openExternalEtcd } = await import('./external-etcd.ts');
  const { storage, close } = await openExternalEtcd(etcd, process);
  started.push(close);
  return { storage, ready };
}
