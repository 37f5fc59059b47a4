import {
  bool,
  bytes,
  count,
  enumeration,
  enumerations,
  int64,
  key,
  type Message,
  message,
  nested,
  ofKeys,
  ofMessage,
  ofStrings,
  repeated,
  string,
  uint32,
  uint64,
} from './message.ts';

/*
 * etcd's v3 API (api/etcdserverpb/rpc.proto, api/mvccpb/kv.proto) in its own order of fields. Ids are bigint, counts and
 * revisions numbers, keys binary strings. What no service here answers (auth, downgrade) is not described.
 */

export interface ResponseHeader {
  clusterId: bigint;
  memberId: bigint;
  revision: number;
  raftTerm: number;
}
export const responseHeader: Message<ResponseHeader> = message<ResponseHeader>({
  clusterId: uint64(1),
  memberId: uint64(2),
  revision: count(3),
  raftTerm: count(4),
});

interface Headed {
  header: Partial<ResponseHeader> | undefined;
}
const headed = { header: nested(1, responseHeader) };

export interface WireKeyValue {
  key: string;
  createRevision: number;
  modRevision: number;
  version: number;
  value: Uint8Array;
  lease: bigint;
}
export const keyValue: Message<WireKeyValue> = message<WireKeyValue>({
  key: key(1),
  createRevision: count(2),
  modRevision: count(3),
  version: count(4),
  value: bytes(5),
  lease: int64(6),
});

/** 0 is a put, 1 a delete. */
export interface WireEvent {
  type: number;
  kv: Partial<WireKeyValue> | undefined;
  prevKv: Partial<WireKeyValue> | undefined;
}
export const event: Message<WireEvent> = message<WireEvent>({
  type: enumeration(1),
  kv: nested(2, keyValue),
  prevKv: nested(3, keyValue),
});

export interface WireRangeRequest {
  key: string;
  rangeEnd: string;
  limit: number;
  revision: number;
  sortOrder: number;
  sortTarget: number;
  serializable: boolean;
  keysOnly: boolean;
  countOnly: boolean;
  minModRevision: number;
  maxModRevision: number;
  minCreateRevision: number;
  maxCreateRevision: number;
}
export const rangeRequest: Message<WireRangeRequest> = message<WireRangeRequest>({
  key: key(1),
  rangeEnd: key(2),
  limit: count(3),
  revision: count(4),
  sortOrder: enumeration(5),
  sortTarget: enumeration(6),
  serializable: bool(7),
  keysOnly: bool(8),
  countOnly: bool(9),
  minModRevision: count(10),
  maxModRevision: count(11),
  minCreateRevision: count(12),
  maxCreateRevision: count(13),
});

export interface WireRangeResponse extends Headed {
  kvs: readonly Partial<WireKeyValue>[];
  more: boolean;
  count: number;
}
export const rangeResponse: Message<WireRangeResponse> = message<WireRangeResponse>({
  ...headed,
  kvs: repeated(2, ofMessage(keyValue)),
  more: bool(3),
  count: count(4),
});

export interface WireRangeStreamResponse {
  rangeResponse: Partial<WireRangeResponse> | undefined;
}
export const rangeStreamResponse: Message<WireRangeStreamResponse> = message<WireRangeStreamResponse>({
  rangeResponse: nested(1, rangeResponse),
});

export interface WirePutRequest {
  key: string;
  value: Uint8Array;
  lease: bigint;
  prevKv: boolean;
  ignoreValue: boolean;
  ignoreLease: boolean;
}
export const putRequest: Message<WirePutRequest> = message<WirePutRequest>({
  key: key(1),
  value: bytes(2),
  lease: int64(3),
  prevKv: bool(4),
  ignoreValue: bool(5),
  ignoreLease: bool(6),
});

export interface WirePutResponse extends Headed {
  prevKv: Partial<WireKeyValue> | undefined;
}
export const putResponse: Message<WirePutResponse> = message<WirePutResponse>({ ...headed, prevKv: nested(2, keyValue) });

export interface WireDeleteRangeRequest {
  key: string;
  rangeEnd: string;
  prevKv: boolean;
}
export const deleteRangeRequest: Message<WireDeleteRangeRequest> = message<WireDeleteRangeRequest>({
  key: key(1),
  rangeEnd: key(2),
  prevKv: bool(3),
});

