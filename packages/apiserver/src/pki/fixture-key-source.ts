import { createPublicKey } from 'node:crypto';
import type { KeyPair, KeySource } from './certificate.ts';

/** Known to everybody: no secret, test data. */
const fixtureKeys: KeyPair = {
  privateKey: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdtyLB50lqD9vVw8B
WAGW2Hj72+G9sGIgavFjSam/56KhRANCAAROWzaXYpAdhNLCQHbowDgDT5fMuTKk
9IrQ7o6eZoD2Lvi/2DRFHWLxZoQHGs3+hPbctEabIqGt2IjIXX1srb07
-----END PRIVATE KEY-----
`,
  publicKey: `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAETls2l2KQHYTSwkB26MA4A0+XzLky
pPSK0O6OnmaA9i74v9g0RR1i8WaEBxrN/oT23LRGmyKhrdiIyF19bK29Ow==
-----END PUBLIC KEY-----
`,
};

/**
 * The same published key pair again and again, for simulations and tests: their runs do not depend on real chance, and nobody
 * reaches them from outside. Whoever serves others refuses it: `isFixtureKey`.
 */
export const fixtureKeySource: KeySource = { keyPair: () => fixtureKeys };

/** Whether a private key in PEM is the published one, however it is written. */
export function isFixtureKey(privateKey: string): boolean {
  return createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }) === fixtureKeys.publicKey;
}
