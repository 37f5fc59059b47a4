import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { readJson } from '@coracle/apimachinery';
import type { Clock, Random } from '@coracle/kernel';
import type { Storage } from '../storage/storage.ts';
import type { Authenticator } from './authenticator.ts';
import type { UserInfo } from './user.ts';

/** An object whose end is the end of a token. */
export interface BoundObject {
  readonly kind: 'Pod' | 'Secret' | 'Node';
  readonly name: string;
  readonly uid: string;
}

export interface TokenRequest {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly bound?: BoundObject;
}

interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly nbf: number;
  readonly jti: string;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly serviceaccount: { readonly name: string; readonly uid: string };
    readonly pod?: { readonly name: string; readonly uid: string };
    readonly secret?: { readonly name: string; readonly uid: string };
    readonly node?: { readonly name: string; readonly uid: string };
  };
}

/** By which clocks may differ: a token lives so much longer, as in go-jose's DefaultLeeway. */
const leewaySeconds = 60;
/** Longer tokens are not looked at. */
const maxTokenLength = 16 * 1024;

interface SigningKey {
  readonly pem: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** As in the head of a token. */
  readonly id: string;
}

let lastRead: SigningKey | undefined;

/** The key that was read last is kept: simulated clusters all have the same one, and OpenSSL takes its time. */
function readKey(pem: string): SigningKey {
  if (lastRead?.pem === pem) return lastRead;
  const privateKey = createPrivateKey(pem);
  const publicKey = createPublicKey(privateKey);
  const id = createHash('sha256')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest('base64url');
  lastRead = { pem, privateKey, publicKey, id };
  return lastRead;
}

/**
 * Makes and checks the tokens of service accounts: JSON web tokens signed with ES256 (upstream pkg/serviceaccount, which takes
 * that algorithm for keys of P-256). A token ends with its account and with what it is bound to, not only in time.
 */
export class ServiceAccountTokens implements Authenticator {
  readonly issuer: string;
  readonly #key: SigningKey;
  readonly #storage: Storage;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #random: Random;

  constructor(options: {
    readonly issuer: string;
    /** PEM. */
    readonly privateKey: string;
    readonly storage: Storage;
    readonly clock: Pick<Clock, 'now'>;
    readonly random: Random;
  }) {
    this.issuer = options.issuer;
    this.#key = readKey(options.privateKey);
    this.#storage = options.storage;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  issue(request: TokenRequest): { readonly token: string; readonly expiresAtMs: number } {
    const nowSeconds = Math.floor(this.#clock.now() / 1000);
    const { namespace, name, uid, bound } = request;
    const claims: Claims = {
      aud: request.audiences,
      exp: nowSeconds + request.expirationSeconds,
      iat: nowSeconds,
      iss: this.issuer,
      jti: this.#random.uuid(),
      'kubernetes.io': {
        namespace,
        ...(bound === undefined ? {} : { [bound.kind.toLowerCase()]: { name: bound.name, uid: bound.uid } }),
        serviceaccount: { name, uid },
      },
      nbf: nowSeconds,
      sub: `system:serviceaccount:${namespace}:${name}`,
    };
    const signed = `${encode({ alg: 'ES256', kid: this.#key.id })}.${encode(claims)}`;
    const signature = sign('sha256', Buffer.from(signed), { key: this.#key.privateKey, dsaEncoding: 'ieee-p1363' });
    return { token: `${signed}.${signature.toString('base64url')}`, expiresAtMs: claims.exp * 1000 };
  }

  async authenticate({ headers }: { readonly headers: Readonly<Record<string, string>> }): Promise<UserInfo | 'refused' | undefined> {
    const token = /^Bearer (\S+)$/i.exec(headers['authorization'] ?? '')?.[1];
    if (token === undefined) return undefined;
    const claims = this.#read(token);
    if (claims === undefined) return 'refused';
    const { namespace, serviceaccount, pod, secret, node } = claims['kubernetes.io'];
    const exists = await Promise.all([
      this.#isThere(`/registry/serviceaccounts/${namespace}/${serviceaccount.name}`, serviceaccount.uid),
      pod === undefined || this.#isThere(`/registry/pods/${namespace}/${pod.name}`, pod.uid),
      secret === undefined || this.#isThere(`/registry/secrets/${namespace}/${secret.name}`, secret.uid),
      node === undefined || this.#isThere(`/registry/minions/${node.name}`, node.uid),
    ]);
    if (exists.includes(false)) return 'refused';
    const extra = {
      'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`],
      ...(pod === undefined
        ? {}
        : { 'authentication.kubernetes.io/pod-name': [pod.name], 'authentication.kubernetes.io/pod-uid': [pod.uid] }),
    };
    return { name: claims.sub, uid: serviceaccount.uid, groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`], extra };
  }

  /** Claims of a token that we signed, that is valid now and meant for us. */
  #read(token: string): Claims | undefined {
    const [head = '', body = '', signature = '', ...rest] = token.split('.');
    if (token.length > maxTokenLength || rest.length > 0) return undefined;
    const isOurs = verify(
      'sha256',
      Buffer.from(`${head}.${body}`),
      { key: this.#key.publicKey, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    );
    if (!isOurs) return undefined;
    const claims = readJson(Buffer.from(body, 'base64url')).value as Claims; // signed by us, hence ours in form
    const nowSeconds = this.#clock.now() / 1000;
    const isInTime = claims.nbf <= nowSeconds + leewaySeconds && nowSeconds - leewaySeconds <= claims.exp;
    return claims.iss === this.issuer && claims.aud.includes(this.issuer) && isInTime ? claims : undefined;
  }

  async #isThere(key: string, uid: string): Promise<boolean> {
    const { stored } = await this.#storage.get(key);
    return stored?.object.metadata.uid === uid && stored.object.metadata.deletionTimestamp === undefined;
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
