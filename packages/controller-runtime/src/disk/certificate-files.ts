import type { CertificatePair } from '../webhook/certificate-watcher.ts';

// Loaded when it is needed: most programs read no certificates.
const files = (): typeof import('node:fs/promises') => globalThis.process.getBuiltinModule('node:fs/promises');

/** Where a certificate and its key are. */
export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** Throws Node's error for a file that cannot be read. */
export async function readCertificateFiles({ certificateFile, keyFile }: CertificateFiles): Promise<CertificatePair> {
  const { readFile } = files();
  return { certificate: await readFile(certificateFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
}

/** Certificates of clients, PEM. Throws Node's error for a file that cannot be read. */
export function readAuthorities(file: string): Promise<string> {
  return files().readFile(file, 'utf8');
}

/** False when one of the files is not there; true also for one that cannot be read, which is for the reader to tell. */
export async function areCertificateFilesThere({ certificateFile, keyFile }: CertificateFiles): Promise<boolean> {
  for (const file of [certificateFile, keyFile]) {
    try {
      await files().stat(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    }
  }
  return true;
}
