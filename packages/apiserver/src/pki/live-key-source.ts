import { generateKeyPairSync } from 'node:crypto';
import type { KeySource } from './certificate.ts';

/** Fresh P-256 keys from the operating system's generator. */
export const liveKeySource: KeySource = {
  keyPair: () =>
    generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { format: 'pem', type: 'pkcs8' },
      publicKeyEncoding: { format: 'pem', type: 'spki' },
    }),
};