export interface WireDeleteRangeResponse extends Headed {
  deleted: number;
  prevKvs: readonly Partial<WireKeyValue>[];
}
export const deleteRangeResponse: Message<WireDeleteRangeResponse> = message<WireDeleteRangeResponse>({
  ...headed,
  deleted: count(2),
  prevKvs: repeated(3, ofMessage(keyValue)),
});

export interface WireCompare {
  result: number;
  target: number;
  key: string;
  version: number | undefined;
  createRevision: number | undefined;
  modRevision: number | undefined;
  value: Uint8Array | undefined;
  lease: bigint | undefined;
  rangeEnd: string;
}
export const compare: Message<WireCompare> = message<WireCompare>({
  result: enumeration(1),
  target: enumeration(2),
  key: key(3),
  version: count(4),
  createRevision: count(5),
  modRevision: count(6),
  value: bytes(7),
  lease: int64(8),
  rangeEnd: key(64),
});

export interface WireRequestOp {
  requestRange: Partial<WireRangeRequest> | undefined;
  requestPut: Partial<WirePutRequest> | undefined;
  requestDeleteRange: Partial<WireDeleteRangeRequest> | undefined;
  requestTxn: Partial<WireTxnRequest> | undefined;
}

export interface WireTxnRequest {
  compare: readonly Partial<WireCompare>[];
  success: readonly Partial<WireRequestOp>[];
  failure: readonly Partial<WireRequestOp>[];
}

/** Messages that contain themselves are described through functions: neither can be made first. */
export const requestOp: Message<WireRequestOp> = later(() =>
  message<WireRequestOp>({
    requestRange: nested(1, rangeRequest),
    requestPut: nested(2, putRequest),
    requestDeleteRange: nested(3, deleteRangeRequest),
    requestTxn: nested(4, txnRequest),
  }),
);
export const txnRequest: Message<WireTxnRequest> = message<WireTxnRequest>({
  compare: repeated(1, ofMessage(compare)),
  success: repeated(2, ofMessage(requestOp)),
  failure: repeated(3, ofMessage(requestOp)),
});

export interface WireResponseOp {
  responseRange: Partial<WireRangeResponse> | undefined;
  responsePut: Partial<WirePutResponse> | undefined;
  responseDeleteRange: Partial<WireDeleteRangeResponse> | undefined;
  responseTxn: Partial<WireTxnResponse> | undefined;
}

export interface WireTxnResponse extends Headed {
  succeeded: boolean;
  responses: readonly Partial<WireResponseOp>[];
}
export const responseOp: Message<WireResponseOp> = later(() =>
  message<WireResponseOp>({
    responseRange: nested(1, rangeResponse),
    responsePut: nested(2, putResponse),
    responseDeleteRange: nested(3, deleteRangeResponse),
    responseTxn: nested(4, txnResponse),
  }),
);
export const txnResponse: Message<WireTxnResponse> = message<WireTxnResponse>({
  ...headed,
  succeeded: bool(2),
  responses: repeated(3, ofMessage(responseOp)),
});

export interface CompactionRequest {
  revision: number;
  physical: boolean;
}
export const compactionRequest: Message<CompactionRequest> = message<CompactionRequest>({ revision: count(1), physical: bool(2) });

/** Of every response that has nothing but a header. */
export const headerOnly: Message<Headed> = message<Headed>(headed);

export interface WatchCreateRequest {
  key: string;
  rangeEnd: string;
  startRevision: number;
  progressNotify: boolean;
  /** 0: no puts, 1: no deletes. */
  filters: readonly number[];
  prevKv: boolean;
  watchId: bigint;
  fragment: boolean;
}
export const watchCreateRequest: Message<WatchCreateRequest> = message<WatchCreateRequest>({
  key: key(1),
  rangeEnd: key(2),
  startRevision: count(3),
  progressNotify: bool(4),
  filters: enumerations(5),
  prevKv: bool(6),
  watchId: int64(7),
  fragment: bool(8),
});

export interface WatchCancelRequest {
  watchId: bigint;
}
export const watchCancelRequest: Message<WatchCancelRequest> = message<WatchCancelRequest>({ watchId: int64(1) });

export type NoFields = Record<never, never>;
/** Of every request without fields. */
export const empty: Message<NoFields> = message<NoFields>({});

