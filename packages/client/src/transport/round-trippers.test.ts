import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { memoryHost } from '../rest/fixtures/memory-host.ts';
import { answered, scripted } from '../rest/fixtures/scripted-transport.ts';
import {
  authProxyRoundTripper,
  basicAuthRoundTripper,
  bearerAuthRoundTripper,
  escapeHeaderKey,
  impersonationRoundTripper,
  maskedHeader,
  tokenSourceRoundTripper,
  userAgentRoundTripper,
} from './round-trippers.ts';
import { CachingTokenSource, fileTokenSource } from './token-source.ts';
import type { RoundTripper, WireRequest } from './wire-request.ts';

async function through(roundTripper: RoundTripper, headers: Record<string, string> = {}): Promise<WireRequest | undefined> {
  const transport = scripted(answered(200));
  await roundTripper(transport).exchange({ method: 'GET', path: '/', query: [], headers });
  return transport.asked[0];
}

describe('round trippers', () => {
  test('add what the request has not', async () => {
    assert.equal((await through(userAgentRoundTripper('me')))?.headers['user-agent'], 'me');
    assert.equal((await through(userAgentRoundTripper('me'), { 'user-agent': 'you' }))?.headers['user-agent'], 'you');
    assert.equal(
      (await through(basicAuthRoundTripper('a', 'b:c')))?.headers['authorization'],
      `Basic ${Buffer.from('a:b:c').toString('base64')}`,
    );
    assert.equal((await through(basicAuthRoundTripper('a', 'b'), { authorization: 'x' }))?.headers['authorization'], 'x');
    assert.equal((await through(bearerAuthRoundTripper('t')))?.headers['authorization'], 'Bearer t');
    assert.equal((await through(bearerAuthRoundTripper('t'), { authorization: 'x' }))?.headers['authorization'], 'x');
  });

  test('a token source wins over the token, as long as it has one', async () => {
    assert.equal((await through(bearerAuthRoundTripper('old', { token: async () => 'new' })))?.headers['authorization'], 'Bearer new');
    const broken = { token: () => Promise.reject(new Error('gone')) };
    assert.equal((await through(bearerAuthRoundTripper('old', broken)))?.headers['authorization'], 'Bearer old');
    await assert.rejects(through(bearerAuthRoundTripper('', broken)), { message: 'gone' });
  });

  test('a token that the server refuses is asked for anew, unless it was got for this very request', async () => {
    const runtime = new SimRuntime({ seed: 1 });
    const process = runtime.process('test');
    let given = 0;
    const source = new CachingTokenSource({
      process,
      ask: async () => ({ value: `t${++given}`, expiresAtMs: Number.MAX_SAFE_INTEGER }),
    });
    const transport = scripted(answered(200), answered(401), answered(200), answered(401));
    const wrapped = tokenSourceRoundTripper(source, process.clock)(transport);
    const ask = async (headers: Record<string, string> = {}): Promise<string> => {
      await runtime.advance(1);
      const { status } = await wrapped.exchange({ method: 'GET', path: '/', query: [], headers });
      return `${transport.asked.at(-1)?.headers['authorization']} ${status}`;
    };
    assert.equal(await ask({ authorization: 'mine' }), 'mine 200');
    assert.equal(given, 0, 'a request with its own authorization asks for no token');
    assert.equal(await ask(), 'Bearer t1 401', 'a new token may be refused');
    assert.equal(await ask(), 'Bearer t1 200', 'and is kept: it is not older than its request');
    assert.equal(await ask(), 'Bearer t1 401', 'an old one that is refused');
    assert.equal(await ask(), 'Bearer t2 401', 'is replaced with the next request');
    assert.equal(await ask({ authorization: 'mine' }), 'mine 401');
    assert.equal(given, 2, 'a refusal of another authorization says nothing of the token');
  });

  test('impersonation is a line for each group and each value', async () => {
    const config = { userName: 'jane', uid: '7', groups: ['a, b', 'c'], extra: { 'Some/Key': ['v', 'w'], 'a%20b': ['x'] } };
    const request = await through(impersonationRoundTripper(config));
    assert.deepEqual(
      [request?.headers, request?.repeatedHeaders],
      [
        { 'impersonate-user': 'jane', 'impersonate-uid': '7' },
        { 'impersonate-group': ['a, b', 'c'], 'impersonate-extra-Some%2FKey': ['v', 'w'], 'impersonate-extra-a%2520b': ['x'] },
      ],
    );
    assert.deepEqual((await through(impersonationRoundTripper(config), { 'impersonate-user': 'joe' }))?.headers, {
      'impersonate-user': 'joe',
    });
  });

  test('a front proxy drops what the request says of the user', async () => {
    const request = await through(authProxyRoundTripper({ userName: 'u', uid: '1', groups: ['g'], extra: { 'a b': ['c'] } }), {
      'x-remote-user': 'root',
      'x-remote-group': 'r',
      'x-remote-extra-x': 'y',
      kept: 'k',
    });
    assert.deepEqual(
      [request?.headers, request?.repeatedHeaders],
      [
        { kept: 'k', 'x-remote-user': 'u', 'x-remote-uid': '1' },
        { 'x-remote-group': ['g'], 'x-remote-extra-a%20b': ['c'] },
      ],
    );
  });

  for (const [key, want] of [
    ['alpha', 'alpha'],
    ['a1-b_c', 'a1-b_c'],
    ['a%20b', 'a%2520b'],
    ['a b', 'a%20b'],
    ['h\u00e9', 'h%C3%A9'],
    ["!#$&'*+-.^_`|~", "!#$&'*+-.^_`|~"],
    ['a/b:c', 'a%2Fb%3Ac'],
  ] as const) {
    test(`the key ${key} in a header's name`, () => {
      assert.equal(escapeHeaderKey(key), want);
      assert.equal(decodeURIComponent(want), key);
    });
  }

  test('a log shows the kind of a credential, never the credential', () => {
    for (const [value, want] of [
      ['Bearer secret', 'Bearer <masked>'],
      ['Basic a b', 'Basic <masked>'],
      ['Negotiate x', 'Negotiate <masked>'],
      ['Bearer', 'Bearer'],
      ['secret', '<masked>'],
      ['', ''],
    ] as const) {
      assert.equal(maskedHeader('Authorization', value), want);
    }
    assert.equal(maskedHeader('Accept', 'x'), 'x');
  });
});

