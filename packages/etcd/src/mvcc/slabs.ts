import { assert } from '@coracle/kernel';

/** Size of a slab once a store has grown; its first ones are smaller, so that a small store is small. */
const slabBytes = 1 << 20;
const firstSlabBytes = 4_096;
/** A value from this size on has a slab of its own. */
const largeBytes = slabBytes / 8;

/** Whose bytes lie in a slab, and may be moved to another. */
export interface Tenant {
  readonly bytes: Uint8Array;
  moved(place: Place): void;
}

export interface Place {
  readonly slab: Slab;
  /** Of its first byte. */
  readonly at: number;
  /** Among the tenants of the slab. */
  readonly slot: number;
}

/** Bytes of many values in one piece of memory. They are appended and never changed: what a view shows stays as it is. */
export class Slab {
  readonly owner: Slabs;
  readonly memory: Uint8Array<ArrayBuffer>;
  used = 0;
  /** Bytes of those that are not dropped. */
  live = 0;
  tenants: (Tenant | undefined)[] = [];

  constructor(owner: Slabs, memory: Uint8Array<ArrayBuffer>) {
    this.owner = owner;
    this.memory = memory;
  }

  /** Takes in a tenant whose bytes are there already. */
  admit(tenant: Tenant, bytes: Uint8Array): Place {
    const place = { slab: this, at: bytes.byteOffset, slot: this.tenants.length };
    this.live += bytes.length;
    this.tenants.push(tenant);
    return place;
  }

  append(tenant: Tenant, bytes: Uint8Array): Place {
    const place = { slab: this, at: this.used, slot: this.tenants.length };
    this.memory.set(bytes, this.used);
    this.used += bytes.length;
    this.live += bytes.length;
    this.tenants.push(tenant);
    return place;
  }
}

/**
 * Where one store puts its values: pieces of 1 MiB instead of a typed array for each, which costs some 200 bytes more. A slab
 * of which less than a quarter is in use is rewritten: what is left moves, and the slab goes when nobody has a view of it.
 *
 * A fork has slabs of its own, so that what it writes goes with it. It reads its origin's, and what it drops of them means
 * nothing to the origin; what the origin drops stays where it is for as long as the fork has it.
 */
export class Slabs {
  #open: Slab | undefined;
  #adopted: Slab | undefined;

  place(tenant: Tenant, bytes: Uint8Array): Place {
    const size = bytes.length;
    if (size >= largeBytes) return new Slab(this, new Uint8Array(size)).append(tenant, bytes);
    const full = this.#open;
    if (full !== undefined && full.used + size <= full.memory.length) return full.append(tenant, bytes);
    const open = new Slab(this, new Uint8Array(Math.min(slabBytes, Math.max(firstSlabBytes, 2 * (full?.memory.length ?? 0), 2 * size))));
    this.#open = open;
    const place = open.append(tenant, bytes);
    if (full !== undefined) {
      full.tenants = full.tenants.slice(); // without the room to grow
      this.#maybeRewrite(full);
    }
    return place;
  }

  /**
   * A value that stays where it is: in memory that is given to this store, with others that come one after the other. Once all have
   * come, `settle` is called.
   */
  adopt(tenant: Tenant, bytes: Uint8Array): Place {
    const { buffer } = bytes;
    assert(buffer instanceof ArrayBuffer, 'memory that is given is not shared');
    if (this.#adopted?.memory.buffer !== buffer) {
      this.settle();
      this.#adopted = new Slab(this, new Uint8Array(buffer));
    }
    return this.#adopted.admit(tenant, bytes);
  }

  /** No more values come in the memory that was given last. */
  settle(): void {
    const adopted = this.#adopted;
    this.#adopted = undefined;
    if (adopted === undefined) return;
    adopted.tenants = adopted.tenants.slice();
    this.#maybeRewrite(adopted);
  }

  /** A value that nobody of this store will read again. */
  drop({ slab, slot }: Place, size: number): void {
    if (slab.owner !== this || slab.tenants[slot] === undefined) return;
    slab.tenants[slot] = undefined;
    slab.live -= size;
    if (slab !== this.#open && slab !== this.#adopted) this.#maybeRewrite(slab);
  }

  #maybeRewrite(slab: Slab): void {
    if (slab.live * 4 >= slab.memory.length) return;
    const { tenants } = slab;
    slab.tenants = [];
    for (const tenant of tenants) tenant?.moved(this.place(tenant, tenant.bytes));
  }
}