export interface WatchRequest {
  createRequest: Partial<WatchCreateRequest> | undefined;
  cancelRequest: Partial<WatchCancelRequest> | undefined;
  progressRequest: NoFields | undefined;
}
export const watchRequest: Message<WatchRequest> = message<WatchRequest>({
  createRequest: nested(1, watchCreateRequest),
  cancelRequest: nested(2, watchCancelRequest),
  progressRequest: nested(3, empty),
});

export interface WatchResponse extends Headed {
  watchId: bigint;
  created: boolean;
  canceled: boolean;
  compactRevision: number;
  cancelReason: string;
  fragment: boolean;
  events: readonly Partial<WireEvent>[];
}
export const watchResponse: Message<WatchResponse> = message<WatchResponse>({
  ...headed,
  watchId: int64(2),
  created: bool(3),
  canceled: bool(4),
  compactRevision: count(5),
  cancelReason: string(6),
  fragment: bool(7),
  events: repeated(11, ofMessage(event)),
});

export interface LeaseGrantRequest {
  ttl: number;
  id: bigint;
}
export const leaseGrantRequest: Message<LeaseGrantRequest> = message<LeaseGrantRequest>({ ttl: count(1), id: int64(2) });

export interface LeaseGrantResponse extends Headed {
  id: bigint;
  ttl: number;
  error: string;
}
export const leaseGrantResponse: Message<LeaseGrantResponse> = message<LeaseGrantResponse>({
  ...headed,
  id: int64(2),
  ttl: count(3),
  error: string(4),
});

export interface LeaseIdMessage {
  id: bigint;
}
/** LeaseRevokeRequest, LeaseKeepAliveRequest and LeaseStatus. */
export const leaseId: Message<LeaseIdMessage> = message<LeaseIdMessage>({ id: int64(1) });

export interface LeaseKeepAliveResponse extends Headed {
  id: bigint;
  ttl: number;
}
export const leaseKeepAliveResponse: Message<LeaseKeepAliveResponse> = message<LeaseKeepAliveResponse>({
  ...headed,
  id: int64(2),
  ttl: count(3),
});

export interface LeaseTimeToLiveRequest {
  id: bigint;
  keys: boolean;
}
export const leaseTimeToLiveRequest: Message<LeaseTimeToLiveRequest> = message<LeaseTimeToLiveRequest>({ id: int64(1), keys: bool(2) });

export interface LeaseTimeToLiveResponse extends Headed {
  id: bigint;
  ttl: number;
  grantedTtl: number;
  keys: readonly string[];
}
export const leaseTimeToLiveResponse: Message<LeaseTimeToLiveResponse> = message<LeaseTimeToLiveResponse>({
  ...headed,
  id: int64(2),
  ttl: count(3),
  grantedTtl: count(4),
  keys: repeated(5, ofKeys),
});

export interface LeaseLeasesResponse extends Headed {
  leases: readonly Partial<LeaseIdMessage>[];
}
export const leaseLeasesResponse: Message<LeaseLeasesResponse> = message<LeaseLeasesResponse>({
  ...headed,
  leases: repeated(2, ofMessage(leaseId)),
});

export interface WireMember {
  id: bigint;
  name: string;
  peerUrls: readonly string[];
  clientUrls: readonly string[];
  isLearner: boolean;
}
export const member: Message<WireMember> = message<WireMember>({
  id: uint64(1),
  name: string(2),
  peerUrls: repeated(3, ofStrings),
  clientUrls: repeated(4, ofStrings),
  isLearner: bool(5),
});

export interface MemberAddRequest {
  peerUrls: readonly string[];
  isLearner: boolean;
}
export const memberAddRequest: Message<MemberAddRequest> = message<MemberAddRequest>({
  peerUrls: repeated(1, ofStrings),
  isLearner: bool(2),
});

export interface MemberAddResponse extends Headed {
  member: Partial<WireMember> | undefined;
  members: readonly Partial<WireMember>[];
}
export const memberAddResponse: Message<MemberAddResponse> = message<MemberAddResponse>({
  ...headed,
  member: nested(2, member),
  members: repeated(3, ofMessage(member)),
});

export interface MemberIdMessage {
  id: bigint;
}
/** MemberRemoveRequest, MemberPromoteRequest and MoveLeaderRequest. */
export const memberId: Message<MemberIdMessage> = message<MemberIdMessage>({ id: uint64(1) });

