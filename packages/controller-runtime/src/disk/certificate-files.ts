import { readFile } from 'node:fs/promises';
import type { CertificatePair } from '../webhook/certificate-watcher.ts';

/** Where a certificate and its key are. */
export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** Throws Node's error for a file that cannot be read. */
export async function readCertificateFiles({ certificateFile, keyFile }: CertificateFiles): Promise<CertificatePair> {
  return { certificate: await readFile(certificateFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
}

/** Certificates of clients, PEM. Throws Node's error for a file that cannot be read. */
export function readAuthorities(file: string): Promise<string> {
  return readFile(file, 'utf8');
}
