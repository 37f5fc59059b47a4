export { type JwtKeys, jwtKeys, type JwtMethod, jwtMethods, type JwtOptions } from './auth/jwt.ts';
export type { RangeAnswer } from './client/codec.ts';
export { EtcdClient, type EtcdClientOptions } from './client/client.ts';
export { type Connector, endpointOf } from './client/connection.ts';
export { CallLostError, EtcdError } from './client/errors.ts';
export { InProcessServers } from './client/in-process.ts';
export { type ClientTls, http2Connector } from './client/transport/http2-connector.ts';
export type { EtcdWatch } from './client/watch-stream.ts';
export {
  type ClusterView,
  ConsensusError,
  type ConsensusRefusal,
  type ConsensusStatus,
  type Member,
  MembershipError,
  type MembershipRefusal,
} from './cluster-view.ts';
export {
  type DamagedPlace,
  DirectoryDamaged,
  DirectoryInUse,
  DirectoryNotOwned,
  DirectoryOfAnotherMember,
  DirectoryTooNew,
  DiskFull,
  StoreStopped,
} from './directory/errors.ts';
export type { Disk, DiskFile, DiskLock } from './disk/disk.ts';
export { nodeDisk } from './disk/node-disk.ts';
export { type DiskFault, type DiskOperation, SimulatedDisk } from './disk/simulated-disk.ts';
export type { DurableStore } from './durable-store.ts';
export { controlPath, MemberControl, type MemberReport } from './member/transport/control-socket.ts';
export type { GroupTiming, MemberView, SeenMessage } from './member/group.ts';
export type { MemberInfo } from './member/members.ts';
export {
  BootstrapError,
  checkInitialCluster,
  checkPeerUrl,
  type InitialCluster,
  parseInitialCluster,
} from './member/initial-cluster.ts';
export type { Membership } from './member/membership.ts';
export type { Envelope, PeerMessage, PeerReceiver, PeerTransport } from './member/peer-transport.ts';
export { type PeerOptions, publishUntilDone, type StartedMember, startMember, type StartMemberOptions } from './member/start-member.ts';
export { TooManyRequestsError } from './member/proposals.ts';
export { type NetworkFaults, SimulatedNetwork } from './member/simulated-network.ts';
export type { PeerTls } from './member/transport/connect-peer.ts';
export { TcpTransport, type TcpTransportOptions } from './member/transport/tcp-transport.ts';
export { LeaseTtlTooLargeError } from './lease/lessor.ts';
export { InvalidRequestError, maxRequestBytes, maxTxnOperations } from './mvcc/check-txn.ts';
export type { KvHash } from './mvcc/hash-kv.ts';
export { defaultRetention, type GrantedLease, Mvcc, type Retention } from './mvcc/mvcc.ts';
export {
  CompactedError,
  CorruptError,
  FutureRevisionError,
  KeyNotFoundError,
  LeaseExistsError,
  LeaseNotFoundError,
  SpaceExceededError,
} from './mvcc/refusals.ts';
export { type Revision, revision } from './mvcc/revision.ts';
export type {
  Alarm,
  AlarmType,
  Change,
  Compare,
  KeyRange,
  KeyValue,
  LeaseId,
  Operation,
  OperationResult,
  Put,
  RangeRequest,
  RangeResponse,
  Txn,
  TxnResult,
} from './mvcc/types.ts';
export { type DurableStoreOptions, type GroupOptions, openDurableStore } from './open.ts';
export { type LeaseStatus, MemoryStore, type Store } from './store.ts';
export type { TlsOptions } from './v3/transport/listener.ts';
export { type ServedStore, serveStore, type ServeStoreOptions } from './v3/serve-store.ts';
export { serverOver } from './v3/server-over.ts';
export { type ChangeSink, prefixEnd } from './watch-hub.ts';
