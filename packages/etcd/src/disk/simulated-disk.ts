import type { Process, Random } from '@coracle/kernel';
import { DirectoryInUse } from '../directory/errors.ts';
import type { Disk, DiskFile, DiskLock } from './disk.ts';
import { sectorBytes, SimulatedFile } from './simulated-file.ts';

/** What a process asks of the disk. A durable write is a `write` and a `sync`. */
export interface DiskOperation {
  readonly op: 'list' | 'makeDirectory' | 'open' | 'read' | 'remove' | 'rename' | 'size' | 'sync' | 'syncDirectory' | 'write';
  readonly path: string;
}

/**
 * What becomes of an operation: an error of the system, which leaves a failed `sync`'s writes lost for good, or `crash`:
 * this operation is the first that never ends, and of a write a part has reached the disk. Or it says that all is well: what is
 * written goes `astray`, to another place of this file or to another file, or what is read is `stale`, without one of the last writes.
 */
export type DiskFault = 'EIO' | 'ENOSPC' | 'crash' | 'astray' | 'stale';

/** How an operation does that meets a fault; what it does not name happens as if there were none. */
interface FaultyWays<T> {
  readonly failed?: (fault: 'EIO' | 'ENOSPC' | 'crash') => void;
  readonly astray?: () => T;
  readonly stale?: () => T;
}

interface Entries {
  readonly now: Map<string, SimulatedFile>;
  /** What a power failure leaves. */
  durable: ReadonlyMap<string, SimulatedFile>;
  /** States since then, oldest first: the journal keeps order, so any of them may be what is left. */
  since: ReadonlyMap<string, SimulatedFile>[];
}

/**
 * A disk that outlives the processes that use it, with its cache and what of it is durable. Each operation of the twin
 * that `attach` gives is a step in the lane of its file.
 */
export class SimulatedDisk {
  readonly #random: Random;
  readonly #directories = new Map<string, Entries>([['', { now: new Map(), durable: new Map(), since: [] }]]);
  #owner: Process | undefined;
  #crashed = false;
  /** Bytes that all files together may have. */
  capacityBytes: number = Number.POSITIVE_INFINITY;
  /** Syncs do nothing and say that all is well: a power failure takes what they should have saved. */
  liesOnSync = false;
  /** Decides the fate of each operation as it is done. */
  fault: ((operation: DiskOperation) => DiskFault | undefined) | undefined;

  constructor(options: { readonly random: Random }) {
    this.#random = options.random;
  }

  /** Whether an operation met the fault `crash`: from then on none ends, until `powerFailure` or `restart`. */
  get crashed(): boolean {
    return this.#crashed;
  }

