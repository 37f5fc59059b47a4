import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { type IssuerRequest, OidcAuthProvider } from './oidc.ts';

const jwt = (claims: unknown): string =>
  `h.${Buffer.from(typeof claims === 'string' ? claims : JSON.stringify(claims)).toString('base64url')}.s`;
const issuer = { 'idp-issuer-url': 'https://issuer/', 'client-id': 'id', 'client-secret': 'sec:ret', 'refresh-token': 'r1' };
const discovery = { status: 200, text: '{"token_endpoint":"https://issuer/token"}' };

function setUp(config: Record<string, string>, answers: readonly { readonly status: number; readonly text: string }[]) {
  const runtime = new SimRuntime({ seed: 1 });
  const process = runtime.process('test');
  const asked: IssuerRequest[] = [];
  const kept: object[] = [];
  const provider = new OidcAuthProvider({
    process,
    config,
    send: async (request) => {
      const answer = answers[Math.min(asked.length, answers.length - 1)];
      asked.push(request);
      if (answer === undefined) throw new RangeError('nothing to answer');
      return answer;
    },
    persist: (changed) => kept.push(changed),
  });
  return { provider, asked, kept, now: Math.trunc(process.clock.now() / 1_000) };
}

describe('OidcAuthProvider', () => {
  test('uses a token that is good, and refreshes one that ends within ten seconds', async () => {
    const { now } = setUp(issuer, []);
    const good = jwt({ exp: now + 60 });
    assert.equal(await setUp({ ...issuer, 'id-token': good }, []).provider.idToken(), good);
    assert.equal(
      await setUp({ ...issuer, 'id-token': jwt({ exp: (now + 60) * 1.0000000001 }) }, [])
        .provider.idToken()
        .then(() => 'used'),
      'used',
    );
    for (const exp of [now + 10, now - 60, undefined]) {
      const { provider } = setUp({ ...issuer, 'id-token': jwt({ exp }) }, [discovery, { status: 200, text: '{"id_token":"new"}' }]);
      assert.equal(await provider.idToken(), 'new');
    }
  });

  test('refreshes once for all callers, keeps what it got, and sends the secret in a header', async () => {
    const { provider, asked, kept } = setUp(issuer, [
      discovery,
      { status: 200, text: `{"id_token":"${jwt({ exp: 9e9 })}","refresh_token":"r2"}` },
    ]);
    const [one, two] = await Promise.all([provider.idToken(), provider.idToken()]);
    assert.equal(one, two);
    assert.equal(await provider.idToken(), one);
    assert.deepEqual(
      asked.map(({ method, url, form }) => [method, url.href, form]),
      [
        ['GET', 'https://issuer/.well-known/openid-configuration', undefined],
        ['POST', 'https://issuer/token', 'grant_type=refresh_token&refresh_token=r1'],
      ],
    );
    assert.equal(asked[1]?.authorization, `Basic ${Buffer.from('id:sec%3Aret').toString('base64')}`);
    assert.deepEqual(kept, [{ ...issuer, 'id-token': one, 'refresh-token': 'r2' }]);
  });

  test('a provider that wants the client in the form gets it so', async () => {
    const { provider, asked } = setUp(issuer, [discovery, { status: 401, text: 'no' }, { status: 200, text: '{"id_token":"x"}' }]);
    assert.equal(await provider.idToken(), 'x');
    assert.equal(asked[2]?.form, 'grant_type=refresh_token&refresh_token=r1&client_id=id&client_secret=sec%3Aret');
  });

  const refused: readonly (readonly [string, Record<string, string>, readonly { status: number; text: string }[], RegExp])[] = [
    ['a token that is none', { ...issuer, 'id-token': 'abc' }, [], /^ID Token is not a valid JWT$/],
    ['claims that are none', { ...issuer, 'id-token': jwt('{') }, [], /^parsing claims: the payload of the ID Token is not JSON$/],
    ['an end that is none', { ...issuer, 'id-token': jwt({ exp: 'soon' }) }, [], /^parsing claims: exp is no number$/],
    ['nothing to refresh with', { ...issuer, 'refresh-token': '' }, [], /^No valid id-token, and cannot refresh without refresh-token$/],
    [
      'an issuer without metadata',
      issuer,
      [{ status: 404, text: 'x'.repeat(100) }],
      /^oidc: failed to query metadata endpoint 404: "x{80}\.\.\."$/,
    ],
    ['metadata that are none', issuer, [{ status: 200, text: '<' }], /^oidc: failed to decode provider discovery object/],
    ['metadata without endpoint', issuer, [{ status: 200, text: '{}' }], /^oidc: discovery object doesn't contain a token_endpoint$/],
    [
      'a refusal',
      issuer,
      [discovery, { status: 400, text: 'secret' }, { status: 400, text: 'secret' }],
      /^failed to refresh token: oauth2: cannot fetch token: 400$/,
    ],
    [
      'an answer that is none',
      issuer,
      [discovery, { status: 200, text: 'secret' }],
      /^failed to refresh token: oauth2: cannot parse json$/,
    ],
    [
      'an answer without ID token',
      issuer,
      [discovery, { status: 200, text: '{"access_token":"secret"}' }],
      /^token response did not contain an id_token/,
    ],
  ];
  for (const [name, config, answers, want] of refused) {
    test(`refuses ${name}`, () =>
      assert.rejects(
        setUp(config, answers).provider.idToken(),
        (error: Error) => want.test(error.message) && !error.message.includes('secret'),
      ));
  }

  test('refuses a config without issuer or client', () => {
    assert.throws(() => setUp({ 'client-id': 'x' }, []), /Must provide idp-issuer-url/);
    assert.throws(() => setUp({ 'idp-issuer-url': 'x' }, []), /Must provide client-id/);
  });
});
