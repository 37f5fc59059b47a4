/** Another live process owns the directory. */
export class DirectoryInUse extends Error {
  override readonly name = 'DirectoryInUse';
  readonly directory: string;
  constructor(directory: string, owner: string) {
    super(`Cannot open store directory "${directory}": it is in use by ${owner}; stop that first, or choose another directory`);
    this.directory = directory;
  }
}

/** The directory belongs to another user of the machine. */
export class DirectoryNotOwned extends Error {
  override readonly name = 'DirectoryNotOwned';
  readonly directory: string;
  constructor(directory: string, reason: string, options?: ErrorOptions) {
    super(`Cannot open store directory "${directory}": ${reason}; run as its owner, or choose another directory`, options);
    this.directory = directory;
  }
}

/** The directory is that of another member, or of another cluster. */
export class DirectoryOfAnotherMember extends Error {
  override readonly name = 'DirectoryOfAnotherMember';
  readonly directory: string;
  constructor(directory: string, reason: string) {
    super(`Cannot open store directory "${directory}": ${reason}; give each member a directory of its own`);
    this.directory = directory;
  }
}

/** The directory was written by a newer program. */
export class DirectoryTooNew extends Error {
  override readonly name = 'DirectoryTooNew';
  readonly directory: string;
  constructor(directory: string, found: number, known: number) {
    super(
      `Cannot open store directory "${directory}": its format is version ${found}, this program knows versions up to ${known}; ` +
        'use the program that wrote it, or a newer one',
    );
    this.directory = directory;
  }
}

export interface DamagedPlace {
  /** Relative to the directory. */
  readonly file: string;
  /** In bytes; undefined when the file as a whole is wrong or missing. */
  readonly offset?: number | undefined;
}

/**
 * Something that had been durable does not read back. Nothing was changed: opening it would lose acknowledged writes, so
 * that is for a person to decide.
 */
export class DirectoryDamaged extends Error {
  override readonly name = 'DirectoryDamaged';
  readonly directory: string;
  readonly file: string;
  readonly offset: number | undefined;
  readonly reason: string;
  constructor(directory: string, place: DamagedPlace, reason: string) {
    const where = place.offset === undefined ? `"${place.file}"` : `"${place.file}" at byte ${place.offset}`;
    super(`Cannot open store directory "${directory}": ${where}: ${reason}; restore the directory from a copy`);
    this.directory = directory;
    this.file = place.file;
    this.offset = place.offset;
    this.reason = reason;
  }
}

/** There is no room for what was to be written. Nothing of it was; reads go on. */
export class DiskFull extends Error {
  override readonly name = 'DiskFull';
  readonly directory: string;
  constructor(directory: string, options?: ErrorOptions) {
    super(`Cannot write to store directory "${directory}": no space is left; free some, and writes are accepted again`, options);
    this.directory = directory;
  }
}

/**
 * The store takes no more writes: it was closed, or a disk error (`cause`) left unknown what is durable. Whether a write
 * that ends so was done is known after the next opening. The text is etcd's.
 */
export class StoreStopped extends Error {
  override readonly name = 'StoreStopped';
  constructor(options?: ErrorOptions) {
    super('etcdserver: server stopped', options);
  }
}
