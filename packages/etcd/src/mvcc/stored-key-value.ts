import type { Revision } from './revision.ts';
import type { Place, Slab, Slabs, Tenant } from './slabs.ts';
import type { KeyValue, LeaseId } from './types.ts';

/** A version of a key whose value lies in a slab. */
export class StoredKeyValue implements KeyValue, Tenant {
  readonly key: string;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  readonly version: number;
  readonly lease: LeaseId;
  readonly #size: number;
  #slab: Slab;
  #at: number;
  #slot: number;

  /** Copies `kv.value` into `slabs`, unless its memory `isGiven` to them. */
  constructor(kv: KeyValue, slabs: Slabs, isGiven = false) {
    this.key = kv.key;
    this.createRevision = kv.createRevision;
    this.modRevision = kv.modRevision;
    this.version = kv.version;
    this.lease = kv.lease;
    const { slab, at, slot } = isGiven ? slabs.adopt(this, kv.value) : slabs.place(this, kv.value);
    this.#size = kv.value.length;
    this.#slab = slab;
    this.#at = at;
    this.#slot = slot;
  }

  // As the only version of its key, which most keys have: a list of one would take as much memory again.

  get revision(): Revision {
    return this.modRevision;
  }

  get kv(): this {
    return this;
  }

  get older(): undefined {
    return undefined;
  }

  get depth(): 1 {
    return 1;
  }

  get dead(): 0 {
    return 0;
  }

  get value(): Uint8Array {
    return this.bytes;
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.#slab.memory.buffer, this.#at, this.#size);
  }

  /** Of the value. */
  get size(): number {
    return this.#size;
  }

  moved({ slab, at, slot }: Place): void {
    this.#slab = slab;
    this.#at = at;
    this.#slot = slot;
  }

  /** No reader of the store that has these slabs will find it again. */
  drop(slabs: Slabs): void {
    slabs.drop({ slab: this.#slab, at: this.#at, slot: this.#slot }, this.#size);
  }
}

/** Bytes of the value of `kv`, without a view of it where there is none yet. */
export function sizeOfValue(kv: KeyValue): number {
  return kv instanceof StoredKeyValue ? kv.size : kv.value.length;
}
