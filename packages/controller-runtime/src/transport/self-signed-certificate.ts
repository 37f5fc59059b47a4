import { generateKeyPairSync, sign } from 'node:crypto';
import type { Process } from '@coracle/kernel';
import type { CertificatePair } from '../webhook/certificate-watcher.ts';

const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;

// What never changes, in DER: identifiers of algorithms and of extensions with their values.
const version3 = hex('a003020102');
const ecdsaWithSha256 = hex('300a06082a8648ce3d040302');
const commonName = hex('0603550403');
const noAuthority = hex('300c0603551d130101ff04023000');
const digitalSignature = hex('300e0603551d0f0101ff040403020780');
const serverAuth = hex('30130603551d25040c300a06082b06010505070301');
const subjectAltName = hex('0603551d11');
const loopback = hex('87047f000001');

/**
 * A certificate for localhost and 127.0.0.1 that nobody vouches for: it encrypts, and proves nothing (client-go util/cert
 * GenerateSelfSignedCertKey, which makes an authority for it besides). P-256; from an hour ago, for clocks that are behind, for a year.
 */
export function selfSignedCertificate({ clock, random }: Process): CertificatePair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const fromMs = clock.now() - hourMs;
  const name = sequence(tagged(0x31, sequence(commonName, tagged(0x0c, ascii(`localhost@${Math.floor(clock.now() / 1000)}`)))));
  const names = sequence(tagged(0x82, ascii('localhost')), loopback);
  const extensions = sequence(noAuthority, digitalSignature, serverAuth, sequence(subjectAltName, tagged(0x04, names)));
  const toBeSigned = sequence(
    version3,
    // Positive, and no byte of it is idle.
    tagged(0x02, Uint8Array.of(0x40), random.bytes(15)),
    ecdsaWithSha256,
    name,
    sequence(time(fromMs), time(fromMs + yearMs)),
    name,
    publicKey.export({ format: 'der', type: 'spki' }),
    tagged(0xa3, extensions),
  );
  const signature = tagged(0x03, Uint8Array.of(0), sign('sha256', toBeSigned, privateKey));
  const lines = sequence(toBeSigned, ecdsaWithSha256, signature)
    .toString('base64')
    .match(/.{1,64}/g);
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines?.join('\n') ?? ''}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x30, ...parts);
}

/** Tag, length, content of less than 64 KiB (ITU-T X.690). */
function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...head), content]);
}

/** GeneralizedTime, as RFC 5280 wants from 2050 on; UTCTime before. */
function time(atMs: number): Buffer {
  const digits = `${new Date(atMs).toISOString().replace(/[-:T]|\..*/g, '')}Z`;
  return digits < '2050' ? tagged(0x17, ascii(digits.slice(2))) : tagged(0x18, ascii(digits));
}

function ascii(text: string): Buffer {
  return Buffer.from(text, 'ascii');
}

function hex(digits: string): Buffer {
  return Buffer.from(digits, 'hex');
}
