import path from 'node:path';
import type { Process } from '@coracle/kernel';
import { ExitCodeError } from '../remotecommand/command-result.ts';
import { exec, type RemoteCommandTarget } from '../remotecommand/remote-command.ts';
import { readTar, TarError, tarEnd, type TarEntry, tarHeader, tarPadding } from './tar.ts';

/** One thing that is copied into a pod. */
export interface SourceEntry {
  /** Relative to where it is copied to, with `/` between parts. */
  readonly name: string;
  readonly type: 'file' | 'directory';
  /** Permission bits. */
  readonly mode: number;
  /** Of a file, in bytes. It must have as many. */
  readonly size: number;
  readonly content?: AsyncIterable<Uint8Array>;
}

/** One thing that comes out of a pod. */
export interface CopiedEntry {
  /** Relative to what was asked for, cleaned: no part of it is `..`. '' is the file that was asked for itself. */
  readonly name: string;
  readonly type: 'file' | 'directory';
  readonly mode: number;
  readonly size: number;
}

/** Bounds of a copy. */
export interface CopyOptions {
  readonly signal?: AbortSignal;
  /** More bytes of files than this end a copy with TarError. Default 16 GiB. */
  readonly maxBytes?: number;
  /** More entries than this do. Default 1,000,000. */
  readonly maxEntries?: number;
}

const defaultMaxBytes = 16 * 2 ** 30;
const defaultMaxEntries = 1_000_000;
/** Of what tar says when it fails. */
const mostErrorBytes = 4 << 10;

/**
 * Copies into a pod, below `folder` (kubectl cp). The container must have `tar`; what is there already is written over. Throws TarError for
 * names that lead out, ExitCodeError with what tar said, and what `exec` throws.
 */
export async function copyToPod(
  target: RemoteCommandTarget,
  entries: AsyncIterable<SourceEntry> | Iterable<SourceEntry>,
  folder: string,
  options: CopyOptions = {},
): Promise<void> {
  const said = new Said();
  // What goes wrong with the input must end the program, which would wait for more.
  using stop = new Stop(options.signal);
  const stdin = stop.onError(archiveOf(entries, new Bounds(options)));
  try {
    await exec(target, ['tar', '-xmf', '-', '-C', folder], { stdin, stdout: said.add, stderr: said.add }, stop);
  } catch (error) {
    throw said.explain(error);
  }
}

/**
 * Copies a file or a folder out of a pod (kubectl cp): `onEntry` is called for each folder and file, in order, a folder before what is in it,
 * and reads the file's bytes. What is no file or folder, a symlink first of all, is left out and told to the log, as kubectl does:
 * it could lead anywhere on this machine. Throws TarError for a name that leads out of what was asked for, for a broken archive and beyond the
 * limits, ExitCodeError with what tar said, and what `exec` and `onEntry` throw.
 */
export async function copyFromPod(
  target: RemoteCommandTarget,
  source: string,
  onEntry: (entry: CopiedEntry, content: AsyncIterable<Uint8Array>) => Promise<void>,
  options: CopyOptions = {},
): Promise<void> {
  const root = cleaned(source);
  const said = new Said();
  const bounds = new Bounds(options);
  const pipe = new Pipe();
  using stop = new Stop(options.signal);
  const running = exec(target, ['tar', 'cf', '-', source], { stdout: (chunk) => pipe.write(chunk), stderr: said.add }, stop).then(
    () => pipe.end(),
    (error: unknown) => {
      const explained = said.explain(error);
      pipe.end(explained);
      throw explained;
    },
  );
  try {
    await readTar(pipe, async (entry, content) => {
      bounds.count(entry.size);
      const name = nameBelow(root, entry.name);
      if (entry.type === 'file' || entry.type === 'directory')
        await onEntry({ name, type: entry.type, mode: entry.mode & 0o777, size: entry.size }, content);
      else leftOut(target.process, entry);
    });
    await running;
  } catch (error) {
    pipe.close();
    stop.abort(error);
    await running.catch(() => undefined); // the first fault is the one to tell
    throw error;
  }
}

/** Files and folders of this machine, for `copyToPod`: `source` becomes `name`. Symlinks are followed, as by kubectl for those that it is given. */
export async function* localEntries(source: string, name: string): AsyncGenerator<SourceEntry, void, undefined> {
  const fs = globalThis.process.getBuiltinModule('node:fs');
  const { mode, size, ...stat } = await fs.promises
    .stat(source)
    .then((found) => ({ mode: found.mode, size: found.size, isDirectory: found.isDirectory(), isFile: found.isFile() }));
  if (stat.isDirectory) {
    yield { name, type: 'directory', mode: mode & 0o777, size: 0 };
    for (const each of (await fs.promises.readdir(source)).sort()) yield* localEntries(path.join(source, each), `${name}/${each}`);
  } else if (stat.isFile) yield { name, type: 'file', mode: mode & 0o777, size, content: fs.createReadStream(source) };
}

