import type { Process } from '@coracle/kernel';
import type { NodeId } from '@coracle/raft';
import { MembershipError } from '../cluster-view.ts';
import { DirectoryDamaged, DirectoryOfAnotherMember } from '../directory/errors.ts';
import { memberIdOf, nodeIdOf } from '../directory/identity.ts';
import { type Meta, readMeta } from '../directory/meta.ts';
import type { Disk } from '../disk/disk.ts';
import { nodeDisk } from '../disk/node-disk.ts';
import type { DurableStore } from '../durable-store.ts';
import { type DurableStoreOptions, type GroupOptions, openDurableStore } from '../open.ts';
import { type ControlledMember, serveControl } from './transport/control-socket.ts';
import type { GroupTiming } from './group.ts';
import { BootstrapError, checkInitialCluster, type InitialCluster, newCluster, placeIn } from './initial-cluster.ts';
import type { MemberInfo } from './members.ts';
import { readMark, removeMark, setAside } from './mending.ts';
import type { ClusterDescription } from './peer-transport.ts';
import { askCluster, askReplacement, type PeerTls } from './transport/connect-peer.ts';
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
  readonly store?: Pick<DurableStoreOptions, 'snapshotBytes' | 'segmentBytes' | 'window' | 'checkpointLeasesMs'>;
}

export interface StartedMember {
  readonly store: DurableStore;
  /** Closes the store and all that led to it. */
  close(): Promise<void>;
}

const askMs = 2000;

/**
 * Opens the directory of one member of several and takes part in the group. Resolves when it listens to the others, whether or not they
 * are there. When the directory is damaged and the others can do without this member, they take it in again as a new one, which gets
 * everything from the leader; what is left of the old one is in quarantine. Rejects with BootstrapError, and as `openDurableStore` and Node's
 * listeners do, with nothing left open.
 */
export async function startMember(options: StartMemberOptions): Promise<StartedMember> {
  const { process, directory, name, peers } = options;
  checkInitialCluster(name, peers.advertise, peers.initial);
  const disk = nodeDisk({ directory, random: process.random });
  await disk.prepare();
  let started: StartedMember;
  try {
    started = await openAmong(options, await placeOf(options, disk));
  } catch (error) {
    if (!(error instanceof DirectoryDamaged)) throw error;
    started = await openAmong(options, await placeAnew(options, disk, error));
  }
  if ((await readMark(disk)) !== undefined) process.spawn('promote', () => promoteUntilDone(process, started.store, disk));
  return started;
}

async function placeOf(options: StartMemberOptions, disk: Disk): Promise<Place> {
  const meta = await readMeta(disk);
  const mark = await readMark(disk);
  const isSetAside = mark !== undefined && (meta === undefined || meta.identity.memberId === mark);
  if (!isSetAside) return meta === undefined ? firstStart(options) : laterStart(options, meta);
  await setAside(disk, mark);
  const found = await askOthers(options);
  if (found === undefined) throw nobodyAnswers();
  const { id } = ownIn(found, options);
  return { clusterId: found.clusterId, id };
}

/** Has the others take this member in again, and makes room for what it will be. Throws what is wrong with the directory if they do not. */
async function placeAnew(options: StartMemberOptions, disk: Disk, damage: DirectoryDamaged): Promise<Place> {
  const { process, peers } = options;
  const found = await askOthers(options);
  if (found === undefined) throw damage;
  const old = ownIn(found, options);
  const asked = { clusterId: found.clusterId, members: [{ ...old, peerUrls: peers.advertise }] };
  process.log.error('The directory is damaged; the other members are asked to take this one in anew', { damage: damage.message });
  let refusal: string | undefined;
  for (let attempt = 0; attempt < replacementAttempts; attempt++) {
    for (const url of others(options)) {
      refusal = await askReplacement({ process, url, tls: peers.tls, timeoutMs: replacementMs }, asked);
      const now = refusal === undefined ? await askCluster({ process, url, tls: peers.tls, timeoutMs: askMs }) : undefined;
      if (now === undefined) continue;
      const { id } = ownIn(now, options);
      await setAside(disk, memberIdOf(old.id));
      return { clusterId: now.clusterId, id };
    }
    await process.clock.sleep(publishRetryMs, { background: true, signal: process.signal });
  }
  process.log.error('The other members do not take this one in anew', { refusal: refusal ?? '' });
  throw damage;
}

/** Throws BootstrapError when this member is none of them. */
function ownIn({ members }: ClusterDescription, { name, peers }: StartMemberOptions): MemberInfo {
  const own = members.find(({ peerUrls }) => peerUrls.some((url) => peers.advertise.includes(url)));
  if (own === undefined) throw new BootstrapError(`no member of the cluster has the peer URLs of "${name}"`);
  return own;
}

/** A member that was taken in anew has no vote before it has what the others have. */
async function promoteUntilDone(process: Process, store: DurableStore, disk: Disk): Promise<void> {
  while (!store.isClosed && !process.signal.aborted) {
    try {
      await store.cluster.promoteMember(store.cluster.memberId);
      break;
    } catch (error) {
      if (error instanceof MembershipError && error.refusal === 'not a learner') break;
      process.log.info('This member cannot vote yet', { error: error instanceof Error ? error.message : String(error) });
    }
    await process.clock.sleep(publishRetryMs, { background: true, signal: process.signal });
  }
  if (!store.isClosed) await removeMark(disk);
}

async function openAmong(options: StartMemberOptions, group: Place): Promise<StartedMember> {
  const { process, directory, peers } = options;
  const { tls } = peers;
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
/** The others may have to see first that this one is gone: strict checks want connections of five seconds. */
const replacementAttempts = 20;
const replacementMs = 20_000;

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
    if (found === undefined) throw nobodyAnswers();
    const { id } = placeIn(found, name, initial);
    checkNotStarted(found, id, name);
    return { clusterId: found.clusterId, id };
  }
  const { clusterId, members } = newCluster(initial);
  const own = members.find((member) => member.name === name);
  if (own === undefined) throw new BootstrapError(`couldn't find local name "${name}" in the initial cluster configuration`);
  const found = await askOthers(options);
  if (found?.clusterId !== clusterId) return { clusterId, id: own.id, initialMembers: members };
  // It has begun without this one, or with it: then somebody else may be in its place by now.
  const isFounder = found.members.some(({ id }) => id === own.id);
  const { id } = isFounder ? own : ownIn(found, options);
  checkNotStarted(found, id, name);
  return isFounder ? { clusterId, id, initialMembers: members } : { clusterId, id };
}

function nobodyAnswers(): BootstrapError {
  return new BootstrapError('cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs');
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
  // One that was taken in anew has an id of its own, and the same flags.
  const isNoFounder = told.members.every(({ id }) => id !== place.id);
  if (told.clusterId === place.clusterId && (own?.id === place.id || isNoFounder)) return place;
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
