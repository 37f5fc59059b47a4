import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message } from '@coracle/raft';
import { Malformed } from '../wal/binary.ts';
import { decodeEnvelope, encodeEnvelope } from './message-codec.ts';
import type { PeerMessage } from './peer-transport.ts';

const at = { from: 2 ** 53 - 1, to: 2, term: 7 } as const;
const data = Uint8Array.from([0, 255, 7]);
const confState = { voters: [1, 2], votersOutgoing: [1], learners: [2 ** 53 - 1], learnersNext: [], autoLeave: true };
const messages: readonly Message[] = [
  {
    type: 'MsgApp',
    ...at,
    logTerm: 6,
    index: 300,
    commit: 299,
    entries: [
      { type: 'EntryNormal', term: 7, index: 301, data },
      { type: 'EntryConfChangeV2', term: 7, index: 302, data: new Uint8Array(0) },
    ],
  },
  { type: 'MsgAppResp', ...at, index: 4, reject: false },
  { type: 'MsgAppResp', ...at, index: 4, reject: true, rejectHint: 3, logTerm: 2 },
  { type: 'MsgVote', ...at, logTerm: 1, index: 2, transfer: true },
  { type: 'MsgPreVote', ...at, logTerm: 1, index: 2, transfer: false },
  { type: 'MsgVoteResp', ...at, reject: true },
  { type: 'MsgPreVoteResp', ...at, reject: false },
  { type: 'MsgSnap', ...at, snapshot: { index: 9, term: 3, confState, data } },
  { type: 'MsgHeartbeat', ...at, commit: 5, readPosition: 6 },
  { type: 'MsgHeartbeatResp', ...at, readPosition: 6 },
  { type: 'MsgProp', ...at, entries: [{ type: 'EntryNormal', data }] },
  { type: 'MsgTransferLeader', ...at },
  { type: 'MsgTimeoutNow', ...at },
  { type: 'MsgReadIndex', ...at, context: data },
  { type: 'MsgReadIndexResp', ...at, index: 8, context: data },
];
const bodies: readonly PeerMessage[] = [
  ...messages.map((message): PeerMessage => ({ kind: 'raft', message })),
  { kind: 'hello', isFresh: true },
  { kind: 'welcome', knownDisk: 2 ** 53 - 1 },
  { kind: 'keepAlive', request: 1, lease: '-9223372036854775808' },
  { kind: 'keptAlive', request: 1, ttlSeconds: -1 },
  { kind: 'hash', interval: { index: 1000, hash: 0xffff_ffff } },
  { kind: 'promote', request: 2, id: 2 ** 53 - 1 },
  { kind: 'promoted', request: 2, refusal: 'etcdserver: member not found' },
  { kind: 'removed' },
  { kind: 'timeToLive', request: 3, lease: '7' },
  { kind: 'remaining', request: 3, ms: -1 },
];
const envelopeOf = (body: PeerMessage) => ({ clusterId: '00c0ffee00c0ffee', from: at.from, to: 2, diskId: 77, body });

test('decodeEnvelope() reads what encodeEnvelope() wrote, for every message', () => {
  for (const body of bodies) assert.deepEqual(decodeEnvelope(encodeEnvelope(envelopeOf(body))), envelopeOf(body));
});

test('decodeEnvelope() refuses every message that is cut short or goes on, and survives any changed byte', () => {
  for (const body of bodies) {
    const bytes = encodeEnvelope(envelopeOf(body));
    for (let length = 0; length < bytes.length; length++) assert.throws(() => decodeEnvelope(bytes.subarray(0, length)), Malformed);
    assert.throws(() => decodeEnvelope(Buffer.concat([bytes, Buffer.from([0])])), Malformed);
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] ?? 0) ^ 0x91;
      try {
        decodeEnvelope(changed);
      } catch (error) {
        assert.ok(error instanceof Malformed, String(error));
      }
    }
  }
});

test('encodeEnvelope() refuses what is for a worker of the own disk', () => {
  const message: Message = { type: 'MsgStorageApply', from: 1, to: -2, term: 0, entries: [], responses: [] };
  assert.throws(() => encodeEnvelope(envelopeOf({ kind: 'raft', message })), TypeError);
});
