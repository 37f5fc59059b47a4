import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@coracle/simulator';
import * as a from '../auth-messages.ts';
import * as m from '../messages.ts';
import { passwords, randomAuth, randomOther, users } from './random-auth-requests.fixture.ts';
import { pick, randomRequest, request } from './random-requests.fixture.ts';
import { ask, binary, history, requests, seed, startBoth } from './two-servers.fixture.ts';

const skip = binary === undefined ? 'ETCD_BINARY names no etcd' : false;

/** An answer as `ask` shows it. */
interface Answer {
  readonly messages: readonly { readonly header?: { readonly revision?: number }; readonly token?: string }[];
  readonly status: string;
  readonly text: string;
}

test('every request is answered as etcd itself answers it', { skip }, async () => {
  await using servers = await startBoth(binary ?? '');
  const { ours, theirs } = servers;
  const random = seededRandom(seed);
  let revision = 1;
  let compacted = 0;
  for (let i = 0; i < requests; i++) {
    const one = randomRequest(random, revision);
    const [ourAnswer, theirAnswer] = await Promise.all([ask(ours, one), ask(theirs, one)]);
    const what = `seed ${seed}, request ${i}: ${one.path} ${one.bytes.toString('base64')}`;
    assert.deepEqual(ourAnswer, theirAnswer, what);
    const {
      messages: [first],
      status,
    } = theirAnswer as Answer;
    revision = Math.max(revision, first?.header?.revision ?? 0);
    if (one.path.endsWith('Compact') && status === '0') compacted = m.compactionRequest.decode(one.bytes).revision;
  }
  // A watch sees the same, with what was there before.
  const last = request('KV/Put', m.putRequest, { key: 'z' }, m.putResponse);
  await Promise.all([ask(ours, last), ask(theirs, last)]);
  const from = Math.max(1, compacted);
  assert.deepEqual(await history(ours, from, revision + 1), await history(theirs, from, revision + 1), `seed ${seed}`);
});

test('users and roles are as in etcd itself, and what they may is, too', { skip }, async () => {
  await using servers = await startBoth(binary ?? '');
  const { ours, theirs } = servers;
  const random = seededRandom(seed);
  /** Of each user, what our server and etcd gave. */
  const tokens = new Map<string, readonly [string | undefined, string | undefined]>([['forged', ['x', 'x']]]);
  let revision = 1;
  for (let i = 0; i < requests; i++) {
    const user = pick(random, users);
    if (random.below(8) === 0) {
      const one = request(
        'Auth/Authenticate',
        a.authenticateRequest,
        { name: user, password: pick(random, passwords) },
        a.authenticateResponse,
      );
      const [our, their] = (await Promise.all([ask(ours, one), ask(theirs, one)])) as [Answer, Answer];
      assert.deepEqual([our.status, our.text], [their.status, their.text], `seed ${seed}, request ${i}: log in of "${user}"`);
      if (our.status === '0') tokens.set(user, [our.messages[0]?.token, their.messages[0]?.token]);
      continue;
    }
    const kind = random.below(10);
    const one = kind < 5 ? randomAuth(random) : kind < 9 ? randomRequest(random, revision) : randomOther(random);
    const who = random.below(3) === 0 ? 'root' : pick(random, [...users, 'forged']);
    const [ourToken, theirToken] = tokens.get(who) ?? [];
    const [ourAnswer, theirAnswer] = await Promise.all([ask(ours, one, ourToken), ask(theirs, one, theirToken)]);
    assert.deepEqual(ourAnswer, theirAnswer, `seed ${seed}, request ${i} by "${who}": ${one.path} ${one.bytes.toString('base64')}`);
    revision = Math.max(revision, (theirAnswer as Answer).messages[0]?.header?.revision ?? 0);
  }
});
