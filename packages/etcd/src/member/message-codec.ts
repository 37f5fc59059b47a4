import type { Entry, EntryType, Message, MessageType, Proposal } from '@coracle/raft';
import { ByteReader, ByteWriter, Malformed } from '../wal/binary.ts';
import type { Envelope, PeerMessage } from './peer-transport.ts';

// Positions are on the wire: they never change their meaning.
const bodies = [
  'raft',
  'hello',
  'welcome',
  'keepAlive',
  'keptAlive',
  'hash',
  'promote',
  'promoted',
  'removed',
  'timeToLive',
  'remaining',
] as const satisfies readonly PeerMessage['kind'][];
const types = [
  'MsgApp',
  'MsgAppResp',
  'MsgVote',
  'MsgPreVote',
  'MsgVoteResp',
  'MsgPreVoteResp',
  'MsgSnap',
  'MsgHeartbeat',
  'MsgHeartbeatResp',
  'MsgProp',
  'MsgTransferLeader',
  'MsgTimeoutNow',
  'MsgReadIndex',
  'MsgReadIndexResp',
] as const satisfies readonly MessageType[];
const entryTypes: readonly EntryType[] = ['EntryNormal', 'EntryConfChange', 'EntryConfChangeV2'];

type PeerType = (typeof types)[number];
type Travelling = Extract<Message, { readonly type: PeerType }>;

/** What members say to each other, as bytes. A snapshot's content does not belong to it. Throws TypeError for a message to a worker of the disk. */
export function encodeEnvelope({ clusterId, from, to, diskId, body }: Envelope): Uint8Array {
  const writer = new ByteWriter(256);
  writer.key(clusterId);
  writer.varint(from);
  writer.varint(to);
  writer.varint(diskId);
  writer.u8(bodies.indexOf(body.kind));
  switch (body.kind) {
    case 'raft':
      writeMessage(writer, body.message);
      break;
    case 'hello':
      writer.u8(body.isFresh ? 1 : 0);
      break;
    case 'welcome':
      writer.varint(body.knownDisk);
      break;
    case 'keepAlive':
      writer.varint(body.request);
      writer.key(body.lease);
      break;
    case 'keptAlive':
      writer.varint(body.request);
      writer.varint(body.ttlSeconds + 1);
      break;
    case 'hash':
      writer.varint(body.interval.index);
      writer.varint(body.interval.hash);
      break;
    case 'promote':
      writer.varint(body.request);
      writer.varint(body.id);
      break;
    case 'promoted':
      writer.varint(body.request);
      writer.key(body.refusal);
      break;
    case 'removed':
      break;
    case 'timeToLive':
      writer.varint(body.request);
      writer.key(body.lease);
      break;
    case 'remaining':
      writer.varint(body.request);
      writer.varint(body.ms + 1);
      break;
  }
  return writer.view();
}

