import type { Clock } from '@coracle/kernel';
import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { AuthError } from './auth-error.ts';
import type { Caller } from './permits.ts';

export const jwtMethods = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;
export type JwtMethod = (typeof jwtMethods)[number];

export interface JwtOptions {
  readonly method: JwtMethod;
  /** PEM; of HS methods the secret itself. Without it tokens are verified, not made. */
  readonly privateKey?: string;
  /** PEM. */
  readonly publicKey?: string;
  readonly ttlMs: number;
}

/** Keys that fit a method, and each other. */
export interface JwtKeys {
  readonly method: JwtMethod;
  readonly ttlMs: number;
  /** Absent: tokens are verified, not made. */
  readonly signing: KeyObject | undefined;
  readonly verifying: KeyObject;
}

/** Throws TypeError for keys that are none, do not fit the method, or do not belong together. */
export function jwtKeys({ method, ttlMs, privateKey, publicKey }: JwtOptions): JwtKeys {
  if (method.startsWith('HS')) {
    if (privateKey === undefined) throw new TypeError('missing key data');
    const secret = createSecretKey(Buffer.from(privateKey));
    return { method, ttlMs, signing: secret, verifying: secret };
  }
  const signing = privateKey === undefined ? undefined : keyOf(createPrivateKey, privateKey);
  const given = publicKey === undefined ? undefined : keyOf(createPublicKey, publicKey);
  const verifying = given ?? (signing === undefined ? undefined : createPublicKey(signing));
  if (verifying === undefined) throw new TypeError('missing key data');
  if (verifying.asymmetricKeyType !== keyTypeOf(method)) {
    throw new TypeError(`a key of type "${verifying.asymmetricKeyType}" does not sign by ${method}`);
  }
  if (signing !== undefined && !createPublicKey(signing).equals(verifying)) throw new TypeError("public and private keys don't match");
  return { method, ttlMs, signing, verifying };
}

/** JSON Web Tokens that say a user and the revision at which that was established (server/auth/jwt.go). */
export class Jwt {
  readonly #keys: JwtKeys;
  readonly #clock: Clock;

  constructor(keys: JwtKeys, clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  /** Throws AuthError when there is no key to sign with. */
  issue({ user, revision }: Caller): string {
    const { method, signing, ttlMs } = this.#keys;
    if (signing === undefined) throw new AuthError('only verifies');
    const exp = Math.floor((this.#clock.now() + ttlMs) / 1000);
    const content = `${encoded({ alg: method, typ: 'JWT' })}.${encoded({ exp, revision, username: user })}`;
    return `${content}.${signature(method, signing, content).toString('base64url')}`;
  }

  /** Whom the token means; undefined when it is not ours, or its time is up. */
  caller(token: string): Caller | undefined {
    const { method, verifying } = this.#keys;
    const parts = token.split('.');
    const [header = '', payload = '', signed = ''] = parts;
    if (parts.length !== 3 || !isSigned(method, verifying, `${header}.${payload}`, Buffer.from(signed, 'base64url'))) return undefined;
    if (decoded(header)?.['alg'] !== method) return undefined;
    const claims = decoded(payload);
    const { username, revision, exp, nbf } = claims ?? {};
    const nowSeconds = this.#clock.now() / 1000;
    if (typeof username !== 'string' || typeof revision !== 'number') return undefined;
    if (exp !== undefined && !(typeof exp === 'number' && nowSeconds < exp)) return undefined;
    if (nbf !== undefined && !(typeof nbf === 'number' && nowSeconds >= nbf)) return undefined;
    return { user: username, revision };
  }
}

function keyOf(create: (pem: string) => KeyObject, pem: string): KeyObject {
  try {
    return create(pem);
  } catch (error) {
    throw new TypeError('not a key in PEM', { cause: error });
  }
}

function keyTypeOf(method: JwtMethod): string {
  return method === 'EdDSA' ? 'ed25519' : method.startsWith('ES') ? 'ec' : 'rsa';
}

function digestOf(method: JwtMethod): string {
  return `sha${method.slice(2)}`;
}

function parametersOf(method: JwtMethod, key: KeyObject) {
  if (method.startsWith('ES')) return { key, dsaEncoding: 'ieee-p1363' } as const;
  if (method.startsWith('PS')) return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return { key };
}

function signature(method: JwtMethod, key: KeyObject, content: string): Buffer {
  if (key.type === 'secret') return createHmac(digestOf(method), key).update(content).digest();
  return sign(method === 'EdDSA' ? null : digestOf(method), Buffer.from(content), parametersOf(method, key));
}

function isSigned(method: JwtMethod, key: KeyObject, content: string, signed: Buffer): boolean {
  if (key.type === 'secret') {
    const expected = signature(method, key, content);
    return expected.length === signed.length && timingSafeEqual(expected, signed);
  }
  return verify(method === 'EdDSA' ? null : digestOf(method), Buffer.from(content), parametersOf(method, key), signed);
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decoded(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined; // it is no token of ours then, which is an answer
  }
}