/** Writes below `folder` of this machine, for `copyFromPod`; '' is `folder` itself. Files are written over, never through a symlink that is there. */
export function localWriter(folder: string): (entry: CopiedEntry, content: AsyncIterable<Uint8Array>) => Promise<void> {
  const { promises: fs, constants } = globalThis.process.getBuiltinModule('node:fs');
  return async ({ name, type, mode }, content) => {
    const place = path.join(folder, ...name.split('/'));
    if (type === 'directory') {
      await fs.mkdir(place, { recursive: true });
      return;
    }
    await fs.mkdir(path.dirname(place), { recursive: true });
    const file = await fs.open(place, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, mode);
    try {
      for await (const chunk of content) await file.writeFile(chunk);
    } finally {
      await file.close();
    }
  };
}

async function* archiveOf(
  entries: AsyncIterable<SourceEntry> | Iterable<SourceEntry>,
  bounds: Bounds,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { name, type, mode, size, content } of entries) {
    bounds.count(size);
    if (name.startsWith('/') || name.split('/').includes('..')) throw new TarError(`Cannot copy "${name}": it leads out of the folder`);
    yield tarHeader({ name: type === 'directory' ? `${name}/` : name, type, mode, size });
    let sent = 0;
    for await (const chunk of content ?? []) {
      sent += chunk.length;
      if (sent > size) break;
      yield chunk;
    }
    if (sent !== size) throw new TarError(`Cannot copy "${name}": it has another size than ${size} bytes, which was promised`);
    yield tarPadding(size);
  }
  yield tarEnd;
}

function leftOut(process: Process, { name, type, target }: TarEntry): void {
  const what = type === 'symlink' ? 'a symlink' : 'neither a file nor a folder';
  process.log.warn('Left out of a copy', { name, why: `it is ${what}`, ...(type === 'symlink' ? { target } : {}) });
}

/** Without empty parts, `.` and a slash at either end. Throws TarError for `..`. */
function cleaned(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new TarError(`Cannot copy "${name}": it leads out of the folder`);
  return parts.join('/');
}

/** What a name of the archive is below what was asked for. */
function nameBelow(root: string, name: string): string {
  if (name.startsWith('/') || name.includes('\0') || name.includes('\\'))
    throw new TarError(`Cannot copy "${name}": tar gave a name that no container has to give`);
  const clean = cleaned(name);
  if (clean === root) return '';
  if (root === '') return clean;
  if (!clean.startsWith(`${root}/`)) throw new TarError(`Cannot copy "${name}": it is not below "${root}", which was asked for`);
  return clean.slice(root.length + 1);
}

/** A signal that aborts with another one, or when we say so. */
class Stop implements Disposable {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal | undefined;
  readonly #onAbort = (): void => this.abort(this.#parent?.reason);

  constructor(parent: AbortSignal | undefined) {
    this.#parent = parent;
    if (parent?.aborted === true) this.#onAbort();
    else parent?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** The same chunks; aborts when they break off. */
  async *onError(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* chunks;
    } catch (error) {
      this.abort(error);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#parent?.removeEventListener('abort', this.#onAbort);
  }
}

/** Counts what passes. */
class Bounds {
  readonly #maxBytes: number;
  readonly #maxEntries: number;
  #bytes = 0;
  #entries = 0;

  constructor({ maxBytes = defaultMaxBytes, maxEntries = defaultMaxEntries }: CopyOptions) {
    this.#maxBytes = maxBytes;
    this.#maxEntries = maxEntries;
  }

  count(bytes: number): void {
    this.#bytes += bytes;
    if (++this.#entries > this.#maxEntries) throw new TarError(`Cannot copy more than ${this.#maxEntries} entries`);
    if (this.#bytes > this.#maxBytes) throw new TarError(`Cannot copy more than ${this.#maxBytes} bytes`);
  }
}

/** The beginning of what a program says, for the error that tells of its end. */
class Said {
  #text = '';
  readonly #decoder = new TextDecoder();

  readonly add = (chunk: Uint8Array): void => {
    if (this.#text.length < mostErrorBytes) this.#text += this.#decoder.decode(chunk, { stream: true });
  };

  explain(error: unknown): unknown {
    const text = this.#text.trim().slice(0, mostErrorBytes);
    if (!(error instanceof ExitCodeError) || text === '') return error;
    return Object.assign(new ExitCodeError(error.exitCode), { message: `${error.message}: ${text}` });
  }
}

/** From who is called to who asks: a chunk is taken before the next one comes. */
class Pipe implements AsyncIterable<Uint8Array> {
  #chunk: Uint8Array | undefined;
  #isClosed = false;
  #ended: { readonly error: unknown } | undefined;
  #taken: (() => void) | undefined;
  #came: (() => void) | undefined;

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#isClosed) return;
    this.#chunk = chunk;
    this.#came?.();
    await new Promise<void>((resolve) => (this.#taken = resolve));
  }

  end(error?: unknown): void {
    this.#ended = { error };
    this.#came?.();
  }

  /** Nobody reads any more. */
  close(): void {
    this.#isClosed = true;
    this.#taken?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const chunk = this.#chunk;
      if (chunk !== undefined) {
        yield chunk;
        this.#chunk = undefined;
        this.#taken?.();
      } else if (this.#ended !== undefined) {
        if (this.#ended.error !== undefined) throw this.#ended.error;
        return;
      } else await new Promise<void>((resolve) => (this.#came = resolve));
    }
  }
}