/** Throws Malformed. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const from = new ByteReader(bytes);
  const head = { clusterId: from.key(), from: from.varint(), to: from.varint(), diskId: from.varint() };
  const body = readBody(from);
  from.end();
  return { ...head, body };
}

function readBody(from: ByteReader): PeerMessage {
  const kind = one(bodies, from.u8(), 'kind');
  switch (kind) {
    case 'raft':
      return { kind, message: readMessage(from) };
    case 'hello':
      return { kind, isFresh: from.u8() === 1 };
    case 'welcome':
      return { kind, knownDisk: from.varint() };
    case 'keepAlive':
      return { kind, request: from.varint(), lease: readLease(from) };
    case 'keptAlive':
      return { kind, request: from.varint(), ttlSeconds: from.varint() - 1 };
    case 'hash':
      return { kind, interval: { index: from.varint(), hash: from.varint() } };
    case 'promote':
      return { kind, request: from.varint(), id: from.varint() };
    case 'promoted':
      return { kind, request: from.varint(), refusal: from.key() };
    case 'removed':
      return { kind };
    case 'timeToLive':
      return { kind, request: from.varint(), lease: readLease(from) };
    case 'remaining':
      return { kind, request: from.varint(), ms: from.varint() - 1 };
  }
}

function readLease(from: ByteReader): string {
  const lease = from.key();
  if (!/^-?\d{1,20}$/.test(lease)) throw new Malformed('a lease is no number');
  return lease;
}

function isTravelling(message: Message): message is Travelling {
  return (types as readonly string[]).includes(message.type);
}

function writeMessage(to: ByteWriter, message: Message): void {
  if (!isTravelling(message)) throw new TypeError(`A ${message.type} is not for another member`);
  to.u8(types.indexOf(message.type));
  to.varint(message.from);
  to.varint(message.to);
  to.varint(message.term);
  switch (message.type) {
    case 'MsgApp':
      to.varint(message.logTerm);
      to.varint(message.index);
      to.varint(message.commit);
      to.varint(message.entries.length);
      for (const entry of message.entries) {
        to.varint(entry.term);
        to.varint(entry.index);
        writeProposal(to, entry);
      }
      return;
    case 'MsgAppResp':
      to.varint(message.index);
      to.u8(message.reject ? 1 : 0);
      if (!message.reject) return;
      to.varint(message.rejectHint);
      to.varint(message.logTerm);
      return;
    case 'MsgVote':
    case 'MsgPreVote':
      to.varint(message.logTerm);
      to.varint(message.index);
      to.u8(message.transfer ? 1 : 0);
      return;
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
      to.u8(message.reject ? 1 : 0);
      return;
    case 'MsgSnap': {
      const { index, term, confState, data } = message.snapshot;
      to.varint(index);
      to.varint(term);
      for (const list of [confState.voters, confState.votersOutgoing, confState.learners, confState.learnersNext]) {
        to.varint(list.length);
        for (const id of list) to.varint(id);
      }
      to.u8(confState.autoLeave ? 1 : 0);
      to.bytes(data);
      return;
    }
    case 'MsgHeartbeat':
      to.varint(message.commit);
      to.varint(message.readPosition);
      return;
    case 'MsgHeartbeatResp':
      to.varint(message.readPosition);
      return;
    case 'MsgProp':
      to.varint(message.entries.length);
      for (const entry of message.entries) writeProposal(to, entry);
      return;
    case 'MsgReadIndex':
      to.bytes(message.context);
      return;
    case 'MsgReadIndexResp':
      to.varint(message.index);
      to.bytes(message.context);
      return;
    case 'MsgTransferLeader':
    case 'MsgTimeoutNow':
      return;
  }
}

function readMessage(reader: ByteReader): Message {
  const type = one(types, reader.u8(), 'type');
  const envelope = { from: reader.varint(), to: reader.varint(), term: reader.varint() };
  switch (type) {
    case 'MsgApp': {
      const at = { logTerm: reader.varint(), index: reader.varint(), commit: reader.varint() };
      return { type, ...envelope, ...at, entries: list(reader, readEntry) };
    }
    case 'MsgAppResp': {
      const index = reader.varint();
      if (reader.u8() === 0) return { type, ...envelope, index, reject: false };
      return { type, ...envelope, index, reject: true, rejectHint: reader.varint(), logTerm: reader.varint() };
    }
    case 'MsgVote':
    case 'MsgPreVote':
      return { type, ...envelope, logTerm: reader.varint(), index: reader.varint(), transfer: reader.u8() === 1 };
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
      return { type, ...envelope, reject: reader.u8() === 1 };
    case 'MsgSnap': {
      const [index, term] = [reader.varint(), reader.varint()];
      const ids = (): readonly number[] => list(reader, (from) => from.varint());
      const confState = { voters: ids(), votersOutgoing: ids(), learners: ids(), learnersNext: ids(), autoLeave: reader.u8() === 1 };
      return { type, ...envelope, snapshot: { index, term, confState, data: reader.bytes() } };
    }
    case 'MsgHeartbeat':
      return { type, ...envelope, commit: reader.varint(), readPosition: reader.varint() };
    case 'MsgHeartbeatResp':
      return { type, ...envelope, readPosition: reader.varint() };
    case 'MsgProp':
      return { type, ...envelope, entries: list(reader, readProposal) };
    case 'MsgReadIndex':
      return { type, ...envelope, context: reader.bytes() };
    case 'MsgReadIndexResp':
      return { type, ...envelope, index: reader.varint(), context: reader.bytes() };
    case 'MsgTransferLeader':
    case 'MsgTimeoutNow':
      return { type, ...envelope };
  }
}

function writeProposal(to: ByteWriter, { type, data }: Proposal): void {
  to.u8(entryTypes.indexOf(type));
  to.bytes(data);
}

function readProposal(from: ByteReader): Proposal {
  return { type: one(entryTypes, from.u8(), 'type of an entry'), data: from.bytes() };
}

function readEntry(from: ByteReader): Entry {
  const at = { term: from.varint(), index: from.varint() };
  return { ...at, ...readProposal(from) };
}

/** Every item takes bytes, so a wrong count ends at the end of the message, whatever it claims. */
function list<T>(from: ByteReader, read: (from: ByteReader) => T): readonly T[] {
  const items: T[] = [];
  for (let left = from.varint(); left > 0; left--) items.push(read(from));
  return items;
}

function one<T>(of: readonly T[], position: number, what: string): T {
  const value = of[position];
  if (value === undefined) throw new Malformed(`unknown ${what} ${position}`);
  return value;
}
