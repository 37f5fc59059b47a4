import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { KeyPair, KeySource } from '@coracle/apiserver';
import {
  DirectoryDamaged,
  DirectoryInUse,
  DirectoryNotOwned,
  DirectoryTooNew,
  DiskFull,
  type DiskLock,
  type DurableStore,
  nodeDisk,
  openDurableStore,
  type StartedMember,
  startMember,
  type StartMemberOptions,
} from '@coracle/etcd';
import type { Process } from '@coracle/kernel';
import type { DisksState } from '@coracle/kubelet';
import { disksStateOf } from './disks-state.ts';
import { type Credential, createPki, type Pki, renewedPki } from './pki.ts';
import { programVersion } from './version.ts';

/** The directory cannot be used; the message says why and what to do. */
export class ClusterDirectoryError extends Error {
  override readonly name = 'ClusterDirectoryError';
}

const certified = ['ca', 'apiserver', 'admin'] as const;
const volumesFile = 'volumes.json';
const pkiFiles = [...certified.flatMap((name) => [`${name}.crt`, `${name}.key`]), 'sa.key', 'sa.pub'];

/**
 * The files of a cluster: `VERSION` (the program's, for messages), `pki/`, `store/`, `volumes.json` (what simulated pods keep in their
 * PersistentVolumes), `kubeconfig`, and `pid` while it runs. The
 * directory is 0700, its files 0600, and each file is there as a whole or not at all. `store/LOCK` is the only lock, and
 * `store/META` has the only version of a format.
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

  /** Makes what is missing. Throws ClusterDirectoryError, having changed nothing that is somebody else's. */
  open(): void {
    try {
      mkdirSync(this.path, { recursive: true, mode: 0o700 });
      // Root may do anything to a directory of another user: that does not make it root's.
      const { uid } = statSync(this.path);
      const own = process.getuid?.();
      if (own !== undefined && uid !== own)
        throw this.#unusable(`it belongs to user ${uid}, not to ${own}`, 'run as its owner, or choose another directory');
      chmodSync(this.path, 0o700);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** Opens the store, which makes the directory this process's own. Throws ClusterDirectoryError. */
  openStore(process: Process): Promise<DurableStore> {
    return this.#opened(() => openDurableStore({ process, directory: this.store }));
  }

  /** Opens the store as one member's of several. Throws ClusterDirectoryError, and as `startMember`. */
  openMember(process: Process, { name, peers }: Pick<StartMemberOptions, 'name' | 'peers'>): Promise<StartedMember> {
    return this.#opened(() => startMember({ process, directory: this.store, name, peers }));
  }

  async #opened<T extends { close(): Promise<void> }>(open: () => Promise<T>): Promise<T> {
    let opened: T;
    try {
      opened = await open();
    } catch (error) {
      throw this.#explained(error);
    }
    try {
      if (this.#writtenBy() !== programVersion) this.#write('VERSION', `${programVersion}\n`);
    } catch (error) {
      await opened.close();
      throw error;
    }
    return opened;
  }

  /** Makes the directory this process's own when its objects are kept elsewhere. Throws ClusterDirectoryError. */
  async lock(process: Process): Promise<DiskLock> {
    const disk = nodeDisk({ directory: this.store, random: process.random });
    let lock: DiskLock;
    try {
      await disk.prepare();
      lock = await disk.lock();
    } catch (error) {
      throw this.#explained(error);
    }
    try {
      if (this.#writtenBy() !== programVersion) this.#write('VERSION', `${programVersion}\n`);
    } catch (error) {
      await lock.release();
      throw error;
    }
    return lock;
  }

  /**
   * The keys and certificates: those of an earlier start, renewed where they end soon, or new ones. `kept` resolves once they are on
   * disk: nobody may be told of them before. Throws ClusterDirectoryError, and `kept` rejects with it.
   */
  pki(process: Process, keySource: KeySource): { readonly pki: Pki; readonly kept: Promise<void> } {
    const found = this.#readPki();
    if (found === undefined) {
      const pki = createPki(process, keySource);
      return { pki, kept: this.#keepPki(pki) };
    }
    const pki = renewedPki(process, found);
    if (pki.server !== found.server) this.#write('pki/apiserver.crt', pki.server.certificate);
    if (pki.admin !== found.admin) this.#write('pki/admin.crt', pki.admin.certificate);
    return { pki, kept: Promise.resolve() };
  }

  /** The keys and certificates of another directory of the same cluster, where this one has none. Throws ClusterDirectoryError. */
  adoptPki(other: ClusterDirectory): void {
    if (existsSync(path.join(this.path, 'pki'))) return;
    const unfinished = path.join(this.path, 'pki.new');
    try {
      rmSync(unfinished, { recursive: true, force: true });
      cpSync(path.join(other.path, 'pki'), unfinished, { recursive: true });
      renameSync(unfinished, path.join(this.path, 'pki'));
    } catch (error) {
      throw this.#explained(error);
    }
  }

  writeKubeconfig(text: string): void {
    this.#write('kubeconfig', text);
  }

  /** The data of the simulated volumes at the end of an earlier run; none in a new directory. Throws ClusterDirectoryError. */
  readVolumes(): DisksState {
    if (!existsSync(path.join(this.path, volumesFile))) return [];
    const text = this.#read(volumesFile);
    try {
      return disksStateOf(JSON.parse(text));
    } catch (error) {
      const remedy = `restore it, or remove it to have the volumes of all pods start empty`;
      throw new ClusterDirectoryError(`"${path.join(this.path, volumesFile)}" is damaged: ${remedy}`, { cause: error });
    }
  }

  writeVolumes(state: DisksState): void {
    this.#write(volumesFile, JSON.stringify(state));
  }

  writePid(pid: number): void {
    this.#write('pid', `${pid}\n`);
  }

  removePid(): void {
    rmSync(path.join(this.path, 'pid'), { force: true });
  }

  #readPki(): Pki | undefined {
    const found = pkiFiles.filter((file) => existsSync(this.#pki(file)));
    if (found.length === 0) return undefined;
    const lost = pkiFiles.find((file) => !found.includes(file));
    if (lost !== undefined) throw this.#brokenPki(lost, 'is missing');
    const authority = this.#readCredential('ca');
    return {
      authority,
      server: this.#readCredential('apiserver', authority),
      admin: this.#readCredential('admin', authority),
      serviceAccountKeys: this.#readKeys('sa.key'),
    };
  }

  #readCredential(name: (typeof certified)[number], issuer?: Credential): Credential {
    const keys = this.#readKeys(`${name}.key`);
    const certificate = this.#read(path.join('pki', `${name}.crt`));
    let parsed: X509Certificate;
    try {
      parsed = new X509Certificate(certificate);
    } catch (error) {
      throw this.#brokenPki(`${name}.crt`, 'is not a certificate', error);
    }
    if (!parsed.checkPrivateKey(createPrivateKey(keys.privateKey)))
      throw this.#brokenPki(`${name}.crt`, `does not belong to "${this.#pki(`${name}.key`)}"`);
    if (!parsed.verify(createPublicKey((issuer?.keys ?? keys).publicKey)))
      throw this.#brokenPki(`${name}.crt`, `was not issued by "${this.#pki('ca.crt')}"`);
    return { certificate, keys };
  }

  #readKeys(file: string): KeyPair {
    const privateKey = this.#read(path.join('pki', file));
    try {
      const publicKey = createPublicKey(createPrivateKey(privateKey)).export({ format: 'pem', type: 'spki' }).toString();
      return { privateKey, publicKey };
    } catch (error) {
      throw this.#brokenPki(file, 'is not a private key', error);
    }
  }

  /** All of it at once: a start that is killed leaves no part that the next would have to doubt. */
  async #keepPki(pki: Pki): Promise<void> {
    const unfinished = path.join(this.path, 'pki.new');
    const write = (name: string, text: string): Promise<void> => writeFile(path.join(unfinished, name), text, { mode: 0o600, flush: true });
    const credentials = { ca: pki.authority, apiserver: pki.server, admin: pki.admin };
    try {
      rmSync(unfinished, { recursive: true, force: true });
      mkdirSync(unfinished, { mode: 0o700 });
      await Promise.all([
        ...certified.flatMap((name) => [
          write(`${name}.key`, credentials[name].keys.privateKey),
          write(`${name}.crt`, credentials[name].certificate),
        ]),
        write('sa.key', pki.serviceAccountKeys.privateKey),
        write('sa.pub', pki.serviceAccountKeys.publicKey),
      ]);
      renameSync(unfinished, path.join(this.path, 'pki'));
    } catch (error) {
      throw this.#explained(error);
    }
  }

  #pki(file: string): string {
    return path.join(this.path, 'pki', file);
  }

  /** The version of the program that used the directory last; undefined for a new one. */
  #writtenBy(): string | undefined {
    return existsSync(path.join(this.path, 'VERSION')) ? this.#read('VERSION').trim() : undefined;
  }

  #read(name: string): string {
    try {
      return readFileSync(path.join(this.path, name), 'utf8');
    } catch (error) {
      throw this.#explained(error);
    }
  }

  #write(name: string, text: string): void {
    const target = path.join(this.path, name);
    try {
      writeFileSync(`${target}.new`, text, { mode: 0o600 });
      renameSync(`${target}.new`, target);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  #brokenPki(file: string, fault: string, cause?: unknown): ClusterDirectoryError {
    const text = `"${this.#pki(file)}" ${fault}: restore it, or remove "${path.join(this.path, 'pki')}" to have new keys made`;
    return new ClusterDirectoryError(text, { cause });
  }

  #unusable(why: string, remedy: string, cause?: unknown): ClusterDirectoryError {
    return new ClusterDirectoryError(`Cannot use "${this.path}" as the directory of a cluster: ${why}; ${remedy}`, { cause });
  }

  /** What is known of the fault in words; anything else as it is. */
  #explained(error: unknown): unknown {
    if (error instanceof DirectoryTooNew) {
      const version = this.#writtenBy();
      return new ClusterDirectoryError(
        `${error.message}${version === undefined ? '' : ` (it was last used by Coracle ${version}, this is ${programVersion})`}`,
        { cause: error },
      );
    }
    for (const refusal of [DirectoryInUse, DirectoryNotOwned, DirectoryDamaged, DiskFull]) {
      if (error instanceof refusal) return new ClusterDirectoryError(error.message, { cause: error });
    }
    if (error instanceof ClusterDirectoryError || !(error instanceof Error) || !('code' in error)) return error;
    const anotherDirectory = 'choose another directory';
    switch (error.code) {
      case 'EACCES':
      case 'EPERM':
        return this.#unusable(`access is denied (${error.message})`, `run as its owner, or ${anotherDirectory}`, error);
      case 'EEXIST':
      case 'ENOTDIR':
        return this.#unusable('it is not a directory, or something on the way to it is none', anotherDirectory, error);
      case 'ENOSPC':
      case 'EDQUOT':
        return this.#unusable('no space is left', `free some, or ${anotherDirectory}`, error);
      case 'EROFS':
        return this.#unusable('its file system is read-only', anotherDirectory, error);
      default:
        return this.#unusable(error.message, anotherDirectory, error);
    }
  }
}
