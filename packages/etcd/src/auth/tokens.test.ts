import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { SimRuntime, seededRandom } from '@coracle/simulator';
import { AuthError } from './auth-error.ts';
import { Jwt, jwtKeys, type JwtMethod, jwtMethods } from './jwt.ts';
import { scryptPasswords } from './passwords.ts';
import { SimpleTokens } from './simple-tokens.ts';

interface Pems {
  readonly publicKey: string;
  readonly privateKey: string;
}

function pem({ publicKey, privateKey }: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }): Pems {
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

const rsa = pem(generateKeyPairSync('rsa', { modulusLength: 1536 }));
const curves: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

function keysFor(method: JwtMethod): { readonly publicKey?: string; readonly privateKey: string } {
  if (method.startsWith('HS')) return { privateKey: 'secret' };
  if (method.startsWith('ES')) return pem(generateKeyPairSync('ec', { namedCurve: curves[method] ?? '' }));
  return method === 'EdDSA' ? pem(generateKeyPairSync('ed25519')) : rsa;
}

test('Jwt: by each method a token means who it was made for, until its time is up', async () => {
  for (const method of jwtMethods) {
    const runtime = new SimRuntime({ seed: 1 });
    const { clock } = runtime.process('etcd');
    const jwt = new Jwt(jwtKeys({ method, ttlMs: 60_000, ...keysFor(method) }), clock);
    const token = jwt.issue({ user: 'ann', revision: 7 });
    assert.deepEqual(jwt.caller(token), { user: 'ann', revision: 7 }, method);
    const [head = '', , signed = ''] = token.split('.');
    const forged = Buffer.from(JSON.stringify({ username: 'root', revision: 7, exp: 1e12 })).toString('base64url');
    for (const wrong of ['', 'a.b', `${head}.${forged}.${signed}`, `${token}x.`, token.slice(0, -8)])
      assert.equal(jwt.caller(wrong), undefined);
    await runtime.advance(61_000);
    assert.equal(jwt.caller(token), undefined, method);
  }
});

test('Jwt: one that has a public key only verifies; a token of another method or without a user is none', () => {
  const { clock } = new SimRuntime({ seed: 1 }).process('etcd');
  const signing = new Jwt(jwtKeys({ method: 'RS256', ttlMs: 60_000, privateKey: rsa.privateKey }), clock);
  const verifying = new Jwt(jwtKeys({ method: 'RS256', ttlMs: 60_000, publicKey: rsa.publicKey }), clock);
  assert.deepEqual(verifying.caller(signing.issue({ user: 'ann', revision: 1 })), { user: 'ann', revision: 1 });
  assert.throws(
    () => verifying.issue({ user: 'ann', revision: 1 }),
    (error) => error instanceof AuthError && error.refusal === 'only verifies',
  );
  const other = new Jwt(jwtKeys({ method: 'RS512', ttlMs: 60_000, ...rsa }), clock);
  assert.equal(verifying.caller(other.issue({ user: 'ann', revision: 1 })), undefined);
});

test('jwtKeys() refuses keys that are none, of another kind, or of two pairs', () => {
  const refused = (options: object, message: RegExp): void =>
    assert.throws(
      () => jwtKeys({ method: 'RS256', ttlMs: 1, ...options }),
      (error) => error instanceof TypeError && message.test(error.message),
    );
  refused({}, /missing key data/);
  refused({ method: 'HS256', publicKey: rsa.publicKey }, /missing key data/);
  refused({ privateKey: 'nonsense' }, /not a key in PEM/);
  refused({ method: 'ES256', ...rsa }, /a key of type "rsa" does not sign by ES256/);
  refused({ privateKey: rsa.privateKey, publicKey: pem(generateKeyPairSync('rsa', { modulusLength: 1024 })).publicKey }, /don't match/);
});

test('SimpleTokens: a token lasts as long as it is used, and its user', async () => {
  const runtime = new SimRuntime({ seed: 1 });
  const tokens = new SimpleTokens();
  tokens.assign('early', 'ann');
  tokens.keepTime(runtime.process('etcd').clock, 10_000);
  assert.equal(tokens.use('early'), undefined);
  tokens.assign('t1', 'ann');
  tokens.assign('t2', 'ann');
  tokens.assign('t3', 'bob');
  await runtime.advance(8_000);
  assert.equal(tokens.use('t1'), 'ann');
  await runtime.advance(8_000);
  assert.equal(tokens.use('t1'), 'ann');
  assert.equal(tokens.use('t2'), undefined);
  tokens.assign('t4', 'bob');
  tokens.forgetUser('ann');
  assert.deepEqual([tokens.use('t1'), tokens.use('t4')], [undefined, 'bob']);
  tokens.clear();
  assert.equal(tokens.use('t4'), undefined);
});

test('scryptPasswords(): the password matches, no other does, and two are never kept alike', async () => {
  const passwords = scryptPasswords({ random: seededRandom(1), cost: 16 });
  const [kept, again] = [await passwords.hash('secret'), await passwords.hash('secret')];
  assert.notEqual(kept, again);
  assert.doesNotMatch(kept, /secret/);
  assert.equal(await passwords.matches('secret', kept), true);
  assert.equal(await passwords.matches('secret', again), true);
  assert.equal(await passwords.matches('Secret', kept), false);
  assert.equal(await passwords.matches('', kept), false);
  assert.equal(await passwords.matches('none', 'none'), false);
});
