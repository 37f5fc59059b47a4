/** Plain data: text where the bytes are UTF-8, else base64. */
export type FileContent = string | { readonly base64: string };

/** Files of a container, by absolute path. Directories exist as long as they hold a file. */
export interface FileSystem {
  /** Text of a file, undefined when it does not exist. Bytes that are no UTF-8 become U+FFFD. */
  read(path: string): string | undefined;
  readBytes(path: string): Uint8Array | undefined;
  /** Throws FileError EROFS on a read-only mount, ENOSPC on a full volume. */
  write(path: string, content: string | Uint8Array): void;
  /** False when there was no such file. Throws FileError EROFS. */
  remove(path: string): boolean;
  /** Paths of the files at or below `directory`, sorted. */
  list(directory: string): readonly string[];
}

export class FileError extends Error {
  override readonly name = 'FileError';
  readonly code: 'EROFS' | 'ENOSPC';
  constructor(code: FileError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Files by path relative to the volume, as it is saved. */
export type VolumeData = readonly (readonly [path: string, content: FileContent])[];

const volumeLimitBytes = 64 * 1024 * 1024;
const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenientUtf8 = new TextDecoder();

/** The files of one volume, shared by all containers that mount it. Bounded: a write beyond 64 MiB is ENOSPC. */
export class Volume {
  #files: Map<string, FileContent>;
  #bytes = 0;

  constructor(data: VolumeData = []) {
    this.#files = new Map(data);
    for (const content of this.#files.values()) this.#bytes += sizeOf(content);
  }

  get(path: string): FileContent | undefined {
    return this.#files.get(path);
  }

  set(path: string, content: FileContent): void {
    const bytes = this.#bytes - sizeOf(this.#files.get(path)) + sizeOf(content);
    if (bytes > volumeLimitBytes) throw new FileError('ENOSPC', `Cannot write "${path}": no space left on device`);
    this.#bytes = bytes;
    this.#files.set(path, content);
  }

  delete(path: string): boolean {
    this.#bytes -= sizeOf(this.#files.get(path));
    return this.#files.delete(path);
  }

  /** Holds exactly `data` from here on: how a ConfigMap's volume follows the ConfigMap. */
  replace(data: VolumeData): void {
    const next = new Volume(data);
    this.#files = next.#files;
    this.#bytes = next.#bytes;
  }

  paths(): readonly string[] {
    return [...this.#files.keys()].sort();
  }

  snapshot(): VolumeData {
    return Object.freeze(this.paths().map((path) => Object.freeze([path, this.#files.get(path) ?? ''] as const)));
  }
}

export interface Mount {
  /** Absolute, normalized. */
  readonly mountPath: string;
  readonly volume: Volume;
  /** Path inside the volume that is mounted; '' is all of it. */
  readonly subPath: string;
  readonly readOnly: boolean;
}

/** A root file system that lives as long as the container, with volumes mounted into it; the deepest mount wins. */
export function mountedFileSystem(mounts: readonly Mount[]): FileSystem {
  const root: Mount = { mountPath: '/', volume: new Volume(), subPath: '', readOnly: false };
  const byDepth = [...mounts].sort((a, b) => b.mountPath.length - a.mountPath.length);
  const locate = (path: string): { readonly mount: Mount; readonly inner: string } => {
    const absolute = normalizePath(path);
    const mount =
      byDepth.find(({ mountPath }) => absolute === mountPath || absolute.startsWith(mountPath === '/' ? '/' : `${mountPath}/`)) ?? root;
    const rest = absolute.slice(mount.mountPath === '/' ? 1 : mount.mountPath.length + 1);
    return { mount, inner: [mount.subPath, rest].filter((part) => part !== '').join('/') };
  };
  const writable = (path: string): { readonly volume: Volume; readonly inner: string } => {
    const { mount, inner } = locate(path);
    if (mount.readOnly) throw new FileError('EROFS', `Cannot write "${path}": read-only file system`);
    return { volume: mount.volume, inner };
  };
  const contentOf = (path: string): FileContent | undefined => {
    const { mount, inner } = locate(path);
    return mount.volume.get(inner);
  };
  return {
    read: (path) => {
      const content = contentOf(path);
      return content === undefined ? undefined : textOf(content);
    },
    readBytes: (path) => {
      const content = contentOf(path);
      return content === undefined ? undefined : bytesOf(content);
    },
    write: (path, content) => {
      const { volume, inner } = writable(path);
      volume.set(inner, typeof content === 'string' ? content : contentFrom(content));
    },
    remove: (path) => {
      const { volume, inner } = writable(path);
      return volume.delete(inner);
    },
    list: (directory) => {
      const under = normalizePath(directory);
      const found: string[] = [];
      for (const mount of [...byDepth, root]) {
        for (const inner of mount.volume.paths()) {
          const path = outerPath(mount, inner);
          // A file below another mount is hidden by it.
          if (path !== undefined && locate(path).mount === mount && (path === under || path.startsWith(under === '/' ? '/' : `${under}/`)))
            found.push(path);
        }
      }
      return found.sort();
    },
  };
}

function outerPath(mount: Mount, inner: string): string | undefined {
  const base = mount.mountPath === '/' ? '' : mount.mountPath;
  if (mount.subPath === '') return `${base}/${inner}`;
  if (inner === mount.subPath) return mount.mountPath;
  return inner.startsWith(`${mount.subPath}/`) ? `${base}/${inner.slice(mount.subPath.length + 1)}` : undefined;
}

/** Absolute path without `.`, `..` and repeated slashes; `..` stops at the root. */
export function normalizePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** Bytes as they are kept. */
export function contentFrom(bytes: Uint8Array): FileContent {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return Object.freeze({ base64: Buffer.from(bytes).toString('base64') }); // no UTF-8
  }
}

function bytesOf(content: FileContent): Uint8Array {
  return typeof content === 'string' ? utf8.encode(content) : new Uint8Array(Buffer.from(content.base64, 'base64'));
}

export function textOf(content: FileContent): string {
  return typeof content === 'string' ? content : lenientUtf8.decode(bytesOf(content));
}

function sizeOf(content: FileContent | undefined): number {
  if (content === undefined) return 0;
  return typeof content === 'string' ? content.length : content.base64.length;
}
