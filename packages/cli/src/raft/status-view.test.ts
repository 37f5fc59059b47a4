import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberReport } from '@coracle/etcd';
import { memberDetail, statusTable } from './status-view.ts';

const members = [
  { id: 11, name: 'm1', isLearner: false },
  { id: 12, name: 'm2', isLearner: false },
  { id: 0xabc, name: '', isLearner: true },
];
const follower: MemberReport = {
  id: 11,
  name: 'm1',
  term: 7,
  role: 'follower',
  leader: 12,
  refusedBy: 0,
  vote: 0,
  firstIndex: 2,
  lastIndex: 41,
  committed: 40,
  applied: 39,
  revision: 9,
  tail: [
    { index: 39, term: 6, type: 'EntryNormal', bytes: 120 },
    { index: 40, term: 7, type: 'EntryConfChangeV2', bytes: 8 },
    { index: 41, term: 7, type: 'EntryNormal', bytes: 0 },
  ],
  matches: [],
  members,
  messages: [
    {
      atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
      direction: 'received',
      peer: 12,
      text: '12->11 MsgApp Term:7 Log:6/39 Commit:40\n  Entries:',
    },
    { atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 7), direction: 'sent', peer: 12, text: '11->12 MsgAppResp Term:7 Log:0/41' },
  ],
  cutFrom: [0xabc],
};
const leader: MemberReport = {
  ...follower,
  id: 12,
  name: 'm2',
  role: 'leader',
  vote: 12,
  cutFrom: [],
  matches: [
    { id: 11, match: 41, state: 'StateReplicate', isActive: true },
    { id: 12, match: 41, state: 'StateReplicate', isActive: true },
    { id: 0xabc, match: 0, state: 'StateProbe', isActive: false },
  ],
};

test('statusTable() has a line for each member, by names as far as they are known, and how far the others are', () => {
  const statuses = [
    { name: 'm1', report: follower },
    { name: 'm2', report: leader },
    { name: 'm3', silence: 'does not run' },
  ] as const;
  assert.equal(
    statusTable(statuses),
    [
      'MEMBER  ROLE          TERM  LEADER  VOTE  COMMIT  APPLIED  LAST  REVISION  CUT FROM',
      'm1      follower      7     m2      -     40      39       41    9         abc',
      'm2      leader        7     m2      m2    40      39       41    9         -',
      'm3      does not run',
      '',
      'FOLLOWER  LEADER  MATCH  STATE      HEARD',
      'm1        m2      41     replicate  yes',
      'abc       m2      0      probe      no',
      '',
    ].join('\n'),
  );
});

test('memberDetail() adds the end of the log and the last messages', () => {
  const status = { name: 'm1', report: follower };
  assert.equal(
    memberDetail(status, [status]),
    [
      'MEMBER  ROLE      TERM  LEADER  VOTE  COMMIT  APPLIED  LAST  REVISION  CUT FROM',
      'm1      follower  7     m2      -     40      39       41    9         abc',
      '',
      'The log from 2 on is kept for other members; its end:',
      'INDEX  TERM  TYPE          BYTES',
      '39     6     Normal        120    applied',
      '40     7     ConfChangeV2  8      committed',
      '41     7     Normal        0',
      '',
      'The last messages:',
      '03:04:05.006 from m2 MsgApp Term:7 Log:6/39 Commit:40',
      '03:04:05.007 to   m2 MsgAppResp Term:7 Log:0/41',
      '',
    ].join('\n'),
  );
});
