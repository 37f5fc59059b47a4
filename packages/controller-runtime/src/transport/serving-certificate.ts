import path from 'node:path';
import { type Process, untilAborted } from '@coracle/kernel';
import { areCertificateFilesThere, type CertificateFiles, readCertificateFiles } from '../disk/certificate-files.ts';
import { type CertificatePair, CertificateWatcher } from '../webhook/certificate-watcher.ts';
import type { CertificateSource } from './http-server.ts';
import { selfSignedCertificate } from './self-signed-certificate.ts';

/** Where the certificate of a server is looked for. */
export interface ServingCertificateOptions {
  readonly process: Process;
  /** Default: nowhere. */
  readonly certDir?: string | undefined;
  /** Default `tls.crt`. */
  readonly certName?: string | undefined;
  /** Default `tls.key`. */
  readonly keyName?: string | undefined;
  /** How often the files are looked at. Default 10,000. */
  readonly intervalMs?: number | undefined;
}

/**
 * The certificate of files, followed as they change; where one of them is not there at the start, one that is made in memory and kept
 * (pkg/metrics/server createListener).
 */
export class ServingCertificate implements CertificateSource {
  readonly #options: ServingCertificateOptions;
  #watcher: CertificateWatcher | undefined;

  constructor(options: ServingCertificateOptions) {
    this.#options = options;
  }

  /** Throws Node's error when the files are there and cannot be read, OpenSSL's when they do not belong together. */
  async load(use: (pair: CertificatePair) => void): Promise<void> {
    const { process, certDir, certName = 'tls.crt', keyName = 'tls.key', intervalMs } = this.#options;
    if (certDir !== undefined) {
      const files: CertificateFiles = { certificateFile: path.join(certDir, certName), keyFile: path.join(certDir, keyName) };
      if (await areCertificateFilesThere(files)) {
        const read = (): Promise<CertificatePair> => readCertificateFiles(files);
        this.#watcher = new CertificateWatcher({ process, read, use, ...(intervalMs !== undefined && { intervalMs }) });
        return this.#watcher.load();
      }
      process.log.warn('There is no certificate to serve with: one is made that nobody vouches for', { ...files });
    }
    use(selfSignedCertificate(process));
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#watcher?.run(signal) ?? untilAborted(signal);
  }
}
