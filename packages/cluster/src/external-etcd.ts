import { Etcd3Storage, type Storage } from '@coracle/apiserver';
import { type ClientTls, EtcdClient, http2Connector } from '@coracle/etcd';
import type { Process } from '@coracle/kernel';

/** An etcd that keeps the objects instead of this cluster's directory: kube-apiserver's `--etcd-*`. */
export interface ExternalEtcdOptions {
  /** --etcd-servers; at least one. */
  readonly servers: readonly string[];
  /** --etcd-prefix. */
  readonly prefix?: string;
  /** What --etcd-cafile, --etcd-certfile and --etcd-keyfile hold. */
  readonly tls?: ClientTls;
}

/** Connects. Rejects with TypeError for servers that are none, and with a StatusError when no server answers. */
export async function openExternalEtcd(
  options: ExternalEtcdOptions,
  process: Process,
): Promise<{ readonly storage: Storage; close(): Promise<void> }> {
  const { servers, prefix, tls = {} } = options;
  const client = new EtcdClient({ process, connector: http2Connector(process, tls), endpoints: servers });
  const storage = new Etcd3Storage({ process, client, ...(prefix === undefined ? {} : { prefix }) });
  const close = async (): Promise<void> => {
    client.close();
    await process.stop();
  };
  try {
    await storage.currentRevision();
  } catch (error) {
    await close();
    throw error;
  }
  return { storage, close };
}
