import type { Random } from '@coracle/kernel';

export const sectorBytes = 512;
/** Of so many writes the disk may have kept what was there before. */
const rememberedWrites = 8;

interface Write {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** A file as its readers see it, and as a power failure would leave it. */
export class SimulatedFile {
  #cached = new Contents();
  #durable = new Contents();
  #unsynced: Write[] = [];
  /** What was there before each of the last writes, oldest first. */
  #before: Write[] = [];

  get size(): number {
    return this.#cached.size;
  }

  contents(): Uint8Array {
    return this.#cached.read(0, this.size);
  }

  read(position: number, length: number): Uint8Array {
    return this.#cached.read(position, length);
  }

  /** As if one of the last writes had not been: of all of its sectors, or of some. */
  readStale(position: number, length: number, random: Random): Uint8Array {
    const bytes = this.read(position, length);
    const old = this.#before[random.below(Math.max(1, this.#before.length))];
    if (old === undefined) return bytes;
    const isWhole = random.below(2) === 0;
    for (let at = old.position; at < old.position + old.bytes.length; ) {
      const end = Math.min(old.position + old.bytes.length, at + sectorBytes - (at % sectorBytes));
      if (isWhole || random.below(2) === 0) {
        const [from, to] = [Math.max(at, position), Math.min(end, position + bytes.length)];
        if (from < to) bytes.set(old.bytes.subarray(from - old.position, to - old.position), from - position);
      }
      at = end;
    }
    return bytes;
  }

  write(position: number, bytes: Uint8Array): void {
    const before = new Uint8Array(bytes.length);
    before.set(this.#cached.read(position, bytes.length));
    this.#before.push({ position, bytes: before });
    if (this.#before.length > rememberedWrites) this.#before.shift();
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