  /** The machine starts again with what was durable and some of what was not: any sectors of any unfinished write. */
  powerFailure(): void {
    for (const entries of this.#directories.values()) {
      const states = [entries.durable, ...entries.since];
      const left = states[this.#random.below(states.length)] ?? entries.durable;
      entries.now.clear();
      for (const [name, file] of left) entries.now.set(name, file);
      entries.durable = new Map(left);
      entries.since = [];
    }
    for (const { now } of this.#directories.values()) for (const file of now.values()) file.powerFailure(this.#random);
    this.restart();
  }

  /** Only the process is gone: everything that it wrote is there, in the cache. */
  restart(): void {
    this.#crashed = false;
    this.#owner = undefined;
  }

  /** The bytes of a file, for looking and for damaging. */
  contents(path: string): Uint8Array {
    return this.#file(path).contents();
  }

  /** Paths of all files. */
  files(): readonly string[] {
    const paths: string[] = [];
    for (const [path, { now }] of this.#directories) {
      for (const name of now.keys()) paths.push(path === '' ? name : `${path}/${name}`);
    }
    return paths.sort();
  }

  /** Changes a file behind everybody's back. */
  damage(path: string, change: (bytes: Uint8Array) => void): void {
    this.#file(path).damage(change);
  }

  removeFile(path: string): void {
    const { entries, name } = this.#place(path);
    entries.now.delete(name);
    entries.durable = new Map(entries.now);
    entries.since = [];
  }

  attach(process: Process): Disk {
    const step = <T>(operation: DiskOperation, run: () => T): Promise<T> => this.#step(process, operation, run);
    return {
      name: '/simulated',
      prepare: () => step({ op: 'makeDirectory', path: '' }, () => {}),
      lock: () => step({ op: 'open', path: 'LOCK' }, () => this.#lock(process)),
      makeDirectory: (path) => step({ op: 'makeDirectory', path }, () => this.#makeDirectory(path)),
      list: (path) => step({ op: 'list', path }, () => [...(this.#directories.get(path)?.now.keys() ?? [])].sort()),
      open: (path, mode) => step({ op: 'open', path }, () => this.#open(process, path, mode)),
      rename: (from, to) => step({ op: 'rename', path: from }, () => this.#rename(from, to)),
      remove: (path) => step({ op: 'remove', path }, () => this.#remove(path)),
      syncDirectory: (path) => step({ op: 'syncDirectory', path }, () => this.#syncDirectory(path)),
    };
  }

  async #step<T>(process: Process, operation: DiskOperation, run: () => T, ways: FaultyWays<T> = {}): Promise<T> {
    const done = await process.step({ lane: `disk ${operation.path}`, op: operation.op, key: operation.path }, () => {
      if (this.#crashed) return undefined;
      const fault = this.fault?.(operation);
      if (fault === undefined) return { result: run() };
      if (fault === 'astray' || fault === 'stale') return { result: (ways[fault] ?? run)() };
      ways.failed?.(fault);
      if (fault !== 'crash') throw systemError(fault, operation);
      this.#crashed = true;
      return undefined;
    });
    return done === undefined ? new Promise<T>(() => {}) : done.result;
  }

  #lock(process: Process): DiskLock {
    if (this.#owner !== undefined) throw new DirectoryInUse('/simulated', `process ${this.#owner.name}`);
    this.#owner = process;
    return {
      release: async () => {
        if (this.#owner === process) this.#owner = undefined;
      },
    };
  }

  #makeDirectory(path: string): void {
    // Directories survive: making one again is all that anybody does about a lost one.
    if (!this.#directories.has(path)) this.#directories.set(path, { now: new Map(), durable: new Map(), since: [] });
  }

  #open(process: Process, path: string, mode: 'read' | 'write' | 'create'): DiskFile {
    const { entries, name } = this.#place(path);
    if (mode === 'create') {
      entries.now.set(name, new SimulatedFile());
      entries.since.push(new Map(entries.now));
    }
    const file = this.#file(path);
    const step = <T>(op: DiskOperation['op'], run: () => T, ways?: FaultyWays<T>): Promise<T> =>
      this.#step(process, { op, path }, run, ways);
    const write = (position: number, bytes: Uint8Array): Promise<void> =>
      step('write', () => this.#write(file, path, position, bytes), {
        // A part of what was asked for is written before the error or the end.
        failed: () => file.write(position, bytes.slice(0, this.#random.below(bytes.length + 1))),
        astray: () => this.#writeAstray(file, position, bytes),
      });
    const sync = (): Promise<void> =>
      step('sync', () => (this.liesOnSync ? undefined : file.sync()), {
        failed: (fault) => (fault === 'crash' ? undefined : file.loseUnsynced()),
      });
    return {
      size: () => step('size', () => file.size),
      read: (position, length) =>
        step('read', () => file.read(position, length), { stale: () => file.readStale(position, length, this.#random) }),
      write,
      async writeDurably(position, bytes) {
        await write(position, bytes);
        await sync();
      },
      sync,
      close: async () => {},
    };
  }

  #write(file: SimulatedFile, path: string, position: number, bytes: Uint8Array): void {
    const growth = Math.max(0, position + bytes.length - file.size);
    if (growth > 0 && this.#used() + growth > this.capacityBytes) throw systemError('ENOSPC', { op: 'write', path });
    file.write(position, bytes);
  }

  /** What is written lands where something else is, in full sectors, and its own place keeps what it had. */
  #writeAstray(file: SimulatedFile, position: number, bytes: Uint8Array): void {
    if (position + bytes.length > file.size) file.write(file.size, new Uint8Array(position + bytes.length - file.size));
    const others = this.files().map((path) => this.#file(path));
    const isElsewhere = this.#random.below(2) === 0;
    const target = isElsewhere ? (others[this.#random.below(others.length)] ?? file) : file;
    const at = target === file ? sectorBytes * this.#random.below(Math.ceil(file.size / sectorBytes)) : position;
    target.write(at, bytes.slice(0, Math.max(0, target.size - at)));
  }

  #used(): number {
    let bytes = 0;
    for (const { now } of this.#directories.values()) for (const file of now.values()) bytes += file.size;
    return bytes;
  }

  #rename(from: string, to: string): void {
    const file = this.#file(from);
    const source = this.#place(from);
    const target = this.#place(to);
    source.entries.now.delete(source.name);
    target.entries.now.set(target.name, file);
    target.entries.since.push(new Map(target.entries.now));
    if (source.entries !== target.entries) source.entries.since.push(new Map(source.entries.now));
  }

  #remove(path: string): void {
    this.#file(path);
    const { entries, name } = this.#place(path);
    entries.now.delete(name);
    entries.since.push(new Map(entries.now));
  }

  #syncDirectory(path: string): void {
    const entries = this.#directories.get(path);
    if (entries === undefined) throw systemError('ENOENT', { op: 'syncDirectory', path });
    entries.durable = new Map(entries.now);
    entries.since = [];
  }

  #file(path: string): SimulatedFile {
    const { entries, name } = this.#place(path);
    const file = entries.now.get(name);
    if (file === undefined) throw systemError('ENOENT', { op: 'open', path });
    return file;
  }

  #place(path: string): { readonly entries: Entries; readonly name: string } {
    const slash = path.lastIndexOf('/');
    const entries = this.#directories.get(slash < 0 ? '' : path.slice(0, slash));
    if (entries === undefined) throw systemError('ENOENT', { op: 'open', path });
    return { entries, name: path.slice(slash + 1) };
  }
}

function systemError(code: string, { op, path }: DiskOperation): Error {
  return Object.assign(new Error(`${code}: ${op} '${path}'`), { code });
}
