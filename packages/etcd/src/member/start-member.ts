import type { Process } from '@coracle/kernel';
import type { NodeId } from '@coracle/raft';
import { DirectoryOfAnotherMember } from '../directory/errors.ts';
import { memberIdOf, nodeIdOf } from '../directory/identity.ts';
import { type Meta, readMeta } from '../directory/meta.ts';
import { nodeDisk } from '../disk/node-disk.ts';
import type { DurableStore } from '../durable-store.ts';
import { type DurableStoreOptions, type GroupOptions, openDurableStore } from '../open.ts';
import { type ControlledMember, serveControl } from './transport/control-socket.ts';
import type { GroupTiming } from './group.ts';
import { BootstrapError, checkInitialCluster, type InitialCluster, newCluster, placeIn } from './initial-cluster.ts';
import type { MemberInfo } from './members.ts';
import type { ClusterDescription } from './peer-transport.ts';
import { askCluster, type PeerTls } from './transport/connect-peer.ts';
import { TcpTransport } from './transport/tcp-transport.ts';

/** How one member of several finds the others and is found by them. */
export interface PeerOptions extends GroupTiming {
  readonly listen: { readonly host: string; readonly port: number };
  /** Where the others reach it. */
  readonly advertise: readonly string[];
  readonly tls?: PeerTls;
  /** Refuses changes of the membership that could leave too few members that run. Default true, as etcd's. */
  readonly strictReconfigCheck?: boolean;
  /** For the first start; a directory that is there remembers. */
  readonly initial: InitialCluster;
}

export interface StartMemberOptions {
  readonly process: Process;
  readonly directory: string;
  readonly name: string;
  readonly peers: PeerOptions;
  readonly store?: Pick<DurableStoreOptions, 'snapshotBytes' | 'segmentBytes' | 'window'>;
}

export interface StartedMember {
  readonly store: DurableStore;
  /** Closes the store and all that led to it. */
  close(): Promise<void>;
}

const askMs = 2000;

/**
 * Opens the directory of one member of several and takes part in the group. Resolves when it listens to the others, whether or not they
 * are there. Rejects with BootstrapError, and as `openDurableStore` and Node's listeners do, with nothing left open.
 */
export async function startMember(options: StartMemberOptions): Promise<StartedMember> {
  const { process, directory, name, peers } = options;
  const { advertise, initial, tls } = peers;
  checkInitialCluster(name, advertise, initial);
  const disk = nodeDisk({ directory, random: process.random });
  await disk.prepare();
  const meta = await readMeta(disk);
  const group = meta === undefined ? await firstStart(options) : laterStart(options, meta);
  const transport = await TcpTransport.listen({ process, ...peers.listen, ...(tls === undefined ? {} : { tls }) });
  let store: DurableStore;
  try {
    const { tickMs, electionTicks } = peers;
    const timing = { ...(tickMs === undefined ? {} : { tickMs }), ...(electionTicks === undefined ? {} : { electionTicks }) };
    const findMembers = async (): Promise<readonly MemberInfo[] | undefined> => {
      const found = await askOthers(options);
      return found?.clusterId === group.clusterId ? found.members : undefined;
    };
    const joined = { ...group, ...timing, transport, findMembers, strictReconfigCheck: peers.strictReconfigCheck };
    store = await openDurableStore({ process, directory, ...options.store, group: joined });
  } catch (error) {
    await transport.close();
    throw error;
  }
  try {
    const control = await serveControl(process, directory, controlled(store, transport));
    const close = async (): Promise<void> => {
      await control?.close();
      await store.close();
    };
    return { store, close };
  } catch (error) {
    await store.close();
    throw error;
  }
}

function controlled(store: DurableStore, transport: TcpTransport): ControlledMember {
  let cutFrom: readonly NodeId[] = [];
  return {
    report: () => ({ ...store.view(), cutFrom }),
    cut: (ids) => {
      cutFrom = ids;
      transport.block(new Set(ids));
    },
  };
}

/**
 * Says in the cluster by which name this member goes and where clients find it, once there is a leader; tries again until it is said or
 * the store is closed.
 */
export async function publishUntilDone(
  process: Process,
  store: DurableStore,
  info: { name: string; clientUrls: readonly string[] },
): Promise<void> {
  for (;;) {
    try {
      await store.cluster.publish(info);
      return;
    } catch (error) {
      if (store.isClosed || process.signal.aborted) return;
      process.log.info('Cannot tell the cluster of this member yet', { error: error instanceof Error ? error.message : String(error) });
      await process.clock.sleep(publishRetryMs, { background: true, signal: process.signal });
    }
  }
}

const publishRetryMs = 500;

type Place = Pick<GroupOptions, 'clusterId' | 'id' | 'initialMembers'>;

/** Where the others are, by what this member was told. */
function others({ name, peers }: StartMemberOptions): readonly string[] {
  return [...peers.initial.members].filter(([other]) => other !== name).flatMap(([, urls]) => urls);
}

/** The directory is empty: who this member is follows from what it was told, and, of a cluster that exists, from its members. */
async function firstStart(options: StartMemberOptions): Promise<Place> {
  const { name, peers } = options;
  const { initial } = peers;
  if (initial.state === 'existing') {
    const found = await askOthers(options);
    if (found === undefined) {
      throw new BootstrapError('cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs');
    }
    const { id } = placeIn(found, name, initial);
    checkNotStarted(found, id, name);
    return { clusterId: found.clusterId, id };
  }
  const { clusterId, members } = newCluster(initial);
  const own = members.find((member) => member.name === name);
  if (own === undefined) throw new BootstrapError(`couldn't find local name "${name}" in the initial cluster configuration`);
  const found = await askOthers(options);
  if (found?.clusterId === clusterId) checkNotStarted(found, own.id, name);
  return { clusterId, id: own.id, initialMembers: members };
}

/** Whoever said where clients find it has had a directory: with an empty one it has forgotten what it promised to the others. */
function checkNotStarted({ members }: ClusterDescription, id: number, name: string): void {
  if (!members.some((member) => member.id === id && member.clientUrls.length > 0)) return;
  throw new BootstrapError(
    `member ${memberIdOf(id)} has already been bootstrapped: the directory of "${name}" was lost; ` +
      'remove that member from the cluster, add it again, and start it with --initial-cluster-state existing',
  );
}

/** The directory says who this member is. A cluster of other founders is none of its own. */
function laterStart({ name, peers, directory }: StartMemberOptions, { identity }: Meta): Place {
  const place = { clusterId: identity.clusterId, id: nodeIdOf(identity) };
  if (peers.initial.state === 'existing') return place;
  const told = newCluster(peers.initial);
  const own = told.members.find((member) => member.name === name);
  if (told.clusterId === place.clusterId && own?.id === place.id) return place;
  const wanted =
    own === undefined ? '' : `, not to member ${memberIdOf(own.id)} of cluster ${told.clusterId}, which --initial-cluster names`;
  throw new DirectoryOfAnotherMember(directory, `it belongs to member ${identity.memberId} of cluster ${identity.clusterId}${wanted}`);
}

/** What the first of them says that answers. */
async function askOthers(options: StartMemberOptions): Promise<ClusterDescription | undefined> {
  const { process, peers } = options;
  for (const url of others(options)) {
    const found = await askCluster({ process, url, tls: peers.tls, timeoutMs: askMs });
    if (found !== undefined) return found;
  }
  return undefined;
}
