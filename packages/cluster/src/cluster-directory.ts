import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Credential, Pki } from './pki.ts';

/** The directory cannot be used; the message says what to do. */
export class ClusterDirectoryError extends Error {
  override readonly name = 'ClusterDirectoryError';
}

const keyFiles = ['ca', 'apiserver', 'admin'] as const;

/**
 * The files of a cluster (interfaces.md 7): `pki/`, `kubeconfig`, `pid`, `store/`. The directory is 0700, its files 0600, and each
 * file is there as a whole or not at all.
 */
export class ClusterDirectory {
  readonly path: string;

  constructor(directory: string) {
    this.path = path.resolve(directory);
  }

  get kubeconfig(): string {
    return path.join(this.path, 'kubeconfig');
  }

  get store(): string {
    return path.join(this.path, 'store');
  }

  /** Makes what is missing. Throws ClusterDirectoryError where that is not possible. */
  open(): void {
    try {
      mkdirSync(this.path, { recursive: true, mode: 0o700 });
      mkdirSync(path.join(this.path, 'pki'), { recursive: true, mode: 0o700 });
      chmodSync(this.path, 0o700);
    } catch (error) {
      throw new ClusterDirectoryError(`Cannot use "${this.path}" as the directory of a cluster: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }

  /** The keys and certificates of an earlier start. Throws ClusterDirectoryError when only some are there. */
  readPki(): Pki | undefined {
    const files = [...keyFiles.flatMap((name) => [`${name}.crt`, `${name}.key`]), 'sa.key', 'sa.pub'];
    const found = files.filter((file) => existsSync(this.#pki(file)));
    if (found.length === 0) return undefined;
    const lost = files.find((file) => !found.includes(file));
    if (lost !== undefined) throw new ClusterDirectoryError(`"${this.#pki(lost)}" is missing: restore it, or remove "${path.join(this.path, 'pki')}" to have new keys made`);
    const read = (file: string): string => readFileSync(this.#pki(file), 'utf8');
    const credential = (name: string): Credential => ({ certificate: read(`${name}.crt`), keys: { privateKey: read(`${name}.key`), publicKey: '' } });
    return {
      authority: credential('ca'),
      server: credential('apiserver'),
      admin: credential('admin'),
      serviceAccountKeys: { privateKey: read('sa.key'), publicKey: read('sa.pub') },
    };
  }

  writePki(pki: Pki): void {
    const credentials = { ca: pki.authority, apiserver: pki.server, admin: pki.admin };
    for (const name of keyFiles) {
      this.#write(path.join('pki', `${name}.key`), credentials[name].keys.privateKey);
      this.#write(path.join('pki', `${name}.crt`), credentials[name].certificate);
    }
    this.#write('pki/sa.key', pki.serviceAccountKeys.privateKey);
    this.#write('pki/sa.pub', pki.serviceAccountKeys.publicKey);
  }

  writeKubeconfig(text: string): void {
    this.#write('kubeconfig', text);
  }

  writePid(pid: number): void {
    this.#write('pid', `${pid}\n`);
  }

  removePid(): void {
    rmSync(path.join(this.path, 'pid'), { force: true });
  }

  #pki(file: string): string {
    return path.join(this.path, 'pki', file);
  }

  #write(name: string, text: string): void {
    const target = path.join(this.path, name);
    writeFileSync(`${target}.new`, text, { mode: 0o600 });
    renameSync(`${target}.new`, target);
  }
}
