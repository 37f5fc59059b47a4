import { createCertificate, type KeyPair, liveKeySource } from '@coracle/apiserver';

/** A certificate for 127.0.0.1 that signs itself, good for a day: PEM. */
export function ownCertificate(commonName: string): { readonly keys: KeyPair; readonly certificate: string } {
  const subject = { commonName };
  const keys = liveKeySource.keyPair();
  const certificate = createCertificate({
    subject,
    keys,
    issuer: { subject, keys },
    serial: Uint8Array.of(1),
    usage: 'server',
    notBeforeMs: Date.now() - 60_000,
    notAfterMs: Date.now() + 86_400_000,
    hosts: ['127.0.0.1'],
  });
  return { keys, certificate };
}
