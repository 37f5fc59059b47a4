import { type Process, unlessAborted } from '@coracle/kernel';
import { Jwt, type JwtKeys } from '../auth/jwt.ts';
import { scryptPasswords } from '../auth/passwords.ts';
import type { ClusterView } from '../cluster-view.ts';
import type { DurableStore } from '../durable-store.ts';
import { type PeerOptions, publishUntilDone, startMember } from '../member/start-member.ts';
import { openDurableStore } from '../open.ts';
import { listenV3, type TlsOptions, type V3Listener } from './transport/listener.ts';
import { SingleMember } from './single-member.ts';
import { filesOf } from './store-files.ts';
import { V3Server } from './v3-server.ts';

export interface ServeStoreOptions {
  readonly process: Process;
  /** Of the store; made when there is none. */
  readonly directory: string;
  /** The member's name, as MemberList shows it. */
  readonly name: string;
  /** Where to listen. Port 0 picks a free one. */
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  /** What clients are told; default: where it listens. */
  readonly advertise?: readonly string[];
  readonly tls?: TlsOptions;
  /** The members that it is one of; default: it is alone. */
  readonly peers?: PeerOptions;
  readonly quotaBytes?: number;
  readonly progressIntervalMs?: number;
  /** Opens a damaged log, cut where the damage begins: see DurableStoreOptions. Of a store that is alone. */
  readonly forceTruncate?: boolean;
  /** How often what is left of leases is told: see DurableStoreOptions. */
  readonly checkpointLeasesMs?: number;
  /** Absent: simple tokens. */
  readonly jwt?: JwtKeys;
  /** Of simple tokens, after their last use. */
  readonly tokenTtlMs?: number;
}

export interface ServedStore {
  /** Where clients reach it. */
  readonly urls: readonly string[];
  readonly store: DurableStore;
  /** Resolves once requests can be served: alone at once, in a group when it has a leader and knows of this member. */
  readonly ready: Promise<void>;
  /** Resolves a little after the member was removed from the cluster, when those who asked for it have their answer, or with the process. */
  readonly removed: Promise<void>;
  /** Ends all calls, then closes the store. */
  stop(): Promise<void>;
}

interface Opened {
  readonly store: DurableStore;
  readonly cluster: ClusterView;
  close(): Promise<void>;
}

/** How long a removed member goes on answering. */
const farewellMs = 1000;

/**
 * Opens the store in a directory and serves etcd's v3 API over it, as the only member or as one of several. Rejects as
 * `openDurableStore`, `startMember` and `listenV3` do, with nothing left open.
 */
export async function serveStore(options: ServeStoreOptions): Promise<ServedStore> {
  const { process, name, tls, peers, quotaBytes, progressIntervalMs, jwt, tokenTtlMs } = options;
  const clientUrls: string[] = [];
  const { store, cluster, close } = peers === undefined ? await alone(options, clientUrls) : await among(options, peers);
  const listeners: V3Listener[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.close()));
    await close();
  };
  try {
    const scheme = tls === undefined ? 'http' : 'https';
    const server = new V3Server({
      process,
      store,
      cluster,
      files: filesOf(store),
      passwords: scryptPasswords({ random: process.random, offThread: true }),
      ...(jwt === undefined ? {} : { jwt: new Jwt(jwt, process.clock) }),
      ...(tokenTtlMs === undefined ? {} : { tokenTtlMs }),
      ...(quotaBytes === undefined ? {} : { quotaBytes }),
      ...(progressIntervalMs === undefined ? {} : { progressIntervalMs }),
    });
    for (const { host, port } of options.listen) {
      listeners.push(await listenV3({ process, server, host, port, ...(tls === undefined ? {} : { tls }) }));
    }
    const urls = listeners.map(({ host, port }) => `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`);
    clientUrls.push(...(options.advertise ?? urls));
    if (peers === undefined) return { urls, store, stop, ready: Promise.resolve(), removed: new Promise(() => undefined) };
    const ready = process.spawn('publish', () => publishUntilDone(process, store, { name, clientUrls })).done;
    const removed = process.spawn('removal', async (signal) => {
      await unlessAborted(store.removed(), signal);
      await process.clock.sleep(farewellMs, { background: true, signal });
    }).done;
    return { urls, store, stop, ready, removed };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function alone(
  { process, directory, name, forceTruncate = false, checkpointLeasesMs }: ServeStoreOptions,
  clientUrls: readonly string[],
): Promise<Opened> {
  const store = await openDurableStore({ process, directory, forceTruncate, ...checkpoints(checkpointLeasesMs) });
  const { identity, term } = store.standing;
  const cluster = new SingleMember({
    clusterId: BigInt(`0x${identity.clusterId}`),
    memberId: BigInt(`0x${identity.memberId}`),
    name,
    peerUrls: [],
    clientUrls,
    term,
    appliedIndex: () => store.standing.index,
  });
  return { store, cluster, close: () => store.close() };
}

async function among({ process, directory, name, checkpointLeasesMs }: ServeStoreOptions, peers: PeerOptions): Promise<Opened> {
  const { store, close } = await startMember({ process, directory, name, peers, store: checkpoints(checkpointLeasesMs) });
  return { store, cluster: store.cluster, close };
}

function checkpoints(checkpointLeasesMs: number | undefined): { readonly checkpointLeasesMs?: number } {
  return checkpointLeasesMs === undefined ? {} : { checkpointLeasesMs };
}