export interface MemberUpdateRequest {
  id: bigint;
  peerUrls: readonly string[];
}
export const memberUpdateRequest: Message<MemberUpdateRequest> = message<MemberUpdateRequest>({
  id: uint64(1),
  peerUrls: repeated(2, ofStrings),
});

export interface MemberListRequest {
  linearizable: boolean;
}
export const memberListRequest: Message<MemberListRequest> = message<MemberListRequest>({ linearizable: bool(1) });

export interface MembersResponse extends Headed {
  members: readonly Partial<WireMember>[];
}
/** The responses of MemberList, Remove, Update and Promote. */
export const membersResponse: Message<MembersResponse> = message<MembersResponse>({ ...headed, members: repeated(2, ofMessage(member)) });

export interface AlarmMember {
  memberId: bigint;
  alarm: number;
}
export const alarmMember: Message<AlarmMember> = message<AlarmMember>({ memberId: uint64(1), alarm: enumeration(2) });

/** Actions: 0 get, 1 activate, 2 deactivate. Alarms: 0 none, 1 NOSPACE, 2 CORRUPT. */
export interface AlarmRequest {
  action: number;
  memberId: bigint;
  alarm: number;
}
export const alarmRequest: Message<AlarmRequest> = message<AlarmRequest>({
  action: enumeration(1),
  memberId: uint64(2),
  alarm: enumeration(3),
});

export interface AlarmResponse extends Headed {
  alarms: readonly Partial<AlarmMember>[];
}
export const alarmResponse: Message<AlarmResponse> = message<AlarmResponse>({ ...headed, alarms: repeated(2, ofMessage(alarmMember)) });

export interface DowngradeInfo {
  enabled: boolean;
  targetVersion: string;
}
export const downgradeInfo: Message<DowngradeInfo> = message<DowngradeInfo>({ enabled: bool(1), targetVersion: string(2) });

export interface StatusResponse extends Headed {
  version: string;
  dbSize: number;
  leader: bigint;
  raftIndex: number;
  raftTerm: number;
  raftAppliedIndex: number;
  errors: readonly string[];
  dbSizeInUse: number;
  isLearner: boolean;
  storageVersion: string;
  dbSizeQuota: number;
  downgradeInfo: Partial<DowngradeInfo> | undefined;
}
export const statusResponse: Message<StatusResponse> = message<StatusResponse>({
  ...headed,
  version: string(2),
  dbSize: count(3),
  leader: uint64(4),
  raftIndex: count(5),
  raftTerm: count(6),
  raftAppliedIndex: count(7),
  errors: repeated(8, ofStrings),
  dbSizeInUse: count(9),
  isLearner: bool(10),
  storageVersion: string(11),
  dbSizeQuota: count(12),
  downgradeInfo: nested(13, downgradeInfo),
});

export interface HashKvRequest {
  revision: number;
}
export const hashKvRequest: Message<HashKvRequest> = message<HashKvRequest>({ revision: count(1) });

export interface HashKvResponse extends Headed {
  hash: number;
  compactRevision: number;
  hashRevision: number;
}
/** Also HashResponse, which has no revisions. */
export const hashKvResponse: Message<HashKvResponse> = message<HashKvResponse>({
  ...headed,
  hash: uint32(2),
  compactRevision: count(3),
  hashRevision: count(4),
});

export interface SnapshotResponse extends Headed {
  remainingBytes: number;
  blob: Uint8Array;
  version: string;
}
export const snapshotResponse: Message<SnapshotResponse> = message<SnapshotResponse>({
  ...headed,
  remainingBytes: count(2),
  blob: bytes(3),
  version: string(4),
});

/** grpc.health.v1: the name of a service, empty for the server. */
export interface HealthCheckRequest {
  service: string;
}
export const healthCheckRequest: Message<HealthCheckRequest> = message<HealthCheckRequest>({ service: string(1) });

/** 1 serving, 2 not serving, 3 unknown service (of watches only). */
export interface HealthCheckResponse {
  status: number;
}
export const healthCheckResponse: Message<HealthCheckResponse> = message<HealthCheckResponse>({ status: enumeration(1) });

function later<T>(make: () => Message<T>): Message<T> {
  let made: Message<T> | undefined;
  const described = (): Message<T> => (made ??= make());
  return {
    decode: (from) => described().decode(from),
    read: (from) => described().read(from),
    encode: (value) => described().encode(value),
    write: (to, value) => described().write(to, value),
  };
}
