import type { Process } from '@coracle/kernel';
import { Jwt, type JwtKeys } from '../auth/jwt.ts';
import { scryptPasswords } from '../auth/passwords.ts';
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
  readonly quotaBytes?: number;
  readonly progressIntervalMs?: number;
  /** Absent: simple tokens. */
  readonly jwt?: JwtKeys;
  /** Of simple tokens, after their last use. */
  readonly tokenTtlMs?: number;
}

export interface ServedStore {
  /** Where clients reach it. */
  readonly urls: readonly string[];
  /** Ends all calls, then closes the store. */
  stop(): Promise<void>;
}

/**
 * Opens the store in a directory and serves etcd's v3 API over it, as a cluster of one member. Rejects as `openDurableStore` and
 * `listenV3` do, with nothing left open.
 */
export async function serveStore(options: ServeStoreOptions): Promise<ServedStore> {
  const { process, directory, name, tls, quotaBytes, progressIntervalMs, jwt, tokenTtlMs } = options;
  const store = await openDurableStore({ process, directory });
  const listeners: V3Listener[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.close()));
    await store.close();
  };
  try {
    const scheme = tls === undefined ? 'http' : 'https';
    const { identity, term } = store.standing;
    const clientUrls: string[] = [];
    const cluster = new SingleMember({
      clusterId: BigInt(`0x${identity.clusterId}`),
      memberId: BigInt(`0x${identity.memberId}`),
      name,
      peerUrls: [],
      clientUrls,
      term,
      appliedIndex: () => store.standing.index,
    });
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
    return { urls, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
