import { assert } from '@coracle/kernel';
import type { InstallSnapshot, LogIndex, Snapshot as RaftSnapshot } from '@coracle/raft';
import type { MetaFile } from '../directory/meta-file.ts';
import type { Disk } from '../disk/disk.ts';
import { readSnapshot, type Snapshot, snapshotBlocks, snapshotDirectory, snapshotName } from '../snapshot/snapshot-file.ts';
import type { Replica } from './replica.ts';

/** Snapshots that are being sent, at most. */
const maxHeld = 8;

interface Received {
  readonly path: string;
  readonly snapshot: Snapshot;
}

/**
 * Snapshots between members: Raft says who needs one and who takes it; what it holds travels as the blocks of a snapshot file,
 * which becomes the receiver's own.
 */
export class SnapshotExchange {
  readonly #disk: Disk;
  readonly #meta: MetaFile;
  readonly #replica: Replica;
  /** States of which Raft has spoken, until they are sent. */
  readonly #held = new Map<LogIndex, Snapshot>();
  readonly #received = new Map<LogIndex, Received>();
  #lastReceived = 0;

  constructor(options: { readonly disk: Disk; readonly meta: MetaFile; readonly replica: Replica }) {
    this.#disk = options.disk;
    this.#meta = options.meta;
    this.#replica = options.replica;
  }

  /** For a member that is too far behind: the state of now. What it holds is fetched with `content`. */
  current(): RaftSnapshot {
    const snapshot = this.#held.get(this.#replica.index) ?? this.#replica.snapshot();
    this.#held.set(snapshot.index, snapshot);
    for (const index of this.#held.keys()) {
      if (this.#held.size <= maxHeld) break;
      this.#held.delete(index);
    }
    const { index, term, confState } = snapshot;
    return { index, term, confState, data: new Uint8Array(0) };
  }

  /** The blocks of the snapshot that the message names; undefined when it is gone: Raft will name another. */
  content({ snapshot }: InstallSnapshot): AsyncIterable<Uint8Array> | undefined {
    const held = this.#held.get(snapshot.index);
    this.#held.delete(snapshot.index);
    return held === undefined ? undefined : copies(snapshotBlocks(this.#meta.current.identity, held));
  }

  /** Takes in what is coming. Rejects with Malformed when it is no snapshot of this cluster, or not the one that was named. */
  async receive(named: RaftSnapshot, content: AsyncIterable<Uint8Array>): Promise<void> {
    const name = `received-${++this.#lastReceived}.tmp`; // left behind by a crash, it is removed
    const path = `${snapshotDirectory}/${name}`;
    const file = await this.#disk.open(path, 'create');
    try {
      let position = 0;
      for await (const block of content) {
        await file.write(position, block);
        position += block.length;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    const snapshot = await readSnapshot(this.#disk, name, this.#meta.current.identity);
    if (snapshot.index !== named.index || snapshot.term !== named.term) {
      await this.#disk.remove(path);
      return;
    }
    await this.#discardThrough(snapshot.index);
    this.#received.set(snapshot.index, { path, snapshot });
  }

  /** Raft takes the snapshot: it is durable, and the state of the replica, from when this resolves. */
  async install({ index }: RaftSnapshot): Promise<void> {
    const received = this.#received.get(index);
    assert(received !== undefined, `snapshot ${index} was received before Raft took it`);
    this.#received.delete(index);
    const { path, snapshot } = received;
    const name = snapshotName(index, snapshot.image.revision);
    await this.#disk.rename(path, `${snapshotDirectory}/${name}`);
    await this.#disk.syncDirectory(snapshotDirectory);
    await this.#meta.update((meta) => ({ ...meta, snapshot: name }));
    this.#replica.install(snapshot);
  }

  /** What Raft did not take is of no use. */
  async #discardThrough(index: LogIndex): Promise<void> {
    for (const [at, { path }] of this.#received) {
      if (at > index) continue;
      this.#received.delete(at);
      await this.#disk.remove(path);
    }
  }
}

/** A block is valid only until the next one is made, and a transport may keep it longer. */
async function* copies(blocks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  for (const block of blocks) yield new Uint8Array(block);
}
