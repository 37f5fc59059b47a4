import { Etcd3Storage, type Storage } from '@coracle/apiserver';
import { EtcdClient, InProcessServers, type PeerOptions, publishUntilDone, serverOver } from '@coracle/etcd';
import { type Process, unlessAborted } from '@coracle/kernel';
import type { ClusterDirectory } from './cluster-directory.ts';

/** The store of this control plane is one member of several, each with a control plane of its own. */
export interface ClusterMemberOptions {
  /** Of this member. */
  readonly name: string;
  readonly peers: PeerOptions;
}

export interface MemberStorage {
  readonly storage: Storage;
  /** Resolves once there is a leader, which knows where this API server is. Rejects when the signal aborts. */
  ready(url: string, signal: AbortSignal | undefined): Promise<void>;
  close(): Promise<void>;
}

const endpoint = 'http://member:2379';

/**
 * Opens the directory's store as a member. The API server is a client of its own member, as of an etcd outside, but in this process: what it
 * reads is what the group has acknowledged, and what its member has missed for good its watches are told of.
 */
export async function openMemberStorage(
  directory: ClusterDirectory,
  options: ClusterMemberOptions,
  process: Process,
): Promise<MemberStorage> {
  const { store, close } = await directory.openMember(process, options);
  const servers = new InProcessServers(process);
  servers.up(endpoint, serverOver(process, store, store.cluster));
  const client = new EtcdClient({ process, connector: servers, endpoints: [endpoint] });
  return {
    storage: new Etcd3Storage({ process, client }),
    ready: (url, signal) => {
      // The only client of the member is the API server before it.
      const published = process.spawn('publish', () => publishUntilDone(process, store, { name: options.name, clientUrls: [url] }));
      return unlessAborted(published.done, signal);
    },
    close: async () => {
      client.close();
      await close();
    },
  };
}
