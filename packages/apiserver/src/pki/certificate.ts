import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { bits, boolean, integer, octets, oid, sequence, set, tagged, time, utf8 } from './der.ts';

/** A P-256 key pair in PEM: PKCS #8 and SPKI. */
export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** Where key pairs come from: live `node:crypto`, simulated fixtures. */
export interface KeySource {
  keyPair(): KeyPair;
}

export interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
}

export interface CertificateRequest {
  readonly subject: Subject;
  readonly keys: KeyPair;
  /** Signs; itself for a root. */
  readonly issuer: { readonly subject: Subject; readonly keys: KeyPair };
  /** Up to 20 bytes, unpredictable. */
  readonly serial: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly usage: 'ca' | 'server' | 'client';
  /** DNS names and IP addresses of a server. */
  readonly hosts?: readonly string[];
}

const ids = {
  ecdsaWithSha256: oid('1.2.840.10045.4.3.2'),
  commonName: oid('2.5.4.3'),
  organization: oid('2.5.4.10'),
  basicConstraints: oid('2.5.29.19'),
  keyUsage: oid('2.5.29.15'),
  extendedKeyUsage: oid('2.5.29.37'),
  subjectAltName: oid('2.5.29.17'),
  subjectKeyId: oid('2.5.29.14'),
  authorityKeyId: oid('2.5.29.35'),
  serverAuth: oid('1.3.6.1.5.5.7.3.1'),
  clientAuth: oid('1.3.6.1.5.5.7.3.2'),
} as const;

/** Writes an X.509 v3 certificate (RFC 5280), signed with ECDSA and SHA-256. Returns PEM. */
export function createCertificate(request: CertificateRequest): string {
  const publicKey = spki(request.keys);
  const toBeSigned = sequence(
    tagged(0xa0, integer(Uint8Array.of(2))),
    integer(request.serial),
    sequence(ids.ecdsaWithSha256),
    name(request.issuer.subject),
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    name(request.subject),
    publicKey,
    tagged(0xa3, sequence(...extensions(request, publicKey))),
  );
  const signature = sign('sha256', toBeSigned, createPrivateKey(request.issuer.keys.privateKey));
  return pem('CERTIFICATE', sequence(toBeSigned, sequence(ids.ecdsaWithSha256), bits(signature)));
}

function extensions(request: CertificateRequest, publicKey: Uint8Array): readonly Uint8Array[] {
  const isAuthority = request.usage === 'ca';
  const keyUsage = isAuthority ? bits(Uint8Array.of(0b1000_0110), 1) : bits(Uint8Array.of(0b1000_0000), 7);
  const list = [
    extension(ids.basicConstraints, sequence(...(isAuthority ? [boolean(true)] : [])), true),
    extension(ids.keyUsage, keyUsage, true),
    extension(ids.subjectKeyId, octets(keyId(publicKey))),
    extension(ids.authorityKeyId, sequence(tagged(0x80, keyId(spki(request.issuer.keys))))),
  ];
  if (!isAuthority) {
    list.push(extension(ids.extendedKeyUsage, sequence(request.usage === 'server' ? ids.serverAuth : ids.clientAuth)));
  }
  const hosts = request.hosts ?? [];
  if (hosts.length > 0) list.push(extension(ids.subjectAltName, sequence(...hosts.map(alternativeName))));
  return list;
}

function extension(id: Uint8Array, value: Uint8Array, critical = false): Uint8Array {
  return sequence(id, ...(critical ? [boolean(true)] : []), octets(value));
}

function alternativeName(host: string): Uint8Array {
  if (isIPv4(host)) return tagged(0x87, Uint8Array.from(host.split('.').map(Number)));
  // No name has a colon. Node's own question takes 6 ms the first time, as long as all else here.
  if (host.includes(':')) return tagged(0x87, ipv6(host));
  return tagged(0x82, Buffer.from(host, 'ascii'));
}

function ipv6(host: string): Uint8Array {
  const [head = '', tail] = host.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = tail === undefined ? left : [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right];
  return Uint8Array.from(groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]));
}

function name(subject: Subject): Uint8Array {
  const attribute = (id: Uint8Array, value: string): Uint8Array => set(sequence(id, utf8(value)));
  const organizations = (subject.organizations ?? []).map((organization) => attribute(ids.organization, organization));
  return sequence(...organizations, attribute(ids.commonName, subject.commonName));
}

function spki(keys: KeyPair): Uint8Array {
  return createPublicKey(keys.publicKey).export({ format: 'der', type: 'spki' });
}

function keyId(publicKey: Uint8Array): Uint8Array {
  return createHash('sha1').update(publicKey).digest();
}

function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