describe('CachingTokenSource', () => {
  const setUp = () => {
    const runtime = new SimRuntime({ seed: 1 });
    const process = runtime.process('test');
    return { runtime, process };
  };

  test('keeps a token until shortly before its end, and then asks', async () => {
    const { runtime, process } = setUp();
    let asked = 0;
    const source = new CachingTokenSource({
      process,
      leewayMs: 10_000,
      ask: async () => ({ value: `t${++asked}`, expiresAtMs: process.clock.now() + 60_000 }),
    });
    assert.equal(await source.token(), 't1');
    await runtime.drive(process.clock.sleep(49_999));
    assert.equal(await source.token(), 't1');
    await runtime.drive(process.clock.sleep(1));
    assert.equal(await source.token(), 't2');
  });

  test('many callers are one question', async () => {
    const { process } = setUp();
    let asked = 0;
    const source = new CachingTokenSource({ process, ask: async () => ({ value: `t${++asked}`, expiresAtMs: Number.MAX_SAFE_INTEGER }) });
    assert.deepEqual(await Promise.all([source.token(), source.token(), source.token()]), ['t1', 't1', 't1']);
  });

  test('an old token is better than none, and no token is an error', async () => {
    const { process } = setUp();
    let fails = true;
    const source = new CachingTokenSource({
      process,
      ask: async () => {
        if (fails) throw new Error('away');
        return { value: 't', expiresAtMs: 0 };
      },
    });
    await assert.rejects(source.token(), { message: 'away' });
    fails = false;
    await source.token();
    fails = true;
    assert.equal(await source.token(), 't');
    source.resetOlderThan(process.clock.now() + 1);
    await assert.rejects(source.token(), { message: 'away' });
  });

  test('a file is read again each minute', async () => {
    const { runtime, process } = setUp();
    const host = memoryHost({ '/t': 'one\n' });
    const source = fileTokenSource(process, host, '/t');
    assert.equal(await source.token(), 'one');
    host.files.set('/t', 'two');
    assert.equal(await source.token(), 'one');
    await runtime.drive(process.clock.sleep(50_000));
    assert.equal(await source.token(), 'two');
    host.files.set('/t', ' ');
    await runtime.drive(process.clock.sleep(60_000));
    assert.equal(await source.token(), 'two', 'an empty file is no token');
    await assert.rejects(fileTokenSource(process, host, '/t').token(), { message: 'read empty token from file "/t"' });
    await assert.rejects(fileTokenSource(process, host, '/none').token(), /failed to read token file "\/none"/);
  });
});
