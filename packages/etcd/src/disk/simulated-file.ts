import type { Random } from '@coracle/kernel';

const sectorBytes = 512;

interface Write {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** A file as its readers see it, and as a power failure would leave it. */
export class SimulatedFile {
  #cached = new Contents();
  #durable = new Contents();
  #unsynced: Write[] = [];

  get size(): number {
    return this.#cached.size;
  }

  contents(): Uint8Array {
    return this.#cached.read(0, this.size);
  }

  read(position: number, length: number): Uint8Array {
    return this.#cached.read(position, length);
  }

  write(position: number, bytes: Uint8Array): void {
    const own = new Uint8Array(bytes); // slice() of a Buffer would share what its owner may change
    this.#cached.write(position, own);
    this.#unsynced.push({ position, bytes: own });
  }

  sync(): void {
    for (const { position, bytes } of this.#unsynced) this.#durable.write(position, bytes);
    this.#unsynced = [];
  }

  /** A failed sync: the cache forgets that these writes are not on the disk, so that no later sync writes them. */
  loseUnsynced(): void {
    this.#unsynced = [];
  }

  /** Keeps of each unsynced write any of its sectors. */
  powerFailure(random: Random): void {
    for (const { position, bytes } of this.#unsynced) {
      for (let at = 0; at < bytes.length; ) {
        const end = Math.min(bytes.length, at + sectorBytes - ((position + at) % sectorBytes));
        if (random.below(2) === 1) this.#durable.write(position + at, bytes.subarray(at, end));
        at = end;
      }
    }
    this.#unsynced = [];
    this.#cached = this.#durable.copy();
  }

  damage(change: (bytes: Uint8Array) => void): void {
    const bytes = this.contents();
    change(bytes);
    this.#cached = new Contents(bytes);
    this.#durable = this.#cached.copy();
    this.#unsynced = [];
  }
}

/** Growing bytes; what was never written is zero. */
class Contents {
  #bytes: Uint8Array;
  size: number;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#bytes = bytes;
    this.size = bytes.length;
  }

  copy(): Contents {
    return new Contents(this.read(0, this.size));
  }

  read(position: number, length: number): Uint8Array {
    return this.#bytes.slice(position, Math.min(this.size, position + length));
  }

  write(position: number, bytes: Uint8Array): void {
    const end = position + bytes.length;
    if (bytes.length === 0) return;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.size));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, position);
    this.size = Math.max(this.size, end);
  }
}
