import assert from 'node:assert/strict';
import test from 'node:test';
import { type Dialer, DialError } from '@coracle/kernel';
import { PDClient, PDError } from './pd-client.ts';

const never = new AbortController().signal;

/** Answers by path; a path that is missing is refused as a closed port. */
function dialer(answers: Readonly<Record<string, string | readonly [status: number, body: string]>>, seen: string[] = []): Dialer {
  return {
    request: async (target, init) => {
      seen.push(`${init.method} ${target.pathname}${target.search} ${new TextDecoder().decode(init.body)}`.trim());
      const answer = answers[`${target.pathname}${target.search}`];
      if (answer === undefined) throw new DialError('ECONNREFUSED', `Cannot connect to "${target.host}"`);
      const [status, body] = typeof answer === 'string' ? [200, answer] : answer;
      return { status, headers: {}, body: new TextEncoder().encode(body) };
    },
    connect: async (host, port) => {
      throw new DialError('ECONNREFUSED', `Cannot connect to "${host}:${port}"`);
    },
  };
}

const healthy = {
  '/pd/api/v1/health':
    '[{"name":"basic-pd-0","member_id":9007199254740993,"client_urls":["http://basic-pd-0.basic-pd-peer.ns.svc:2379"],"health":true}]',
  '/pd/api/v1/cluster': '{"id":8148274967755769641}',
  '/pd/api/v1/leader': '{"name":"basic-pd-0"}',
  '/pd/api/v1/config': '{"replication":{"max-replicas":3,"location-labels":""}}',
  '/pd/api/v1/stores?state=2': '{"count":0,"stores":[]}',
};

test('PDClient.view() keeps uint64 ids exact and skips a store without status', async () => {
  const stores =
    '{"count":2,"stores":[{"store":{"id":4,"address":"a:20160","state_name":"Up"},"status":{"leader_count":2,"region_count":3}},{"store":{"id":5}}]}';
  const view = await new PDClient(dialer({ ...healthy, '/pd/api/v1/stores': stores }), 'http://basic-pd.ns:2379').view(never);
  assert.deepEqual(view, {
    answered: true,
    clusterId: '8148274967755769641',
    members: [
      { name: 'basic-pd-0', memberId: '9007199254740993', clientUrls: ['http://basic-pd-0.basic-pd-peer.ns.svc:2379'], health: true },
    ],
    leader: 'basic-pd-0',
    stores: [{ id: '4', address: 'a:20160', stateName: 'Up', leaderCount: 2, regionCount: 3 }],
    tombstones: [],
    maxReplicas: 3,
  });
});

test('PDClient.view() knows a cluster that is not bootstrapped by the exact end of the answer', async () => {
  const text = '"[PD:cluster:ErrNotBootstrapped]TiKV cluster not bootstrapped, please start TiKV first"\n';
  const view = await new PDClient(dialer({ ...healthy, '/pd/api/v1/stores': [500, text] }), 'http://basic-pd.ns:2379').view(never);
  assert.equal(view.answered && view.stores, undefined);
  const other = await new PDClient(dialer({ ...healthy, '/pd/api/v1/stores': [500, text.trim()] }), 'http://basic-pd.ns:2379').view(never);
  assert.equal(other.answered, false);
});

for (const [name, answers, why] of [
  ['nobody listens', {}, 'Cannot connect to "basic-pd.ns:2379"'],
  [
    'no quorum',
    { '/pd/api/v1/health': '[]', '/pd/api/v1/cluster': [503, 'no leader\n'] },
    'PD answered GET /pd/api/v1/cluster with 503: no leader',
  ],
  ['no JSON', { '/pd/api/v1/health': '<html>' }, "Cannot read PD's answer to GET /pd/api/v1/health"],
  ['nesting without end', { '/pd/api/v1/health': '['.repeat(100) }, "Cannot read PD's answer to GET /pd/api/v1/health"],
  ['an object for a list', { '/pd/api/v1/health': '{}', '/pd/api/v1/cluster': '{"id":1}' }, 'PD answered with something that is no list'],
  [
    'an id that is text',
    { ...healthy, '/pd/api/v1/cluster': '{"id":"x"}', '/pd/api/v1/stores': '{"stores":[]}' },
    'PD gave the id "x", which is no number',
  ],
] as const) {
  test(`PDClient.view() says why PD did not answer: ${name}`, async () => {
    assert.deepEqual(await new PDClient(dialer(answers), 'http://basic-pd.ns:2379').view(never), { answered: false, why });
  });
}

test('PDClient.call() writes ids as numbers, takes 404 for done and raises other refusals', async () => {
  const seen: string[] = [];
  const client = new PDClient(
    dialer(
      { '/pd/api/v1/schedulers': '"ok"', '/pd/api/v1/store/4': [404, ''], '/pd/api/v1/store/5': [400, '"can not remove store 5"\n'] },
      seen,
    ),
    'http://basic-pd.ns:2379',
  );
  await client.call({ call: 'evict-leaders', id: '18446744073709551615' }, never);
  await client.call({ call: 'delete-store', id: '4' }, never);
  await assert.rejects(
    client.call({ call: 'delete-store', id: '5' }, never),
    new PDError('PD refused DELETE /pd/api/v1/store/5 with 400: "can not remove store 5"'),
  );
  assert.deepEqual(seen, [
    'POST /pd/api/v1/schedulers {"name":"evict-leader-scheduler","store_id":18446744073709551615}',
    'DELETE /pd/api/v1/store/4',
    'DELETE /pd/api/v1/store/5',
  ]);
});
